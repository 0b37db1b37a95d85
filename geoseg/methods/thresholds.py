"""Thresholds from histograms, and how far a histogram is from having only one mode.

Everything works on a `Histogram`, so a scene of any size is a sum of its blocks. A threshold always lies on
a bin edge, which is the midpoint of two bin centres: values below it are the lower class, values at or
above it the upper class. Where a whole run of edges is equally good (an empty valley), the middle is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 256

Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How often values fall into equal bins."""

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
        """How many values were counted."""
        return float(self.counts.sum())

    def share_below(self, threshold: float) -> float:
        """Share of values below a threshold, 0..1; exact where it is a bin edge."""
        cumulative = np.concatenate(([0.0], np.cumsum(self.counts)))
        return float(np.interp(threshold, self.edges, cumulative) / max(self.total, 1.0))


@dataclass(frozen=True, kw_only=True)
class Unimodal:
    """There is no threshold, because the values look like one class."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class TwoGaussians:
    """A mixture of two normal distributions; the lower mean is first."""

    shares: tuple[float, float]
    means: tuple[float, float]
    sigmas: tuple[float, float]

    @property
    def separation(self) -> float:
        """Ashman's D of the two."""
        return ashman_d(*self.means, *self.sigmas)


def histogram(values: NDArray[np.floating], limits: tuple[float, float] | None = None) -> Histogram:
    """Count the finite values in 256 equal bins.

    Args:
        values: any shape; NaN and infinities are left out.
        limits: lowest and highest edge; None: of the values. Values outside go to the first or last bin.
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


@dataclass(frozen=True, kw_only=True)
class _Split:
    """Moments of the two classes for each of the 255 inner edges; NaN where a class is empty."""

    share0: Counts
    mean0: Counts
    mean1: Counts
    variance0: Counts
    variance1: Counts


def _splits(histogram: Histogram) -> _Split:
    """Class shares, means and variances below and above each inner edge."""
    share = histogram.counts / max(histogram.total, 1.0)
    # About the middle, so that the second moments lose no digits.
    x = histogram.centres - histogram.centres.mean()
    first, second = share * x, share * x * x
    p0, m0, s0 = (np.cumsum(item)[:-1] for item in (share, first, second))
    p1, m1, s1 = (np.cumsum(item[::-1])[::-1][1:] for item in (share, first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean0, mean1 = m0 / p0, m1 / p1
        variance0 = np.maximum(s0 / p0 - mean0**2, 0)
        variance1 = np.maximum(s1 / p1 - mean1**2, 0)
    return _Split(share0=p0, mean0=mean0, mean1=mean1, variance0=variance0, variance1=variance1)


def _between_variance(histogram: Histogram) -> Counts:
    """Variance between the two classes for each inner edge; 0 where a class is empty."""
    split = _splits(histogram)
    between = split.share0 * (1 - split.share0) * (split.mean0 - split.mean1) ** 2
    return np.nan_to_num(between, nan=0.0)


def _middle_edge(histogram: Histogram, best: NDArray[np.bool_]) -> float:
    """The middle of the run of inner edges that begins at the first best one."""
    first = int(np.argmax(best))
    after = np.flatnonzero(~best[first:])
    last = first + (int(after[0]) if after.size else best.size - first) - 1
    return float(histogram.edges[first + 1] + histogram.edges[last + 1]) / 2


def otsu(histogram: Histogram) -> float:
    """Return the threshold with the greatest variance between the classes.

    argmax of w0 w1 (mu0 - mu1)², Otsu 1979, doi:10.1109/TSMC.1979.4310076. It always gives an answer, and
    it leans towards the larger class: ask `bmax` or `fit_two_gaussians` whether there are two.
    """
    between = _between_variance(histogram)
    return _middle_edge(histogram, between >= between.max() * (1 - 1e-12))


def bmax(histogram: Histogram) -> float:
    """Return the greatest share of variance that one threshold explains, 0..1.

    Maximum between-class variance by total variance (Cao 2019, doi:10.3390/w11040786; Markert 2020,
    doi:10.3390/rs12152469). Two equal deltas: 1; uniform: 0.75; one Gaussian: 2/pi = 0.637.
    """
    share = histogram.counts / max(histogram.total, 1.0)
    x = histogram.centres - histogram.centres.mean()
    variance = float((share * x * x).sum() - (share * x).sum() ** 2)
    return float(_between_variance(histogram).max()) / variance if variance > 0 else 0.0


def kittler_illingworth(histogram: Histogram, gain: float = 0.02) -> float | Unimodal:
    """Return the minimum-error threshold of two normal classes, or that there is only one.

    argmin of J = 1 + 2 (P1 ln s1 + P2 ln s2) - 2 (P1 ln P1 + P2 ln P2), Kittler & Illingworth 1986,
    doi:10.1016/0031-3203(86)90030-0. Edges with an empty class or one without spread do not count. It lies
    near the Bayes point however unequal the classes are.

    Args:
        histogram: of the values.
        gain: by how much J must fall below its value for one class, 1 + 2 ln s, to count as two classes.
    """
    split = _splits(histogram)
    width = float(histogram.edges[1] - histogram.edges[0])
    p0, p1 = split.share0, 1 - split.share0
    # A class within one or two bins has no spread that the histogram could show.
    shown = (split.variance0 > width**2 / 2) & (split.variance1 > width**2 / 2) & (p0 > 0) & (p1 > 0)
    if not shown.any():
        return Unimodal(reason="fewer than two classes with a spread")
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = 1 + p0 * np.log(split.variance0) + p1 * np.log(split.variance1)
        cost -= 2 * (p0 * np.log(p0) + p1 * np.log(p1))
    cost = np.where(shown, cost, np.inf)
    best = int(np.argmin(cost))
    inner = np.flatnonzero(shown)
    if best in (inner[0], inner[-1]):
        return Unimodal(reason="the minimum-error criterion has no inner minimum")
    share = histogram.counts / histogram.total
    mean = float((share * histogram.centres).sum())
    alone = 1 + np.log(float((share * (histogram.centres - mean) ** 2).sum()))
    if cost[best] > alone - gain:
        return Unimodal(reason="two classes describe the values no better than one")
    return float(histogram.edges[best + 1])


def ashman_d(mean0: float, mean1: float, sigma0: float, sigma1: float) -> float:
    """Return the separation of two normal distributions; above 2 they are told apart cleanly.

    sqrt(2) |mu0 - mu1| / sqrt(s0² + s1²), Ashman 1994, doi:10.1086/117248. Meant for the parameters of
    fitted distributions: the two halves of one distribution that a threshold cut are always far apart.
    """
    return float(np.sqrt(2) * abs(mean0 - mean1) / np.sqrt(sigma0**2 + sigma1**2))


def fit_two_gaussians(histogram: Histogram, rounds: int = 200) -> TwoGaussians | Unimodal:
    """Fit a mixture of two normal distributions by expectation maximisation, begun at Otsu's threshold.

    Args:
        histogram: of the values.
        rounds: at most; it stops when the means move less than a hundredth of a bin.
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
        # Not below what the bins can show, or a spike would take everything.
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
