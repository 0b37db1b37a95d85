"""Arrays of netCDF, HDF5 and Zarr: variables as bands, GDAL's names of parts, what is left out or refused."""

from __future__ import annotations

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.grid import Window
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.subdatasets import Subdataset, spelled, subdataset_of
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.ground import CRS as GROUND
from tests.products.ground import EAST, NORTH
from tests.products.netcdf import write_spectra, write_stack, write_variables
from tests.products.zarr import consolidate, write_array, write_store

NAMES = ("green", "nir", "swir16")
HEIGHT, WIDTH = 20, 30


def scene(*paths: Path | str, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def bands(dtype: str = "float32") -> dict[str, NDArray[Any]]:
    """Reflectance 0.01 to 0.6, each pixel and band of its own; counts for whole numbers."""
    values = 0.01 + np.arange(HEIGHT * WIDTH * 3).reshape(3, HEIGHT, WIDTH) / 3050
    stored = values if dtype.startswith("float") else np.rint(values * 10_000)
    return {name: stored[index].astype(dtype) for index, name in enumerate(NAMES)}


def check(opened: Scene, names: tuple[str, ...] = NAMES, crs: str | None = GROUND) -> None:
    """Whether a scene holds the bands, at their place."""
    assert set(opened.band_names) == set(names)
    pixels = opened.read(opened.grid.window, names)
    expected = np.stack([bands("float64")[name] for name in names])
    np.testing.assert_allclose(pixels.physical(), expected, atol=6e-5)
    assert pixels.valid.all()
    assert {band.units for band in opened.bands} == {"reflectance"}
    assert opened.grid.crs == (None if crs is None else CRS.from_user_input(crs))
    if crs == GROUND:
        assert opened.grid.transform[:6] == pytest.approx((10, 0, EAST, 0, -10, NORTH))


@pytest.mark.parametrize("told", ["named", "beside"])
@pytest.mark.parametrize("upward", [False, True])
@pytest.mark.parametrize("group", ["", "data"])
def test_variables_are_bands(tmp_path: Path, told: Any, upward: bool, group: str) -> None:
    with scene(write_variables(tmp_path / "a.nc", bands(), told=told, upward=upward, group=group)) as opened:
        check(opened)
        assert any("name no CRS" in note for note in notes_of(opened)) == (told == "beside")


@pytest.mark.parametrize("crs", [GROUND, "EPSG:9999999"])
def test_the_crs_may_be_an_attribute_of_the_arrays(crs: str, tmp_path: Path) -> None:
    """As stackstac and xarray leave it."""
    path = write_variables(tmp_path / "a.nc", bands(), told="none")
    with netCDF4.Dataset(path, "a") as file:
        for name in NAMES:
            file[name].crs = crs.lower()
    with scene(path) as opened:
        check(opened, crs=GROUND if crs == GROUND else None)
        assert any("name no CRS" in note for note in notes_of(opened)) == (crs == GROUND)


def test_scaled_integers_are_reflectance(tmp_path: Path) -> None:
    made = bands("int16")
    path = write_variables(tmp_path / "a.nc", made, scale=1e-4, fill=-9999)
    with netCDF4.Dataset(path, "a") as file:
        file["green"].set_auto_maskandscale(False)
        file["green"][3, 4] = -9999
    with scene(path) as opened:
        assert not opened.read(opened.grid.window, ["green"]).valid[3, 4]
        found = opened.read(opened.grid.window, ["nir"]).physical()[0]
        np.testing.assert_allclose(found, bands("float64")["nir"], atol=6e-5)


def test_degrees_without_a_crs_are_said_to_be_taken(tmp_path: Path) -> None:
    with scene(write_variables(tmp_path / "a.nc", bands(), told="none", degrees=True)) as opened:
        check(opened, crs="EPSG:4326")
        assert any("degrees" in note for note in notes_of(opened))


def test_one_time_is_the_scene_s_and_several_are_asked_about(tmp_path: Path) -> None:
    with scene(write_variables(tmp_path / "one.nc", bands(), times=1)) as opened:
        check(opened)
        assert opened.time == datetime(2023, 6, 1, 10, tzinfo=UTC)
    path = write_variables(tmp_path / "two.nc", bands(), times=2)
    with pytest.raises(BandError, match=r"two\.nc:green: it holds 2 times.*`--band NAME="):
        scene(path)
    chosen = {name: f'NETCDF:"{path}":{name}:2' for name in NAMES}
    with scene(path, bands=chosen) as opened:
        check(opened)


@pytest.mark.parametrize("how", ["coordinate", "long_name"])
def test_bands_of_a_stack_have_names(tmp_path: Path, how: Any) -> None:
    with scene(write_stack(tmp_path / "a.nc", np.stack(list(bands().values())), NAMES, how)) as opened:
        check(opened)


@pytest.mark.parametrize("attribute", ["band_names", "names", "description"])
def test_names_of_bands_in_other_attributes(tmp_path: Path, attribute: str) -> None:
    path = write_stack(tmp_path / "a.nc", np.stack(list(bands().values())), NAMES, "none")
    with netCDF4.Dataset(path, "a") as file:
        file["reflectance"].setncattr_string(attribute, list(NAMES))
    with scene(path) as opened:
        check(opened)


def test_numbered_bands_take_wavelengths_of_a_list_beside_them(tmp_path: Path) -> None:
    centres = np.linspace(420, 2450, 40)
    cube = np.full((40, HEIGHT, WIDTH), 0.2, np.float32)
    path = write_stack(tmp_path / "a.nc", cube, [str(n) for n in range(40)], "none")
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("wavelength", "f8", ("band",))[:] = centres
    with scene(path) as opened:
        assert [1000 * (band.wavelength or 0) for band in opened.bands] == pytest.approx(centres)
        assert {band.units for band in opened.bands} == {"reflectance"}


def test_a_stack_without_names_is_asked_about(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.nc", np.stack(list(bands().values())), NAMES, "none")
    with pytest.raises(BandError, match="3 float32 bands without names"):
        scene(path)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("units", "factor"), [("nm", 1), ("um", 1e-3), ("micrometers", 1e-3), ("", 1)])
def test_spectra_are_cubes(tmp_path: Path, last: bool, units: str, factor: float) -> None:
    centres = np.linspace(420, 2450, 40)
    cube = (0.1 + np.arange(40 * HEIGHT * WIDTH).reshape(40, HEIGHT, WIDTH) / 1e5).astype(np.float32)
    path = write_spectra(
        tmp_path / "a.nc", cube, centres * factor, last=last, units=units, widths=np.full(40, 9.0) * factor
    )
    with scene(path) as opened:
        assert [1000 * (band.wavelength or 0) for band in opened.bands] == pytest.approx(centres)
        if units:
            assert [1000 * (band.fwhm or 0) for band in opened.bands] == pytest.approx([9.0] * 40)
        assert {band.units for band in opened.bands} == {"reflectance"}
        assert opened.grid.transform[:6] == pytest.approx((10, 0, EAST, 0, -10, NORTH))
        window = Window(row=3, col=5, height=7, width=11)
        names = (opened.band_names[31], opened.band_names[2])
        np.testing.assert_array_equal(opened.read(window, names).data, cube[[31, 2], 3:10, 5:16])
        assert opened.cache_bytes(names) > 0


def test_auxiliary_variables_are_no_bands(tmp_path: Path) -> None:
    more = {"nir_uncertainty": bands()["nir"], "cloud_mask": np.zeros((HEIGHT, WIDTH), np.uint8)}
    more |= {"count": more["cloud_mask"], "elevation": bands()["green"]}
    with scene(write_variables(tmp_path / "a.nc", bands() | more)) as opened:
        check(opened)
        told = " ".join((*(item.name for item in opened.metadata.left_out), *notes_of(opened)))
        assert all(name in told for name in more)


def test_quality_layers_among_variables_are_masks(tmp_path: Path) -> None:
    classes = np.full((HEIGHT, WIDTH), 4, np.uint8)
    classes[3, 4] = 9
    with scene(
        write_variables(tmp_path / "a.nc", bands() | {"SCL": classes}), sensor="sentinel-2-l2a"
    ) as opened:
        assert set(opened.band_names) == set(NAMES)
        valid = opened.read(opened.grid.window, ["nir"]).valid
        np.testing.assert_array_equal(valid, classes == 4)


@pytest.mark.parametrize(
    "spelling",
    [
        'NETCDF:"{path}":nir',
        "netcdf:{path}:nir",
        "NETCDF:{path}:nir",
        'HDF5:"{path}"://nir',
        "HDF5:{path}://nir",
    ],
)
def test_gdal_s_names_of_parts(tmp_path: Path, spelling: str) -> None:
    path = write_variables(tmp_path / "a.nc", bands())
    with scene(spelling.format(path=path)) as opened:
        found = opened.read(opened.grid.window, ["nir"]).physical()[0]
        np.testing.assert_allclose(found, bands("float64")["nir"], atol=1e-6)
        assert opened.bands[0].origin == "name"


def test_several_parts_make_one_scene(tmp_path: Path) -> None:
    path = write_variables(tmp_path / "a.nc", bands())
    with scene(*(f'NETCDF:"{path}":{name}' for name in NAMES)) as opened:
        check(opened)
    with scene(path, bands={"red": f'NETCDF:"{path}":green'}) as opened:
        assert "red" in opened.band_names


@pytest.mark.parametrize("driver", ["NETCDF", "HDF5", "ZARR", "HDF4_EOS:EOS_GRID", "GTIFF_DIR:1"])
def test_parts_of_nothing_do_not_exist(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "none.nc"
    text = f"GTIFF_DIR:1:{path}" if driver.startswith("GTIFF") else f'{driver}:"{path}":part'
    with pytest.raises(SceneReadError, match=r"none\.nc does not exist"):
        scene(text)


def test_a_part_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = write_variables(tmp_path / "a.nc", bands())
    with pytest.raises(SceneReadError, match="blue"):
        scene(f'NETCDF:"{path}":blue')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('NETCDF:"/a/b.nc":/group/nir', ("netcdf", "/a/b.nc", "group/nir")),
        ("netcdf:b.nc:nir", ("netcdf", "b.nc", "nir")),
        ('HDF5:"b.h5"://data/nir', ("hdf5", "b.h5", "data/nir")),
        ("HDF5:/vsicurl/https://host/b.h5://nir", ("hdf5", "/vsicurl/https://host/b.h5", "nir")),
        ('ZARR:"s.zarr":/nir', ("zarr", "s.zarr", "nir")),
        ("GTIFF_DIR:2:pages.tif", ("gtiff_dir", "pages.tif", "2")),
        ('HDF4_EOS:EOS_GRID:"m.hdf":grid:sur_refl_b01', ("hdf4_eos:eos_grid", "m.hdf", "grid:sur_refl_b01")),
        (
            "SENTINEL2_L2A:/p/MTD_MSIL2A.xml:10m:EPSG_32633",
            ("sentinel2_l2a", "/p/MTD_MSIL2A.xml", "10m:EPSG_32633"),
        ),
    ],
)
def test_spellings(text: str, expected: tuple[str, str, str]) -> None:
    assert subdataset_of(text) == Subdataset(driver=expected[0], file=expected[1], variable=expected[2])


