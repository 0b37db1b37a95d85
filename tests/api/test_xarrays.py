"""xarray in, xarray out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from affine import Affine

import geoseg
from geoseg.api.arrays import paths_of
from geoseg.api.georeference import Georeference
from geoseg.api.xarrays import rioxarray as import_rioxarray
from geoseg.errors import RuntimeMissingError, UsageError
from tests.api.pixels import CRS, reflectance, write_scene

if TYPE_CHECKING:
    import xarray

rioxarray = pytest.importorskip("rioxarray", reason="rioxarray is not installed")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", reflectance())


def as_dataset(array: xarray.DataArray) -> xarray.Dataset:
    bands = array.assign_coords(band=list(array.attrs["long_name"]))
    layers: xarray.Dataset = bands.drop_attrs().to_dataset("band").rio.write_crs(CRS)
    return layers


def as_named_bands(array: xarray.DataArray) -> xarray.DataArray:
    named = array.assign_coords(band=list(array.attrs["long_name"])).drop_attrs()
    georeferenced: xarray.DataArray = named.rio.write_crs(CRS)
    return georeferenced


FORMS: dict[str, Callable[[xarray.DataArray], object]] = {
    "opened": lambda array: array,
    "named bands": as_named_bands,
    "data set": as_dataset,
    "data set of one variable with a band axis": lambda array: as_named_bands(array).to_dataset(name="all"),
    "bands last": lambda array: array.transpose("y", "x", "band"),
    "one time": lambda array: array.expand_dims("time"),
    "float64": lambda array: array.astype("float64"),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_map_of_the_file(scene: Path, form: str) -> None:
    expected = geoseg.flood(scene)
    made = geoseg.flood(FORMS[form](rioxarray.open_rasterio(scene)))
    assert expected.classes is not None
    assert made.classes is not None
    assert np.array_equal(made.classes, expected.classes)
    assert made.classes.rio.crs.to_epsg() == made.polygons.crs.to_epsg() == 32633
    assert made.polygons.geometry.geom_equals(expected.polygons.geometry).all()


def test_several_dates_of_a_data_set_are_refused(tmp_path: Path, scene: Path) -> None:
    dates = as_dataset(rioxarray.open_rasterio(scene)).expand_dims(time=[1, 2])
    with pytest.raises(UsageError, match=r"has the dimension time; .*`dataset.isel\(time=0\)`"):
        paths_of(dates, tmp_path, Georeference())


def test_stored_integers_keep_their_scale(tmp_path: Path, scene: Path) -> None:
    array = rioxarray.open_rasterio(scene)
    stored = (array / 0.0001).round().astype("uint16").assign_attrs(array.attrs, scale_factor=0.0001)
    path = paths_of(stored, tmp_path, Georeference())
    with geoseg.open_scene(path, sensor="generic") as opened:
        green = opened.read(opened.grid.window, ("green",)).physical()
    assert np.abs(green[0] - array.values[0]).max() < 1e-4


def stored(tmp_path: Path) -> Path:
    """A scene of integers with a scale, whose first pixels are nodata."""
    data = 2 * np.rint(reflectance() * 5_000).astype(np.uint16)
    data[:, :9, :9] = 0
    path = write_scene(tmp_path / "stored.tif", data)  # type: ignore[arg-type]
    with rasterio.open(path, "r+") as file:
        file.scales, file.nodata = (1e-4, 1e-4), 0
    return path


def variables(path: Path, **options: object) -> xarray.Dataset:
    found: xarray.Dataset = rioxarray.open_rasterio(path, band_as_variable=True, **options)
    return found.rename({name: item.attrs["long_name"] for name, item in found.data_vars.items()})


def unlike(path: Path) -> xarray.Dataset:
    """A data set whose variables have other types, scales and nodata values."""
    made = variables(path)
    swir = made["swir16"].astype("int32")
    filled = swir.where(swir > 0, -9999) // 2
    return made.assign(swir16=filled.assign_attrs(scale_factor=2e-4, _FillValue=-5000))


STORED: dict[str, Callable[[Path], object]] = {
    "variables": variables,
    "variables of dask": lambda path: variables(path, chunks={"x": 40, "y": 40}),
    "decoded variables": lambda path: variables(path, mask_and_scale=True),
    "variables stored otherwise": unlike,
    "dask": lambda path: rioxarray.open_rasterio(path, chunks={"band": 1, "x": 33, "y": 29}),
    "masked": lambda path: rioxarray.open_rasterio(path, masked=True),
    "path": lambda path: path,
    "open file": rasterio.open,
}


@pytest.mark.parametrize("form", STORED)
def test_scale_and_nodata_of_every_form_are_those_of_the_file(tmp_path: Path, form: str) -> None:
    path = stored(tmp_path)
    command = ("flood", path, "-o", tmp_path / "map.gpkg", "--raster", tmp_path / "map.tif", "-q")
    subprocess.run([sys.executable, "-m", "geoseg", *command], check=True)
    if form.startswith("variables of dask") or form == "dask":
        pytest.importorskip("dask", reason="dask is not installed")
    made = geoseg.flood(STORED[form](path)).classes
    assert made is not None
    with rasterio.open(tmp_path / "map.tif") as expected:
        assert made.dtype == expected.dtypes[0]
        np.testing.assert_array_equal(made, expected.read(1))
    with geoseg.open_scene(STORED[form](path)) as scene:
        assert {scene.units(band) for band in scene.band_names} == {"reflectance"}
        assert not scene.read(scene.grid.window, scene.band_names).valid[:9, :9].any()


def test_several_times_are_refused(tmp_path: Path, scene: Path) -> None:
    array = rioxarray.open_rasterio(scene)
    with pytest.raises(UsageError, match=r"select one of time, for example `array.isel\(time=0\)`"):
        paths_of(array.expand_dims(time=2), tmp_path, Georeference())


def test_scores_are_shares_and_nan(tmp_path: Path) -> None:
    data = reflectance()
    data[:, :5] = np.nan
    made = geoseg.flood(write_scene(tmp_path / "scene.tif", data))
    assert made.scores is not None
    assert made.classes is not None
    assert np.isnan(made.scores[:5]).all()
    assert float(made.scores.min()) >= 0
    assert float(made.scores.max()) <= 1
    assert (made.classes[:5] == made.classes.rio.nodata).all()
    assert made.classes.attrs["flag_meanings"] == "water"


def test_without_rioxarray_the_error_has_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rioxarray", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[xarray\]'"):
        import_rioxarray()


def flipped_rows(array: xarray.DataArray) -> xarray.DataArray:
    return array.sortby("y")


def flipped_columns(array: xarray.DataArray) -> xarray.DataArray:
    return array.isel(x=slice(None, None, -1))


def test_the_transform_is_that_of_the_file_to_the_last_digit(tmp_path: Path) -> None:
    step = 8.983152841195215e-05
    transform = Affine(step, 0, 91.62717083337867, 0, -step, 24.416838243067478)
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=96,
        width=77,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=transform,
    ) as file:
        file.write(np.ones((1, 96, 77), np.uint8))
    array = rioxarray.open_rasterio(path)
    assert array.rio.transform(recalc=True) != transform
    with rasterio.open(str(paths_of(array, tmp_path, Georeference()))) as file:
        assert file.transform == transform
    with rasterio.open(str(paths_of(array[:, 5:, 7:], tmp_path, Georeference()))) as file:
        assert file.transform.c == pytest.approx(transform.c + 7 * step, abs=1e-12)
        assert file.transform.f == pytest.approx(transform.f - 5 * step, abs=1e-12)


@pytest.mark.parametrize("change", [flipped_rows, flipped_columns])
def test_a_flipped_array_lies_where_its_coordinates_say(
    scene: Path, change: Callable[[xarray.DataArray], xarray.DataArray]
) -> None:
    expected = geoseg.flood(scene).polygons
    found = geoseg.flood(change(rioxarray.open_rasterio(scene))).polygons
    assert found.total_bounds == pytest.approx(expected.total_bounds)
    assert found.area.sum() == pytest.approx(expected.area.sum())


def test_a_thinned_array_has_the_area_of_the_whole(scene: Path) -> None:
    array = rioxarray.open_rasterio(scene)
    whole, thinned = geoseg.flood(array), geoseg.flood(array[:, ::2, ::2])
    assert thinned.polygons["area_m2"].sum() == pytest.approx(whole.polygons["area_m2"].sum(), rel=0.05)


def test_uneven_coordinates_are_refused(scene: Path, tmp_path: Path) -> None:
    uneven = rioxarray.open_rasterio(scene).isel(y=[0, 1, 2, 5, 9, 50])
    with pytest.raises(UsageError, match="coordinates y of the array are not evenly spaced"):
        paths_of(uneven, tmp_path, Georeference())


def test_dimensions_are_named(scene: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rename two to y and x"):
        paths_of(rioxarray.open_rasterio(scene).rename(x="u", y="v"), tmp_path, Georeference())
