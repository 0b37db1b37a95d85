"""Slope, aspect and roughness from heights, as in GDAL's `gdaldem`.

Heights are (H, W) in the unit of the pixel size. A result is NaN where one of the eight neighbours is NaN or
outside the array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]

MARGIN = 1
"""Distance in pixels over which results depend on their neighbours."""


def _around(heights: Image) -> tuple[Image, ...]:
    """Return the nine pixels of each window by row; NaN outside the array."""
    padded = np.pad(np.asarray(heights, np.float64), 1, constant_values=np.nan)
    height, width = heights.shape
    return tuple(padded[i : i + height, j : j + width] for i in range(3) for j in range(3))


def gradient(heights: Image, pixel_size: tuple[float, float]) -> tuple[Image, Image]:
    """Return the height gradients down (along rows) and to the right, by the weights of Horn.

    Horn 1981, doi:10.1109/PROC.1981.11918.

    Args:
        heights: (H, W).
        pixel_size: (row step, column step) in the unit of the heights.
    """
    z1, z2, z3, z4, z5, z6, z7, z8, z9 = _around(heights)
    right = ((z3 + 2 * z6 + z9) - (z1 + 2 * z4 + z7)) / (8 * pixel_size[1])
    down = ((z7 + 2 * z8 + z9) - (z1 + 2 * z2 + z3)) / (8 * pixel_size[0])
    # The centre has no weight, but the result is unknown where it is.
    unknown = np.isnan(z5)
    right[unknown] = down[unknown] = np.nan
    return down, right


def slope(heights: Image, pixel_size: tuple[float, float]) -> Image:
    """Return the slope in degrees, 0..90."""
    return np.asarray(np.degrees(np.arctan(np.hypot(*gradient(heights, pixel_size)))))


def aspect(heights: Image, pixel_size: tuple[float, float]) -> Image:
    """Return the downslope direction in degrees clockwise from north, 0..360; NaN where level."""
    down, right = gradient(heights, pixel_size)
    angle = np.degrees(np.arctan2(down, -right))
    facing = np.where(angle > 90, 450 - angle, 90 - angle)
    facing[(down == 0) & (right == 0)] = np.nan
    return np.asarray(facing)


def roughness(heights: Image, pixel_size: tuple[float, float]) -> Image:
    """Return the range of the nine heights (Wilson 2007, doi:10.1080/01490410701295962)."""
    del pixel_size
    around = np.stack(_around(heights))
    return np.asarray(around.max(axis=0) - around.min(axis=0))


def ruggedness(heights: Image, pixel_size: tuple[float, float]) -> Image:
    """Return the terrain ruggedness index: root of the sum of squared differences from the centre.

    Riley 1999, the form for land surfaces.
    """
    del pixel_size
    around = np.stack(_around(heights))
    return np.asarray(np.sqrt(((around - around[4]) ** 2).sum(axis=0)))


def position(heights: Image, pixel_size: tuple[float, float]) -> Image:
    """Return the topographic position index: the centre minus the mean of its eight neighbours."""
    del pixel_size
    around = np.stack(_around(heights))
    return np.asarray(around[4] - (around.sum(axis=0) - around[4]) / 8)


QUANTITIES: Mapping[str, Callable[[Image, tuple[float, float]], Image]] = {
    "slope": slope,
    "aspect": aspect,
    "roughness": roughness,
    "tri": ruggedness,
    "tpi": position,
}
"""Functions of heights, by name."""
