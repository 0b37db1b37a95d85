"""Where a raster lies: on the ground, nowhere, or refused, in every format and for every kind of input."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC

from geoseg.errors import SceneError
from geoseg.scenes.layers import open_raster_layer
from geoseg.scenes.raster import Raster
from geoseg.scenes.resampling import place
from tests.products.ground import EAST, NORTH

UTM = "EPSG:32633"
ROWS, COLS = 20, 30
PLACE = Affine(10, 0, EAST, 0, -10, NORTH)
WORLD = f"10\n0\n0\n-10\n{EAST + 5}\n{NORTH - 5}\n"
ULLR = "gdal_translate -a_ullr"


@contextmanager
def _unwarned() -> Iterator[None]:
    """Rasterio says of every such file that it is not georeferenced; geoseg itself must not pass that on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _write(path: Path, **profile: Any) -> Path:
    """Zeros, with whatever georeference the profile gives."""
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": ROWS, "width": COLS, **profile}
    with _unwarned(), rasterio.open(path, "w", **options) as file:
        file.write(np.zeros((1, ROWS, COLS), np.uint8))
    return path


def _points(count: int) -> list[GroundControlPoint]:
    """Points of a grid over the raster, in degrees."""
    rows, cols = np.linspace(0, ROWS, count), np.linspace(0, COLS, count)
    return [
        GroundControlPoint(row, col, 15 + col / 1e4, 50 - row / 1e4)
        for row, col in zip(rows.tolist(), cols[::-1].tolist(), strict=True)
    ]


MODEL = RPC(
    height_off=100, height_scale=500, lat_off=50, lat_scale=1, long_off=15, long_scale=1, line_off=10,
    line_scale=10, samp_off=15, samp_scale=15, line_den_coeff=[1, *[0] * 19], samp_den_coeff=[1, *[0] * 19],
    line_num_coeff=[0, 0, -1, *[0] * 17], samp_num_coeff=[0, 1, *[0] * 18],
)  # fmt: skip


def _netcdf(path: Path, *, crs: bool = True, axes: str = "", swath: bool = False, told: str = "") -> Path:
    """A variable as xarray writes it; `axes` cf: with the attributes of coordinates, plain: without them."""
    with netCDF4.Dataset(path, "w") as file:
        file.Conventions = "CF-1.8"
        file.createDimension("y", ROWS)
        file.createDimension("x", COLS)
        band = file.createVariable("green", "f4", ("y", "x"))
        band[:] = 0
        if crs:
            mapping = file.createVariable("spatial_ref", "i4")
            mapping.crs_wkt = mapping.spatial_ref = CRS.from_user_input(UTM).to_wkt("WKT1_GDAL")
            if told:
                mapping.GeoTransform = told
            band.grid_mapping = "spatial_ref"
        if axes:
            x, y = file.createVariable("x", "f8", ("x",)), file.createVariable("y", "f8", ("y",))
            x[:], y[:] = EAST + 5 + 10 * np.arange(COLS), NORTH - 5 - 10 * np.arange(ROWS)
            if axes == "cf":
                x.standard_name, y.standard_name = "projection_x_coordinate", "projection_y_coordinate"
                x.units = y.units = "m"
        if swath:
            rows, cols = np.mgrid[0:ROWS, 0:COLS]
            for name, values, unit in (("lon", 15 + cols / 1e3, "east"), ("lat", 50 - rows / 1e3, "north")):
                array = file.createVariable(name, "f8", ("y", "x"))
                array[:], array.units = values, f"degrees_{unit}"
                array.standard_name = {"lon": "longitude", "lat": "latitude"}[name]
            band.coordinates = "lon lat"
    return path


Make = Callable[[Path], Path]


def _tif(**profile: Any) -> Make:
    return lambda folder: _write(folder / "a.tif", **profile)


def _nc(**options: Any) -> Make:
    return lambda folder: _netcdf(folder / "a.nc", **options)


