"""Maps of several layers: points beside polygons, in every format, styled by class."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.outputs import Layer, OutputFiles, companions, formats, open_layers
from geoseg.outputs.layer import Kind
from geoseg.outputs.measure import write_bands
from geoseg.outputs.record import read_record
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

Make = Callable[[int], Features]


@pytest.fixture
def layers(classes: tuple[ClassSpec, ...], schema: dict[str, Kind], crs: CRS) -> tuple[Layer, Layer]:
    drawn = classes[1:]
    points = Layer(name="sites", schema=schema, classes=drawn, crs=crs, shape="point")
    return points, Layer(name="squares", schema=schema, classes=drawn, crs=crs)


def points_of(features: Features) -> Features:
    return Features(geometry=shapely.centroid(features.geometry), columns=features.columns)


def write(
    path: Path, count: int, layers: tuple[Layer, Layer], make: Make, record: RunRecord, footprint: Features
) -> None:
    with together(path, *companions(path, ["squares"])) as beside:
        sink = open_layers(path, layers, beside=beside)
        for start in (0, 3):
            part = make(count).take(np.arange(count)[start : start + 3 if start == 0 else None])
            sink.write(points_of(part))
            sink.write(part, "squares")
        sink.finish(record, footprint)


@pytest.mark.parametrize("count", [0, 7])
@pytest.mark.parametrize("suffix", [suffix for suffix in formats() if suffix not in {".json", ".pmtiles"}])
def test_every_format_holds_both(
    count: int, suffix: str, layers: tuple[Layer, Layer], make_features: Make, record: RunRecord,
    footprint: Features, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / f"map{suffix}"
    write(path, count, layers, make_features, record, footprint)
    if suffix == ".gpkg":
        tables = [geopandas.read_file(path, layer=name) for name in ("sites", "squares")]
        assert companions(path, ["squares"]) == ()
    else:
        read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
        beside = companions(path, ["squares"])
        assert [item.name for item in beside] == [f"map.squares{suffix}", f"map.scene{suffix}"]
        assert {item.name for item in tmp_path.iterdir()} == {path.name, *(item.name for item in beside)}
        tables = [read(path), read(beside[0])]
        assert read_record(beside[0]) == record
    assert read_record(path) == record
    assert [len(table) for table in tables] == [count, count]
    if count:
        assert set(tables[0].geom_type) == {"Point"}
        assert set(tables[1].geom_type) == {"MultiPolygon"}
        # FlatGeobuf sorts each layer by place.
        assert sorted(tables[0]["class"]) == sorted(tables[1]["class"]) == [1, 1, 1, 1, 2, 2, 2]


def test_a_geopackage_types_styles_and_indexes_both(
    layers: tuple[Layer, Layer], make_features: Make, record: RunRecord, footprint: Features, tmp_path: Path,
    classes: tuple[ClassSpec, ...],
) -> None:  # fmt: skip
    path = tmp_path / "map.gpkg"
    write(path, 7, layers, make_features, record, footprint)
    assert [tuple(item) for item in pyogrio.list_layers(path)] == [
        ("sites", "Point"), ("squares", "MultiPolygon"), ("scene", "MultiPolygon"), ("layer_styles", None),
        ("class_totals", None),
    ]  # fmt: skip
    with closing(sqlite3.connect(path)) as file:
        styles = dict(file.execute("SELECT f_table_name, styleQML FROM layer_styles"))
        assert file.execute("SELECT count(*) FROM rtree_sites_geom").fetchone() == (7,)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        described = dict(file.execute("SELECT table_name, description FROM gpkg_contents"))
    assert described["sites"] == described["squares"] == record.method
    for name, kind, symbol in (("sites", "marker", "SimpleMarker"), ("squares", "fill", "SimpleFill")):
        style = ElementTree.fromstring(styles[name])
        found = [
            (c.get("value"), c.get("label"), style.find(f".//symbols/symbol[@name='{c.get('symbol')}']"))
            for c in style.iter("category")
        ]
        assert [(value, label) for value, label, _ in found] == [
            (str(item.value), item.label) for item in classes if item.value
        ]
        for (_, _, drawn), item in zip(found, classes[1:], strict=True):
            assert drawn is not None
            assert drawn.get("type") == kind
            layer = drawn.find("layer")
            assert layer is not None
            assert layer.get("class") == symbol
            colour = next(o.get("value") for o in layer.iter("Option") if o.get("name") == "color")
            red, green, blue, _ = map(int, str(colour).split(","))
            assert f"#{red:02x}{green:02x}{blue:02x}" == item.colour


def test_layers_take_their_own_geometries_only(
    layers: tuple[Layer, Layer], make_features: Make, tmp_path: Path
) -> None:
    path = tmp_path / "map.gpkg"
    with OutputFiles([path], overwrite=False) as beside:
        sink = open_layers(path, layers, beside=beside)
        with pytest.raises(OutputError, match="layer 'sites' accepts only points"):
            sink.write(make_features(2))
        with pytest.raises(OutputError, match="layer 'squares' accepts only polygons"):
            sink.write(points_of(make_features(2)), "squares")
    assert list(tmp_path.iterdir()) == []


def test_bands_of_numbers(record: RunRecord, crs: CRS, tmp_path: Path) -> None:
    grid = Grid(crs=crs, transform=Affine(360, 0, 5e5, 0, -360, 5e6), height=3, width=4)
    values = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    values[:, 1, 2] = np.nan
    path = tmp_path / "scores.tif"
    with together(path) as beside:
        write_bands(path, values, ["mines", "wells"], grid=grid, record=record, beside=beside)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), values)
        assert file.descriptions == ("mines", "wells")
        assert file.transform == grid.transform
        assert np.isnan(file.nodata)
    assert read_record(path) == record
    assert [item.name for item in tmp_path.iterdir()] == ["scores.tif"]


def test_formats_need_no_package_of_charts() -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None; from geoseg.outputs import formats; print(*formats())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == set(formats()), done.stderr