@pytest.mark.parametrize("text", ["a.tif", "C:\\data\\a.tif", "/vsicurl/https://host/a.tif", "s3://b/a.tif"])
def test_other_paths_are_no_parts(text: str) -> None:
    assert subdataset_of(text) is None


@pytest.mark.parametrize("driver", ["netcdf", "hdf5", "zarr"])
def test_spelling_there_and_back(driver: str) -> None:
    found = subdataset_of(spelled(driver, "/a/b", "group/nir"))
    assert found == Subdataset(driver=driver, file="/a/b", variable="group/nir")


def test_hdf5_of_plain_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name, values in bands().items():
            file[f"sr/{name}"] = values
    with scene(path) as opened:
        check(opened, crs=None)
        assert any("no CRS" in text for text in warnings_of(opened))


def test_hdf4_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "MOD09GA.A2023152.h18v04.061.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(200))
    for given in (path, f'HDF4_EOS:EOS_GRID:"{path}":MODIS_Grid_500m_2D:sur_refl_b01_1'):
        with pytest.raises(SceneReadError, match=r"HDF4.*gdal_translate"):
            scene(given)


def test_files_of_one_variable_each_make_a_scene(tmp_path: Path) -> None:
    for name, values in bands().items():
        write_variables(tmp_path / f"{name}.nc", {name: values})
    with scene(tmp_path) as opened:
        check(opened)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("told", ["named", "beside"])
