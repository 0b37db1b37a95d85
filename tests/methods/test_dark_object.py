"""Path reflectance, found by the dark object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.dark_object import USUAL, DarkestValues, path_reflectance
from tests.methods.dark_objects import dark_object

WAVES = {"blue": 0.49, "green": 0.56, "red": 0.665, "nir": 0.842, "swir16": 1.61}


def scene(seed: int, darkest: float = 0.01) -> dict[str, np.ndarray]:
    """Ground of many reflectances, two percent of which are as dark as ground is."""
    ground = np.random.default_rng(seed).uniform(0.05, 0.4, (100, 100))
    ground[:2] = darkest
    return {name: ground.copy() for name in WAVES}


def path(bands: dict[str, np.ndarray], waves: dict[str, float]) -> dict[str, float]:
    return path_reflectance({name: dark_object(values) for name, values in bands.items()}, waves)


@given(strength=st.floats(0, 0.11), seed=st.integers(0, 20))
def test_what_rayleigh_added_is_found(strength: float, seed: int) -> None:
    added = {name: strength * (0.49 / wave) ** 4 for name, wave in WAVES.items()}
    bands = {name: values + added[name] for name, values in scene(seed).items()}
    found = path(bands, WAVES)
    assert found == pytest.approx(added, abs=1e-6)


def test_without_a_dark_object_a_clear_atmosphere_is_subtracted() -> None:
    found = path(scene(1, darkest=0.3), WAVES)
    assert found["blue"] == pytest.approx(0.04, abs=0.01), (
        "the darkest percent is at the foot of the ground's"
    )
    desert = {name: np.full((10, 10), 0.35) for name in WAVES}
    found = path(desert, WAVES)
    assert found["blue"] == USUAL
    assert found["nir"] == pytest.approx(USUAL * (0.49 / 0.842) ** 4)


def test_no_band_becomes_darker_than_its_darkest_ground() -> None:
    bands = {name: values + 0.1 for name, values in scene(2).items()}
    bands["green"] -= 0.09
    assert path(bands, WAVES)["green"] == pytest.approx(0.01)


def test_coastal_bands_follow_blue() -> None:
    bands = {name: values + 0.05 for name, values in scene(4).items()}
    bands["coastal"] = bands["blue"] + 0.03
    found = path(bands, {**WAVES, "coastal": 0.443})
    assert found["blue"] == pytest.approx(0.05)
    assert found["coastal"] == pytest.approx(0.05 * (0.49 / 0.443) ** 4)


def test_one_band_is_enough() -> None:
    found = path({"blue": scene(5)["blue"] + 0.08}, WAVES)
    assert found == pytest.approx({name: 0.08 * (0.49 / wave) ** 4 for name, wave in WAVES.items()})


def test_what_cannot_be_told_is_zero() -> None:
    assert "pan" not in path({**scene(3), "pan": np.ones((4, 4))}, WAVES)
    assert set(path({"nir": np.ones(5), "swir16": np.ones(5)}, WAVES).values()) == {0.0}
    assert set(path({"blue": np.full(5, np.nan)}, WAVES).values()) == {0.0}
    assert path({}, {}) == {}


@given(
    count=st.integers(1, 5000),
    unknown=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    rounded=st.booleans(),
    cuts=st.lists(st.integers(0, 5000), max_size=6),
    seed=st.integers(0, 50),
)
def test_the_dark_object_of_parts_is_that_of_the_whole(
    count: int, unknown: float, rounded: bool, cuts: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.gamma(2, 0.05, count).astype(np.float32)
    if rounded:
        values = values.round(2)
    values[rng.random(count) < unknown] = np.nan
    parts = DarkestValues(count + seed)
    for part in np.split(values, sorted(min(cut, count) for cut in cuts)):
        parts.add(part)
    assert parts.reflectance == pytest.approx(dark_object(values), abs=1e-7)
