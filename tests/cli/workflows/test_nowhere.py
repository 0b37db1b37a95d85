"""Rasters that lie nowhere on the ground, by the command line: mapped in pixels and told, or refused."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

from tests.products.ground import BARE, EAST, NORTH, Ground, disc, lake, write_raster

Geoseg = Callable[..., tuple[str, str]]

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised")
SIDE = 60
UTM = "EPSG:32633"
NOWHERE = "in pixel coordinates, without areas"


def _counts(seed: int = 0, *, cleared: bool = False) -> np.ndarray:
    kinds = lake(SIDE)
    if cleared:
        kinds[:12, 40:55] = BARE
    ground = Ground(kinds=kinds, seed=seed)
    bands = [(ground.reflectance(band) * 10_000).round() for band in BANDS]
    return np.asarray(np.stack(bands), np.uint16)


def _scene(path: Path, data: np.ndarray, **profile: Any) -> Path:
    """Six bands, with whatever georeference the profile gives."""
    options = {"driver": "GTiff", "count": len(data), "dtype": "uint16", **profile}
    options |= {"height": data.shape[1], "width": data.shape[2]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as file:
            file.write(data)
            file.descriptions = BANDS[: len(data)]
    return path


def _crs_only(folder: Path) -> tuple[object, ...]:
    return (_scene(folder / "a.tif", _counts(), crs=UTM, nodata=0),)


def _identity(folder: Path) -> tuple[object, ...]:
    return (_scene(folder / "a.tif", _counts(), crs=UTM, nodata=0, transform=Affine.identity()),)


def _envi(folder: Path) -> tuple[object, ...]:
    return (_scene(folder / "a.dat", _counts(), crs=UTM, driver="ENVI"),)


def _pictures(folder: Path) -> tuple[object, ...]:
    """PNG files of a band each, without CRS, with a world file: a geotransform alone."""
    for name, band in zip(BANDS, _counts(), strict=True):
        path = folder / "bands" / f"{name}.png"
        _scene_band(path, band)
        path.with_suffix(".pgw").write_text(f"10\n0\n0\n-10\n{EAST + 5}\n{NORTH - 5}\n")
    return tuple(folder / "bands" / f"{name}.png" for name in BANDS)


def _scene_band(path: Path, band: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="PNG", count=1, dtype="uint16", height=SIDE, width=SIDE) as file:
            file.write(band, 1)


def _netcdf(folder: Path) -> tuple[object, ...]:
    """As xarray writes a stack with a CRS whose coordinates have no attributes."""
    path = folder / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("y", SIDE)
        file.createDimension("x", SIDE)
        file.createVariable("x", "f8", ("x",))[:] = EAST + 5 + 10 * np.arange(SIDE)
        file.createVariable("y", "f8", ("y",))[:] = NORTH - 5 - 10 * np.arange(SIDE)
        mapping = file.createVariable("spatial_ref", "i4")
        mapping.crs_wkt = mapping.spatial_ref = CRS.from_user_input(UTM).to_wkt("WKT1_GDAL")
        for name, band in zip(BANDS, _counts(), strict=True):
            variable = file.createVariable(name, "u2", ("y", "x"), fill_value=0)
            variable[:] = band
            variable.grid_mapping = "spatial_ref"
    parts = [f'NETCDF:"{path}":{name}' for name in BANDS]
    named = [f"--band={name}={part}" for name, part in zip(BANDS, parts, strict=True)]
    return (*parts, *named)


MADE = {
    "GTiff": _crs_only,
    "identity": _identity,
    "ENVI": _envi,
    "PNG and world file": _pictures,
}


def test_coordinates_of_netcdf_without_attributes_give_the_place(tmp_path: Path, geoseg: Geoseg) -> None:
    """GDAL finds a CRS and no geotransform there, but the coordinates themselves tell it."""
    (tmp_path / "in").mkdir()
    scene = _netcdf(tmp_path / "in")
    out, _ = geoseg("flood", *scene, *SENSOR, "--method", "classical", "-o", tmp_path / "w.gpkg", "--json")
    record = json.loads(out)
    assert not any(NOWHERE in item["text"] for item in record["warnings"])
    assert record["inputs"][0]["grid"]["transform"] == [10.0, 0.0, EAST, 0.0, -10.0, NORTH]
    assert CRS.from_user_input(record["crs"]) == CRS.from_user_input(UTM)


@pytest.mark.parametrize("kind", MADE)
def test_a_scene_is_mapped_in_pixels_and_told(kind: str, tmp_path: Path, geoseg: Geoseg) -> None:
    (tmp_path / "in").mkdir()
    scene = MADE[kind](tmp_path / "in")
    words = ("flood", *scene, *SENSOR, "--method", "classical", "--min-area", 0)
    out, err = geoseg(*words, "-o", tmp_path / "w.gpkg", "--raster", tmp_path / "w.tif", "--json")
    record = json.loads(out)
    assert any(NOWHERE in item["text"] for item in record["warnings"])
    assert record["crs"] is None
    assert [item["area_m2"] for item in record["classes"]] == [None]
    water = geopandas.read_file(tmp_path / "w.gpkg", layer="flood")
    assert water.crs is None or "ndefined" in str(water.crs)
    assert water["area_m2"].isna().all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "w.tif") as file:
            assert file.crs is None
            mapped = file.read(1) == 1
    truth = lake(SIDE) == 0
    assert (mapped & truth).sum() / (mapped | truth).sum() > 0.97
    _, err = geoseg(*words, "-o", tmp_path / "v.gpkg", "--simplify", 5, code=3)
    assert "`--simplify` needs a CRS" in err
    _, err = geoseg(*words, "-o", tmp_path / "v.gpkg", "--bbox", "15,49,16,50", code=3)
    assert "no geotransform; georeference the scene" in err


@pytest.mark.parametrize("lost", ["before", "after", "both", "another size"])
def test_both_dates_of_a_change(lost: str, tmp_path: Path, geoseg: Geoseg) -> None:
    placed = {"crs": UTM, "nodata": 0, "transform": Affine(10, 0, EAST, 0, -10, NORTH)}
    alone = {"crs": UTM, "nodata": 0}
    before = _scene(tmp_path / "before.tif", _counts(1), **(placed if lost == "after" else alone))
    data = _counts(2, cleared=True)
    after = _scene(tmp_path / "after.tif", data, **(placed if lost == "before" else alone))
    if lost == "another size":
        _scene(after, data[:, :50], crs=UTM, nodata=0)
    words = ("change", before, after, *SENSOR, "-o", tmp_path / "c.gpkg", "--raster", tmp_path / "c.tif")
    out, err = geoseg(*words, "--json", code=0 if lost == "both" else 3)
    if lost != "both":
        assert "cannot be aligned" in err
        assert "georeference" in err or "gdal_translate -a_ullr" in err
        return
    record = json.loads(out)
    assert sum(NOWHERE in item["text"] for item in record["warnings"]) == 2
    assert {item["area_m2"] for item in record["classes"]} == {None}
    assert sum(item["pixels"] for item in record["classes"]) > 100


# What samples a layer tells of it by Python's warnings, which the command line shows with -v.
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("option", ["--before", "--permanent-water", "--hand", "--slope"])
@pytest.mark.parametrize("profile", [{"crs": UTM}, {"crs": UTM, "transform": Affine.identity()}, {}], ids=str)
def test_what_lies_beside_a_scene_is_refused(
    option: str, profile: dict[str, Any], tmp_path: Path, geoseg: Geoseg
) -> None:
    scene = write_raster(tmp_path / "a.tif", _counts(), descriptions=BANDS, nodata=0)
    if option == "--before":
        _scene(tmp_path / "b.tif", _counts(1), nodata=0, **profile)
    else:
        water = disc(SIDE, 10, 30, 30).astype(np.uint16)
        _scene(tmp_path / "b.tif", water[np.newaxis], **profile)
    words = ("flood", scene, *SENSOR, "--method", "classical", "-o", tmp_path / "w.gpkg")
    _, err = geoseg(*words, option, tmp_path / "b.tif", code=3)
    assert "b.tif has" in err
    assert "cannot be aligned" in err
    assert ("a CRS but no geotransform" if profile else "no CRS") in err
    assert "gdal_translate -a_ullr" in err


def test_class_rasters(tmp_path: Path, geoseg: Geoseg) -> None:
    classes = _scene(tmp_path / "a.tif", _counts()[:1] % 3, crs=UTM)
    out, err = geoseg("vectorize", classes, "-o", tmp_path / "v.gpkg", "--json")
    assert "a CRS but no geotransform; the polygons are in pixel coordinates" in err
    assert {item["area_m2"] for item in json.loads(out)["classes"]} == {None}


NO_PLACE = {
    "no size": Affine(0, 0, EAST, 0, 0, NORTH),
    "NaN": Affine(10, 0, np.nan, 0, -10, NORTH),
}


@pytest.mark.parametrize("place", NO_PLACE)
@pytest.mark.parametrize(
    "command", ["vectorize", "flood", "change", "--before", "--hand", "--permanent-water", "--reference"]
)
def test_geotransforms_of_no_place_are_refused(
    command: str, place: str, tmp_path: Path, geoseg: Geoseg
) -> None:
    one = command in {"vectorize", "--hand", "--permanent-water"}
    data = _counts()[:1] % 3 if one else _counts()
    bad = _scene(tmp_path / "b.tif", data, crs=UTM, transform=NO_PLACE[place])
    good = write_raster(tmp_path / "a.tif", _counts(), descriptions=BANDS, nodata=0)
    words: tuple[object, ...] = ("flood", good, *SENSOR, "--method", "classical", command, bad)
    if command == "change":
        words = ("change", good, bad, *SENSOR)
    elif command == "--reference":
        words = ("methane", "plume", good, "--sensor", "sentinel-2-l1c-harmonised", command, bad)
        words = (*words, "--satellite", "sentinel-2a", "--sun-zenith", 40, "--view-zenith", 5)
    elif not command.startswith("--"):
        words = (command, bad, *(SENSOR if command == "flood" else ()))
    _, err = geoseg(*words, "-o", tmp_path / "x.gpkg", code=3)
    assert "b.tif: its geotransform" in err
    assert "gdal_translate -a_ullr" in err
    assert not (tmp_path / "x.gpkg").exists()


def test_rows_to_the_north_and_points_are_right(tmp_path: Path, geoseg: Geoseg) -> None:
    """The same ground, stored from the south, or by its centres, gives the same map."""
    data, place = _counts(), Affine(10, 0, EAST, 0, -10, NORTH)
    south = Affine(10, 0, EAST, 0, 10, NORTH - 10 * SIDE)
    scenes = [
        _scene(tmp_path / "a.tif", data, crs=UTM, nodata=0, transform=place),
        _scene(tmp_path / "b.tif", data[:, ::-1], crs=UTM, nodata=0, transform=south),
        _scene(tmp_path / "c.tif", data, crs=UTM, nodata=0, transform=place),
        _scene(tmp_path / "d.tif", data, crs=UTM, nodata=0),
    ]
    with rasterio.open(scenes[2], "r+") as file:
        file.update_tags(AREA_OR_POINT="Point")
    scenes[3].with_suffix(".tfw").write_text(f"10\n0\n0\n-10\n{EAST + 5}\n{NORTH - 5}\n")
    maps = []
    for scene in scenes:
        output = scene.with_suffix(".gpkg")
        _, err = geoseg("flood", scene, *SENSOR, "--method", "classical", "-o", output)
        assert NOWHERE not in err
        maps.append(geopandas.read_file(output, layer="flood"))
    for other in maps[1:]:
        assert other.union_all().symmetric_difference(maps[0].union_all()).area < 100
        assert other["area_m2"].sum() == pytest.approx(maps[0]["area_m2"].sum(), rel=1e-9)
