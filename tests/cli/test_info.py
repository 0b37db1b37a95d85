"""`geoseg info`: what is in a path decides what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.products.server import serving
from tests.satellites import write_safe
from tests.spectrometer import simulate, write_granule

Geoseg = Callable[..., tuple[str, str]]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=2,
        height=30,
        width=40,
        dtype="uint16",
        crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 500000, 0, -10, 5000000),
        nodata=0,
    ) as dataset:
        dataset.write(np.full((2, 30, 40), 700, np.uint16))
        dataset.descriptions = ("green", "nir")
        dataset.scales = (1e-4, 1e-4)
    return path


def test_a_scene_for_people(scene: Path, geoseg: Geoseg) -> None:
    out, err = geoseg("info", scene)
    assert "40 x 30 pixels of 10 x 10 m" in out
    assert "EPSG:32633" in out
    rows = [line.split() for line in out.splitlines() if "scene.tif:" in line]
    assert [row[:4] for row in rows] == [
        ["green", "scene.tif:1", "reflectance", "0.0001"],
        ["nir", "scene.tif:2", "reflectance", "0.0001"],
    ]
    assert "note: sensor" in err
    assert geoseg("info", scene, "-q") == (out, "")


def test_a_scene_for_programs(scene: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg("info", scene, "--json")
    found = json.loads(out)
    assert [band["name"] for band in found["bands"]] == ["green", "nir"]
    assert found["grid"]["height"] == 30
    assert isinstance(found["notes"], list)


def test_options_reach_the_scene(scene: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg("info", scene, "--band", f"red={scene}:2", "--json")
    assert {band["name"] for band in json.loads(out)["bands"]} >= {"green", "red"}
    _, err = geoseg("info", scene, "--sensor", "sentinel-9", code=2)
    assert "sentinel-9" in err
    _, err = geoseg("info", scene, "--band", "red", code=2)
    assert "--band" in err


@pytest.mark.parametrize("name", ["none.tif", "none.gpkg", "folder/none"])
def test_what_is_not_there(name: str, geoseg: Geoseg, tmp_path: Path) -> None:
    out, err = geoseg("info", tmp_path / name, code=3)
    assert out == ""
    assert str(tmp_path / name) in err
    assert err.count("\n") == 1


def test_what_is_no_raster(geoseg: Geoseg, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("water, mostly")
    _, err = geoseg("info", path, code=3)
    assert str(path) in err
    assert "Traceback" not in err


def test_a_vector_file_that_geoseg_did_not_make(geoseg: Geoseg, tmp_path: Path) -> None:
    import geopandas  # noqa: PLC0415
    from shapely.geometry import box  # noqa: PLC0415

    path = tmp_path / "other.gpkg"
    geopandas.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4326).to_file(path)
    _, err = geoseg("info", path, code=3)
    assert "no run record" in err


def test_a_granule_of_a_spectrometer(tmp_path: Path, geoseg: Geoseg) -> None:
    path = write_granule(tmp_path / "granule.nc", simulate(40, 30))
    out, err = geoseg("info", path)
    assert "EPSG:4326" in out
    assert "2022-08-15T04:28:38+00:00" in out
    assert "w2347" in out
    assert "lookup table" in err


def test_the_satellite_where_it_is_known(geoseg: Geoseg, tmp_path: Path) -> None:
    root = write_safe(tmp_path, letter="B")
    out, _ = geoseg("info", root)
    assert [line.split() for line in out.splitlines() if "platform" in line] == [["platform", "sentinel-2b"]]
    out, _ = geoseg("info", root, "--json")
    assert json.loads(out)["platform"] == "sentinel-2b"


def test_no_line_for_a_satellite_that_is_not_known(scene: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg("info", scene)
    assert "platform" not in out


@pytest.mark.parametrize("name", ["silent.tif", "stalled.tif", "ring.tif", "ring.json", "ring.zarr"])
def test_a_server_that_does_not_come_to_an_end(
    name: str, tmp_path: Path, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    with serving(tmp_path, "slow") as place:
        _, error = geoseg("info", f"http://{place}/{name}", code=3)
    assert name in error
    assert len(error.splitlines()) <= 2
