"""Cubes: widths and units of bands, and EMIT granules on the ground."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.grid import Window
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.swath import in_sensor_geometry
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.emit import write_emit
from tests.spectrometer import (
    CENTRES,
    EAST,
    NORTH,
    STEP,
    WIDTHS,
    Cube,
    lookup_table,
    simulate,
    to_ground,
    write_envi,
    write_granule,
    write_tiff,
)


def scene(path: Path, sensor: str | None = None) -> Scene:
    return open_scene(SceneSpec(paths=(str(path),), sensor=sensor), sensors())


@pytest.mark.parametrize("interleave", ["bil", "bip", "bsq"])
def test_envi_headers_tell_widths_and_units(tmp_path: Path, interleave: str) -> None:
    cube = simulate(20, 30)
    with scene(write_envi(tmp_path / "cube.img", cube, interleave=interleave)) as opened:
        assert len(opened.bands) == len(CENTRES)
        np.testing.assert_allclose([1000 * (band.wavelength or 0) for band in opened.bands], CENTRES)
        np.testing.assert_allclose([1000 * (band.fwhm or 0) for band in opened.bands], WIDTHS)
        assert opened.units("w2122") == "radiance"
        assert opened.bands[0].scale == pytest.approx(10)
        pixels = opened.read(opened.grid.window, opened.band_names)
        np.testing.assert_array_equal(pixels.data, np.moveaxis(cube.data, -1, 0))
        assert any("no CRS" in text for text in warnings_of(opened))


def test_a_header_may_call_bands_bad_or_leave_widths_out(tmp_path: Path) -> None:
    flags = ", ".join("0" if index == 3 else "1" for index in range(len(CENTRES)))
    path = write_envi(tmp_path / "cube.img", simulate(8, 9), fwhm=False, extra=f"bbl = {{{flags}}}")
    with scene(path) as opened:
        assert len(opened.bands) == len(CENTRES) - 1
        assert "w660" not in opened.band_names
        assert all(band.fwhm is None for band in opened.bands)
        assert any("left out: 1 band that the product marks as bad" in note for note in notes_of(opened))


def test_tags_of_a_tiff_tell_widths(tmp_path: Path) -> None:
    with scene(write_tiff(tmp_path / "cube.tif", simulate(20, 30))) as opened:
        np.testing.assert_allclose([1000 * (band.fwhm or 0) for band in opened.bands], WIDTHS)
        assert opened.units("w490") == "radiance"


@pytest.mark.parametrize(
    ("name", "factor", "units", "expected", "scale"),
    [
        ("cube.tif", 1.0, "", "dn", 1),
        ("cube.tif", 0.01, "", "reflectance", 1),
        ("f_rdn_cube.tif", 0.01, "", "dn", 1),
        ("f_rfl_cube.tif", 1.0, "", "reflectance", 1),
        ("cube.tif", 0.01, "W/m2/sr/um", "radiance", 1),
        ("cube.tif", 1.0, "uW/cm^2/SR/nm", "radiance", 10),
        ("cube.tif", 1.0, "mW m-2 nm-1 sr-1", "radiance", 1),
    ],
)
def test_units_are_told_or_seen_in_visible_light(
    tmp_path: Path, name: str, factor: float, units: str, expected: str, scale: float
) -> None:
    cube = simulate(20, 30)
    cube.data[:] *= factor
    with scene(write_tiff(tmp_path / name, cube, units=units)) as opened:
        assert {band.units for band in opened.bands} == {expected}
        assert [band.scale for band in opened.bands] == pytest.approx([scale] * len(CENTRES))


def test_fill_without_a_tag_is_found_once_for_all_bands(tmp_path: Path) -> None:
    cube = simulate(20, 30)
    cube.data[3, 4] = -9999
    with scene(write_tiff(tmp_path / "cube.tif", cube)) as opened:
        assert not opened.read(opened.grid.window, ["w490"]).valid[3, 4]
        assert sum("-9999" in note for note in notes_of(opened)) == 1


def test_a_stack_without_wavelengths_is_told_what_is_read(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 12, "dtype": "uint16"}
    place = {"crs": 32640, "transform": Affine(30, 0, 500_000, 0, -30, 4_000_000)}
    with rasterio.open(tmp_path / "cube.tif", "w", **profile, **place) as file:
        file.write(np.ones((12, 8, 8), np.uint16))
    with pytest.raises(
        BandError, match=r"12 bands without wavelengths; give prisma .*METADATA.XML.*ENVI or GeoTIFF"
    ):
        scene(tmp_path / "cube.tif", "prisma")


def test_a_granule_lies_on_the_ground(tmp_path: Path) -> None:
    cube = simulate(90, 70)
    cube.data[10, 12] = -9999
    with scene(write_granule(tmp_path / "granule.nc", cube, bad=(6,))) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "emit"
        assert opened.time == datetime(2022, 8, 15, 4, 28, 38, tzinfo=UTC)
        assert opened.grid.crs is not None
        assert opened.grid.crs.to_epsg() == 4326
        assert opened.grid.transform[:6] == (STEP, 0, EAST, 0, -STEP, NORTH)
        assert len(opened.bands) == len(CENTRES) - 1
        np.testing.assert_allclose(1000 * (opened.bands[0].fwhm or 0), WIDTHS[0])
        pixels = opened.read(opened.grid.window, ["w490", "w2347"])
        glt_x, glt_y = lookup_table(cube)
        gone = (glt_x == 13) & (glt_y == 11)
        np.testing.assert_array_equal(pixels.valid, (glt_x > 0) & ~gone)
        # EMIT's micro-watts are W m-2 sr-1 um-1 by a factor of 10.
        found = pixels.physical()[1]
        at = 10 * cube.data[..., int(np.argmin(np.abs(CENTRES - 2347)))]
        np.testing.assert_allclose(found[pixels.valid], at[glt_y - 1, glt_x - 1][pixels.valid], rtol=1e-6)
        lon, lat = to_ground(45.5, 20.5, cube)
        col, row = int((lon - EAST) / STEP), int((NORTH - lat) / STEP)
        assert found[row, col] == pytest.approx(at[45, 20], rel=1e-6)


def test_windows_of_a_granule_are_parts_of_the_whole(tmp_path: Path) -> None:
    with scene(write_granule(tmp_path / "granule.nc", simulate(150, 40))) as opened:
        whole = opened.read(opened.grid.window, ["w2122", "w460"])
        window = Window(row=50, col=61, height=33, width=29)
        part = opened.read(window, ["w2122", "w460"])
        rows, cols = window.slices(opened.grid.window)
        np.testing.assert_array_equal(part.data, whole.data[:, rows, cols])
        np.testing.assert_array_equal(part.valid, whole.valid[rows, cols])
        assert part.valid.any()
        assert opened.cache_bytes(["w2122"]) > 0


def test_a_granule_in_the_geometry_of_its_detector(tmp_path: Path) -> None:
    cube = simulate(90, 70)
    with scene(write_granule(tmp_path / "granule.nc", cube)) as opened:
        raw = in_sensor_geometry(opened)
        assert raw is not None
        frame, granule = raw
        assert (frame.grid.height, frame.grid.width, frame.grid.crs) == (90, 70, None)
        pixels = frame.read(frame.grid.window, ["w2122"])
        np.testing.assert_array_equal(pixels.data[0], cube.data[..., 10])
        rows, cols = granule.lookup(granule.grid.window)
        glt_x, glt_y = lookup_table(cube)
        np.testing.assert_array_equal(cols, glt_x - 1)
        np.testing.assert_array_equal(rows, glt_y - 1)


def test_a_granule_that_is_nowhere_or_torn_is_refused(tmp_path: Path) -> None:
    path = write_granule(tmp_path / "granule.nc", simulate(40, 40))
    with netCDF4.Dataset(path, "a") as file:
        file["location/glt_x"][30, 30] = 41
    with scene(path) as opened, pytest.raises(SceneReadError, match="outside the swath"):
        opened.read(opened.grid.window, ["w2122"])
    with netCDF4.Dataset(path, "a") as file:
        file.spatial_ref = ""
    with pytest.raises(SceneReadError, match="geotransform and spatial_ref"):
        scene(path)


def spectrum() -> NDArray[np.float64]:
    """(40, 60, 50): reflectance of each band and pixel."""
    return np.asarray(0.01 + np.arange(40 * 60 * 50).reshape(40, 60, 50) / 150_000)


RFL = np.linspace(400, 2480, 40)


@pytest.mark.parametrize("way", ["file", "folder", "GDAL's name"])
def test_reflectance_of_level_2a_lies_on_the_ground(tmp_path: Path, way: str) -> None:
    made = spectrum()
    path = write_emit(tmp_path, made, RFL)
    given = {"file": str(path), "folder": str(tmp_path), "GDAL's name": f'NETCDF:"{path}":reflectance'}[way]
    with open_scene(SceneSpec(paths=(given,)), sensors()) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "emit-l2a"
        assert opened.sensor.surface
        assert {band.units for band in opened.bands} == {"reflectance"}
        pixels = opened.read(opened.grid.window, [opened.band_names[7]])
        glt_x, glt_y = lookup_table(
            Cube(data=np.zeros((60, 50, 1), np.float32), plume=np.zeros((60, 50), bool))
        )
        np.testing.assert_array_equal(pixels.valid, glt_x > 0)
        expected = made[7, glt_y - 1, glt_x - 1][pixels.valid]
        np.testing.assert_allclose(pixels.physical()[0][pixels.valid], expected, rtol=1e-5)
        if way == "folder":
            assert [item.name[:16] for item in opened.metadata.left_out] == ["EMIT_L2A_RFLUNCE"]


@pytest.mark.parametrize("kind", ["EMIT_L2A_RFL", "EMIT_L1B_RAD"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_mask_of_the_acquisition_hides_clouds(tmp_path: Path, kind: str, whole: bool) -> None:
    cloud = np.zeros((60, 50), bool)
    cloud[10:30, 5:25] = True
    path = write_emit(tmp_path, spectrum(), RFL, kind=kind, cloud=cloud)
    with scene(tmp_path if whole else path) as opened:
        valid = opened.read(opened.grid.window, [opened.band_names[3]]).valid
        glt_x, glt_y = lookup_table(Cube(data=np.zeros((60, 50, 1), np.float32), plume=cloud))
        np.testing.assert_array_equal(valid, (glt_x > 0) & ~cloud[glt_y - 1, glt_x - 1])
        raw = in_sensor_geometry(opened)
        assert raw is not None
        frame, _ = raw
        np.testing.assert_array_equal(frame.read(frame.grid.window, [frame.band_names[3]]).valid, ~cloud)
        assert any("EMIT_L2A_MASK" in note for note in notes_of(opened))


def test_a_folder_of_level_1b_is_the_radiance(tmp_path: Path) -> None:
    write_emit(tmp_path, spectrum(), RFL, kind="EMIT_L1B_RAD")
    with scene(tmp_path) as opened:
        assert {band.units for band in opened.bands} == {"radiance"}
        assert [item.name[:12] for item in opened.metadata.left_out] == ["EMIT_L1B_OBS"]


def test_layers_of_a_granule_alone_are_refused(tmp_path: Path) -> None:
    path = write_emit(tmp_path, spectrum(), RFL)
    mask = next(tmp_path.glob("EMIT_L2A_MASK*"))
    path.unlink()
    for given in (mask, tmp_path):
        with pytest.raises(SceneError, match=r"cannot be mapped; give the EMIT_L1B_RAD or EMIT_L2A_RFL"):
            scene(given)


def test_two_granules_in_a_folder_are_asked_about(tmp_path: Path) -> None:
    write_emit(tmp_path, spectrum(), RFL)
    write_emit(tmp_path, spectrum(), RFL, kind="EMIT_L1B_RAD")
    with pytest.raises(SceneError, match="2 products"):
        scene(tmp_path)


def test_a_netcdf_of_another_kind_names_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "other.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("y", 4)
        file.createDimension("x", 5)
        for name in ("one", "two"):
            file.createVariable(name, "f4", ("y", "x"))[:] = 1
    with pytest.raises(BandError, match=r"of other\.nc:one, other\.nc:two .*`--band NAME=NETCDF:.*:one"):
        scene(path)


def test_gdal_here_reads_netcdf() -> None:
    with rasterio.Env() as env:
        assert "netCDF" in env.drivers()
