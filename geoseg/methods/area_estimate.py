"""Accuracy and area of a map from a stratified random sample, with standard errors.

Pixel counts are a biased estimate of area, because omission and commission errors seldom cancel. A sample of
reference data corrects the bias (Olofsson et al. 2014, "Good practices for estimating area and assessing
accuracy of land change", doi:10.1016/j.rse.2014.02.015).

Notation of the paper: strata i are the classes of the map, j are reference classes, n_ij is the number of
points of stratum i with reference class j, n_i their sum over j, W_i the area share of stratum i, A the area
of the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

Z95 = 1.96
"""Half width of a 95 % confidence interval in standard errors."""

RARE_MINIMUM = 50
"""Smallest number of points of a stratum (section 5 of the paper: 50 to 100)."""

FEWEST = 2
"""Number of points of a stratum below which its variance is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Estimates with their standard errors, arrays of one shape."""

    value: NDArray[np.float64]
    """NaN where undefined."""
    se: NDArray[np.float64]
    """Standard error; NaN where unknown."""

    @property
    def half_width(self) -> NDArray[np.float64]:
        """Half width of the 95 % confidence interval: 1.96 standard errors."""
        return np.asarray(Z95 * self.se)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaEstimate:
    """Area and accuracy of a map of K classes, estimated from a sample."""

    shares: NDArray[np.float64]
    """(K, K) p_ij: area share that is mapped as i and has reference class j; sums to 1."""
    area: Estimate
    """(K,) estimated area of each reference class, in the unit of the mapped areas."""
    overall: Estimate
    """() overall accuracy, 0..1."""
    users: Estimate
    """(K,) user's accuracy, 0..1; NaN for classes that are not mapped."""
    producers: Estimate
    """(K,) producer's accuracy, 0..1; NaN for classes without reference points."""


def estimate(counts: NDArray[np.int64], areas: NDArray[np.float64]) -> AreaEstimate:
    """Return area and accuracy by the stratified estimators of Olofsson et al. 2014.

    p_ij = W_i n_ij / n_i; area_j = A Σ_i p_ij, with SE = A √(Σ_i W_i² s_ij) where
    s_ij = (n_ij / n_i)(1 − n_ij / n_i) / (n_i − 1); O = Σ_j p_jj, V(O) = Σ_i W_i² s_ii;
    U_i = p_ii / p_i·, V(U_i) = s_ii; P_j = p_jj / p_·j,
    V(P_j) = [N_j² (1 − P_j)² s_jj + P_j² Σ_{i≠j} N_i² s_ij] / N̂_j², N_i and N̂_j being mapped and estimated
    areas.

    s_ij is undefined for a stratum of one point: the standard errors that depend on it are NaN.

    Args:
        counts: (K, K) numbers of points; rows are mapped classes, columns reference classes.
        areas: (K,) mapped area of each class in any unit; 0 for classes that are not mapped.

    Raises:
        UsageError: shapes differ, numbers are negative, all areas are 0, a mapped class has no point, or a
            class that is not mapped has points.
    """
    points, sizes = np.asarray(counts, np.float64), np.asarray(areas, np.float64)
    _check(points, sizes)
    total, sampled = sizes.sum(), points.sum(axis=1)
    weights = sizes / total
    mapped = sizes > 0
    proportions = points / np.where(mapped, sampled, 1)[:, None]
    shares = weights[:, None] * proportions
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = proportions * (1 - proportions) / (sampled - 1)[:, None]
        spread[~mapped] = 0
        users = np.where(mapped, np.diag(proportions), np.nan)
        users_variance = np.where(mapped, np.diag(spread), np.nan)
        reference = shares.sum(axis=0)
        producers = np.diag(shares) / reference
        variances = (weights**2)[:, None] * spread
        off = ~np.eye(len(sizes), dtype=bool)
        elsewhere = np.where(off, variances, 0).sum(axis=0)
        # Not 1 - producers, which loses digits where the accuracy is near 1.
        omission = np.where(off, shares, 0).sum(axis=0) / reference
        producers_variance = (omission**2 * np.diag(variances) + producers**2 * elsewhere) / reference**2
    return AreaEstimate(
        shares=shares,
        area=Estimate(value=total * reference, se=total * np.sqrt(variances.sum(axis=0))),
        overall=Estimate(
            value=np.asarray(np.trace(shares)), se=np.asarray(np.sqrt(np.diag(variances).sum()))
        ),
        users=Estimate(value=users, se=np.sqrt(users_variance)),
        producers=Estimate(value=producers, se=np.sqrt(producers_variance)),
    )


def _check(points: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
    """Raise an error for input without an estimate.

    Raises:
        UsageError: see `estimate`.
    """
    if sizes.ndim != 1 or points.shape != (len(sizes), len(sizes)):
        raise UsageError(f"an error matrix of shape {points.shape} does not fit {sizes.shape} areas")
    if not (np.isfinite(sizes).all() and (sizes >= 0).all() and (points >= 0).all()):
        raise UsageError("counts and areas must be finite and not negative")
    if not sizes.sum():
        raise UsageError("no class is mapped: all areas are 0")
    sampled = points.sum(axis=1)
    if empty := np.flatnonzero((sizes > 0) & (sampled == 0)).tolist():
        raise UsageError(
            f"strata {empty} have no sample point, so their reference class is unknown; add points"
        )
    if stray := np.flatnonzero((sizes == 0) & (sampled > 0)).tolist():
        raise UsageError(f"strata {stray} have sample points but an area of 0; check the areas")


def allocate(
    number: int,
    areas: NDArray[np.float64],
    pixels: NDArray[np.int64],
    *,
    minimum: int | None = None,
) -> NDArray[np.int64]:
    """Allocate sample points to strata (Olofsson et al. 2014, section 5).

    The allocation is proportional to area, but rare strata get the minimum, or all of their pixels.

    Args:
        number: total number of points.
        areas: (S,) areas of the strata, positive, in any unit.
        pixels: (S,) numbers of pixels of the strata, at most one point each.
        minimum: smallest number of points of a stratum; None: 50, but at most half of an equal share and at
            least 2.

    Returns:
        (S,) numbers of points, with the sum `number`.

    Raises:
        UsageError: there are more points than pixels, or too few for the minimum of each stratum.
    """
    strata = len(areas)
    if number > pixels.sum():
        raise UsageError(f"{number} points cannot be drawn from {pixels.sum()} pixels; ask for fewer")
    least = max(FEWEST, min(RARE_MINIMUM, number // (2 * strata))) if minimum is None else minimum
    low = np.minimum(least, pixels)
    if low.sum() > number:
        raise UsageError(
            f"{number} points are too few for {strata} classes of at least {least} points each; ask for"
            f" {low.sum()} or more"
        )
    # The total number of points is piecewise linear in points per area, with nodes where a stratum reaches
    # its minimum or all of its pixels.
    bends = np.sort(np.concatenate([low / areas, pixels / areas]))
    totals = [np.clip(bend * areas, low, pixels).sum() for bend in bends]
    exact = np.clip(np.interp(number, totals, bends) * areas, low, pixels)
    points: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    # Largest remainders. Strata at their bounds have a remainder of 0.
    order = np.argsort(points - exact, kind="stable")
    points[order[: number - int(points.sum())]] += 1
    return points
