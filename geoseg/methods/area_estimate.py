"""Accuracy and area of a map from a stratified random sample, each with its standard error.

Pixels counted on a map are a biased measure of area: what the map leaves out and what it adds seldom cancel.
A sample of places where the truth is known corrects that (Olofsson et al. 2014, "Good practices for
estimating area and assessing accuracy of land change", doi:10.1016/j.rse.2014.02.015).

Notation of the paper: strata i are the map's classes, j are reference classes, n_ij points of stratum i that
are j, n_i their sum over j, W_i the share of the map that stratum i is, A the map's area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

Z95 = 1.96
"""Half width of a 95 % interval in standard errors."""

RARE_MINIMUM = 50
"""Points that even the rarest stratum is given (section 5 of the paper: 50 to 100)."""

FEWEST = 2
"""Points of a stratum below which its variance is not known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Numbers with their standard errors; of one shape."""

    value: NDArray[np.float64]
    """NaN of nothing."""
    se: NDArray[np.float64]
    """Standard error; NaN where it cannot be told."""

    @property
    def half_width(self) -> NDArray[np.float64]:
        """Half width of the 95 % interval: 1.96 standard errors."""
        return np.asarray(Z95 * self.se)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaEstimate:
    """What a sample says of a map of K classes."""

    shares: NDArray[np.float64]
    """(K, K) p_ij: share of the ground that is mapped as i and is j; sums to 1."""
    area: Estimate
    """(K,) area of each class on the ground, in the unit of the mapped areas."""
    overall: Estimate
    """() share of the ground that is mapped right, 0..1."""
    users: Estimate
    """(K,) user's accuracy: share of what is mapped as a class that is it; NaN of classes not mapped."""
    producers: Estimate
    """(K,) producer's accuracy: share of a class that is mapped as it; NaN of classes nowhere found."""


def estimate(counts: NDArray[np.int64], areas: NDArray[np.float64]) -> AreaEstimate:
    """Estimate area and accuracy: the stratified estimators of Olofsson et al. 2014.

    p_ij = W_i n_ij / n_i; area_j = A Σ_i p_ij, with SE = A √(Σ_i W_i² s_ij) where
    s_ij = (n_ij / n_i)(1 − n_ij / n_i) / (n_i − 1); O = Σ_j p_jj, V(O) = Σ_i W_i² s_ii;
    U_i = p_ii / p_i·, V(U_i) = s_ii; P_j = p_jj / p_·j,
    V(P_j) = [N_j² (1 − P_j)² s_jj + P_j² Σ_{i≠j} N_i² s_ij] / N̂_j², N_i and N̂_j being mapped and estimated
    areas.

    A stratum of one point has no s_ij (0/0): its user's accuracy, every area, the overall accuracy and the
    producer's accuracies that draw on it then have NaN for a standard error, never a number too small.

    Args:
        counts: (K, K) points, rows what they are mapped as, columns what they are.
        areas: (K,) mapped area of each class in any one unit; 0 of classes that are not mapped.

    Raises:
        UsageError: shapes differ, numbers are negative, nothing is mapped, a mapped class has no point, or
            there are points of a class that is not mapped.
    """
    points, sizes = np.asarray(counts, np.float64), np.asarray(areas, np.float64)
    _check(points, sizes)
    total, sampled = sizes.sum(), points.sum(axis=1)
    weights = sizes / total
    mapped = sizes > 0
    found = points / np.where(mapped, sampled, 1)[:, None]
    shares = weights[:, None] * found
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = found * (1 - found) / (sampled - 1)[:, None]
        spread[~mapped] = 0
        right = np.where(mapped, np.diag(found), np.nan)
        right_spread = np.where(mapped, np.diag(spread), np.nan)
        truth = shares.sum(axis=0)
        caught = np.diag(shares) / truth
        variances = (weights**2)[:, None] * spread
        off = ~np.eye(len(sizes), dtype=bool)
        elsewhere = np.where(off, variances, 0).sum(axis=0)
        # Not 1 - caught, which loses its digits where nearly all is caught.
        missed = np.where(off, shares, 0).sum(axis=0) / truth
        caught_variance = (missed**2 * np.diag(variances) + caught**2 * elsewhere) / truth**2
    return AreaEstimate(
        shares=shares,
        area=Estimate(value=total * truth, se=total * np.sqrt(variances.sum(axis=0))),
        overall=Estimate(
            value=np.asarray(np.trace(shares)), se=np.asarray(np.sqrt(np.diag(variances).sum()))
        ),
        users=Estimate(value=right, se=np.sqrt(right_spread)),
        producers=Estimate(value=caught, se=np.sqrt(caught_variance)),
    )


def _check(points: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
    """Refuse what has no estimate."""
    if sizes.ndim != 1 or points.shape != (len(sizes), len(sizes)):
        raise UsageError(f"counts of shape {points.shape} do not fit {sizes.shape} areas")
    if not (np.isfinite(sizes).all() and (sizes >= 0).all() and (points >= 0).all()):
        raise UsageError("counts and areas must be finite, and not negative")
    if not sizes.sum():
        raise UsageError("nothing is mapped: all areas are 0")
    sampled = points.sum(axis=1)
    if empty := np.flatnonzero((sizes > 0) & (sampled == 0)).tolist():
        raise UsageError(f"strata {empty} have no sample point: what they really are is not known")
    if stray := np.flatnonzero((sizes == 0) & (sampled > 0)).tolist():
        raise UsageError(f"strata {stray} have sample points but no area")


def allocate(
    number: int,
    areas: NDArray[np.float64],
    pixels: NDArray[np.int64],
    *,
    minimum: int | None = None,
) -> NDArray[np.int64]:
    """Deal sample points to strata (Olofsson et al. 2014, section 5).

    Proportional to area, but rare strata get the minimum and the others share what is left; a stratum of
    fewer pixels gets one point each.

    Args:
        number: of points in all.
        areas: (S,) of the strata, positive, in any unit.
        pixels: (S,) of the strata: no more points can be drawn.
        minimum: of a stratum; None: 50, but no more than half of what equal parts would be, and at least 2.

    Returns:
        (S,) points, in all `number`.

    Raises:
        UsageError: so many points cannot be dealt: more than pixels, or less than the minimum of each.
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
    # Points in all grow with the points per area, in pieces that are straight between the places where a
    # stratum leaves its minimum or runs out of pixels.
    bends = np.sort(np.concatenate([low / areas, pixels / areas]))
    totals = [np.clip(bend * areas, low, pixels).sum() for bend in bends]
    exact = np.clip(np.interp(number, totals, bends) * areas, low, pixels)
    dealt: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    # Largest remainders; none of them is at its bound, where remainders are 0.
    order = np.argsort(dealt - exact, kind="stable")
    dealt[order[: number - int(dealt.sum())]] += 1
    return dealt
