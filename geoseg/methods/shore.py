"""The shore of open water: pixels that are partly water, next to pixels that surely are.

A pixel of which half is water has a lower water index than the threshold for pure pixels, as dark wet ground
and shadow have. The lower level is therefore used next to open water only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

SHORE_REACH = 2
"""Pixels from open water in which the shore is sought: SWIR bands of Sentinel-2 have pixels twice as large as
the grid."""
SHORE_MARGIN = SHORE_REACH + 1
"""Pixels around a pixel that `near_open_water` depends on."""


def near_open_water(water: Mask) -> Mask:
    """Return where open water is at most `SHORE_REACH` rows and columns away; open water included.

    Open water is every block of 2 × 2 pixels of water, so that speckles and lines of one pixel, such as
    narrow shadows, have no shore.

    Args:
        water: (H, W) True = surely water.
    """
    height, width = water.shape
    # A block stands at its upper left pixel, so that the window around it begins one pixel earlier.
    window = 2 * SHORE_MARGIN
    blocks = np.zeros((height + window - 1, width + window - 1), np.bool_)
    inner = blocks[SHORE_MARGIN : SHORE_MARGIN + height - 1, SHORE_MARGIN : SHORE_MARGIN + width - 1]
    np.logical_and(water[:-1, :-1], water[1:, :-1], out=inner)
    inner &= water[:-1, 1:]
    inner &= water[1:, 1:]
    rows = blocks[:height].copy()
    for shift in range(1, window):
        rows |= blocks[shift : shift + height]
    near = rows[:, :width].copy()
    for shift in range(1, window):
        near |= rows[:, shift : shift + width]
    return near
