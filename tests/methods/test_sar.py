from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.methods import sar
from geoseg.methods.refined_lee import refined_lee

Image = NDArray[np.float32]
FILTERS: dict[str, tuple[Callable[[Image], Image], int]] = {
    "boxcar": (sar.boxcar, sar.BOXCAR_RADIUS),
    "wide boxcar": (partial(sar.boxcar, radius=20), 20),
    "refined lee": (refined_lee, sar.LEE_RADIUS),
    "disc": (partial(sar.focal_mean, radius=(5.0, 4.6)), 5),
    "decibels": (lambda power: sar.to_db(sar.boxcar(power)), sar.BOXCAR_RADIUS),
}


def speckle(shape: tuple[int, int], seed: int = 0, holes: float = 0.0) -> Image:
    """Two levels of power with 4.4 looks of speckle, and some unobserved pixels."""
    rng = np.random.default_rng(seed)
    image = rng.gamma(4.4, 1 / 4.4, shape).astype(np.float32)
    image[:, shape[1] // 3 :] *= 20
    image[rng.random(shape) < holes] = np.nan
    return image


@pytest.mark.parametrize("name", FILTERS)
@given(
    row=st.integers(20, 60),
    col=st.integers(20, 60),
    size=st.integers(1, 70),
    holes=st.sampled_from([0, 0.05]),
)
@settings(max_examples=25, deadline=None)
def test_a_crop_with_its_margin_is_filtered_alike(
    name: str, row: int, col: int, size: int, holes: float
) -> None:
    run, radius = FILTERS[name]
    image = speckle((140, 150), holes=holes)
    whole = run(image)
    crop = image[row - radius : row + size + radius, col - radius : col + size + radius]
    inner = run(crop)[radius : radius + size, radius : radius + size]
    assert np.array_equal(inner, whole[row : row + size, col : col + size][: len(inner)], equal_nan=True)


@pytest.mark.parametrize("name", ["boxcar", "refined lee", "disc"])
def test_a_constant_stays_and_holes_have_no_weight(name: str) -> None:
    run, _ = FILTERS[name]
    image = np.full((40, 41), 0.02, np.float32)
    image[10:14, 20] = np.nan
    filtered = run(image)
    assert np.array_equal(np.isnan(filtered), np.isnan(image))
    assert np.allclose(filtered[np.isfinite(image)], 0.02, rtol=1e-5)


def test_nothing_observed_and_tiny_images() -> None:
    for run, _ in FILTERS.values():
        assert run(np.full((1, 1), 0.5, np.float32)).shape == (1, 1)
        assert np.isnan(sar.boxcar(np.full((3, 5), np.nan, np.float32))).all()


def test_speckle_is_reduced_without_bias() -> None:
    image = np.random.default_rng(1).gamma(4.4, 1 / 4.4, (300, 300)).astype(np.float32)
    for run in (sar.boxcar, refined_lee):
        filtered = run(image)
        assert filtered.mean() == pytest.approx(1, abs=0.01)
        assert filtered.var() < image.var() / 8


def test_refined_lee_keeps_a_shore_that_boxcar_blurs() -> None:
    image = speckle((120, 120))
    shore = np.s_[:, 38:40]
    assert refined_lee(image)[shore].mean() < 1.5 < sar.boxcar(image)[shore].mean()


def test_refined_lee_by_definition() -> None:
    image = speckle((30, 31), seed=2, holes=0.1)
    filtered = refined_lee(image, 4.4)
    padded = np.pad(image, 3, constant_values=np.nan).astype(np.float64)
    for row in range(30):
        for col in range(31):
            if np.isfinite(image[row, col]):
                expected = lee_at(padded[row : row + 7, col : col + 7], 1 / 4.4)
                assert filtered[row, col] == pytest.approx(expected, rel=1e-4)


def lee_at(window: NDArray[np.float64], noise: float) -> float:
    """The refined Lee estimate of one 7 x 7 window, pixel by pixel as in the paper."""
    means = np.empty((3, 3))
    centre = float(np.nanmean(window[2:5, 2:5]))
    for i in range(3):
        for j in range(3):
            block = window[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            means[i, j] = np.nanmean(block) if np.isfinite(block).any() else centre
    masks = (
        [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
        [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
        [[0, -1, -1], [1, 0, -1], [1, 1, 0]],
        [[1, 1, 0], [1, 0, -1], [0, -1, -1]],
    )
    direction = int(np.argmax([abs((np.array(mask) * means).sum()) for mask in masks]))
    first, second = (((1, 0), (1, 2)), ((0, 1), (2, 1)), ((2, 0), (0, 2)), ((0, 0), (2, 2)))[direction]
    side = abs(means[first] - means[1, 1]) > abs(means[second] - means[1, 1])
    y, x = np.mgrid[-3:4, -3:4]
    halves = ((x <= 0, x >= 0), (y <= 0, y >= 0), (x <= y, x >= y), (x <= -y, x >= -y))
    half = window[halves[direction][int(side)]]
    half = half[np.isfinite(half)]
    variance = max(half.var(), 1e-30)
    signal = max(0.0, (variance - half.mean() ** 2 * noise) / (1 + noise))
    return float(half.mean() + signal / variance * (window[3, 3] - half.mean()))


@given(st.floats(-60, 20))
def test_decibels_and_power_are_inverse(db: float) -> None:
    value = np.array([db], np.float32)
    assert sar.to_power(value)[0] == pytest.approx(10 ** (db / 10), rel=1e-4)
    assert sar.to_db(sar.to_power(value))[0] == pytest.approx(db, abs=1e-3)


def test_no_power_is_very_dark_and_unknown_stays_unknown() -> None:
    found = sar.to_db(np.array([0.0, -1.0, np.nan], np.float32))
    assert found[:2] == pytest.approx([-100, -100])
    assert np.isnan(found[2])


def test_looks_are_estimated() -> None:
    rng = np.random.default_rng(3)
    for looks in (1, 4.4, 12):
        image = rng.gamma(looks, 1 / looks, (256, 256)).astype(np.float32)
        assert sar.equivalent_looks(image) == pytest.approx(looks, rel=0.3)
    assert sar.equivalent_looks(np.full((4, 4), np.nan, np.float32)) == sar.GRD_LOOKS


def test_disc_of_fifty_metres() -> None:
    image = np.zeros((21, 21), np.float32)
    image[10, 10] = 1
    spread = sar.focal_mean(image, (5.0, 5.0))
    y, x = np.mgrid[-10:11, -10:11]
    assert np.array_equal(spread > 0, y**2 + x**2 <= 25)
    assert spread[10, 10] == pytest.approx(1 / 81)


@pytest.mark.parametrize("radius", [2, sar.WIDE // 2 - 1, sar.WIDE // 2, 10, 15, 16, 20])
@pytest.mark.parametrize("rows", [1, 3, *(sar.SUM_ROWS + more for more in (-1, 0, 1)), 2 * sar.SUM_ROWS + 5])
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_window_means_do_not_depend_on_the_rows_summed_at_once(rows: int, radius: int, holes: float) -> None:
    image = speckle((rows, 9), holes=holes)
    padded = np.pad(image, radius, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1))
    total, count = np.nansum(windows, axis=(2, 3)), np.isfinite(windows).sum(axis=(2, 3))
    expected = np.where(np.isnan(image), np.nan, total / np.maximum(count, 1))
    np.testing.assert_allclose(sar.boxcar(image, radius), expected, rtol=1e-5)
