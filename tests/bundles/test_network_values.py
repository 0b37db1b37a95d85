"""Whatever way the values are stated, the network gets the numbers that it got in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.bundles.describe import describe
from geoseg.engine.normalise import Normaliser
from geoseg.errors import UsageError
from geoseg.grid import Window
from geoseg.scenes import open_scene
from geoseg.spec import ModelSpec, SceneSpec
from geoseg.spec.describe import DescribeRequest
from geoseg.spec.presets import sensors
from geoseg.spec.request import from_options
from tests.networks import save_form
from tests.products.ground import write_raster

MEAN, STD = np.array([0.2, 0.1, 0.3, 0.05]), np.array([0.05, 0.1, 0.2, 0.5])
BANDS = ("red", "green", "blue", "nir")
STORED = np.random.default_rng(0).integers(1200, 9000, (4, 64, 64)).astype(np.uint16)


def described(folder: Path, **options: object) -> ModelSpec:
    path = save_form(folder / "n.onnx", bands=4)
    given = {"bands": ",".join(BANDS), "classes": "a,b", "output": "x", **options}
    given.setdefault("mean", ",".join(map(str, MEAN)))
    given.setdefault("std", ",".join(map(str, STD)))
    return describe(from_options(DescribeRequest, {"network": str(path), **given}), path, "made").spec


def network_input(folder: Path, spec: ModelSpec, stored: np.ndarray, sensor: str) -> np.ndarray:
    """What the network gets of a raster that a scene of a sensor is read from."""
    path = write_raster(folder / f"{sensor}.tif", stored, descriptions=BANDS)
    with open_scene(SceneSpec(paths=(str(path),), sensor=sensor), sensors()) as scene:
        return np.asarray(Normaliser(spec)(scene.read(Window(row=0, col=0, height=64, width=64), BANDS)))


def expected(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - MEAN[:, None, None]) / STD[:, None, None])


@pytest.mark.parametrize(
    ("sensor", "scene", "scale", "offset"),
    [
        ("sentinel-2-l2a", "sentinel-2-l2a-harmonised", 1e-4, None),
        ("sentinel-2-l2a-harmonised", "sentinel-2-l2a-harmonised", 1 / 3000, -0.5),
        ("sentinel-2-l2a-offset", "sentinel-2-l2a-offset", 1e-4, 0.0),
        ("landsat-8-l2", "landsat-8-l2", 2.75e-5, -0.2),
        ("landsat-8-l2", "landsat-8-l2", 1e-3, 0.0),
        ("planetscope", "planetscope", 1 / 255, None),
        ("naip", "naip", 1 / 255, None),
        (None, "generic", 1 / 255, 1.0),
        ("sentinel-2-l1c", "sentinel-2-l1c-harmonised", 1.0, None),
    ],
)
def test_the_scale_holds_for_stored_values(
    sensor: str | None, scene: str, scale: float, offset: float | None, tmp_path: Path
) -> None:
    given = {"scale": scale, **({} if offset is None else {"offset": offset})}
    spec = described(tmp_path, **given, **({} if sensor is None else {"sensor": sensor}))
    stored = (STORED // 36).astype(np.uint8) if scene == "naip" else STORED
    got = network_input(tmp_path, spec, stored, scene)
    want = expected(stored * scale + (offset or 0.0))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


def test_the_baseline_offset_changes_nothing(tmp_path: Path) -> None:
    """The same ground, stored before and after baseline 04.00, gives the same input."""
    spec = described(tmp_path, sensor="sentinel-2-l2a", scale=1e-4)
    before = network_input(tmp_path, spec, STORED, "sentinel-2-l2a-harmonised")
    after = network_input(tmp_path, spec, (STORED + 1000).astype(np.uint16), "sentinel-2-l2a-offset")
    np.testing.assert_allclose(after, before, atol=1e-4)
    np.testing.assert_allclose(before, expected(STORED * 1e-4), atol=1e-4)


def test_units_are_physical_values(tmp_path: Path) -> None:
    stored = described(tmp_path, sensor="landsat-8-l2", scale=2.75e-5, offset=-0.2)
    physical = described(tmp_path, units="reflectance")
    for spec in (stored, physical):
        got = network_input(tmp_path, spec, STORED, "landsat-8-l2")
        np.testing.assert_allclose(got, expected(STORED * 2.75e-5 - 0.2), atol=1e-4)


def test_limits_are_those_of_the_networks_values(tmp_path: Path) -> None:
    spec = described(tmp_path, sensor="landsat-8-l2", scale=1e-3, offset=0.0, clip="2,4")
    got = network_input(tmp_path, spec, STORED, "landsat-8-l2")
    np.testing.assert_allclose(got, expected(np.clip(STORED * 1e-3, 2, 4)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sensor": "landsat-8-l2", "scale": 2.75e-5}, "state `--offset -0.2` if .* or `--offset 0` if"),
        ({"sensor": "sentinel-2-l2a-offset", "scale": 1e-4}, "state `--offset -0.1` if"),
        ({"sensor": "landsat-8-l1", "scale": 2e-5}, "differ in the values that they store; add `--units "),
        ({"sensor": "sentinel-1", "scale": 1.0}, "add `--units db`"),
        ({"sensor": "sentinel-2-l2a", "units": "dn"}, "geoseg reads reflectance of sentinel-2-l2a"),
        ({"sensor": "sentinel-1", "units": "reflectance"}, "geoseg reads db of sentinel-1"),
    ],
)
def test_a_scale_of_two_meanings_is_refused(options: dict[str, object], problem: str, tmp_path: Path) -> None:
    bands = {"bands": "vv,vh,angle,dem"} if options["sensor"] == "sentinel-1" else {}
    with pytest.raises(UsageError, match=problem):
        described(tmp_path, **options, **bands)
