"""PRISMA products: radiance by their geolocation arrays, reflectance on their map."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import Window
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.swath import in_sensor_geometry
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.prisma import EAST, EPSG, NORTH, PIXEL, detector_name, to_map, write_prisma

CENTRES = np.concatenate([[410.0, 450, 490, 560, 660, 835, 970], np.arange(1010, 2490, 55.0)])


def scene(*paths: Path | str, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def cube(height: int = 40, width: int = 30) -> NDArray[np.float64]:
    """Each pixel and band has a value of its own, 1 to 60."""
    bands = np.arange(len(CENTRES))[:, None, None]
    rows, cols = np.mgrid[0:height, 0:width]
    return np.asarray(1 + bands + 0.5 * rows + 0.01 * cols)


def on_ground(opened: Scene, values: NDArray[np.float64], row: float, col: float) -> float:
    """The value of a band (H, W) on the map where a frame's pixel lies."""
    x, y = to_map(row + 0.5, col + 0.5, 40, 30)
    transform = opened.grid.transform
    return float(values[int((y - transform.f) / transform.e), int((x - transform.c) / transform.a)])


def test_level_1_is_radiance_on_the_ground(tmp_path: Path) -> None:
    made = cube()
    path = write_prisma(tmp_path / detector_name("L1"), made, CENTRES)
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "prisma"
        assert opened.platform == "prisma"
        assert opened.time == datetime(2023, 6, 1, 10, 11, 12, 345678, tzinfo=UTC)
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith == pytest.approx(32.5)
        assert {band.units for band in opened.bands} == {"radiance"}
        assert opened.grid.crs == CRS.from_epsg(EPSG)
        assert opened.grid.transform.a == PIXEL
        assert sorted(1000 * (band.wavelength or 0) for band in opened.bands) == pytest.approx(CENTRES)
        assert [1000 * (band.fwhm or 0) for band in opened.bands] == pytest.approx([10] * len(CENTRES))
        for name, band in (("green", 3), ("swir16", int(np.argmin(np.abs(CENTRES - 1610))))):
            pixels = opened.read(opened.grid.window, [name])
            found = pixels.physical()[0]
            for row, col in ((0, 0), (39, 29), (20, 3), (5, 28)):
                assert on_ground(opened, found, row, col) == pytest.approx(made[band, row, col], abs=1e-3)
        # Each pixel of the frame covers one of the map; the corners of the map lie outside.
        assert pixels.valid.sum() == pytest.approx(40 * 30, rel=0.1)
        assert not pixels.valid[0, 0]
        assert "Cloud_Mask" in {item.name for item in opened.metadata.left_out}


def test_windows_are_parts_of_the_whole(tmp_path: Path) -> None:
    with scene(write_prisma(tmp_path / "a.he5", cube(), CENTRES)) as opened:
        names = ["swir22", "blue", "w560"]
        whole = opened.read(opened.grid.window, names)
        window = Window(row=11, col=7, height=13, width=17)
        part = opened.read(window, names)
        rows, cols = window.slices(opened.grid.window)
        np.testing.assert_array_equal(part.data, whole.data[:, rows, cols])
        np.testing.assert_array_equal(part.valid, whole.valid[rows, cols])
        assert part.valid.any()
        assert opened.cache_bytes(names) > 0


@pytest.mark.parametrize("across_first", [True, False])
def test_columns_of_the_frame_are_detectors(tmp_path: Path, across_first: bool) -> None:
    made = cube()
    path = write_prisma(tmp_path / "a.he5", made, CENTRES)
    if not across_first:
        with h5py.File(path, "a") as file:
            for field in ("Data Fields/VNIR_Cube", "Data Fields/SWIR_Cube"):
                turn(file, f"HDFEOS/SWATHS/PRS_L1_HCO/{field}", (2, 1, 0))
            for name in ("Latitude_VNIR", "Longitude_VNIR"):
                turn(file, f"HDFEOS/SWATHS/PRS_L1_HCO/Geolocation Fields/{name}", (1, 0))
    with scene(path) as opened:
        raw = in_sensor_geometry(opened)
        assert raw is not None
        frame, _ = raw
        assert (frame.grid.height, frame.grid.width, frame.grid.crs) == (40, 30, None)
        found = frame.read(frame.grid.window, ["w560", "w970"]).physical()
        np.testing.assert_allclose(found, made[[3, 6]], atol=1e-3)


def turn(file: h5py.File, name: str, order: tuple[int, ...]) -> None:
    """Exchange the axes of a dataset."""
    values = file[name][()].transpose(order)
    del file[name]
    file[name] = values


def test_a_dark_band_is_observed_and_an_empty_pixel_is_not(tmp_path: Path) -> None:
    made = cube()
    made[0] = -0.5  # stored as 0
    made[:, 7, 9] = np.nan
    with scene(write_prisma(tmp_path / "a.he5", made, CENTRES)) as opened:
        raw = in_sensor_geometry(opened)
        assert raw is not None
        frame, _ = raw
        valid = frame.read(frame.grid.window, ["w410"]).valid
        expected = np.ones((40, 30), bool)
        expected[7, 9] = False
        np.testing.assert_array_equal(valid, expected)
        # The edge of the swath and the empty pixel are not observed on the map either.
        pixels = opened.read(opened.grid.window, ["w410"])
        assert not on_ground(opened, pixels.valid.astype(float), 7, 9)
        assert on_ground(opened, pixels.valid.astype(float), 7, 8)


