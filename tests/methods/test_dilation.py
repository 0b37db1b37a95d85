"""Dilation of masks by a square, beside scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from geoseg.methods.dilation import dilate_square


@pytest.mark.parametrize("reach", [0, 1, 2, 3, 7, 30, 100])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (64, 51), (3, 200)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
def test_dilation_is_the_largest_of_a_window(reach: int, shape: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(reach).random(shape) < share
    expected = maximum_filter(mask, 2 * reach + 1, mode="constant", cval=0)
    found = dilate_square(mask, reach)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_dilated_to_nothing() -> None:
    assert dilate_square(np.empty((0, 5), np.bool_), 3).shape == (0, 5)
