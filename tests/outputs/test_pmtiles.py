"""Vector tiles for web maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import geopandas
import pyogrio
import pytest
from pyproj import CRS

from geoseg.errors import UsageError
from geoseg.features import Features
from geoseg.outputs import Layer, companions, open_layers
from geoseg.outputs.layer import Kind
from geoseg.outputs.pmtiles import DRIVER
from geoseg.outputs.record import read_record
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

pytestmark = pytest.mark.skipif(
    "w" not in pyogrio.list_drivers().get(DRIVER, ""), reason="the GDAL of pyogrio cannot write PMTiles"
)


def test_tiles_hold_the_polygons_and_the_record(
    tmp_path: Path,
    classes: tuple[ClassSpec, ...],
    schema: Mapping[str, Kind],
    crs: CRS,
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> None:
    path = tmp_path / "map.pmtiles"
    with together(path, *companions(path)) as beside:
        sink = open_layers(
            path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=crs)], beside=beside
        )
        sink.write(make_features(60))
        sink.finish(record, footprint)
    assert {item.name for item in tmp_path.iterdir()} == {"map.pmtiles", "map.scene.pmtiles"}
    assert read_record(path) == record
    found = geopandas.read_file(path)
    assert found.crs.to_epsg() == 3857
    assert set(found["label"]) == {"flood", "permanent water"}
    area = found.to_crs(crs).area.sum()
    assert area == pytest.approx(sum(item.area for item in make_features(60).geometry), rel=0.1)


def test_pixel_coordinates_are_refused(
    tmp_path: Path, classes: tuple[ClassSpec, ...], schema: Mapping[str, Kind]
) -> None:
    path = tmp_path / "map.pmtiles"
    with pytest.raises(UsageError, match="needs a CRS"), together(path, *companions(path)) as beside:
        open_layers(
            path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=None)], beside=beside
        )


def test_shapefiles_are_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"10 characters.*ogr2ogr map\.shp map\.gpkg"):
        companions(Path("map.shp"))