@pytest.mark.parametrize("centre_corners", [True, False])
def test_level_2d_lies_on_its_map(tmp_path: Path, centre_corners: bool) -> None:
    made = cube(20, 30) / 60
    made[:, 0, :5] = np.nan
    path = write_prisma(
        tmp_path / detector_name("L2D"), made, CENTRES, level="L2D", centre_corners=centre_corners
    )
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.surface
        assert {band.units for band in opened.bands} == {"reflectance"}
        assert opened.grid.crs == CRS.from_epsg(EPSG)
        assert opened.grid.transform[:6] == pytest.approx((PIXEL, 0, EAST, 0, -PIXEL, NORTH))
        assert (opened.grid.height, opened.grid.width) == (20, 30)
        pixels = opened.read(opened.grid.window, ["green", "nir", "w2330"])
        seen = np.isfinite(made[0])
        np.testing.assert_array_equal(pixels.valid, seen)
        index = [3, 5, int(np.argmin(np.abs(CENTRES - 2330)))]
        np.testing.assert_allclose(pixels.physical()[:, seen], made[index][:, seen], atol=2e-5)


def test_level_2c_is_put_on_the_ground(tmp_path: Path) -> None:
    made = cube() / 60
    with scene(write_prisma(tmp_path / "c.he5", made, CENTRES, level="L2C")) as opened:
        assert {band.units for band in opened.bands} == {"reflectance"}
        found = opened.read(opened.grid.window, ["red"]).physical()[0]
        assert on_ground(opened, found, 30, 12) == pytest.approx(made[4, 30, 12], abs=2e-5)


def test_level_2b_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"level 2B \(radiance at the ground\).*give level 2D or 2C"):
        scene(write_prisma(tmp_path / "b.he5", cube(), CENTRES, level="L2B"))


@pytest.mark.parametrize("container", ["zip", "folder", "GDAL's name of a cube"])
def test_containers(tmp_path: Path, container: str) -> None:
    (tmp_path / "order").mkdir()
    path = write_prisma(tmp_path / "order" / detector_name("L1"), cube(), CENTRES)
    (path.parent / "readme.txt").write_text("PRISMA")
    given: Path | str = path.parent
    if container == "zip":
        given = tmp_path / "order.zip"
        with zipfile.ZipFile(given, "w") as archive:
            archive.write(path, path.name)
    elif container != "folder":
        given = f'HDF5:"{path}"://HDFEOS/SWATHS/PRS_L1_HCO/Data_Fields/SWIR_Cube'
    with scene(given) as opened:
        assert len(opened.bands) == len(CENTRES)
        assert {band.units for band in opened.bands} == {"radiance"}


def test_channels_that_are_not_used_are_left_out(tmp_path: Path) -> None:
    centres = CENTRES.copy()
    centres[:2] = 0
    with scene(write_prisma(tmp_path / "a.he5", cube(), centres)) as opened:
        assert len(opened.bands) == len(CENTRES) - 2
        assert any("left out: 2 bands" in note for note in notes_of(opened))


@pytest.mark.parametrize(
    ("attribute", "message"),
    [("ScaleFactor_Swir", "ScaleFactor_Swir is missing"), ("List_Cw_Vnir", "List_Cw_Vnir")],
)
def test_missing_attributes_are_named(tmp_path: Path, attribute: str, message: str) -> None:
    path = write_prisma(tmp_path / "a.he5", cube(), CENTRES)
    with h5py.File(path, "a") as file:
        del file.attrs[attribute]
    with pytest.raises(SceneReadError, match=message):
        scene(path)


@pytest.mark.parametrize("level", ["L1", "L2D"])
def test_a_product_without_places_is_in_pixel_coordinates(tmp_path: Path, level: str) -> None:
    made = cube(20, 30) / (60 if level == "L2D" else 1)
    path = write_prisma(tmp_path / "a.he5", made, CENTRES, level=level)
    with h5py.File(path, "a") as file:
        if level == "L1":
            del file["HDFEOS/SWATHS/PRS_L1_HCO/Geolocation Fields"]
        else:
            del file.attrs["Epsg_Code"]
    with scene(path) as opened:
        assert opened.grid.crs is None
        assert any("no map grid" in text and "level 2D" in text for text in warnings_of(opened))
        found = opened.read(opened.grid.window, ["w560"]).physical()[0]
        np.testing.assert_allclose(found if level == "L2D" else found.T, made[3], atol=1e-3)


def test_level_2d_without_corners_is_placed_by_its_arrays(tmp_path: Path) -> None:
    made = cube() / 60
    path = write_prisma(tmp_path / "c.he5", made, CENTRES, level="L2C")
    with h5py.File(path, "a") as file:
        file.move("HDFEOS/SWATHS/PRS_L2C_HCO", "HDFEOS/SWATHS/PRS_L2D_HCO")
    with scene(path) as opened:
        assert opened.grid.crs == CRS.from_epsg(EPSG)
        found = opened.read(opened.grid.window, ["red"]).physical()[0]
        assert on_ground(opened, found, 30, 12) == pytest.approx(made[4, 30, 12], abs=2e-5)
