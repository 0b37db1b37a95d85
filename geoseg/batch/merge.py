"""One GeoPackage of all polygons of a batch; where maps overlap, the best-observed scene counts."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyproj import CRS, Geod

from geoseg.batch.degrees import DEGREES, moved
from geoseg.batch.footprint import read_scene_layer
from geoseg.batch.merged_metadata import write_metadata
from geoseg.batch.merged_style import write_styles
from geoseg.batch.outcome import Outcome
from geoseg.batch.tasks import BatchTask
from geoseg.features import Features
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.messages import counted, note, warn
from geoseg.outputs.layer import SCENE_LAYER, timed

LOG = logging.getLogger(__name__)

UNREAD = (".parquet",)
"""Formats that are not merged."""
HIDDEN = 0.99
"""Share of a map that better maps cover, from which it is hidden."""
ACQUIRED = "acquired"
"""Column: date and time of the scene."""
UTC_ZONE = 100
"""What GDAL calls UTC."""
CUT = "cut"
"""Column: 1 for polygons that were cut, whose area is measured again and whose pixels are in proportion."""


@dataclass(frozen=True, kw_only=True)
class _Map:
    """A map to merge."""

    outcome: Outcome
    path: Path
    crs: CRS
    layer: str
    """Of the polygons."""
    outline: shapely.Geometry
    """Of the observed pixels, in the CRS of the merged map."""


def merge_maps(target: Path, folder: Path, task: BatchTask, outcomes: Sequence[Outcome]) -> bool:
    """Write the merged map; return False if no map can be merged.

    Args:
        target: the GeoPackage.
        folder: of the maps.
        task: of the batch.
        outcomes: of all scenes.

    Raises:
        OutputError: the file cannot be written.
    """
    maps, crs = _maps(folder, outcomes)
    if not maps:
        warn(LOG, "nothing-to-merge", "no merged map: no map has a CRS and an observed pixel")
        return False
    maps.sort(key=_rank)
    better = _covered(maps)
    columns = _columns(maps)
    with OutputFiles([target], overwrite=True) as files, writing(target):
        path = files.path(target)
        # Files of one layer name it after themselves.
        gpkg = maps[0].path.suffix.lower() == ".gpkg"
        name = maps[0].layer if gpkg else task.layer
        written = 0
        for item, cover in zip(maps, better, strict=True):
            features = _features(item, crs, columns, cover)
            if len(features):
                _append(path, name, features, crs, append=written > 0)
            written += len(features)
        if not written:
            note(LOG, "no map has a polygon; the merged map holds the footprints only")
        _append(path, SCENE_LAYER, _scenes(maps), crs, append=False)
        if written:
            _same_notation(path, name, [key for key, kind in columns.items() if kind.kind == "M"])
        write_styles([item.path for item in maps], path, column=ACQUIRED if ACQUIRED in columns else None)
        write_metadata([item.path for item in maps], path, target, layer=name, crs=crs)
        files.commit()
    hidden = sum(
        cover is not None and cover.area >= HIDDEN * item.outline.area
        for item, cover in zip(maps, better, strict=True)
    )
    if hidden:
        warn(
            LOG,
            "maps-hidden",
            f"hidden in the merged map: {hidden} of {len(maps)} maps. At one place it shows the map that "
            "observed most, of equal ones the latest. Merge scenes of one date, or use the single maps",
        )
    cut = sum(cover is not None for cover in better)
    note(
        LOG,
        f"merged {counted(len(maps), 'map')} of {task.name}; cut where better observed ones overlap: {cut}",
    )
    return True


def _maps(folder: Path, outcomes: Sequence[Outcome]) -> tuple[list[_Map], CRS]:
    """Return the maps that have a place, and the CRS of the merged map: the common one, else WGS 84."""
    found = []
    for outcome in outcomes:
        if not outcome.mapped or outcome.crs is None or outcome.valid_share == 0:
            continue
        output = outcome.output
        if output.lower().endswith(UNREAD):
            warn(
                LOG, "nothing-to-merge", f"{output}: GeoParquet is not merged; use `--name '{{scene}}.gpkg'`"
            )
            return [], DEGREES
        found.append((outcome, folder / output, CRS.from_user_input(outcome.crs)))
    placeless = [outcome.scene for outcome in outcomes if outcome.mapped and outcome.crs is None]
    if placeless and found:
        names = ", ".join(placeless[:3]) + (" …" if len(placeless) > 3 else "")
        warn(LOG, "nothing-to-merge", f"{counted(len(placeless), 'map')} without CRS, not merged: {names}")
    known = {crs.to_wkt() for _, _, crs in found}
    crs = found[0][2] if len(known) == 1 else DEGREES
    maps = []
    for outcome, path, own in found:
        outline, _, _ = read_scene_layer(path)
        if outline is not None and not outline.is_empty:
            there = _valid(np.array([moved(outline, own, crs)], object))[0]
            maps.append(_Map(outcome=outcome, path=path, crs=own, layer=_layer(path), outline=there))
    return maps, crs


def _rank(item: _Map) -> tuple[float, int, str]:
    """Order maps by their observed share, then the latest first, then by name."""
    acquired = item.outcome.acquired
    digits = int("".join(letter for letter in acquired if letter.isdigit())[:14].ljust(14, "0") or 0)
    return -item.outcome.valid_share, -digits, item.outcome.scene


def _covered(maps: Sequence[_Map]) -> list[shapely.Geometry | None]:
    """Return for each map the area that better maps cover of it; None: none.

    Args:
        maps: the best first.
    """
    outlines = np.array([item.outline for item in maps], object)
    tree = shapely.STRtree(outlines)
    covered: list[shapely.Geometry | None] = []
    for index, outline in enumerate(outlines):
        near = [other for other in tree.query(outline, predicate="intersects") if other < index]
        shared = shapely.intersection(shapely.union_all(outlines[near]), outline) if near else None
        covered.append(shared if shared is not None and shared.area > 0 else None)
    return covered


def _columns(maps: Sequence[_Map]) -> dict[str, np.dtype[Any]]:
    """Return the columns of all maps with their types, in order: numbers, dates and times, else text.

    Polygons without dates get the time of their scene.
    """
    columns: dict[str, np.dtype[Any]] = {}
    for item in maps:
        info = pyogrio.read_info(item.path, layer=item.layer)
        for name, kind in zip(info["fields"], info["dtypes"], strict=True):
            own = np.dtype(kind) if np.dtype(kind).kind in "ifM" else np.dtype(object)
            known = columns.setdefault(str(name), own)
            if known != own:
                numbers = {known.kind, own.kind} <= {"i", "f"}
                columns[str(name)] = np.dtype(np.float64 if numbers else object)
    if "date_after" not in columns:
        columns[ACQUIRED] = np.dtype("datetime64[ms]")
    return columns


def _features(
    item: _Map, crs: CRS, columns: Mapping[str, np.dtype[Any]], cover: shapely.Geometry | None
) -> Features:
    """Return the polygons of one map in the merged CRS, without what better maps cover."""
    meta, _, wkb, values = raw.read(item.path, layer=item.layer)
    shapes = moved(shapely.from_wkb(wkb), item.crs, crs)
    given = dict(zip(map(str, meta["fields"]), values, strict=True))
    table = {name: _filled(given.get(name), kind, len(shapes)) for name, kind in columns.items()}
    if ACQUIRED in columns:
        table[ACQUIRED] = np.repeat(_times([item]), len(shapes))
    table["scene"] = np.full(len(shapes), item.outcome.scene, object)
    cut = np.zeros(len(shapes), np.bool_)
    if cover is not None and len(shapes):
        shapely.prepare(cover)
        # Those that only touch the border stay as they are.
        valid = _valid(shapes)
        cut = shapely.intersects(cover, valid) & ~shapely.touches(cover, valid)
        before = shapes[cut]
        after = shapely.difference(valid[cut], cover)
        shapes[cut] = [_polygonal(shape) for shape in after]
        _measure_again(table, cut, before, shapes[cut], crs)
    table[CUT] = cut.astype(np.int64)
    features = Features(geometry=shapes, columns=table)
    return features.take(~shapely.is_empty(shapes))


def _times(maps: Sequence[_Map]) -> NDArray[np.datetime64]:
    """Return the time of each scene in UTC; NaT where it is unknown."""
    return timed(np.array([item.outcome.acquired for item in maps], object), "datetime")


def _measure_again(
    table: Mapping[str, NDArray[Any]],
    cut: NDArray[np.bool_],
    before: NDArray[np.object_],
    after: NDArray[np.object_],
    crs: CRS,
) -> None:
    """Set geodesic area and number of pixels of polygons that were cut."""
    geod = Geod(ellps="WGS84")
    degrees = moved(after, crs, DEGREES)
    areas = np.array([abs(geod.geometry_area_perimeter(shape)[0]) for shape in degrees], np.float64)
    share = shapely.area(after) / np.maximum(shapely.area(before), np.finfo(float).tiny)
    if "area_m2" in table:
        table["area_m2"][cut] = areas
    if "pixels" in table:
        table["pixels"][cut] = np.round(table["pixels"][cut] * np.minimum(share, 1))


def _scenes(maps: Sequence[_Map]) -> Features:
    """Return the outlines of all maps."""
    return Features(
        geometry=np.array([item.outline for item in maps], object),
        columns={
            "scene": np.array([item.outcome.scene for item in maps], object),
            "sensor": np.array([item.outcome.sensor for item in maps], object),
            ACQUIRED: _times(maps),
            "valid_share": np.array([item.outcome.valid_share for item in maps]),
        },
    )


def _append(path: Path, layer: str, features: Features, crs: CRS, *, append: bool) -> None:
    """Append features to a layer of a GeoPackage, or create the layer, and the file if there is none."""
    shapes = features.geometry
    zones = {
        name: np.full(len(shapes), UTC_ZONE, np.int32)
        for name, values in features.columns.items()
        if values.dtype == np.dtype("datetime64[ms]")
    }
    points = bool(np.all(shapely.get_type_id(shapes) == shapely.GeometryType.POINT))
    raw.write(
        path,
        geometry=shapely.to_wkb(shapes),
        field_data=list(features.columns.values()),
        fields=np.array(list(features.columns), object),
        crs=crs.to_wkt(),
        geometry_type="Point" if points else "MultiPolygon",
        promote_to_multi=not points,
        gdal_tz_offsets=zones,
        driver="GPKG",
        layer=layer,
        append=append,
        **({} if append else {"layer_options": {"GEOMETRY_NAME": "geom"}}),
        **({} if path.exists() else {"dataset_options": {"VERSION": "1.3"}}),
    )


def _same_notation(path: Path, layer: str, columns: Sequence[str]) -> None:
    """Write the times of a layer with milliseconds, which GDAL leaves out of rows that it appends."""
    with closing(sqlite3.connect(path)) as file, file:
        for function in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            # Triggers of the spatial index name them, and do not run where geometries stay.
            file.create_function(function, 1, lambda _: None)
        for name in columns:
            column = '"' + name.replace('"', '""') + '"'
            file.execute(
                f"UPDATE \"{layer}\" SET {column} = substr({column}, 1, 19) || '.000Z' "  # noqa: S608 - own names
                f"WHERE {column} LIKE '____-__-__T__:__:__Z'"
            )


def _layer(path: Path) -> str:
    """Return the main layer of a map."""
    return next(str(name) for name, shape in pyogrio.list_layers(path) if name != SCENE_LAYER and shape)


def _filled(values: NDArray[Any] | None, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    """Return a column of a type; a column that the map lacks holds nothing."""
    if values is None:
        return np.full(count, {"f": np.nan, "i": 0, "M": np.datetime64("NaT")}.get(kind.kind), kind)
    if kind.kind == "i" and values.dtype.kind == "f":
        return values
    return values.astype(kind) if kind.kind != "O" else np.array([_text(value) for value in values], object)


def _text(value: object) -> str | None:
    return None if value is None or value != value else str(value)  # noqa: PLR0124 - NaN and NaT


def _valid(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return geometries of which invalid ones, as after a change of CRS, are repaired."""
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken])
    return shapes


def _polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of a geometry, or a point; lines that a cut leaves are dropped."""
    if shape.geom_type in {"Polygon", "MultiPolygon", "Point"}:
        return shape
    parts = [part for part in getattr(shape, "geoms", ()) if part.geom_type in {"Polygon", "MultiPolygon"}]
    return shapely.union_all(parts) if parts else shapely.from_wkt("POLYGON EMPTY")
