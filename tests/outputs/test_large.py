"""Polygons that are written as bytes: equal to others in a GeoPackage, refused by other formats."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.features import Features
from geoseg.outputs import Layer, companions, formats, open_layers
from geoseg.outputs.layer import Kind
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together


@dataclass(frozen=True)
class InPieces:
    """The WKB of a polygon, a few bytes at a time."""

    shape: shapely.Polygon

    @property
    def nbytes(self) -> int:
        return len(shapely.to_wkb(self.shape))

    def wkb(self) -> Iterator[bytes]:
        data = shapely.to_wkb(self.shape, byte_order=1)
        yield from (data[at : at + 1000] for at in range(0, len(data), 1000))


def _write(
    path: Path,
    parts: list[Features],
    footprint: Features,
    record: RunRecord,
    layer: tuple[tuple[ClassSpec, ...], Mapping[str, Kind], CRS],
) -> None:
    classes, schema, crs = layer
    with together(path, *companions(path)) as beside:
        sink = open_layers(
            path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=crs)], beside=beside
        )
        for part in parts:
            sink.write(part)
        sink.finish(record, footprint)


@pytest.mark.parametrize("suffix", sorted(set(formats()) - {".json"}))
def test_a_large_polygon(
    suffix: str,
    tmp_path: Path,
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
    classes: tuple[ClassSpec, ...],
    schema: Mapping[str, Kind],
    crs: CRS,
) -> None:
    others = make_features(9)
    holes = [
        shapely.box(x, y, x + 1, y + 1).exterior.coords for x in range(1, 60, 2) for y in range(1, 60, 2)
    ]
    shape = shapely.orient_polygons(shapely.Polygon(shapely.box(0, 0, 61, 61).exterior.coords, holes))
    one = others.take(np.array([1]))
    large = replace(one, geometry=np.array([shapely.box(*shape.bounds)], object), large=InPieces(shape))
    layer = (classes, schema, crs)
    path = tmp_path / f"large{suffix}"
    if suffix != ".gpkg":
        with pytest.raises(OutputError, match="too many corners for this format; write a GeoPackage"):
            _write(path, [large], footprint, record, layer)
        return
    _write(path, [others, large, others], footprint, record, layer)
    plain = tmp_path / "plain.gpkg"
    usual = replace(one, geometry=np.array([shape], object))
    _write(plain, [others, usual, others], footprint, record, layer)
    found, wanted = (geopandas.read_file(name, layer="flood") for name in (path, plain))
    assert (
        shapely.to_wkb(found.geometry.to_numpy()).tolist()
        == shapely.to_wkb(wanted.geometry.to_numpy()).tolist()
    )
    assert found.drop(columns="geometry").equals(wanted.drop(columns="geometry"))
    told = []
    for name in (path, plain):
        with closing(sqlite3.connect(name)) as file:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            bounds = "SELECT * FROM rtree_flood_geom ORDER BY id"
            told.append((file.execute(query).fetchall(), file.execute(bounds).fetchall()))
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert told[0] == told[1]
