"""The report of a map: one HTML file with the map, totals, method, warnings, parameters and provenance."""

from __future__ import annotations

import io
import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

from geoseg.engine.drawing import picture_of, sum_of
from geoseg.engine.preview import Preview
from geoseg.engine.recipe import Recipe
from geoseg.engine.record_sections import record_sections
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.messages import counted
from geoseg.outputs.columns import text_of
from geoseg.outputs.layer import Layer
from geoseg.outputs.map_sheet import MOST_SHAPES, MapSheet, Shape, Total, Viewer, svg_paths
from geoseg.outputs.picture import MapPicture, area_text, compose, draw_picture, in_proportion, render
from geoseg.outputs.report import Picture, Report, Section, to_html
from geoseg.outputs.sink import StagedSink
from geoseg.outputs.words import (
    citation,
    instruments,
    map_title,
    method_words,
    place_text,
    when,
)
from geoseg.polygons.outlines import Polygons
from geoseg.run_record import RunRecord
from geoseg.spec import RunSpec

QUALITY = 85
"""JPEG quality of pictures."""
MOST_BYTES = 64 * 2**20
"""Bytes of polygons that are read for the pannable map; those that do not fit are not drawn."""
HIDDEN = frozenset({"class", "from_class", "to_class", "type"})
"""Columns that the text of a polygon leaves out: other columns name the same."""
MOST_TOTALS = 60
"""Rows of totals: the largest classes; the others are one row."""
SHOWN_PIXELS = 1000
"""px, longer side of the background of the pannable map."""


def write_report(
    path: Path,
    picture: MapPicture,
    record: RunRecord,
    grid: Grid,
    vector: StagedSink,
    beside: OutputFiles,
    layer: Layer | None = None,
) -> None:
    """Write the report of a finished map.

    Args:
        path: of the output.
        picture: of the map.
        record: of the run.
        grid: of the map.
        vector: finished; its layers are read.
        beside: open; has `path` among its targets.
        layer: with the polygons; None: the main layer.

    Raises:
        OutputError: the file cannot be written.
    """
    with writing(path):
        page = to_html(map_report(picture, record, grid, vector, beside, layer or vector.layer))
        beside.path(path).write_text(page, encoding="utf-8")


def write_pictures(
    run: RunSpec, recipe: Recipe, preview: Preview, record: RunRecord, vector: StagedSink, beside: OutputFiles
) -> None:
    """Write the picture and the report of a finished map, where they are asked for."""
    picture = picture_of(recipe, preview, record)
    if run.picture is not None:
        draw_picture(run.picture, picture, beside)
    if run.report is not None:
        write_report(run.report, picture, record, recipe.source.grid, vector, beside)


def map_report(
    picture: MapPicture, record: RunRecord, grid: Grid, vector: StagedSink, beside: OutputFiles, layer: Layer
) -> Report:
    """Return the report of a finished map; arguments as of `write_report`."""
    facts = {
        "Dates": when(record) or "unknown",
        "Place": place_of_map(grid),
        "Sensor": ", ".join(instruments(record)) or "unknown",
    }
    rates = _rates(vector, beside, layer)
    totals = _totals(picture, record, layer)
    sheet = MapSheet(
        picture=_jpeg(render(replace(picture, panels=(), title="", caption=""))),
        description=map_title(record),
        totals=totals,
        method=method_words(record),
        cite=citation(record),
        viewer=_viewer(picture, record, grid, vector, beside, layer),
    )
    return Report(
        title=map_title(record),
        summary=_summary(totals),
        facts={**facts, **rates},
        warnings=[item.text for item in record.warnings],
        sections=[*_dates(picture), *record_sections(record)],
        notes=record.notes,
        sheet=sheet,
        data={},
    )


def place_of_map(grid: Grid) -> str:
    """Return centre and extent of a map in degrees."""
    if grid.crs is None:
        return "unknown: the scene has no CRS"
    edge_rows = np.array([0, 0, grid.height, grid.height, grid.height / 2], np.float64)
    edge_cols = np.array([0, grid.width, 0, grid.width, grid.width / 2], np.float64)
    lon, lat = grid.lonlat(edge_rows, edge_cols)
    if not np.isfinite(lon + lat).all():
        return "unknown"
    # Relative to the centre, longitudes do not jump at the antimeridian.
    east = (lon - lon[-1] + 180) % 360 - 180
    span = max(float(np.ptp(east)), float(np.ptp(lat)))
    down, right = grid.pixel_size_m
    size = f"; {grid.width * right / 1000:.3g} km × {grid.height * down / 1000:.3g} km"
    return place_text(float(lon[-1]), float(lat[-1]), span) + size


