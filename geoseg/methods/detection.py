"""Detection probability from trials: shares with confidence intervals, and detection limits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from geoseg.errors import UsageError

Z95 = 1.959964
"""Half width of the central 95 % of a normal distribution, in standard deviations."""


def wilson(found: int, tried: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        found: number of successes.
        tried: number of trials; the interval of 0 trials is 0 to 1.

    Raises:
        UsageError: there are more successes than trials.
    """
    if not 0 <= found <= tried:
        raise UsageError(f"{found} successes of {tried} trials are not a share")
    if not tried:
        return 0.0, 1.0
    share, z2 = found / tried, Z95**2
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    half = Z95 / (1 + z2 / tried) * math.sqrt(share * (1 - share) / tried + z2 / (4 * tried**2))
    # The formula gives exactly 0 and 1 here except for rounding.
    return (0.0 if not found else middle - half), (1.0 if found == tried else middle + half)


def detection_limit(sizes: NDArray[np.float64], found: NDArray[np.bool_], share: float) -> float:
    """Return the size that is detected with a given probability, by logistic regression over log(size).

    The slope has a weak prior, because it would be infinite for perfectly separated trials: a normal
    distribution of logit slopes with a standard deviation of 5, at which the probability of detection rises
    from 0.1 to 0.9 within a factor of 2.4.

    Args:
        sizes: size of each trial, above 0.
        found: whether each trial is a detection.
        share: probability of detection, 0..1.

    Returns:
        The size; infinity above the largest trial or where detection does not rise with size, 0 below the
        smallest trial.

    Raises:
        UsageError: there are no trials, or one has a size of 0.
    """
    if not sizes.size or not (sizes > 0).all():
        raise UsageError("a detection limit needs trials with sizes above 0")
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
