"""Shifts of known size are found; unlike images have none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from geoseg.methods.shift import Shift, combine, measure_shift


def _image(seed: int = 0) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(np.random.default_rng(seed).normal(size=(256, 256)), 1.5))


@pytest.mark.parametrize("moved", [(0, 0), (3, 0), (0.5, -1.25), (2.3, 7.7), (-9, 4)])
def test_a_shift_is_found_to_a_twentieth_of_a_pixel(moved: tuple[float, float]) -> None:
    image = _image()
    found = measure_shift(image, shift(image, moved, order=3, mode="reflect"))
    assert found is not None
    assert found.rows == pytest.approx(moved[0], abs=0.05)
    assert found.cols == pytest.approx(moved[1], abs=0.05)


def test_brightness_does_not_matter() -> None:
    image = _image()
    found = measure_shift(image, 7 - 3 * shift(image, (1.5, -2), order=3, mode="reflect"))
    assert found is not None
    assert (found.rows, found.cols) == pytest.approx((1.5, -2), abs=0.05)


def test_unobserved_corners_do_not_matter() -> None:
    first = _image()
    second = shift(first, (2, 1), order=3, mode="reflect")
    second[:60, :90] = np.nan
    found = measure_shift(first, second)
    assert found is not None
    assert (found.rows, found.cols) == pytest.approx((2, 1), abs=0.1)


def test_nothing_in_common_has_no_shift() -> None:
    assert measure_shift(_image(0), _image(1)) is None
    assert measure_shift(_image(), np.full((256, 256), 3.0)) is None
    half = _image()
    half[:, :200] = np.nan
    assert measure_shift(half, _image()) is None


def test_most_windows_decide() -> None:
    windows = [Shift(rows=1.0, cols=2.0, peak=0.5)] * 4 + [Shift(rows=90.0, cols=-50.0, peak=0.1)]
    found = combine(windows)
    assert found is not None
    assert (found[0].rows, found[0].cols, found[1]) == (1.0, 2.0, 0.0)
    assert combine([]) is None