@pytest.mark.parametrize("suffix", [".zarr", ""])
def test_a_store_is_a_scene(tmp_path: Path, version: int, told: str, suffix: str) -> None:
    path = write_store(tmp_path / f"made{suffix}", bands(), version=version, told=told)
    with scene(path) as opened:
        check(opened)
    with scene(f'ZARR:"{path}":/nir') as opened:
        check(opened, ("nir",))


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_of_scaled_integers(tmp_path: Path, version: int) -> None:
    made = bands("int16")
    made["green"][3, 4] = -9999
    more = {"scale_factor": 1e-4, "add_offset": 0.0}
    path = write_store(tmp_path / "a.zarr", made, version=version, attributes=more, fill=-9999)
    with scene(path) as opened:
        assert not opened.read(opened.grid.window, ["green"]).valid[3, 4]
        found = opened.read(opened.grid.window, ["swir16"]).physical()[0]
        np.testing.assert_allclose(found, bands("float64")["swir16"], atol=6e-5)


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_with_a_dimension_of_bands(tmp_path: Path, version: int) -> None:
    path = write_store(tmp_path / "a.zarr", {"other": bands()["nir"]}, version=version)
    shutil.rmtree(path / "other")
    stack = np.stack(list(bands().values()))
    write_array(path / "reflectance", stack, ("band", "y", "x"), version, {"grid_mapping": "spatial_ref"})
    write_array(path / "band", np.array(NAMES), ("band",), version)
    if version == 2:
        consolidate(path)
    with scene(path) as opened:
        check(opened)


