"""Trials that find something or do not: shares with intervals, and the size at which half is found."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from geoseg.errors import UsageError

Z95 = 1.959964
"""Standard deviations of a normal distribution on either side of which 95 % lie."""


def wilson(found: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        found: successes.
        tried: trials; of none the interval is 0 to 1.

    Raises:
        UsageError: more is found than tried.
    """
    if not 0 <= found <= tried:
        raise UsageError(f"{found} of {tried} is no share")
    if not tried:
        return 0.0, 1.0
    share, z2 = found / tried, Z95**2
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    half = Z95 / (1 + z2 / tried) * math.sqrt(share * (1 - share) / tried + z2 / (4 * tried**2))
    # At the ends the formula meets 0 and 1 but for rounding.
    return (0.0 if not found else middle - half), (1.0 if found == tried else middle + half)


def detection_limit(sizes: NDArray[np.float64], found: NDArray[np.bool_], share: float) -> float:
    """Return the size at which a share of trials succeeds, by logistic regression over log(size).

    The slope is held back by a weak prior (a normal distribution of logit slopes with a standard deviation of
    5, at which detection rises from a tenth to nine tenths within a factor of 2.4), since trials that are
    parted perfectly would make it infinite.

    Args:
        sizes: of each trial, above 0.
        found: whether it succeeded.
        share: 0..1.

    Returns:
        The size; infinity where it lies beyond the largest one tried or success does not rise with size,
        0 where it lies below the smallest one tried.

    Raises:
        UsageError: there is no trial, or one of size 0.
    """
    if not sizes.size or not (sizes > 0).all():
        raise UsageError("a detection limit needs trials of sizes above 0")
    if found.all() or not found.any():
        return 0.0 if found.all() else math.inf
    x = np.log(sizes)
    middle = float(x.mean())
    y = np.where(found, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        margin = y * (weights[0] + weights[1] * (x - middle))
        return float(np.logaddexp(0, -margin).sum() + weights[1] ** 2 / (2 * 5.0**2))

    best = minimize(loss, np.array([0.0, 1.0]), method="Nelder-Mead", options={"maxiter": 4000}).x
    if best[1] <= 0:
        return math.inf
    at = math.exp(middle + (math.log(share / (1 - share)) - best[0]) / best[1])
    return math.inf if at > sizes.max() else 0.0 if at < sizes.min() else at
