"""Vector files that are well formed and strange: geometries, coordinates, columns and layers of no sense."""

from __future__ import annotations

import json
import random
import sqlite3
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely

Mutation = Callable[[Path, random.Random], None]

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}


def _write(
    path: Path,
    shapes: list[object],
    crs: str | None = "EPSG:32633",
    columns: Mapping[str, list[object]] | None = None,
) -> None:
    """Write geometries in the format of a file."""
    frame = geopandas.GeoDataFrame(
        {"n": list(range(len(shapes))), **(columns or {})}, geometry=shapes, crs=crs
    )
    path.unlink()
    options = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pyogrio.write_dataframe(frame, path, driver=DRIVERS[path.suffix], **options)
        except Exception:  # the format does not hold such geometries: a file without content does as well
            path.write_bytes(b"")


def geometries(path: Path, rng: random.Random) -> None:
    """Write geometries of another kind, empty or none at all, or rings that cross themselves."""
    box = shapely.box(5e5, 5.4e6, 5.1e5, 5.5e6)
    bow = shapely.Polygon([(5e5, 5.4e6), (5.1e5, 5.5e6), (5.1e5, 5.4e6), (5e5, 5.5e6)])
    odd: list[list[object]] = [
        [], [None, None], [shapely.Polygon()], [shapely.Point(5e5, 5.5e6)],
        [shapely.LineString([(0, 0), (1, 1)])],
        [shapely.GeometryCollection([box, shapely.Point(0, 0)])], [bow], [bow, None, box, shapely.Point()],
        [shapely.Polygon([(5e5, 5.5e6), (5e5, 5.5e6), (5e5, 5.5e6)])], [shapely.MultiPolygon([bow, box])],
        [shapely.box(5e5, 5.5e6, 5e5, 5.5e6)], [shapely.force_3d(box, 5.0)],
    ]  # fmt: skip
    _write(path, rng.choice(odd))


def coordinates(path: Path, rng: random.Random) -> None:
    """Write coordinates of NaN, infinity, or beyond every map."""
    value = rng.choice([float("nan"), float("inf"), 1e308, -1e20, 1e-310, 180.0])
    ring = [(5e5, 5.4e6), (value, 5.4e6), (5.1e5, value), (5e5, 5.5e6), (5e5, 5.4e6)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        _write(path, [shapely.Polygon(ring)], rng.choice(["EPSG:32633", "EPSG:4326", None]))


def crs(path: Path, rng: random.Random) -> None:
    """Give the layer a CRS that no map has."""
    local = 'LOCAL_CS["here",UNIT["metre",1]]'
    odd = rng.choice([None, "EPSG:4978", "EPSG:5773", "IAU_2015:30100", "EPSG:4326", "EPSG:32733", local])
    _write(path, [shapely.box(499_000, 5.4e6, 5.1e5, 5.6e6)], odd)


def columns(path: Path, rng: random.Random) -> None:
    """Write columns with the names that are looked for, of other types."""
    box = shapely.box(499_000, 5.4e6, 5.1e5, 5.6e6)
    odd: Sequence[object] = rng.choice(
        [
            [None, None],
            ["x", ""],
            [1e300, float("nan")],
            [True, False],
            [b"\0", b"\xff"],
            ["x" * 200_000, "y"],
        ]
    )
    names = ("reference", "class", "id", "x", "fclass", "value")
    _write(path, [box, box], columns={name: list(odd) for name in rng.sample(names, 3)})


def layers(path: Path, rng: random.Random) -> None:
    """Damage what a GeoPackage says of itself; in GeoJSON, what a feature is."""
    if path.suffix == ".gpkg":
        orders = (
            "DROP TABLE gpkg_contents", "DELETE FROM gpkg_contents", "DELETE FROM gpkg_geometry_columns",
            "UPDATE gpkg_contents SET table_name='nothing'", "UPDATE gpkg_geometry_columns SET srs_id=-99",
            "UPDATE gpkg_spatial_ref_sys SET definition='x'", "DROP TABLE gpkg_spatial_ref_sys",
            "UPDATE gpkg_contents SET min_x='NaN', max_x='x'",
        )  # fmt: skip
        with sqlite3.connect(path) as base:
            for order in rng.sample(orders, 2):
                try:
                    base.execute(order)
                except sqlite3.Error:
                    continue
        base.close()
        return
    odd = rng.choice(
        [
            {"type": "FeatureCollection"}, {"type": "FeatureCollection", "features": None},
            {"type": "FeatureCollection", "features": [1, None, "x", []]}, {"type": "Feature"}, [], [1, 2],
            {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Polygon"}}]},
            "text",
            {"type": "Polygon", "coordinates": [[[0, 0], [1]]]}, {"type": "Topology", "objects": {}},
            {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "x"}}},
            {"type": "Polygon", "coordinates": [[[[[[0]]]]]]}, {"features": [{"properties": 3}]},
        ]
    )  # fmt: skip
    path.write_text(json.dumps(odd))


def many(path: Path, rng: random.Random) -> None:
    """Write a ring of many corners."""
    angle = np.linspace(0, 2 * np.pi, 200_000)
    radius = 300 + 20 * np.sin(angle * 5000)
    corners = np.column_stack([500_300 + radius * np.cos(angle), 5_499_700 + radius * np.sin(angle)])
    _write(path, [shapely.Polygon(corners)])


KINDS: Mapping[str, Mutation] = {
    "odd geometries": geometries,
    "odd coordinates": coordinates,
    "odd CRS": crs,
    "odd columns": columns,
    "odd layers": layers,
    "many corners": many,
}
