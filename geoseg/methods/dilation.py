"""Dilation of masks by a square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def dilate_square(mask: Mask, reach: int) -> Mask:
    """Return where a pixel of a mask is at most `reach` rows and columns away; none lies outside.

    Stretches of 1, 2, 4, … pixels are joined, so the time grows with the logarithm of the reach.

    Args:
        mask: (H, W).
        reach: pixels, at least 0.
    """
    return _along_columns(_along_columns(mask, reach).T, reach).T


def _along_columns(mask: Mask, reach: int) -> Mask:
    """Return where a pixel of a mask is at most `reach` rows away."""
    if not reach or not mask.size:
        return mask
    found = np.zeros((mask.shape[0] + 2 * reach, mask.shape[1]), np.bool_)
    found[reach:-reach] = mask
    size, wanted = 1, 2 * reach + 1
    while size < wanted:
        step = min(size, wanted - size)
        found = found[:-step] | found[step:]
        size += step
    return found
