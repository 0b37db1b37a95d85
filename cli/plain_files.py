"""Files that are no scene, as text: rasters whose bands have no names, and vector files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from geoseg.text_columns import align

from .show import facts_text, value_text

if TYPE_CHECKING:
    from geoseg.scenes.plain_files import FileFacts

MOST_ROWS = 40
"""Bands, classes or columns that are listed; `--json` has all."""


def files_text(files: Sequence[FileFacts], why: str) -> str:
    """Return the description of files as text, and why they are no scene.

    Args:
        files: as returned by `geoseg.scenes.plain_files.describe_files`.
        why: the error of opening them as a scene.
    """
    blocks = [_vector_text(facts) if "layers" in facts else _raster_text(facts) for facts in files]
    return "\n\n".join([*blocks, facts_text([("not a scene", why_not(files, why))])])


def why_not(files: Sequence[FileFacts], error: str) -> str:
    """Return why files are no scene: vector files are none, whatever the error of reading them as rasters."""
    if all("layers" in facts for facts in files):
        return "vector data with no run record: another program made or rewrote it, or maps were merged"
    return error


def _raster_text(facts: FileFacts) -> str:
    grid = _table(facts["grid"])
    head = [("raster", f"{facts['name']} ({facts['format']})")]
    if grid:
        size = f"{grid['width']:,} x {grid['height']:,} pixels"
        sides = grid["pixel_size_m"]
        if isinstance(sides, list):
            size += f" of {sides[1]:.3g} x {sides[0]:.3g} m"
        head += [("grid", size), ("crs", value_text(grid["crs"]))]
        if grid["lack"]:
            head.append(("georeference", f"none: {grid['lack']}"))
    if names := _table(facts["classes"]):
        head.append(("classes", _few([f"{value} {name}" for value, name in names.items()])))
    elif colours := _table(facts["colours"]):
        head.append(("colour table", f"{len(colours)} colours"))
    bands = facts["bands"]
    if isinstance(bands, list) and len(bands) == 1 and (facts["classes"] or facts["colours"]):
        head.append(("polygons", "geoseg vectorize makes them of a class raster"))
    for name, text in [*_table(facts["subdatasets"]).items()][:MOST_ROWS]:
        head.append(("contains", f"{name}  {text}".rstrip()))
    if not isinstance(bands, list) or not bands:
        return facts_text(head)
    rows = [("band", "type", "units", "scale", "offset", "nodata", "description")]
    for item in map(_table, bands[:MOST_ROWS]):
        words = [str(item[key]) for key in ("description", "colour") if item[key]]
        cells = (item["name"], item["dtype"], item["units"] or "unknown", item["scale"], item["offset"])
        rows.append((*map(value_text, cells), value_text(item["nodata"]), ", ".join(words)))  # type: ignore[arg-type]
    more = len(bands) - MOST_ROWS
    return facts_text(head) + "\n\n" + align(rows) + (f"\n  … {more:,} more bands" if more > 0 else "")


def _vector_text(facts: FileFacts) -> str:
    layers = facts["layers"]
    blocks = [facts_text([("vector file", f"{facts['name']} ({facts['format']})")])]
    for layer in map(_table, layers if isinstance(layers, list) else []):
        features = f"{layer['features']:,} of {layer['geometry']}"
        rows = [
            ("layer", str(layer["name"])),
            ("features", features if layer["geometry"] else f"{layer['features']:,} rows without geometry"),
        ]
        if layer["geometry"]:
            rows += [("crs", value_text(layer["crs"])), ("bounds", value_text(layer["bounds"]))]
        columns = _table(layer["columns"])
        rows.append(("columns", _few([f"{name} ({dtype})" for name, dtype in columns.items()]) or "none"))
        blocks.append(facts_text(rows))
    return "\n\n".join(blocks)


def _few(texts: Sequence[str]) -> str:
    """Return texts as a list that ends with the number of those that are left out."""
    more = [f"and {len(texts) - MOST_ROWS:,} more"] if len(texts) > MOST_ROWS else []
    return ", ".join([*texts[:MOST_ROWS], *more])


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
