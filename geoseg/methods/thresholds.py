"""Thresholds from histograms, and measures of their bimodality.

All functions use a `Histogram`; that of a scene is the sum over its blocks. A threshold is a bin edge, the
midpoint of two bin centres: values below it are the lower class, others the upper class. Where several
neighbouring edges are equally good (an empty valley), the middle one is returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 256

Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Numbers of values in equal bins."""

    counts: Counts
    """(256,) numbers of values."""
    edges: NDArray[np.float64]
    """(257,) ascending bin edges in the unit of the values."""

    def __add__(self, other: Histogram) -> Histogram:
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("histograms with different edges cannot be added")
        return Histogram(counts=self.counts + other.counts, edges=self.edges)

    @property
    def centres(self) -> NDArray[np.float64]:
        """(256,) bin centres."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def total(self) -> float:
        """Number of values."""
        return float(self.counts.sum())

    def share_below(self, threshold: float) -> float:
        """Return the share of values below a threshold, 0..1; exact for bin edges."""
        cumulative = np.concatenate(([0.0], np.cumsum(self.counts)))
        return float(np.interp(threshold, self.edges, cumulative) / max(self.total, 1.0))


@dataclass(frozen=True, kw_only=True)
class Unimodal:
    """Result for values with one mode, which have no threshold."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class TwoGaussians:
    """A mixture of two normal distributions, in ascending order of means."""

    shares: tuple[float, float]
    means: tuple[float, float]
    sigmas: tuple[float, float]

    @property
    def separation(self) -> float:
        """Ashman's D of the distributions."""
        return ashman_d(*self.means, *self.sigmas)


def histogram(values: NDArray[np.floating], limits: tuple[float, float] | None = None) -> Histogram:
    """Return the histogram of the finite values in 256 equal bins.

    Args:
        values: any shape; NaN and infinities are left out.
        limits: lowest and highest edge; None: the range of the values. Values outside are counted in the
            first or last bin.
    """
    finite = values[np.isfinite(values)]
    if limits is None:
        limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low, high = limits
    if not high > low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return Histogram(counts=counts.astype(np.float64), edges=edges)


