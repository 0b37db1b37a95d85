"""Backscatter of water and land as two normal distributions with known usual levels.

A mixture of two normal distributions is fitted to a histogram of dB by expectation maximisation of the
posterior (Dempster 1977; Fraley & Raftery 2007, doi:10.1007/s00357-007-0004-5): the usual level of each class
counts as a small share of additional values. A scene with water and land has its own levels; in a scene of
land alone the class of water stays at its usual level, so that the threshold lies below the values of land.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.thresholds import Histogram, TwoGaussians

Values = NDArray[np.float64]

WEIGHT_ALONE = 0.05
"""Share of additional values for each class where no part of the scene shows both classes."""
WEIGHT_BESIDE = 0.01
"""Share of additional values for each class where the values are of tiles that show both classes."""
LEAST_SHARE = 0.03
"""Least share of a class: a threshold by shares is not beyond the values of the other class."""
WIDEST = 3.5
"""dB: greatest standard deviation of a class, so that one class does not take dark and bright values."""
ROUNDS = 100


@dataclass(frozen=True, kw_only=True)
class UsualLevels:
    """Usual backscatter in dB of open water and of land, after a speckle filter, at C band."""

    water: tuple[float, float]
    """Mean and standard deviation."""
    land: tuple[float, float]
    """Mean and standard deviation."""
    threshold: tuple[float, float]
    """Limits of a threshold between the classes."""
    doubtful: tuple[float, float]
    """Limits of a threshold where no part of a scene shows both classes."""


CROSS = UsualLevels(water=(-25.0, 3.0), land=(-15.5, 2.0), threshold=(-22.0, -16.0), doubtful=(-22.0, -18.0))
LIKE = UsualLevels(water=(-19.0, 3.0), land=(-9.5, 2.0), threshold=(-22.5, -12.0), doubtful=(-18.0, -14.0))
USUAL_LEVELS = {"vh": CROSS, "vv": LIKE, "hv": CROSS, "hh": LIKE}
"""Calm and slightly rough water and vegetated land of Sentinel-1 in VV and VH, used for HH and HV too."""


def fit_levels(
    histogram: Histogram, usual: UsualLevels, *, weight: float, start: TwoGaussians | None = None
) -> TwoGaussians:
    """Fit water and land to a histogram of dB; the usual levels alone where it is empty.

    Args:
        histogram: dB after a speckle filter.
        usual: levels that count as additional values.
        weight: number of additional values of each class, as a share of all values.
        start: distributions at the start; None: the usual ones.
    """
    usual_means, usual_sigmas = np.array([usual.water, usual.land]).T
    levels = start or TwoGaussians(shares=(0.5, 0.5), means=_pair(usual_means), sigmas=_pair(usual_sigmas))
    for _ in range(ROUNDS):
        belongs = _belongs(histogram, levels)
        taken = belongs.sum(axis=1)
        means = (belongs @ histogram.centres + weight * usual_means) / (taken + weight)
        squares = (belongs * (histogram.centres - means[:, np.newaxis]) ** 2).sum(axis=1)
        # A spread needs twice the additional values of a mean to be as certain.
        spread = (squares + 2 * weight * usual_sigmas**2) / (taken + 2 * weight)
        moved = np.abs(means - levels.means).max()
        levels = TwoGaussians(
            shares=_shares(taken), means=_pair(means), sigmas=_pair(np.minimum(np.sqrt(spread), WIDEST))
        )
        if moved < 0.01:
            break
    return levels


def with_shares(levels: TwoGaussians, histogram: Histogram) -> TwoGaussians:
    """Return the levels with the shares of water and land among the values of another histogram."""
    for _ in range(ROUNDS):
        before, levels = levels, replace(levels, shares=_shares(_belongs(histogram, levels).sum(axis=1)))
        if abs(before.shares[0] - levels.shares[0]) < 0.001:
            break
    return levels


def _belongs(histogram: Histogram, levels: TwoGaussians) -> Values:
    """Return the share of all values that is in each class and bin."""
    x = histogram.centres
    parts = zip(levels.shares, levels.means, levels.sigmas, strict=True)
    logs = np.stack([np.log(share) + _log_density(x, mean, sigma) for share, mean, sigma in parts])
    belongs = np.exp(logs - logs.max(axis=0))
    return np.asarray(belongs * (histogram.counts / max(histogram.total, 1.0) / belongs.sum(axis=0)))


def _shares(taken: Values) -> tuple[float, float]:
    """Return the shares of both classes, neither too small."""
    shares = np.clip(taken, LEAST_SHARE, 1 - LEAST_SHARE)
    return _pair(shares / shares.sum())


def _pair(values: Values) -> tuple[float, float]:
    """Return two values as floats."""
    return float(values[0]), float(values[1])


def boundary(levels: TwoGaussians, limits: tuple[float, float]) -> float:
    """Return the threshold in dB between water and land, within limits.

    It is where both classes are equally probable. Shares count by their square root: with full shares, rare
    water is lost to gain little land, and with equal ones, the dark tail of much land is water.
    """
    x = np.linspace(levels.means[0], levels.means[1], 401)
    gain = [
        np.log(share) / 2 + _log_density(x, mean, sigma)
        for share, mean, sigma in zip(levels.shares, levels.means, levels.sigmas, strict=True)
    ]
    land = np.flatnonzero(gain[1] >= gain[0])
    cut = float(x[land[0]]) if land.size else levels.means[1]
    return float(np.clip(cut, *limits))


def _log_density(x: Values, mean: float, sigma: float) -> Values:
    """Return the logarithm of a normal density, without its constant."""
    return np.asarray(-np.log(sigma) - ((x - mean) / sigma) ** 2 / 2, np.float64)
