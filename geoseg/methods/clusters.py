"""Clusters of points, and the density of a class for naive Bayes. Results are deterministic.

Points are (N, D) float64 and finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Labels = NDArray[np.intp]

LEAST_VARIANCE = 1e-5
"""Of a feature within a class, so that a class of equal points has a density."""


def k_means(points: Points, count: int, rounds: int = 100) -> tuple[Labels, Points]:
    """Return the cluster (N,) of each point, and the centres (count, D), by Lloyd's algorithm.

    Lloyd 1982, doi:10.1109/TIT.1982.1056489. It starts at the point that is farthest from the mean, then at
    those that are farthest from the ones before (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5), so that a
    rare cluster is found.

    Args:
        points: at least one.
        count: number of clusters; one may remain empty where points are equal.
        rounds: largest number of iterations; they end when no point changes its cluster.
    """
    centres = np.empty((count, points.shape[1]))
    nearest = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    for index in range(count):
        centres[index] = points[np.argmax(nearest)]
        away = ((points - centres[index]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, away) if index else away
    labels = _nearest(points, centres)
    for _ in range(rounds):
        for index in range(count):
            if (labels == index).any():
                centres[index] = points[labels == index].mean(axis=0)
        before, labels = labels, _nearest(points, centres)
        if np.array_equal(before, labels):
            break
    return labels, centres


def _nearest(points: Points, centres: Points) -> Labels:
    """Return the index of the centre that is nearest to each point."""
    distances = [((points - centre) ** 2).sum(axis=1) for centre in centres]
    return np.asarray(np.argmin(distances, axis=0))


def calinski_harabasz(points: Points, labels: Labels, centres: Points) -> float:
    """Return the variance between clusters over that within them, greater for better clusters.

    Calinski & Harabasz 1974, doi:10.1080/03610927408827101. 0 for one cluster, infinite where the points of
    each cluster are equal.
    """
    used = np.unique(labels)
    freedom = len(points) - len(used)
    if len(used) < 2 or freedom < 1:
        return 0.0
    sizes = np.bincount(labels, minlength=len(centres))
    between = float((sizes * ((centres - points.mean(axis=0)) ** 2).sum(axis=1)).sum())
    within = float(((points - centres[labels]) ** 2).sum())
    return between / (len(used) - 1) / (within / freedom) if within > 0 else float("inf")


@dataclass(frozen=True, kw_only=True)
class NormalClass:
    """A class whose features are independent and normal."""

    share: float
    means: tuple[float, ...]
    variances: tuple[float, ...]

    @classmethod
    def of(cls, points: Points, share: float) -> NormalClass:
        """Return the class of some points."""
        variances = np.maximum(points.var(axis=0), LEAST_VARIANCE)
        return cls(share=share, means=tuple(points.mean(axis=0)), variances=tuple(variances))

    def log_density(self, features: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the log of share times density, less a constant that all classes have.

        Args:
            features: D arrays of one shape; the result of NaN is NaN.
        """
        total = np.full(features[0].shape, np.log(self.share), np.float32)
        for values, mean, variance in zip(features, self.means, self.variances, strict=True):
            total -= np.float32(np.log(variance) / 2) + (values - np.float32(mean)) ** 2 / np.float32(
                2 * variance
            )
        return total
