"""Measures of change between two dates, by pixel.

Inputs are physical values on one grid, NaN where not observed; the result of NaN is NaN. Optical dates need
radiometric normalization (`geoseg.methods.relative`), or a measure that does not depend on radiometry
(`geoseg.methods.mad`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.methods.sar import boxcar

Image = NDArray[np.float32] | NDArray[np.float64]

CENTRAL = 0.9
"""Share of the values around the median from which mean and standard deviation of no change are computed."""

CENTRAL_SHRINK = 0.789
"""Standard deviation of the central 90 % of a normal distribution divided by that of the distribution:
sqrt(1 - 2 q f(q) / 0.9) with q = 1.645 and f the normal density."""


def change_vector(before: Image, after: Image) -> Image:
    """Return the length of the change vector: sqrt(sum over bands of (after - before)²).

    Change vector analysis, Malila 1980. Unit and range are those of the bands.

    Args:
        before: (B, H, W).
        after: (B, H, W), of the same radiometry.

    Raises:
        UsageError: the shapes differ.
    """
    if before.shape != after.shape:
        raise UsageError(f"the two dates have different shapes, {before.shape} and {after.shape}")
    return np.asarray(np.sqrt(((after - before) ** 2).sum(axis=0)))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and standard deviation of the difference of unchanged pixels."""

    mean: float
    std: float


def central_spread(values: NDArray[np.floating]) -> Spread:
    """Return the statistics of unchanged pixels from the central 90 % of differences.

    Both tails may be change. The standard deviation is scaled to that of a normal distribution with its
    tails.

    Args:
        values: differences, any shape; values that are not finite are left out.
    """
    finite = np.asarray(values[np.isfinite(values)], np.float64)
    if not finite.size:
        return Spread(mean=0.0, std=0.0)
    low, high = np.quantile(finite, ((1 - CENTRAL) / 2, (1 + CENTRAL) / 2))
    inner = finite[(finite >= low) & (finite <= high)]
    return Spread(mean=float(inner.mean()), std=float(inner.std() / CENTRAL_SHRINK))


def standardised(difference: Image, statistics: Spread) -> Image:
    """Return |difference - mean| / std, in standard deviations."""
    return np.asarray(np.abs(difference - statistics.mean) / max(statistics.std, np.finfo(np.float32).tiny))


def window_mean(values: Image, radius: int) -> NDArray[np.float32]:
    """Return the mean (H, W) over a square window with a side of 2 radius + 1 pixels."""
    image = np.ascontiguousarray(values, np.float32)
    return boxcar(image, radius) if radius else image


def absolute_log_ratio(before_db: Image, after_db: Image) -> Image:
    """Return |ln(after / before)| of linear power from dB."""
    return np.asarray(np.abs(after_db - before_db) * (math.log(10) / 10))


def mean_ratio(before: NDArray[np.float32], after: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Return 1 - min(m1 / m2, m2 / m1) of the local means of linear power: 0 unchanged, near 1 changed.

    Inglada & Mercier 2007, doi:10.1109/TGRS.2007.893568. The ratio does not depend on multiplicative speckle,
    and the means reduce its variance.

    Args:
        before: (H, W) linear power, positive.
        after: (H, W) linear power, positive.
        radius: radius of the square window in pixels; results closer than this to the edge are not exact. NaN
            is left out.
    """
    first, second = boxcar(before, radius), boxcar(after, radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - np.minimum(first / second, second / first))


def robust_spread(values: NDArray[np.floating]) -> Spread:
    """Return median and scaled median absolute deviation, which are robust against tails.

    The factor 1.4826 gives the standard deviation of a normal distribution (Hampel 1974). Values that are not
    finite are left out.
    """
    finite = np.asarray(values[np.isfinite(values)], np.float64)
    if not finite.size:
        return Spread(mean=0.0, std=0.0)
    middle = float(np.median(finite))
    return Spread(mean=middle, std=float(1.4826 * np.median(np.abs(finite - middle))))