@pytest.mark.parametrize("version", [2, 3])
def test_sentinel_2_in_groups_of_resolutions(tmp_path: Path, version: int) -> None:
    counts = np.full((24, 24), 3000, np.uint16)
    arrays = {f"measurements/reflectance/r10m/{name}": counts for name in ("b02", "b03", "b04", "b08")}
    arrays |= {"quality/mask/r10m/b02": np.ones((24, 24), np.uint8)}
    more = {"scale_factor": 1e-4, "add_offset": -0.1, "proj:epsg": 32633}
    name = "S2A_MSIL2A_20230601T101031_N0509_R022_T33UXP_20230601T150000.zarr"
    with scene(
        write_store(tmp_path / name, arrays, version=version, told="none", attributes=more, fill=0)
    ) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l2a"
        assert set(opened.band_names) == {"blue", "green", "red", "nir"}
        assert opened.grid.crs == CRS.from_epsg(32633)
        found = opened.read(opened.grid.window, ["green"]).physical()
        np.testing.assert_allclose(found, 0.2, atol=1e-6)
        assert [item.name for item in opened.metadata.left_out] == ["quality/mask/r10m/b02"]


def test_a_zipped_store(tmp_path: Path) -> None:
    folder = write_store(tmp_path / "a.zarr", bands())
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for item in folder.rglob("*"):
            if item.is_file():
                archive.write(item, f"a.zarr/{item.relative_to(folder)}")
    with scene(path) as opened:
        check(opened)


def test_codecs_that_are_not_read_are_named(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.zarr", {"nir": bands()["nir"]}, version=3)
    shutil.rmtree(path / "nir")
    write_array(
        path / "nir",
        bands()["nir"],
        ("y", "x"),
        3,
        codecs=[{"name": "sharding_indexed", "configuration": {}}],
    )
    with pytest.raises(SceneError, match=r"nir.*sharding_indexed"):
        scene(f'ZARR:"{path}":/nir')
    with pytest.raises(SceneError, match="nir"):
        scene(path)
