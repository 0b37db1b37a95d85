"""Change between two dates of one scene, pixel by pixel: how much, in which direction.

Inputs are physical values on one grid, NaN where not observed; NaN in gives NaN out. Optical dates should be
brought to one radiometry first (`geoseg.methods.relative`), or compared by what does not depend on it
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
"""Share of the values, around their median, from which mean and spread of no change are taken."""

CENTRAL_SHRINK = 0.789
"""Standard deviation of the central 90 % of a normal distribution, in its own: sqrt(1 - 2 q f(q) / 0.9) with
q = 1.645 and f the normal density."""


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
        raise UsageError(f"dates of shapes {before.shape} and {after.shape} cannot be compared")
    return np.asarray(np.sqrt(((after - before) ** 2).sum(axis=0)))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What a difference is where nothing changed: mean and standard deviation."""

    mean: float
    std: float


def central_spread(values: NDArray[np.floating]) -> Spread:
    """Return mean and standard deviation of no change, from the central 90 % of differences.

    Both tails may hold change. The standard deviation of the rest is divided by what it would be for a normal
    distribution, so that the result is that of the whole.

    Args:
        values: differences, any shape; those not finite are left out.
    """
    finite = np.asarray(values[np.isfinite(values)], np.float64)
    if not finite.size:
        return Spread(mean=0.0, std=0.0)
    low, high = np.quantile(finite, ((1 - CENTRAL) / 2, (1 + CENTRAL) / 2))
    inner = finite[(finite >= low) & (finite <= high)]
    return Spread(mean=float(inner.mean()), std=float(inner.std() / CENTRAL_SHRINK))


def standardised(difference: Image, spread: Spread) -> Image:
    """Return |difference - mean| / std: change beyond k of them is change at k sigma."""
    return np.asarray(np.abs(difference - spread.mean) / max(spread.std, np.finfo(np.float32).tiny))


def window_mean(values: Image, radius: int) -> NDArray[np.float32]:
    """Average (H, W) over a square window of 2 radius + 1 pixels a side; as it is for radius 0."""
    image = np.ascontiguousarray(values, np.float32)
    return boxcar(image, radius) if radius else image


def absolute_log_ratio(before_db: Image, after_db: Image) -> Image:
    """Return |ln(after / before)| of linear power from dB, whether it grew or fell."""
    return np.asarray(np.abs(after_db - before_db) * (math.log(10) / 10))


def mean_ratio(before: NDArray[np.float32], after: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Return 1 - min(m1 / m2, m2 / m1) of the local means of linear power: 0 same, towards 1 changed.

    Inglada & Mercier 2007, doi:10.1109/TGRS.2007.893568. Speckle, being multiplied, falls out of a ratio, and
    the means take its variance.

    Args:
        before: (H, W) linear power, positive.
        after: (H, W).
        radius: of the square window in pixels; also the margin that exact results need. NaN is left out.
    """
    first, second = boxcar(before, radius), boxcar(after, radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - np.minimum(first / second, second / first))


def robust_spread(values: NDArray[np.floating]) -> Spread:
    """Return median and scaled median deviation: mean and standard deviation that no tail moves.

    1.4826 times the median distance from the median is the standard deviation of a normal distribution
    (Hampel 1974). Values that are not finite are left out.
    """
    finite = np.asarray(values[np.isfinite(values)], np.float64)
    if not finite.size:
        return Spread(mean=0.0, std=0.0)
    middle = float(np.median(finite))
    return Spread(mean=middle, std=float(1.4826 * np.median(np.abs(finite - middle))))
