"""Where the shore of open water is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.methods.shore import SHORE_MARGIN, SHORE_REACH, near_open_water

Mask = NDArray[np.bool_]


def by_morphology(water: Mask) -> Mask:
    """The same by an opening with 2 × 2 pixels and a dilation."""
    opened = ndimage.binary_opening(water, np.ones((2, 2), np.bool_))
    size = 2 * SHORE_REACH + 1
    return np.asarray(ndimage.binary_dilation(opened, np.ones((size, size), np.bool_)))


@pytest.mark.parametrize(
    ("rows", "cols", "reached"),
    [
        (slice(5, 6), slice(5, 6), 0),
        (slice(5, 6), slice(0, 20), 0),
        (slice(0, 20), slice(7, 8), 0),
        (slice(5, 7), slice(5, 7), 36),
        (slice(0, 2), slice(0, 2), 16),
        (slice(18, 20), slice(18, 20), 16),
        (slice(0, 20), slice(0, 20), 400),
    ],
)
def test_two_by_two_pixels_have_a_shore_and_less_has_none(rows: slice, cols: slice, reached: int) -> None:
    water = np.zeros((20, 20), np.bool_)
    water[rows, cols] = True
    assert near_open_water(water).sum() == reached


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (33, 47)])
def test_it_is_an_opening_and_a_dilation(shape: tuple[int, int]) -> None:
    water = np.random.default_rng(0).random(shape) < 0.6
    assert np.array_equal(near_open_water(water), by_morphology(water))


@given(seed=st.integers(0, 1000), row=st.integers(3, 20), col=st.integers(3, 20), size=st.integers(1, 15))
@settings(max_examples=30, deadline=None)
def test_it_depends_on_the_margin_only(seed: int, row: int, col: int, size: int) -> None:
    water = np.random.default_rng(seed).random((40, 40)) < 0.5
    m = SHORE_MARGIN
    crop = near_open_water(water[row - m : row + size + m, col - m : col + size + m])
    inner = crop[m : m + size, m : m + size]
    assert np.array_equal(inner, near_open_water(water)[row : row + size, col : col + size])