def _split_moments(histogram: Histogram) -> tuple[Counts, Counts, Counts, Counts, Counts]:
    """Return the moments of the two classes for each of the 255 inner edges, NaN where a class is empty.

    They are the share of the lower class, both means, and both variances, lower class first.
    """
    share = histogram.counts / max(histogram.total, 1.0)
    # About the mean of the bin centres, so that second moments lose no digits.
    x = histogram.centres - histogram.centres.mean()
    first, second = share * x, share * x * x
    p0, m0, s0 = (np.cumsum(item)[:-1] for item in (share, first, second))
    p1, m1, s1 = (np.cumsum(item[::-1])[::-1][1:] for item in (share, first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean0, mean1 = m0 / p0, m1 / p1
        variance0 = np.maximum(s0 / p0 - mean0**2, 0)
        variance1 = np.maximum(s1 / p1 - mean1**2, 0)
    return p0, mean0, mean1, variance0, variance1


def _between_variance(histogram: Histogram) -> Counts:
    """Return the variance between the classes for each inner edge; 0 where a class is empty."""
    share0, mean0, mean1, _, _ = _split_moments(histogram)
    between = share0 * (1 - share0) * (mean0 - mean1) ** 2
    return np.nan_to_num(between, nan=0.0)


def _middle_edge(histogram: Histogram, best: NDArray[np.bool_]) -> float:
    """Return the middle of the run of best inner edges that starts at the first."""
    first = int(np.argmax(best))
    after = np.flatnonzero(~best[first:])
    last = first + (int(after[0]) if after.size else best.size - first) - 1
    return float(histogram.edges[first + 1] + histogram.edges[last + 1]) / 2


def otsu(histogram: Histogram) -> float:
    """Return the threshold with the largest variance between the classes.

    argmax of w0 w1 (mu0 - mu1)², Otsu 1979, doi:10.1109/TSMC.1979.4310076. It is also defined for one
    mode, and biased towards the larger class; `bmax` and `fit_two_gaussians` test for two modes.
    """
    between = _between_variance(histogram)
    return _middle_edge(histogram, between >= between.max() * (1 - 1e-12))


def bmax(histogram: Histogram) -> float:
    """Return the largest share of variance that a threshold explains, 0..1.

    Maximum between-class variance divided by total variance (Cao 2019, doi:10.3390/w11040786; Markert 2020,
    doi:10.3390/rs12152469). Two equal deltas: 1; uniform: 0.75; one Gaussian: 2/pi = 0.637.
    """
    share = histogram.counts / max(histogram.total, 1.0)
    x = histogram.centres - histogram.centres.mean()
    variance = float((share * x * x).sum() - (share * x).sum() ** 2)
    return float(_between_variance(histogram).max()) / variance if variance > 0 else 0.0


def kittler_illingworth(histogram: Histogram, gain: float = 0.02) -> float | Unimodal:
    """Return the minimum-error threshold of two normal distributions, or `Unimodal`.

    argmin of J = 1 + 2 (P1 ln s1 + P2 ln s2) - 2 (P1 ln P1 + P2 ln P2), Kittler & Illingworth 1986,
    doi:10.1016/0031-3203(86)90030-0. Edges with an empty class or a class without variance are left out. The
    threshold is near the Bayes threshold also for very unequal classes.

    Args:
        histogram: histogram of the values.
        gain: smallest decrease of J from its value for one class, 1 + 2 ln s, for two classes.
    """
    p0, _, _, variance0, variance1 = _split_moments(histogram)
    width = float(histogram.edges[1] - histogram.edges[0])
    p1 = 1 - p0
    # The histogram does not resolve the variance of a class within one or two bins.
    resolved = (variance0 > width**2 / 2) & (variance1 > width**2 / 2) & (p0 > 0) & (p1 > 0)
    if not resolved.any():
        return Unimodal(reason="fewer than two classes with a spread")
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = 1 + p0 * np.log(variance0) + p1 * np.log(variance1)
        cost -= 2 * (p0 * np.log(p0) + p1 * np.log(p1))
    cost = np.where(resolved, cost, np.inf)
    best = int(np.argmin(cost))
    inner = np.flatnonzero(resolved)
    if best in (inner[0], inner[-1]):
        return Unimodal(reason="the minimum-error criterion has no inner minimum")
    share = histogram.counts / histogram.total
    mean = float((share * histogram.centres).sum())
    alone = 1 + np.log(float((share * (histogram.centres - mean) ** 2).sum()))
    if cost[best] > alone - gain:
        return Unimodal(reason="two classes describe the values no better than one")
    return float(histogram.edges[best + 1])


def ashman_d(mean0: float, mean1: float, sigma0: float, sigma1: float) -> float:
    """Return Ashman's D of two normal distributions; above 2 they are separate.

    sqrt(2) |mu0 - mu1| / sqrt(s0² + s1²), Ashman 1994, doi:10.1086/117248. It is for the parameters
    of fitted distributions, because the two parts of a distribution at a threshold always have a large D.
    """
    return float(np.sqrt(2) * abs(mean0 - mean1) / np.sqrt(sigma0**2 + sigma1**2))


def fit_two_gaussians(histogram: Histogram, rounds: int = 200) -> TwoGaussians | Unimodal:
    """Fit a mixture of two normal distributions by expectation maximisation, starting at Otsu's threshold.

    Args:
        histogram: histogram of the values.
        rounds: largest number of iterations; they end when the means change by less than a hundredth of a
            bin.
    """
    x, width = histogram.centres, float(histogram.edges[1] - histogram.edges[0])
    weight = histogram.counts / max(histogram.total, 1.0)
    upper = (x > otsu(histogram)).astype(np.float64)
    means = np.full(2, np.inf)
    shares, sigmas = np.zeros(2), np.zeros(2)
    for _ in range(rounds):
        belongs = np.stack([1 - upper, upper]) * weight
        shares = belongs.sum(axis=1)
        if shares.min() < 1e-4:
            return Unimodal(reason="one class takes all values")
        before, means = means, (belongs * x).sum(axis=1) / shares
        spread = (belongs * (x - means[:, np.newaxis]) ** 2).sum(axis=1) / shares
        # Not below the resolution of the bins, so that a class does not collapse to one bin.
        sigmas = np.sqrt(np.maximum(spread, width**2 / 4))
        if np.abs(means - before).max() < width / 100:
            break
        z = (x - means[:, np.newaxis]) / sigmas[:, np.newaxis]
        log = np.log(shares / sigmas)[:, np.newaxis] - z**2 / 2
        upper = 1 / (1 + np.exp(np.clip(log[0] - log[1], -700, 700)))
    low, high = (0, 1) if means[0] <= means[1] else (1, 0)
    return TwoGaussians(
        shares=(float(shares[low]), float(shares[high])),
        means=(float(means[low]), float(means[high])),
        sigmas=(float(sigmas[low]), float(sigmas[high])),
    )