def _dat(info: str = "", **profile: Any) -> Make:
    """An ENVI file, with a line of its own in the header."""

    def make(folder: Path) -> Path:
        path = _write(folder / "a.dat", driver="ENVI", **profile)
        header = path.with_suffix(".hdr")
        header.write_text(header.read_text() + info)
        return path

    return make


def _with_world(suffix: str, world: str, text: str = WORLD, **profile: Any) -> Make:
    """A raster with a world file beside it."""

    def make(folder: Path) -> Path:
        (folder / f"a{world}").write_text(text)
        return _write(folder / f"a{suffix}", **profile)

    return make


def _as_points(**profile: Any) -> Make:
    """A GeoTIFF whose coordinates are those of centres (RasterPixelIsPoint)."""

    def make(folder: Path) -> Path:
        path = _write(folder / "a.tif", **profile)
        with _unwarned(), rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")
        return path

    return make


IDENTITY, UPWARDS, FROM_BELOW = Affine.identity(), Affine(1, 0, 0, 0, -1, 0), Affine(1, 0, 0, 0, -1, ROWS)
SOUTH_UP, TURNED = Affine(10, 0, EAST, 0, 10, NORTH), Affine(0, 10, EAST, -10, 0, NORTH)
DEGREES, GLOBE = Affine(1e-4, 0, 15, 0, -1e-4, 50), Affine(12, 0, -6, 0, -9.5, 94.75)
DRONE = Affine(0.05, 0, -1, 0, -0.05, 1)
LOCAL = CRS.from_proj4("+proj=tmerc +lat_0=50.1 +lon_0=15.2 +datum=WGS84 +units=m").to_wkt()
WGS84 = "EPSG:4326"
MAP_INFO = "map info = {UTM, 1, 1, 0, 0, 1, 1, 33, North, WGS-84, units=Meters}\n"
ARBITRARY = "map info = {Arbitrary, 1, 1, 0, 0, 1, 1, 0, North}\n"
GDAL_OWN = f"{EAST} 10 0 {NORTH} 0 -10"

CRS_ALONE, GCPS = "a CRS but no geotransform", "ground control points but no geotransform"
SWATH, RPCS, ASSIGN = "geolocation", "rational polynomial", "gdal_edit.py -a_srs"

