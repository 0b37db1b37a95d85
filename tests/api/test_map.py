"""A map can be read, shown and written."""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio

import geoseg
from geoseg.errors import OutputError, RuntimeMissingError, UsageError
from geoseg.outputs.record import read_record
from tests.api.pixels import reflectance, write_scene


@pytest.fixture(scope="module")
def water(tmp_path_factory: pytest.TempPathFactory) -> geoseg.Map:
    return geoseg.flood(write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", reflectance()))


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet"])
def test_polygons_are_written(water: geoseg.Map, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyarrow")
    path = water.to_file(tmp_path / f"map{suffix}")
    read = geopandas.read_parquet(path) if suffix == ".parquet" else geopandas.read_file(path, layer=0)
    assert list(read["area_m2"]) == list(water.polygons["area_m2"])
    assert read.to_crs(water.polygons.crs).geometry.geom_equals_exact(water.polygons.geometry, 0.01).all()


def test_a_geopackage_has_style_and_record(water: geoseg.Map, tmp_path: Path) -> None:
    assert read_record(water.to_file(tmp_path / "map.gpkg")) == water.record


def test_rasters_and_pictures_are_written(water: geoseg.Map, tmp_path: Path) -> None:
    assert water.classes is not None
    with rasterio.open(water.to_file(tmp_path / "map.tif")) as file:
        assert np.array_equal(file.read(1), water.classes)
    assert water.to_file(tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_an_existing_file_is_kept(water: geoseg.Map, tmp_path: Path) -> None:
    path = tmp_path / "map.gpkg"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        water.to_file(path)
    assert path.read_text() == "mine"
    assert water.to_file(path, overwrite=True).stat().st_size > 4


@pytest.mark.parametrize("name", ["map.shp", "map", "map.doc"])
def test_other_suffixes_are_refused(water: geoseg.Map, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"name a file \.gpkg"):
        water.to_file(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_geopandas_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    water = geoseg.flood(write_scene(tmp_path / "scene.tif", reflectance()))
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[xarray\]'"):
        _ = water.polygons
    assert water.to_file(tmp_path / "map.gpkg").exists()


def test_a_notebook_shows_picture_totals_and_warnings(water: geoseg.Map) -> None:
    html = water._repr_html_()
    assert "data:image/png;base64," in html
    assert "<td>water</td><td>1</td>" in html
    assert water.warnings[0].code == "flood-not-separated"
    assert "flood and permanent water are not separated" in html
