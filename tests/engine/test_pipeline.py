"""Finished rows to polygons, raster and footprint."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from geoseg.engine.make_map import SCHEMA
from geoseg.engine.pipeline import MapWriter
from geoseg.grid import Grid
from geoseg.outputs import Layer, OutputFiles, open_layers, open_raster
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning
from geoseg.spec import ClassSpec, RunSpec
from geoseg.tasks.segment.vectorize_raster import vectorize

UTM = CRS.from_epsg(32633)
PLACE = Affine(10, 0, 500_000, 0, -10, 5_000_000)
CLASSES = tuple(
    ClassSpec(value=value, label=label, colour="#101010") for value, label in enumerate(("a", "b", "rest"))
)


def test_a_background_other_than_zero_has_no_polygons_and_zero_has(tmp_path: Path) -> None:
    rows = np.full((6, 6), 2, np.uint8)
    rows[:3] = 0
    rows[1, 2] = 2  # a hole of background, which is filled
    rows[5, 5] = 1  # too small
    grid = Grid(crs=UTM, transform=PLACE, height=6, width=6)
    cleaning = Cleaning(min_area=200, fill_holes=110)
    layer = Layer(name="map", schema=SCHEMA, classes=CLASSES[:2], crs=UTM)
    vector_path, raster_path = tmp_path / "map.gpkg", tmp_path / "map.tif"
    with OutputFiles([vector_path, raster_path], overwrite=False) as beside:
        vector = open_layers(vector_path, [layer], beside=beside)
        with open_raster(raster_path, None, grid=grid, classes=CLASSES, beside=beside) as raster:
            writer = MapWriter(grid, CLASSES, cleaning, vector, raster, background=2)
            writer.add(Strip(row=0, classes=rows, scores=np.full_like(rows, 200)))
            writer.finish()
    assert [(item.value, item.polygons, item.pixels) for item in writer.totals] == [(0, 1, 18), (1, 0, 0)]


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_the_footprint_is_in_the_crs_of_the_map(crs: str | None, tmp_path: Path) -> None:
    path = tmp_path / "classes.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=8,
        width=8,
        count=1,
        dtype="uint8",
        crs=UTM.to_wkt(),
        transform=PLACE,
    ) as file:
        file.write(np.ones((8, 8), np.uint8), 1)
    vectorize(str(path), RunSpec(output=tmp_path / "map.gpkg", dst_crs=crs), None)
    scene, polygons = (
        geopandas.read_file(tmp_path / "map.gpkg", layer=name) for name in ("scene", "segments")
    )
    assert scene.crs == polygons.crs
    assert scene.total_bounds == pytest.approx(polygons.total_bounds)
