"""Radar backscatter: decibels and linear power, and speckle filters.

Filters work in linear power, in which the mean over speckle is unbiased. They are translation-exact: the
value of a pixel depends only on pixels within the radius of the filter and is bit-identical in any array,
because sums are taken in a fixed order. Pixels that are NaN or outside the array have no weight; NaN stays
NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

LEE_RADIUS = 3
"""Radius of `refined_lee`: 7 x 7 pixels."""
BOXCAR_RADIUS = 2
"""Default radius of `boxcar`: 5 x 5 pixels."""
SUM_ROWS = 64
"""Rows of an image whose window sums are computed at once."""
WIDE = 17
"""Side in pixels from which a window is summed by doubling: fewer operations, with another rounding."""
GRD_LOOKS = 4.4
"""Equivalent number of looks of Sentinel-1 IW GRDH (product specification S1-RS-MDA-52-7441)."""

_TO_LOG = np.float32(np.log(10) / 10)
_TINY = np.float32(1e-10)


def to_power(db: Image) -> Image:
    """Return the linear power of decibels, 10^(dB / 10)."""
    power: Image = np.exp(np.ascontiguousarray(db, np.float32) * _TO_LOG)
    return power


def to_db(power: Image) -> Image:
    """Return the decibels of linear power; -100 dB for power of 0 or less."""
    return np.log(np.maximum(np.ascontiguousarray(power, np.float32), _TINY)) * (1 / _TO_LOG)


def equivalent_looks(power: Image, side: int = 8) -> float:
    """Return the equivalent number of looks, 1..100, estimated from homogeneous blocks of an image.

    It is the squared mean divided by the variance of blocks of `side`² pixels (Oliver & Quegan 2004, section
    4.4). Texture lowers it, so the upper quartile of blocks is used, which is a fifth too high for a
    homogeneous image. `GRD_LOOKS` where no block is fully observed.

    Args:
        power: (H, W) linear power, NaN where not observed.
        side: side of the blocks in pixels.
    """
    rows, cols = power.shape[0] // side, power.shape[1] // side
    blocks = power[: rows * side, : cols * side].reshape(rows, side, cols, side).swapaxes(1, 2)
    flat = blocks.reshape(-1, side * side).astype(np.float64)
    flat = flat[np.isfinite(flat).all(axis=1)]
    mean, variance = flat.mean(axis=1), flat.var(axis=1)
    usable = (variance > 0) & (mean > 0)
    if not usable.any():
        return GRD_LOOKS
    return float(np.clip(np.quantile(mean[usable] ** 2 / variance[usable], 0.75), 1, 100))


def boxcar(power: Image, radius: int = BOXCAR_RADIUS) -> Image:
    """Return the mean over a square window with a side of 2 radius + 1 pixels.

    Args:
        power: (H, W) linear power, or another quantity that can be averaged; NaN where not observed.
        radius: in pixels; results closer than this to the edge are not exact.
    """
    image = np.asarray(power, np.float32)
    known = np.isfinite(image)
    complete = bool(known.all())
    mean = _window_sum(image if complete else np.where(known, image, np.float32(0)), radius)
    if complete:
        down, across = (_observed_in_window(size, radius) for size in image.shape)
        mean /= down[:, np.newaxis] * across
    else:
        count = _window_sum(known.astype(np.float32), radius)
        mean /= np.maximum(count, np.float32(1), out=count)
        mean[~known] = np.nan
    return mean


def _window_sum(values: Image, radius: int) -> Image:
    """Return the sums (H, W) over a square window, with 0 outside the array."""
    height, width = values.shape
    side = 2 * radius + 1
    out = np.empty(values.shape, np.float32)
    padded = np.zeros((SUM_ROWS + 2 * radius, width + 2 * radius), np.float32)
    # A few rows at a time, so that temporary arrays stay in the cache.
    for row in range(0, height, SUM_ROWS):
        stop = min(row + SUM_ROWS, height)
        top, bottom = row - radius, stop + radius
        first, last = max(top, 0), min(bottom, height)
        padded[: first - top] = 0
        padded[last - top :] = 0
        padded[first - top : last - top, radius : radius + width] = values[first:last]
        across = _line_sum(padded[: stop - row + 2 * radius], side, axis=1)
        out[row:stop] = _line_sum(across, side, axis=0)
    return out


def _line_sum(values: Image, side: int, axis: int) -> Image:
    """Return the sums of `side` consecutive values along an axis, which becomes side - 1 shorter.

    The order of the terms is the same for every pixel. In a wide window they are sums of 1, 2, 4, ... values,
    each made of two of half the width.
    """
    count = values.shape[axis] - side + 1

    def cut(image: Image, first: int, number: int) -> Image:
        return image[first : first + number] if axis == 0 else image[:, first : first + number]

    total = cut(values, 0, count).copy()
    if side < WIDE:
        for shift in range(1, side):
            total += cut(values, shift, count)
        return total
    part, width, done = values, 1, 1
    while done < side:
        rest = part.shape[axis] - width
        part = cut(part, 0, rest) + cut(part, width, rest)
        width *= 2
        if side & width:
            total += cut(part, done, count)
            done += width
    return total


def _observed_in_window(size: int, radius: int) -> NDArray[np.float32]:
    """Return the number of positions of a line of `size` within `radius` of each."""
    at = np.arange(size)
    return (np.minimum(at + radius, size - 1) - np.maximum(at - radius, 0) + 1).astype(np.float32)


def focal_mean(image: Image, radius: tuple[float, float]) -> Image:
    """Return the mean over a disc.

    Args:
        image: (H, W) in any unit, NaN where not observed.
        radius: radius of the disc in pixels along (rows, columns); results closer to the edge than its
            integer part are not exact.
    """
    reach = int(radius[0]), int(radius[1])
    known = np.isfinite(image)
    widths = _disc_widths(radius)
    sums = []
    for layer in (np.where(known, image, 0), known):
        padded = np.pad(layer.astype(np.float32), ((reach[0], reach[0]), (reach[1], reach[1])))
        sums.append(_disc_sum(padded, widths, reach, image.shape))
    mean: Image = np.divide(sums[0], np.maximum(sums[1], 1))
    mean[~known] = np.nan
    return mean


def _disc_widths(radius: tuple[float, float]) -> list[int]:
    """Return the half widths of a disc in whole pixels, by distance in rows."""
    tall = max(radius[0], 1e-9)
    rows = np.arange(int(radius[0]) + 1) / tall
    # Rounding must not exclude a pixel on the circle.
    halves = radius[1] * np.sqrt(np.maximum(0, 1 - rows**2)) + 1e-9
    return [int(half) for half in halves]


def _disc_sum(padded: Image, widths: list[int], reach: tuple[int, int], shape: tuple[int, ...]) -> Image:
    """Return the sums over a disc with half widths by distance in rows."""
    height, width = shape
    out = np.zeros(shape, np.float32)
    row = padded[:, reach[1] : reach[1] + width].copy()
    done = 0
    for dy in range(reach[0], -1, -1):
        while done < widths[dy]:
            done += 1
            row += padded[:, reach[1] - done : reach[1] - done + width]
            row += padded[:, reach[1] + done : reach[1] + done + width]
        for step in (0,) if dy == 0 else (-dy, dy):
            out += row[reach[0] + step : reach[0] + step + height]
    return out
