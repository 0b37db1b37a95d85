"""Run records and plans as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from geoseg.run_record import ClassTotal, RunRecord, TableRows
from geoseg.text_columns import align

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan

Facts = Sequence[tuple[str, str]]


def record_text(record: RunRecord, *, detail: bool = False) -> str:
    """Return the classes and the method of a map as text; with `detail`, also runtime and input files."""
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
    tables = [] if record.task == "embedding" else [class_table(record.classes)]
    if gain_loss := record.tables.get("gain_loss"):
        tables.append(gain_loss_table(gain_loss))
    return "\n\n".join([*tables, facts_text(facts)])


def _noise(row: Mapping[str, int | float | str]) -> str:
    """Return the noise of the methane columns and the number of false alarms as text."""
    alarms = f"; {row['false_spots']} false alarms" if int(row["false_spots"]) >= 0 else ""
    return (
        f"{row['noise_ppm_m']:,.0f} ppm·m per pixel ({row['noise_mol_m2']:.4f} mol/m²), threshold "
        f"{row['threshold_ppm_m']:,.0f} ppm·m{alarms}"
    )


def _input(item: Mapping[str, object]) -> str:
    """Return a scene as one line; --json has all of its bands and layers."""
    paths, grid, layers = item.get("paths"), item.get("grid"), item.get("layers")
    short = {name: item.get(name) for name in ("name", "sensor", "platform", "time")}
    if isinstance(paths, list) and paths:
        short["paths"] = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    if isinstance(grid, Mapping):
        short["grid"] = f"{grid.get('width')} x {grid.get('height')}, {grid.get('crs') or 'no CRS'}"
    if isinstance(layers, list) and layers:
        short["layers"] = len(layers)
    return _line(short)


def gain_loss_table(rows: TableRows) -> str:
    """Return a table with the area before and after, gain and loss of each class."""
    names = [name for name in rows[0] if name not in {"class", "label"}]
    head = ("", *(name.replace("_", " ") for name in names))
    lines = [(str(row["label"]), *(f"{row[name]:,.2f}" for name in names)) for row in rows]
    return align([head, *lines], right=tuple(range(1, len(names) + 1)))


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
"""Names of the conditions of quality layers in texts."""


def quality_texts(quality: object) -> list[str]:
    """Return one line with the masked shares of a scene and their quality layers; empty without layers."""
    if not isinstance(quality, Mapping):
        return []
    shares, layers = quality.get("shares"), quality.get("layers")
    if not isinstance(shares, Mapping) or not isinstance(layers, list):
        return []
    parts = [f"{float(shares[name]):.1%} {text}" for name, text in _CONDITIONS.items() if name in shares]
    titles = ", ".join(dict.fromkeys(str(layer["title"]) for layer in layers))
    sampled = " of the sample" if quality.get("sampled") else ""
    return [f"{', '.join(parts) or 'nothing masked'}{sampled} ({titles})"]


def left_out_texts(left_out: object, scene: str) -> list[tuple[str, str]]:
    """Return the reasons for ignored files and bands of a scene, with their names."""
    names_by_reason: dict[str, list[str]] = {}
    for item in left_out if isinstance(left_out, list) else []:
        if isinstance(item, Mapping):
            name = str(item.get("name")).removeprefix(scene).lstrip("_.")
            names_by_reason.setdefault(str(item.get("why")), []).append(name)
    return [(why, ", ".join(names)) for why, names in names_by_reason.items()]


def class_table(classes: Sequence[ClassTotal]) -> str:
    """Return a table with polygons and area of each class; pixels in place of area without a CRS."""
    if not classes:
        return align([("nothing found",)])
    measured = all(item.area_m2 is not None for item in classes)
    rows = [("class", "polygons", "area" if measured else "pixels")]
    for item in classes:
        size = f"{item.pixels:,}" if item.area_m2 is None else area_text(item.area_m2)
        rows.append((f"{item.label} ({item.value})", f"{item.polygons:,}", size))
    return align(rows, right=(1, 2))


def plan_text(plan: Plan) -> str:
    """Return the plan of a run as text."""
    facts = [
        ("grid", f"{plan.width:,} x {plan.height:,} pixels"),
        ("tiles", f"{plan.tiles:,} of {plan.tile} pixels, overlap {plan.overlap}"),
        ("strips", f"{plan.strips:,}"),
        ("column bands", f"{plan.column_bands:,}"),
        ("memory", f"about {plan.memory_mib:,} MiB"),
        (
            "scratch",
            f"{plan.scratch_mib:,} MiB on disk, in the folder of the output" if plan.scratch_mib else "none",
        ),
        ("time", "not measured" if plan.seconds is None else f"about {duration_text(plan.seconds)}"),
    ]
    return facts_text([*facts, *(("note", note) for note in plan.notes)])


def facts_text(facts: Facts) -> str:
    """Return names and values in two columns."""
    return align([(name, value) for name, value in facts])


def area_text(area_m2: float) -> str:
    """Return an area in m², ha or km² as text."""
    if area_m2 >= 1e6:
        return f"{area_m2 / 1e6:,.2f} km²"
    if area_m2 >= 1e4:
        return f"{area_m2 / 1e4:,.2f} ha"
    return f"{area_m2:,.0f} m²"


def duration_text(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours as text."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def value_text(value: object) -> str:
    """Return any value of a record or description as one line."""
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
