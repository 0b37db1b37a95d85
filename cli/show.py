"""Records, plans and scenes as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geoseg.engine.plan import Plan
from geoseg.run_record import ClassTotal, RunRecord, TableRows

from .console import columns

Facts = Sequence[tuple[str, str]]


def record_text(record: RunRecord, *, detail: bool = False) -> str:
    """Say what is in a map and how it was made; with `detail`, on which engine and from which files."""
    facts = [("method", record.method)]
    if record.model:
        facts.append(("model", _line(record.model)))
    facts.append(("observed", f"{record.valid_share:.1%} of the scene"))
    facts += [
        ("quality", f"{item.get('name')}: {text}")
        for item in record.inputs
        for text in quality_texts(item.get("quality"))
    ]
    facts += [("noise", _noise(row)) for row in record.tables.get("retrieval", ())]
    if detail:
        facts.append(("engine", _line(record.runtime)))
        facts += [("input", _input(item)) for item in record.inputs]
        facts.append(("crs", record.crs or "none"))
        facts.append(("made", f"{record.created} by geoseg {record.geoseg} in {record.seconds:g} s"))
    facts += [("wrote" if not index else "", str(path)) for index, path in enumerate(record.outputs)]
    tables = [class_table(record.classes), *(gain_loss_table(rows) for rows in _gain_loss(record))]
    return "\n\n".join([*tables, facts_text(facts)])


def _noise(row: Mapping[str, int | float | str]) -> str:
    """How noisy methane columns are, and how many false spots were seen."""
    seen = f"; {row['false_spots']} false spots seen" if int(row["false_spots"]) >= 0 else ""
    return (
        f"{row['noise_ppm_m']:,.0f} ppm·m a pixel ({row['noise_mol_m2']:.4f} mol/m²), threshold "
        f"{row['threshold_ppm_m']:,.0f} ppm·m{seen}"
    )


def _input(item: Mapping[str, object]) -> str:
    """A scene in one line; all of its bands and layers stand in --json."""
    paths, grid, layers = item.get("paths"), item.get("grid"), item.get("layers")
    short = {name: item.get(name) for name in ("name", "sensor", "platform", "time")}
    if isinstance(paths, list) and paths:
        short["paths"] = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    if isinstance(grid, Mapping):
        short["grid"] = f"{grid.get('width')} x {grid.get('height')}, {grid.get('crs') or 'no CRS'}"
    if isinstance(layers, list) and layers:
        short["layers"] = len(layers)
    return _line(short)


def _gain_loss(record: RunRecord) -> list[TableRows]:
    """The table of gain and loss, where the map has one."""
    rows = record.tables.get("gain_loss", ())
    return [rows] if rows else []


def gain_loss_table(rows: TableRows) -> str:
    """One line a class: what there was and is, what came and what went."""
    names = [name for name in rows[0] if name not in {"class", "label"}]
    head = ("", *(name.replace("_", " ") for name in names))
    lines = [(str(row["label"]), *(f"{row[name]:,.2f}" for name in names)) for row in rows]
    return columns([head, *lines], right=tuple(range(1, len(names) + 1)))


_CONDITIONS = {
    "cloud": "cloud",
    "shadow": "cloud shadow",
    "saturated": "saturated",
    "layover": "layover or radar shadow",
    "masked": "inside --mask",
    "snow": "snow or ice (mapped)",
    "haze": "thin haze (mapped)",
    "fill": "without data",
}
"""What quality layers tell, as people read it."""


def quality_texts(quality: object) -> list[str]:
    """What hides the ground of a scene, by which layers: one line, none without layers."""
    if not isinstance(quality, Mapping):
        return []
    shares, layers = quality.get("shares"), quality.get("layers")
    if not isinstance(shares, Mapping) or not isinstance(layers, list):
        return []
    told = [f"{float(shares[name]):.1%} {text}" for name, text in _CONDITIONS.items() if name in shares]
    titles = ", ".join(dict.fromkeys(str(layer["title"]) for layer in layers))
    sampled = " of the sample" if quality.get("sampled") else ""
    return [f"{', '.join(told) or 'nothing hidden'}{sampled} ({titles})"]


def left_out_texts(left_out: object, scene: str) -> list[tuple[str, str]]:
    """What a scene leaves out: a reason each with names of files or bands, without that of the scene."""
    found: dict[str, list[str]] = {}
    for item in left_out if isinstance(left_out, list) else []:
        if isinstance(item, Mapping):
            name = str(item.get("name")).removeprefix(scene).lstrip("_.")
            found.setdefault(str(item.get("why")), []).append(name)
    return [(why, ", ".join(names)) for why, names in found.items()]


def class_table(classes: Sequence[ClassTotal]) -> str:
    """One line a class: polygons and area, or pixels where no CRS gives them an area."""
    if not classes:
        return columns([("nothing found",)])
    measured = all(item.area_m2 is not None for item in classes)
    rows = [("class", "polygons", "area" if measured else "pixels")]
    for item in classes:
        size = f"{item.pixels:,}" if item.area_m2 is None else area_text(item.area_m2)
        rows.append((f"{item.label} ({item.value})", f"{item.polygons:,}", size))
    return columns(rows, right=(1, 2))


def plan_text(plan: Plan) -> str:
    """Say what a run would do."""
    facts = [
        ("grid", f"{plan.width:,} x {plan.height:,} pixels"),
        ("tiles", f"{plan.tiles:,} of {plan.tile} pixels, {plan.overlap} shared"),
        ("strips", f"{plan.strips:,}"),
        ("column bands", f"{plan.column_bands:,}"),
        ("memory", f"about {plan.memory_mib:,} MiB"),
        ("scratch", f"{plan.scratch_mib:,} MiB on disk beside the output" if plan.scratch_mib else "none"),
        ("time", "not measured" if plan.seconds is None else f"about {duration_text(plan.seconds)}"),
    ]
    return facts_text([*facts, *(("note", note) for note in plan.notes)])


def facts_text(facts: Facts) -> str:
    """Names and values in two columns."""
    return columns([(name, value) for name, value in facts])


def area_text(area_m2: float) -> str:
    """Say an area in m², ha or km²."""
    if area_m2 >= 1e6:
        return f"{area_m2 / 1e6:,.2f} km²"
    if area_m2 >= 1e4:
        return f"{area_m2 / 1e4:,.2f} ha"
    return f"{area_m2:,.0f} m²"


def duration_text(seconds: float) -> str:
    """Say a time in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def value_text(value: object) -> str:
    """Say any value that a record or description holds, in one line."""
    if isinstance(value, Mapping):
        return _line(value)
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _line(table: Mapping[str, object]) -> str:
    return "; ".join(
        f"{name} {value_text(value)}" for name, value in table.items() if value not in (None, "", [], {}, ())
    )