CASES: dict[str, tuple[Make, str, str, Affine]] = {
    # What it is: how it is made, what it lacks, what mends it, its geotransform.
    "placed": (_tif(crs=UTM, transform=PLACE), "", "", PLACE),
    "rows to the north": (_tif(crs=UTM, transform=SOUTH_UP), "", "", SOUTH_UP),
    "turned": (_tif(crs=UTM, transform=TURNED), "", "", TURNED),
    "pixel is point": (_as_points(crs=UTM, transform=PLACE), "", "", PLACE),
    "degrees": (_tif(crs=WGS84, transform=DEGREES), "", "", DEGREES),
    "globe of centres from 0 to 360": (_tif(crs=WGS84, transform=GLOBE), "", "", GLOBE),
    "one degree at the equator": (_tif(crs=WGS84, transform=UPWARDS), "", "", UPWARDS),
    "metres at the origin of a site's system": (_tif(crs=LOCAL, transform=UPWARDS), "", "", UPWARDS),
    "drone near the origin of a site's system": (_tif(crs=LOCAL, transform=DRONE), "", "", DRONE),
    "CRS and world file": (_with_world(".tif", ".tfw", crs=UTM), "", "", PLACE),
    "netCDF": (_nc(axes="cf"), "", "", PLACE),
    "netCDF with GDAL's geotransform": (_nc(told=GDAL_OWN), "", "", PLACE),
    "ENVI": (_dat(crs=UTM, transform=PLACE), "", "", PLACE),
    "geotransform alone": (_tif(transform=PLACE), "no CRS", ASSIGN, PLACE),
    "PNG and world file": (_with_world(".png", ".pgw", driver="PNG"), "no CRS", ASSIGN, PLACE),
    "nothing": (_tif(), "no CRS", f"{ULLR} ULX ULY LRX LRY -a_srs", IDENTITY),
    "PNG": (lambda folder: _write(folder / "a.png", driver="PNG"), "no CRS", ULLR, IDENTITY),
    "netCDF with nothing": (_nc(crs=False), "no CRS", ULLR, IDENTITY),
    "ENVI with nothing": (_dat(), "no CRS", ULLR, IDENTITY),
    "ENVI with arbitrary map info": (_dat(ARBITRARY), "no CRS", ASSIGN, UPWARDS),
    "CRS alone": (_tif(crs=UTM), CRS_ALONE, ULLR, IDENTITY),
    "CRS of degrees alone": (_tif(crs=WGS84), CRS_ALONE, ULLR, IDENTITY),
    "CRS of a site alone": (_tif(crs=LOCAL), CRS_ALONE, ULLR, IDENTITY),
    "CRS alone, pixel is point": (_as_points(crs=UTM), CRS_ALONE, ULLR, IDENTITY),
    "CRS and identity": (_tif(crs=UTM, transform=IDENTITY), CRS_ALONE, ULLR, IDENTITY),
    "CRS and identity upwards": (_tif(crs=UTM, transform=UPWARDS), CRS_ALONE, ULLR, UPWARDS),
    "CRS and identity from below": (_tif(crs=UTM, transform=FROM_BELOW), CRS_ALONE, ULLR, FROM_BELOW),
    "CRS and a world file of zeros": (
        _with_world(".tif", ".tfw", "0\n0\n0\n0\n0\n0\n", crs=UTM), CRS_ALONE, ULLR, IDENTITY,
    ),
    "netCDF with CRS alone": (_nc(), CRS_ALONE, ULLR, IDENTITY),
    "netCDF with CRS and bare coordinates": (_nc(axes="plain"), CRS_ALONE, ULLR, IDENTITY),
    "netCDF with CRS and identity": (_nc(told="0 1 0 0 0 1"), CRS_ALONE, ULLR, IDENTITY),
    "ENVI with CRS alone": (_dat(crs=UTM), CRS_ALONE, ULLR, IDENTITY),
    "ENVI with the usual map info": (_dat(MAP_INFO), CRS_ALONE, ULLR, UPWARDS),
    "swath": (_nc(crs=False, swath=True), SWATH, "gdalwarp -geoloc", IDENTITY),
    "swath with CRS": (_nc(swath=True), SWATH, "gdalwarp -geoloc", IDENTITY),
    "RPCs": (_tif(rpcs=MODEL), RPCS, "gdalwarp -rpc", IDENTITY),
    "RPCs and CRS": (_tif(rpcs=MODEL, crs=WGS84), RPCS, "gdalwarp -rpc", IDENTITY),
    "RPCs and corners": (_tif(rpcs=MODEL, gcps=_points(4), crs=WGS84), RPCS, "gdalwarp -rpc", IDENTITY),
    "few GCPs": (_tif(gcps=_points(4), crs=WGS84), GCPS, "gdalwarp -order 1 ", IDENTITY),
    "many GCPs": (_tif(gcps=_points(20), crs=WGS84), GCPS, "gdalwarp -tps ", IDENTITY),
    "degrees with a CRS of metres": (_tif(crs=UTM, transform=DEGREES), "like degrees", ASSIGN, DEGREES),
    "metres with a CRS of degrees": (_tif(crs=WGS84, transform=PLACE), "in degrees, and", ASSIGN, PLACE),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_places(name: str, tmp_path: Path) -> None:
    make, lack, remedy, transform = CASES[name]
    path = make(tmp_path)
    inner = f'NETCDF:"{path}":green' if path.suffix == ".nc" else str(path)
    with Raster(inner) as raster:
        found = raster.georeference
        assert raster.grid == found.grid
    assert lack in found.lack
    assert bool(lack) == bool(found.lack) == bool(found.remedy) == (found.grid.crs is None)
    assert remedy in found.remedy
    assert np.allclose(found.grid.transform[:6], transform[:6])
    assert math.isnan(found.grid.pixel_size_m[0]) == bool(lack)


def test_remedies_name_the_file(tmp_path: Path) -> None:
    """As a shell takes it."""
    folder = tmp_path / "my scenes"
    folder.mkdir()
    with Raster(str(_tif(crs=UTM)(folder))) as raster:
        assert raster.georeference.remedy.endswith(f" '{folder / 'a.tif'}' OUT.tif`")


NAN, INFINITE = float("nan"), float("inf")
SINGULAR = {
    "no size": Affine(0, 0, EAST, 0, 0, NORTH),
    "no width": Affine(0, 0, EAST, 0, -10, NORTH),
    "no height": Affine(10, 0, EAST, 0, 0, NORTH),
    "a line": Affine(10, 10, EAST, 10, 10, NORTH),
    "NaN as origin": Affine(10, 0, NAN, 0, -10, NORTH),
    "NaN as size": Affine(NAN, 0, EAST, 0, -10, NORTH),
    "infinite origin": Affine(10, 0, EAST, 0, -10, INFINITE),
    "infinite size": Affine(10, 0, EAST, 0, -INFINITE, NORTH),
    "beyond all numbers": Affine(1e200, 0, EAST, 0, -1e200, NORTH),
}


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", None])
@pytest.mark.parametrize("name", SINGULAR)
def test_geotransforms_that_put_pixels_nowhere(name: str, crs: str | None, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", transform=SINGULAR[name], **({"crs": crs} if crs else {}))
    with pytest.raises(SceneError, match=r"a\.tif: .*(geotransform|tie point).*-a_ullr") as caught:
        Raster(str(path))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", ["10\n0\n0\n-10\nnan\n0\n", "10\n0\n0\n-10\n0\ninf\n"])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_world_files_that_put_pixels_nowhere(suffix: str, text: str, tmp_path: Path) -> None:
    driver, world = {".tif": ("GTiff", ".tfw"), ".png": ("PNG", ".pgw")}[suffix]
    with pytest.raises(SceneError, match="not finite"):
        Raster(str(_with_world(suffix, world, text, driver=driver)(tmp_path)))


def test_netcdf_that_puts_pixels_nowhere(tmp_path: Path) -> None:
    path = _netcdf(tmp_path / "a.nc", told=f"{EAST} 0 0 {NORTH} 0 0")
    with pytest.raises(SceneError, match="no size"):
        Raster(f'NETCDF:"{path}":green')


def test_what_has_no_place_does_not_align_with_what_has(tmp_path: Path) -> None:
    names = ("placed", "geotransform alone", "CRS alone", "nothing", "few GCPs", "RPCs")
    grids = {}
    for name in names:
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        with open_raster_layer(CASES[name][0](folder), "a", categorical=False) as layer:
            grids[name] = layer.grid
    same = [{"placed"}, {"geotransform alone"}, {"CRS alone", "nothing", "few GCPs", "RPCs"}]
    for one in names:
        for other in names:
            if any({one, other} <= group for group in same):
                assert place(grids[one], grids[other], what="x").shift == (0, 0)
            else:
                with pytest.raises(SceneError, match="cannot be aligned"):
                    place(grids[one], grids[other], what="x")


def test_a_driver_that_leaves_the_numbers_as_they_were_in_memory(tmp_path: Path) -> None:
    """GDAL's driver of PNM fills in no geotransform where there is none."""
    placed = _write(tmp_path / "placed.tif", crs=UTM, transform=PLACE)
    path = tmp_path / "a.pgm"
    path.write_bytes(f"P5\n{COLS} {ROWS}\n255\n".encode() + bytes(ROWS * COLS))
    for _ in range(3):
        with Raster(str(placed)) as raster:
            assert raster.grid.transform == PLACE
        with _unwarned(), Raster(str(path)) as raster:
            assert raster.grid.transform == Affine.identity()
            assert raster.georeference.lack