def _summary(totals: Sequence[Total]) -> str:
    """Return the largest classes in one sentence."""
    totals = [item for item in totals if item.polygons]
    if not totals:
        return "Nothing was mapped: the map has no polygons."
    parts = [
        f"{item.area or 'unknown area'} of {item.label} in {counted(item.polygons, 'polygon')}"
        for item in totals[:3]
    ]
    more = len(totals) - len(parts)
    rest = f", and {counted(more, 'other class', 'other classes')}" if more else ""
    return f"Mapped: {'; '.join(parts)}{rest}."


def _rates(vector: StagedSink, beside: OutputFiles, layer: Layer) -> dict[str, str]:
    """Return the largest source rate of plumes with its interval; empty for other maps."""
    if "rate_kg_h" not in layer.schema:
        return {}
    _, rows = _largest(_readable(vector, beside), layer, by="rate_kg_h")
    return rate_facts(rows)


def rate_facts(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the rate of the first plume of a table with its interval; empty for an empty table."""
    if not rows:
        return {}
    # A suspect is listed in the map and is no plume: its rate counts only where there is none.
    row = next((row for row in rows if row.get("class") == 1), rows[0])
    rate, low, high = (_number(row.get(name)) for name in ("rate_kg_h", "rate_low", "rate_high"))
    if math.isnan(rate):
        return {"Source rate": "unknown"}
    interval = ""
    if math.isfinite(low) and math.isfinite(high):
        interval = f", 95 % interval {_digits(low)} to {_digits(high)} kg/h"
    elif math.isfinite(low):
        # Saturated pixels have no column: the mass is too low.
        interval = f" or more, 95 % interval from {_digits(low)} kg/h; the upper end is not known"
    return {"Largest source rate": f"{_digits(rate)} kg/h{interval}"}


def _digits(value: float) -> str:
    """Return a rate with three digits: its error is larger than the others."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def _number(value: Any) -> float:
    """Return a value of a table; NaN where it is null."""
    return float("nan") if value is None else float(value)


def _readable(vector: StagedSink, beside: OutputFiles) -> Path:
    """Return the GeoPackage with the layers of a finished map."""
    return vector.staged if vector.staged.exists() else beside.path(vector.path)


def _totals(picture: MapPicture, record: RunRecord, layer: Layer) -> list[Total]:
    """Return the totals of the classes, the largest first; the legend of the picture may have fewer.

    Above `MOST_TOTALS` classes, the smallest are one row.
    """
    totals = sorted(picture.totals or record.classes, key=lambda item: -item.pixels)
    if len(totals) > MOST_TOTALS:
        rest = totals[MOST_TOTALS - 1 :]
        totals = [*totals[: MOST_TOTALS - 1], sum_of(-1, f"{len(rest)} smaller classes", rest)]
    whole = sum(item.area_m2 if item.area_m2 is not None else item.pixels for item in totals)
    colours = {spec.value: spec.colour for spec in (*layer.classes, *picture.classes)}
    found = []
    for item in totals:
        amount = item.area_m2 if item.area_m2 is not None else item.pixels
        found.append(
            Total(
                label=item.label,
                colour=colours.get(item.value, "#868e96"),
                polygons=item.polygons,
                area="" if item.area_m2 is None else area_text(item.area_m2),
                share=amount / whole if whole else 0.0,
            )
        )
    return found


def _dates(picture: MapPicture) -> list[Section]:
    """Return the scenes of both dates."""
    if not picture.panels:
        return []
    nothing = np.zeros(picture.labels.shape, np.uint8)
    shown = []
    for title, image in picture.panels:
        drawn = _shrunk(compose(image, nothing, ()), picture.aspect)
        shown.append(Picture(png=_jpeg(drawn), caption=title, media_type="image/jpeg"))
    return [Section(title="Both dates", pictures=shown)]


def _viewer(
    picture: MapPicture, record: RunRecord, grid: Grid, vector: StagedSink, beside: OutputFiles, layer: Layer
) -> Viewer | None:
    """Return the pannable map with the largest polygons."""
    drawn, rows = _largest(_readable(vector, beside), layer)
    nothing = np.zeros(picture.labels.shape, np.uint8)
    image = _shrunk(compose(picture.background, nothing, ()), picture.aspect)
    inside = _in_pixels(drawn, grid, layer)
    step = (grid.width / image.width, grid.height / image.height)
    shapes = np.asarray(shapely.transform(inside, lambda xy: xy / np.array(step)), object)
    colours = {spec.value: spec.colour for spec in picture.classes}
    of_class = {spec.value: spec.colour for spec in layer.classes}
    made = []
    for index, path in svg_paths(shapes, (image.height, image.width)):
        row = rows[index]
        value = row.get(layer.styled_by)
        made.append(Shape(path=path, colour=_colour(value, of_class, colours), text=_text(row, layer)))
    return Viewer(
        width=image.width,
        height=image.height,
        background=_jpeg(image),
        shapes=made,
        polygons=sum(item.polygons for item in record.classes),
    )


def _colour(value: Any, *tables: Mapping[int, str]) -> str:
    """Return the colour of a class."""
    for table in tables:
        if isinstance(value, int | np.integer) and int(value) in table:
            return table[int(value)]
    return "#868e96"


def _largest(staged: Path, layer: Layer, by: str = "") -> tuple[Polygons, list[dict[str, Any]]]:
    """Read the largest polygons of a layer and their columns; memory does not depend on their number."""
    order = by or next((name for name in ("area_m2", "pixels", "score") if name in layer.schema), "fid")
    geometry = pyogrio.read_info(staged, layer=layer.name)["geometry_name"] or "geom"
    sorting = f'ORDER BY "{order}" DESC, fid'
    with closing(sqlite3.connect(staged)) as file:
        sizes = file.execute(
            f'SELECT fid, length("{geometry}") FROM "{layer.name}" {sorting} LIMIT {MOST_SHAPES}'  # noqa: S608 - own names
        ).fetchall()
    chosen, total = [], 0
    for fid, size in sizes:
        if total + size <= MOST_BYTES:
            chosen.append(str(fid))
            total += size
    query = f'SELECT * FROM "{layer.name}" WHERE fid IN ({",".join(chosen)}) {sorting}'  # noqa: S608 - own names
    meta, _, wkb, values = pyogrio.raw.read(staged, sql=query, sql_dialect="SQLITE", datetime_as_string=True)
    names = meta["fields"].tolist()
    if wkb is None or not len(wkb):
        return np.empty(0, object), []
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    return np.asarray(shapely.from_wkb(wkb), object), rows


def _in_pixels(shapes: Polygons, grid: Grid, layer: Layer) -> Polygons:
    """Return polygons in pixels (column, row) of a grid."""
    inverse = ~grid.transform
    transformer = None
    if layer.crs is not None and grid.crs is not None and layer.crs != grid.crs:
        transformer = Transformer.from_crs(layer.crs, grid.crs, always_xy=True)

    def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = xy[:, 0], xy[:, 1]
        if transformer is not None:
            x, y = transformer.transform(x, y)
        return np.stack(
            (inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f), axis=1
        )

    return np.asarray(shapely.transform(shapes, moved), object)


def _text(row: Mapping[str, Any], layer: Layer) -> str:
    """Return the attributes of a polygon, one a line."""
    lines = [str(row.get("label", ""))]
    for name in layer.schema:
        value = row.get(name)
        if name in HIDDEN or name == "label" or value is None or value == "" or value != value:  # noqa: PLR0124 - NaN
            continue
        if name == "area_m2":
            lines.append(f"Area: {area_text(float(value))}")
            continue
        shown = f"{value:,.4g}" if isinstance(value, float | np.floating) else f"{value}"
        lines.append(f"{text_of(name).alias}: {shown}")
    return "\n".join(line for line in lines if line)


def _shrunk(image: NDArray[np.uint8], aspect: float) -> Image.Image:
    """Return a picture of at most `SHOWN_PIXELS`, with pixels `aspect` times as high as wide."""
    picture = in_proportion(image, aspect)
    share = SHOWN_PIXELS / max(picture.size)
    if share >= 1:
        return picture
    size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    return picture.resize(size, Image.Resampling.BOX)


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.convert("RGB").save(file, format="JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
