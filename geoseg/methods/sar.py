"""Radar backscatter: decibels and linear power, and speckle filters.

Filters work in linear power, where speckle averages out without bias. They are translation-exact: the value
at a pixel depends on the pixels within the filter's radius alone and is the same to the last bit in whatever
array the pixel sits, because all sums are taken in one fixed order. Pixels that are NaN or outside the array
have no weight, and a pixel that is NaN itself stays NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

LEE_RADIUS = 3
"""Of `lee` and `refined_lee`: 7 x 7 pixels."""
BOXCAR_RADIUS = 2
"""Default of `boxcar`: 5 x 5 pixels."""
GRD_LOOKS = 4.4
"""Equivalent number of looks of Sentinel-1 IW GRDH (product specification S1-RS-MDA-52-7441)."""

_TO_LOG = np.float32(np.log(10) / 10)
_TINY = np.float32(1e-10)


def to_power(db: Image) -> Image:
    """Turn decibels into linear power, 10^(dB / 10)."""
    power: Image = np.exp(np.ascontiguousarray(db, np.float32) * _TO_LOG)
    return power


def to_db(power: Image) -> Image:
    """Turn linear power into decibels; power of 0 or less becomes -100 dB."""
    return np.log(np.maximum(np.ascontiguousarray(power, np.float32), _TINY)) * (1 / _TO_LOG)


def equivalent_looks(power: Image, side: int = 8) -> float:
    """Estimate the equivalent number of looks, 1..100, from the calmest blocks of an image.

    The squared mean by the variance of blocks of `side`² pixels (Oliver & Quegan 2004, section 4.4). Texture
    lowers it, so that the upper quartile stands for the homogeneous blocks (and leans a fifth too high where
    all are). `GRD_LOOKS` where no block is
    whole.

    Args:
        power: (H, W) linear power, NaN where not observed.
        side: of the blocks, in pixels.
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
    """Average over a square window of 2 radius + 1 pixels a side.

    Args:
        power: (H, W) linear power (or anything that averages), NaN where not observed.
        radius: in pixels; also the margin that exact results need.
    """
    (total,), count = _box_sums(power, radius)
    mean: Image = np.divide(total, np.maximum(count, 1))
    mean[~np.isfinite(power)] = np.nan
    return mean


def lee(power: Image, looks: float = GRD_LOOKS, radius: int = LEE_RADIUS) -> Image:
    """Filter speckle by local statistics (Lee 1980, doi:10.1109/TPAMI.1980.4766994).

    mean + b (x - mean) with b = var(signal) / var(x): averages where the window is homogeneous, keeps what
    varies more than speckle of the given number of looks.

    Args:
        power: (H, W) linear power, NaN where not observed.
        looks: equivalent number of looks.
        radius: of the window; also the margin that exact results need.
    """
    (total, squares), count = _box_sums(power, radius, squares=True)
    return _minimum_mean_square(np.asarray(power, np.float32), total, squares, count, looks)


def focal_mean(image: Image, radius: tuple[float, float]) -> Image:
    """Average over a disc, whatever the unit.

    Args:
        image: (H, W), NaN where not observed.
        radius: of the disc in pixels along (rows, columns); its floor is the margin.
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
    """Half widths of a disc in whole pixels, by distance in rows."""
    tall = max(radius[0], 1e-9)
    rows = np.arange(int(radius[0]) + 1) / tall
    # A pixel on the circle itself belongs to the disc, whatever the rounding.
    halves = radius[1] * np.sqrt(np.maximum(0, 1 - rows**2)) + 1e-9
    return [int(half) for half in halves]


def _disc_sum(padded: Image, widths: list[int], reach: tuple[int, int], shape: tuple[int, ...]) -> Image:
    """Sum over a disc given its half widths by row distance; narrower rows are inside wider ones."""
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


def _box_sums(power: Image, radius: int, squares: bool = False) -> tuple[list[Image], Image]:
    """Sums of values (and of squares) and the number of observed pixels in a square window."""
    known = np.isfinite(power)
    values = np.where(known, power, 0).astype(np.float32)
    layers = [values, values * values] if squares else [values]
    sums = []
    for layer in (*layers, known.astype(np.float32)):
        padded = np.pad(layer, radius)
        height, width = power.shape
        across = padded[:, :width].copy()
        for shift in range(1, 2 * radius + 1):
            across += padded[:, shift : shift + width]
        down = across[:height].copy()
        for shift in range(1, 2 * radius + 1):
            down += across[shift : shift + height]
        sums.append(down)
    return sums[:-1], sums[-1]


def _minimum_mean_square(x: Image, total: Image, squares: Image, count: Image, looks: float) -> Image:
    """Lee's estimate from the sums of a window; NaN where `x` is NaN."""
    noise = np.float32(1 / looks)
    count = np.maximum(count, np.float32(1))
    mean = total / count
    variance = squares / count
    square = mean * mean
    variance -= square
    np.maximum(variance, 0, out=variance)
    square *= noise
    signal = variance - square
    np.maximum(signal, 0, out=signal)
    signal /= 1 + noise
    signal /= np.maximum(variance, np.float32(1e-30))
    signal *= x - mean
    signal += mean
    return signal
