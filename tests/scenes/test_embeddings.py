"""Published embeddings as scenes: named axes, values as their documentation says, north where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError
from geoseg.grid import Window
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.embeddings import check_comparable
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import Messages
from tests.products.embeddings import (
    AXES,
    TESSERA_AXES,
    unit_vectors,
    write_alphaearth,
    write_tessera,
)
from tests.products.ground import EAST, NORTH, write_raster


def opened(path: Path, sensor: str | None = None) -> Scene:
    return open_scene(SceneSpec(paths=(str(path),), sensor=sensor), sensors())


def values(scene: Scene, window: Window | None = None) -> NDArray[np.float32]:
    return scene.read(window or scene.grid.window, scene.band_names).physical()


@pytest.mark.parametrize("bottom_up", [True, False])
def test_alphaearth_is_dequantised_and_north_is_up(bottom_up: bool, tmp_path: Path) -> None:
    vectors = unit_vectors(AXES)
    vectors[:, :3, :5] = np.nan
    with opened(write_alphaearth(tmp_path / "x.tif", vectors, bottom_up=bottom_up)) as scene:
        assert scene.sensor is not None
        assert scene.sensor.name == "alphaearth"
        assert scene.band_names == tuple(f"A{index:02d}" for index in range(64))
        found = values(scene)
        grid = scene.grid
        # The north-west corner, which is masked, wherever the file has it.
        row = int((NORTH - 5 - grid.transform.f) / grid.transform.e)
        assert grid.transform.c == EAST
        assert np.isnan(found[:, row, 0]).all()
        northwards = found[:, ::-1] if bottom_up else found
    np.testing.assert_allclose(northwards, vectors, atol=0.008)
    lengths = np.linalg.norm(northwards[:, 5:], axis=0)
    np.testing.assert_allclose(lengths, 1, atol=0.02)


def test_extreme_values_of_alphaearth(tmp_path: Path) -> None:
    stored = np.tile(np.array([-128, -127, -1, 0, 1, 127], np.int8)[None, None], (AXES, 1, 1))
    names = [f"A{index:02d}" for index in range(AXES)]
    path = write_raster(tmp_path / "x.tif", stored, nodata=-128, descriptions=names)
    with opened(path) as scene:
        found = values(scene)[0, 0]
    top, least = (127 / 127.5) ** 2, (1 / 127.5) ** 2
    np.testing.assert_allclose(found, [np.nan, -top, -least, 0, least, top], rtol=1e-5)


def test_a_file_without_names_is_read_by_its_sensor(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "x.tif", np.full((AXES, 4, 4), 51, np.int8))
    with opened(path, "alphaearth") as scene:
        assert scene.band_names[-1] == "A63"
        np.testing.assert_allclose(values(scene), 0.16, rtol=1e-5)


def test_tessera_has_its_directions_and_nodata(tmp_path: Path) -> None:
    vectors = unit_vectors(TESSERA_AXES)
    vectors[:, 0, 0] = np.nan
    with opened(write_tessera(tmp_path / "tessera_2024_utm33.tif", vectors)) as scene:
        assert scene.sensor is not None
        assert scene.sensor.name == "tessera"
        assert scene.band_names[127] == "t127"
        found = values(scene)
    assert np.isnan(found[:, 0, 0]).all()
    np.testing.assert_allclose(found / np.linalg.norm(found, axis=0), vectors, atol=1e-5)


@pytest.mark.parametrize(("count", "known"), [(TESSERA_AXES, True), (12, False)])
def test_axes_named_as_those_of_tessera_are_known_where_all_are_there(
    tmp_path: Path, count: int, known: bool
) -> None:
    data = np.ones((count, 4, 4), np.float32)
    path = write_raster(tmp_path / "x.tif", data, descriptions=[f"t{axis:03d}" for axis in range(count)])
    if known:
        with opened(path) as scene:
            assert scene.band_names[127] == "t127"
    else:
        with pytest.raises(BandError, match="without names"):
            opened(path)


def test_releases_and_models_are_never_mixed(tmp_path: Path, messages: Messages) -> None:
    vectors = unit_vectors(TESSERA_AXES)
    first = opened(write_tessera(tmp_path / "a.tif", vectors, version="v1"))
    same = opened(write_tessera(tmp_path / "b.tif", vectors, version="v1"))
    other = opened(write_tessera(tmp_path / "c.tif", vectors, version="v1.1"))
    unknown = opened(write_tessera(tmp_path / "d.tif", vectors, version=""))
    fewer = opened(write_tessera(tmp_path / "e.tif", vectors[:64], version="v1"))
    google = opened(write_alphaearth(tmp_path / "f.tif", unit_vectors(AXES)))
    check_comparable(first, same)
    check_comparable(google, google)
    for scene, text in (
        (other, "tessera_dataset_version .* is v1, .* v1.1"),
        (unknown, "not stated"),
        (fewer, "128 axes .* 64"),
        (google, "is tessera and .* is alphaearth"),
    ):
        with pytest.raises(SceneError, match=text):
            check_comparable(first, scene)
    assert not messages.warnings
    check_comparable(unknown, unknown)
    assert "states its release" in messages.warnings[-1]
