"""Arrays and datasets become files that state the same."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT

import geoseg
from geoseg.api.arrays import paths_of
from geoseg.api.georeference import Georeference
from geoseg.errors import GeosegError, SceneError, UsageError
from tests.api.pixels import BANDS, CRS, TRANSFORM, reflectance, write_scene

PLACE = Georeference(transform=TRANSFORM, crs=CRS, bands=BANDS)


def read(path: str | list[str]) -> rasterio.DatasetReader:
    assert isinstance(path, str)
    return rasterio.open(path)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64", "bool"]
)
def test_an_array_keeps_its_pixels(tmp_path: Path, dtype: str) -> None:
    data = (reflectance() > 0.1).astype(dtype)
    with read(paths_of(data, tmp_path, PLACE)) as file:
        assert np.array_equal(file.read(), data)
        assert (file.crs.to_epsg(), file.transform, file.descriptions) == (32633, TRANSFORM, BANDS)


@pytest.mark.parametrize("dtype", ["complex64", "<U3"])
def test_other_types_of_pixels_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(SceneError, match="cannot be read; convert"):
        paths_of(np.zeros((2, 4, 4)).astype(dtype), tmp_path, PLACE)


def test_integers_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="int64 cannot be read; convert"):
        paths_of(np.full((2, 4, 4), 2**40), tmp_path, PLACE)


@pytest.mark.parametrize("shape", [(4,), (1, 2, 4, 4), (0, 4, 4), (2, 0, 4)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="is not \\(height, width\\)"):
        paths_of(np.zeros(shape, np.float32), tmp_path, PLACE)


def test_names_must_fit_the_bands(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names 2 bands, and the array has 3"):
        paths_of(np.zeros((3, 4, 4), np.float32), tmp_path, PLACE)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"crs": "EPSG:0"}, "crs="),
        ({"transform": (1, 2)}, "transform="),
        ({"transform": "north"}, "transform="),
        ({"time": "yesterday"}, "time="),
    ],
)
def test_a_wrong_georeference_is_named(tmp_path: Path, stated: dict[str, object], message: str) -> None:
    place = Georeference(**stated)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        paths_of(np.zeros((4, 4), np.float32), tmp_path, place)


@pytest.mark.parametrize("value", [None, 3, [], [1], {"a": 1}, np.float32(3)])
def test_other_objects_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(UsageError, match="is not a scene"):
        paths_of(value, tmp_path, PLACE)


def test_masked_pixels_are_not_observed(tmp_path: Path) -> None:
    data = np.ma.masked_array(reflectance(), mask=False)
    data[:, :10] = np.ma.masked
    with geoseg.open_scene(data, transform=TRANSFORM, crs=CRS, bands=BANDS) as scene:
        valid = scene.read(scene.grid.window, ("green",)).valid
    assert not valid[:10].any()
    assert valid[10:].all()


def test_the_time_of_an_array_is_that_of_the_scene() -> None:
    time = datetime(2024, 5, 28, 10, 30)
    with geoseg.open_scene(reflectance(), transform=TRANSFORM, crs=CRS, bands=BANDS, time=time) as scene:
        assert scene.time is not None
        assert scene.time.replace(tzinfo=None) == time


def test_a_dataset_on_disk_is_its_path(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", reflectance())
    with rasterio.open(path) as dataset:
        assert paths_of(dataset, tmp_path, Georeference()) == str(path)


@pytest.mark.parametrize("kind", ["memory", "warped"])
def test_a_dataset_without_a_file_is_copied(tmp_path: Path, kind: str) -> None:
    path = write_scene(tmp_path / "scene.tif", reflectance())
    with MemoryFile(path.read_bytes()) as memory, memory.open() as dataset:
        source = dataset if kind == "memory" else WarpedVRT(dataset, crs="EPSG:32633")
        with read(paths_of(source, tmp_path, Georeference())) as copy:
            assert np.array_equal(copy.read(), dataset.read())
            assert copy.descriptions == BANDS
            assert copy.crs == dataset.crs


def test_files_of_an_open_scene_are_removed_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scene = geoseg.open_scene(reflectance(), transform=TRANSFORM, crs=CRS, bands=BANDS)
    assert list(tmp_path.iterdir())
    water = geoseg.flood(scene)
    assert len(water.polygons) == 1
    scene.close()
    del scene, water
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for bands in (("red",), ("red", "nir", "blue")):
        with pytest.raises(GeosegError):
            geoseg.flood(reflectance(), transform=TRANSFORM, crs=CRS, bands=bands)
    with pytest.raises(GeosegError):
        geoseg.open_scene(str(tmp_path / "missing.tif"))
    assert not list(tmp_path.iterdir())


def test_nodata_must_be_a_value_of_the_type(tmp_path: Path) -> None:
    for nodata in (-9999, 300, 0.5):
        place = Georeference(transform=TRANSFORM, crs=CRS, nodata=nodata)
        with pytest.raises(UsageError, match="is not a value of uint8"):
            paths_of(np.zeros((4, 4), np.uint8), tmp_path, place)


def test_a_time_may_be_that_of_numpy() -> None:
    time: Any = np.datetime64("2024-05-28T10:30:00")
    with geoseg.open_scene(reflectance(), transform=TRANSFORM, crs=CRS, bands=BANDS, time=time) as scene:
        assert scene.time is not None
        assert scene.time.isoformat().startswith("2024-05-28T10:30:00")


def test_a_file_states_its_own_georeference(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", reflectance())
    with pytest.raises(UsageError, match="`crs`, `bands`: for arrays only"):
        geoseg.flood(path, crs="EPSG:3857", bands=BANDS)
    with pytest.raises(UsageError, match="`date_before` and `date_after`"):
        geoseg.change(reflectance(), reflectance(), time="2024-05-28", crs=CRS)
    with pytest.raises(UsageError, match="labels by value"):
        geoseg.vectorize(np.ones((4, 4), np.uint8), "1=water")  # type: ignore[arg-type]


def test_a_window_that_is_none_is_named() -> None:
    window: Any = ((0, 4), (0, 4))
    scene = geoseg.open_scene(np.ones((8, 8), np.float32), bands="green", transform=TRANSFORM, crs=CRS)
    with scene, pytest.raises(UsageError, match="Window"):
        scene.read(window, ["green"])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: geoseg.flood([]), "scene"),
        (lambda: geoseg.change("a.tif", None), "after"),
        (lambda: geoseg.flood("a.tif", before={}), "before"),
    ],
)
def test_errors_name_the_argument(call: Callable[[], object], argument: str) -> None:
    with pytest.raises(UsageError, match=rf"^{argument}: a \w+ is not a scene"):
        call()


def test_arrays_without_transform_warn_in_words_of_geoseg_only() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotGeoreferencedWarning)
        found = geoseg.flood(np.full((2, 30, 30), 0.1, np.float32), bands=["green", "nir"])
    assert found.warnings
