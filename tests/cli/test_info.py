"""`geoseg info`: what is in a path decides what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from numpy.typing import NDArray

from tests.products.ground import lake, write_raster
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


Written = Callable[[Path], str]
"""Writes a file that is no scene in a folder, and returns its name."""


def _raster(name: str, array: NDArray[Any], **profile: Any) -> Written:
    def write(folder: Path) -> str:
        count, height, width = array.shape
        size = {"count": count, "height": height, "width": width, "dtype": array.dtype}
        driver = {".png": "PNG", ".jpg": "JPEG"}.get(Path(name).suffix, "GTiff")
        with rasterio.open(folder / name, "w", driver=driver, **size, **profile) as dataset:
            dataset.write(array)
        return name

    return write


def _coloured(folder: Path) -> str:
    name = _raster("cover.tif", np.ones((1, 8, 9), np.uint8))(folder)
    with rasterio.open(folder / name, "r+") as dataset:
        dataset.write_colormap(1, {1: (0, 90, 0, 255)})
    return name


def _variables(folder: Path) -> str:
    import xarray  # noqa: PLC0415

    data = {"first": (("y", "x"), np.ones((8, 9))), "second": (("y", "x"), np.ones((8, 9)))}
    xarray.Dataset(data).to_netcdf(folder / "several.nc")
    return "several.nc"


def _layers(name: str) -> Written:
    def write(folder: Path) -> str:
        import geopandas  # noqa: PLC0415
        from shapely.geometry import box  # noqa: PLC0415

        geopandas.GeoDataFrame({"place": ["A"]}, geometry=[box(0, 0, 1, 1)], crs=4326).to_file(folder / name)
        return name

    return write


GROUND = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500000, 0, -10, 5000000)}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (_raster("six.tif", np.ones((6, 8, 9), np.int16)), ["9 x 8", "int16", "no CRS", "--sensor", ":1"]),
        (_raster("eight.tif", np.ones((8, 8, 9), np.uint8), **GROUND), ["of 10 x 10 m", "EPSG:32633"]),
        (_raster("picture.png", np.ones((3, 8, 9), np.uint8)), ["(PNG)", "red", "set `--sensor naip`"]),
        (_raster("height.tif", np.ones((1, 8, 9), np.float32), nodata=-9.0), ["float32", "-9", "--band"]),
        (_raster("nan.tif", np.ones((1, 8, 9), np.float32), nodata=np.nan), ["nan"]),
        (_raster("slc.tif", np.ones((1, 8, 9), np.complex64)), ["complex64", "holds complex values"]),
        (_raster("nowhere.tif", np.ones((2, 8, 9), np.uint8), crs="EPSG:32633"), ["no geotransform"]),
        (_raster("thick.tif", np.ones((60, 8, 9), np.uint8)), ["20 more bands"]),
        (_coloured, ["colour table", "geoseg vectorize"]),
        (_variables, ["several.nc:first", "several.nc:second", "--band"]),
        (_layers("zones.gpkg"), ["layer     zones", "1 of Polygon", "place (text)", "no run record"]),
        (_layers("zones.geojson"), ["(GeoJSON)", "EPSG:4326", "no run record"]),
        (_layers("zones.shp"), ["(ESRI Shapefile)", "0, 0, 1, 1"]),
        (_layers("zones.fgb"), ["(FlatGeobuf)", "1 of Polygon"]),
    ],
)
def test_any_file_is_described(write: Written, expected: list[str], geoseg: Geoseg, tmp_path: Path) -> None:
    name = write(tmp_path)
    out, err = geoseg("info", tmp_path / name)
    assert name in out
    assert "not a scene" in out
    assert [text for text in expected if text not in out] == []
    assert err == ""
    facts = json.loads(geoseg("info", tmp_path / name, "--json")[0])
    assert facts["name"] == name
    assert facts["not_a_scene"]
    bands = facts.get("bands", [])
    assert [band["name"] for band in bands] == [str(number + 1) for number in range(len(bands))]
    assert all(band["units"] is None for band in bands)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_folder_of_files_that_are_no_scene(geoseg: Geoseg, tmp_path: Path) -> None:
    for name, crs in (("a_green.tif", "EPSG:32633"), ("b_green.tif", "EPSG:32720")):
        _raster(name, np.ones((1, 8, 9), np.uint16), crs=crs, transform=GROUND["transform"])(tmp_path)
    out, _ = geoseg("info", tmp_path)
    assert out.count("9 x 8 pixels") == 2
    assert "different CRSs" in out
    facts = json.loads(geoseg("info", tmp_path, "--json")[0])
    assert [item["grid"]["crs"] for item in facts["files"]] == ["EPSG:32633", "EPSG:32720"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_maps_refuse_they_refuse(geoseg: Geoseg, tmp_path: Path) -> None:
    path = tmp_path / _raster("six.tif", np.ones((6, 8, 9), np.int16))(tmp_path)
    _, err = geoseg("flood", path, "-o", tmp_path / "map.gpkg", code=3)
    assert "without names" in err
    _, err = geoseg("info", path, "--sensor", "naip", code=3)
    assert "6 bands" in err


def test_a_damaged_raster_stays_an_error(scene: Path, geoseg: Geoseg) -> None:
    with rasterio.open(scene, "r+") as dataset:
        dataset.descriptions = ("first", "second")
    scene.write_bytes(scene.read_bytes()[:150])
    assert geoseg("info", scene, code=3)[0] == ""


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


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson", "parquet", "pmtiles"])
def test_a_map_of_every_format(tmp_path: Path, geoseg: Geoseg, suffix: str) -> None:
    if suffix == "pmtiles" and "w" not in pyogrio.list_drivers().get("PMTiles", ""):
        pytest.skip("the GDAL of pyogrio cannot write PMTiles")
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    source = write_raster(tmp_path / "classes.tif", lake(40).astype(np.uint8))
    geoseg("vectorize", source, "-o", tmp_path / f"map.{suffix}")
    out, _ = geoseg("info", tmp_path / f"map.{suffix}")
    assert out.startswith("vectorize map")
