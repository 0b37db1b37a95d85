"""Groups in chunks: however the pixels are cut, the result is that of one array."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cho_factor, cho_solve

from geoseg.errors import SceneError
from geoseg.methods.gas_absorption import methane
from geoseg.methods.matched_filter import (
    InMemory,
    Matrix,
    Over,
    filter_group,
    mag1c,
    mag1c_group,
    matched_filter,
)
from geoseg.methods.unit_absorption import convolved, unit_absorption

CENTRES = np.arange(2122, 2488, 7.5)
WIDTHS = np.full(len(CENTRES), 8.5)
ABSORPTION = unit_absorption(methane(), CENTRES, WIDTHS)


def _pixels(count: int = 3000, plume: int = 60, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    spectrum = 5 * np.exp(-1.5 * np.linspace(0, 1, len(CENTRES)))
    pixels = np.maximum(rng.normal(1, 0.15, (count, 1)), 0.3) * spectrum
    pixels *= 1 + 0.01 * rng.normal(size=(count, 3)) @ rng.normal(size=(3, len(CENTRES)))
    pixels *= 1 + 0.003 * rng.normal(size=pixels.shape)
    pixels[:plume] *= np.exp(ABSORPTION * 2000 / 1e5)
    return np.asarray(pixels)


PIXELS = _pixels()


@given(cuts=st.lists(st.integers(0, len(PIXELS)), max_size=6))
@settings(max_examples=25)
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    whole: dict[Callable[..., None], Matrix] = {
        filter_group: matched_filter(PIXELS, ABSORPTION),
        mag1c_group: mag1c(PIXELS, ABSORPTION),
    }
    for solve, expected in whole.items():
        chunks = [InMemory(part) for part in np.split(PIXELS, sorted(cuts))]
        solve(chunks, ABSORPTION)
        found = np.concatenate([chunk.enhancement() for chunk in chunks])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-5)


@pytest.mark.parametrize("solve", [filter_group, mag1c_group])
def test_threads_do_not_change_a_bit(solve: Callable[..., None]) -> None:
    results = []
    with ThreadPoolExecutor(3) as pool:
        ways: tuple[Over, ...] = (map, pool.map)
        for over in ways:
            chunks = [InMemory(part) for part in np.split(PIXELS, [500, 700, 2000])]
            solve(chunks, ABSORPTION, over=over)
            results.append(np.concatenate([[*chunk.enhancement(), *chunk.signal()] for chunk in chunks]))
    assert np.array_equal(results[0], results[1])


def test_mag1c_is_as_published() -> None:
    """Step by step as in science: the background is subtracted pixel by pixel, its covariance made anew."""

    def solved(pixels: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        mean = pixels.mean(axis=0)
        covariance = np.cov(pixels.T, bias=True)
        covariance = (1 - 1e-4) * covariance + 1e-4 * np.diag(np.diag(covariance))
        target = ABSORPTION * mean
        return mean, target, cho_solve(cho_factor(covariance), target)

    mean, target, shaped = solved(PIXELS)
    albedo = PIXELS @ mean / (mean @ mean)
    found = np.maximum(0, (PIXELS - mean) @ shaped / (albedo * (target @ shaped)))
    for _ in range(30):
        mean, target, shaped = solved(PIXELS - (albedo * found)[:, None] * target)
        signal = (PIXELS - mean) @ shaped - 1 / (albedo * (found + 1e-9))
        found = np.maximum(0, signal / (albedo * max(1.0, float(target @ shaped))))
    np.testing.assert_allclose(mag1c(PIXELS, ABSORPTION), found * 1e5, rtol=1e-7, atol=1e-4)


def test_scale_and_unit_of_radiance_do_not_matter() -> None:
    np.testing.assert_allclose(mag1c(1000 * PIXELS, ABSORPTION), mag1c(PIXELS, ABSORPTION), atol=1e-4)


def test_few_pixels_and_flat_bands_are_refused() -> None:
    with pytest.raises(SceneError, match="too few"):
        mag1c_group([InMemory(PIXELS[:5]), InMemory(PIXELS[5:10])], ABSORPTION)
    flat = PIXELS.copy()
    flat[:, 3] = 1.0
    with pytest.raises(SceneError, match="vary"):
        matched_filter(flat, ABSORPTION)


def test_a_fine_table_is_convolved_and_a_coarse_one_interpolated() -> None:
    fine = np.arange(2050, 2550, 0.25)
    line = np.exp(-0.5 * ((fine - 2347) / 2) ** 2)
    found = convolved(fine, line, np.array([2347.0]), np.array([8.5]))[0]
    wide = 8.5 / 2.3548
    assert found == pytest.approx(2 / np.hypot(2, wide), rel=0.02)
    coarse = convolved(np.array([2100.0, 2400.0]), np.array([0.0, -3.0]), np.array([2200.0]), np.array([8.5]))
    assert coarse[0] == pytest.approx(-1.0)
