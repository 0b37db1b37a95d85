"""Spots above a threshold, and how many of them chance makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.errors import SceneError
from geoseg.methods.plume_search import MARGIN, FalseAlarms, background_of, smooth, spots


def test_the_background_ignores_a_plume() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(20, 100, (300, 300)).astype(np.float32)
    raw[100:140, 100:140] += 3000
    found = background_of([raw], [raw])
    assert found.mean == pytest.approx(20, abs=5)
    assert found.std == pytest.approx(100, rel=0.05)


def test_nothing_known_is_refused() -> None:
    nothing = np.full((5, 5), np.nan, np.float32)
    with pytest.raises(SceneError, match="no clear land pixel"):
        background_of([nothing], [nothing])
    flat = np.ones((5, 5), np.float32)
    with pytest.raises(SceneError, match="no noise"):
        background_of([flat], [flat])


def test_the_median_keeps_unknown_pixels_unknown() -> None:
    image = np.zeros((7, 7), np.float32)
    image[3, 3], image[0, 0] = 1000, np.nan
    out = smooth(image, 0.0)
    assert np.isnan(out[0, 0])
    assert np.nanmax(out) == 0


def test_threads_and_single_pixels_are_no_spots() -> None:
    image = np.zeros((20, 20), np.float32)
    image[5, :] = 10
    image[10:14, 10:14] = 10
    found = spots(image, 5)
    assert not found[5].any()
    assert found[11:13, 11:13].all()


@given(st.integers(0, 2**32 - 1))
def test_a_margin_is_all_that_decides_on_a_pixel(seed: int) -> None:
    """What lies beyond the margin changes nothing."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, (30, 30)).astype(np.float32)
    other = rng.normal(0, 1, (30, 30)).astype(np.float32)
    other[5:25, 5:25] = image[5:25, 5:25]
    inner = slice(5 + MARGIN, 25 - MARGIN)
    one, two = (spots(smooth(item, 0.0), 0.3)[inner, inner] for item in (image, other))
    np.testing.assert_array_equal(one, two)


def test_expected_false_alarms_fall_with_strength_and_agree_with_a_power_law() -> None:
    wanted = np.array([5.0, 10, 40, 80, 200])
    found = []
    for seed in range(40):
        drawn = np.sort(5 * np.random.default_rng(seed).random(2000) ** (-1 / 3))[::-1]
        found.append(FalseAlarms(strengths=drawn, least=5.0).expected(wanted))
        assert (np.diff(found[-1]) < 0).all()
    # 2000 spots with P(S > s) = (5 / s)³.
    np.testing.assert_allclose(np.median(found, axis=0), 2000 * (5 / wanted) ** 3, rtol=0.35)


def test_a_clean_scene_still_gives_finite_expectations() -> None:
    alarms = FalseAlarms(strengths=np.empty(0), least=5.0)
    found = alarms.expected(np.array([5.0, 10.0, 50.0]))
    assert found[0] == pytest.approx(1)
    assert 0 < found[2] < 0.001
