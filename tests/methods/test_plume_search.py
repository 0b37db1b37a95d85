"""Spots above a threshold, and how many of them chance makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geoseg.errors import SceneError
from geoseg.methods.plume_search import (
    CROSS,
    GAPS,
    MARGIN,
    MEDIAN,
    Background,
    FalseAlarms,
    background_of,
    block_statistics,
    smooth,
    spots,
)


def _background(raw: np.ndarray) -> Background:
    return background_of(block_statistics(smooth(raw)), block_statistics(raw))


def test_the_background_ignores_a_plume() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(20, 100, (320, 300)).astype(np.float32)
    raw[100:140, 100:140] += 3000
    found = _background(raw)
    assert found.level == pytest.approx(20, abs=5)
    assert found.pixel_std == pytest.approx(100, rel=0.05)
    assert 40 < found.noise < 60  # the median of nine


def test_a_city_is_noisier_than_the_desert_beside_it() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 100, (256, 512)).astype(np.float32)
    raw[:, 256:] *= 10
    level, noise = _background(raw).at(100, 0, 1, 512)
    assert noise[0, 20] < 70
    assert noise[0, 490] > 400
    assert (np.diff(noise[0, 64:448]) >= -20).all()
    assert np.abs(level).max() < 200


def test_what_is_said_of_a_window_is_the_slice_of_the_whole() -> None:
    rng = np.random.default_rng(2)
    found = _background(rng.normal(0, 100, (300, 200)).astype(np.float32))
    whole = found.at(0, 0, 300, 200)
    part = found.at(70, 33, 90, 50)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[70:160, 33:83], other)


def test_blocks_without_land_take_after_their_neighbours() -> None:
    rng = np.random.default_rng(3)
    raw = rng.normal(50, 100, (320, 320)).astype(np.float32)
    raw[:200, :200] = np.nan
    found = _background(raw)
    assert np.isfinite(found.mean).all()
    assert found.mean[0, 0] == pytest.approx(50, abs=30)


def test_nothing_known_is_refused() -> None:
    with pytest.raises(SceneError, match="too few pixels"):
        _background(np.full((70, 70), np.nan, np.float32))
    with pytest.raises(SceneError, match="no noise"):
        _background(np.ones((70, 70), np.float32))


def test_the_median_keeps_unknown_pixels_unknown() -> None:
    image = np.zeros((7, 7), np.float32)
    image[3, 3], image[0, 0], image[0, 1] = 1000, np.nan, 5
    out = smooth(image)
    assert np.isnan(out[0, 0])
    assert np.nanmax(out) == 5  # five of its neighbours are not there
    assert out[3, 3] == 0


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
    one, two = (spots(smooth(item), 0.3)[inner, inner] for item in (image, other))
    np.testing.assert_array_equal(one, two)


def test_expected_false_alarms_fall_with_strength_and_agree_with_a_power_law() -> None:
    wanted = np.array([5.0, 10, 40, 80, 200])
    found = []
    for seed in range(40):
        drawn = np.sort(5 * np.random.default_rng(seed).random(2000) ** (-1 / 3))[::-1]
        found.append(FalseAlarms(strengths=drawn, min_strength=5.0).expected(wanted))
        assert (np.diff(found[-1]) < 0).all()
    # 2000 spots with P(S > s) = (5 / s)³.
    np.testing.assert_allclose(np.median(found, axis=0), 2000 * (5 / wanted) ** 3, rtol=0.35)


def test_a_clean_scene_still_gives_finite_expectations() -> None:
    alarms = FalseAlarms(strengths=np.empty(0), min_strength=5.0)
    found = alarms.expected(np.array([5.0, 10.0, 50.0]))
    assert found[0] == pytest.approx(1)
    assert 0 < found[2] < 0.001


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 3), (37, 53)])
def test_median_and_spots_are_those_of_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        image = rng.normal(0, 1, shape).astype(np.float32)
        image[rng.random(shape) < 0.2] = 0.5  # equal values
        ranked = ndimage.median_filter(image, MEDIAN, mode="nearest")
        # At the edges, unknown neighbours count as the pixel itself.
        inner = (slice(1, -1), slice(1, -1))
        np.testing.assert_array_equal(smooth(image)[inner], ranked[inner])
        np.testing.assert_array_equal(smooth(np.pad(image, 1, mode="edge"))[inner], ranked)
        threshold = rng.normal(0, 0.1, shape).astype(np.float32)
        opened = ndimage.binary_opening(ranked > threshold, CROSS)
        closed = ndimage.binary_closing(opened, CROSS, iterations=GAPS)
        np.testing.assert_array_equal(spots(ranked, threshold), closed)
