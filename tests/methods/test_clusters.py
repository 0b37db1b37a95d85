"""Clusters, their measure, and the density of a class."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from geoseg.methods.clusters import NormalClass, calinski_harabasz, k_means

CENTRES = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [0.0, 4.0, -1.0]])
KIND = np.repeat([0, 1, 2], [400, 50, 900])
POINTS = CENTRES[KIND] + np.random.default_rng(0).normal(0, 0.3, (1350, 3))


def test_separate_clusters_are_found_whatever_their_sizes() -> None:
    labels, centres = k_means(POINTS, 3)
    for kind in range(3):
        assert len(set(labels[kind == KIND])) == 1
    nearest = [np.linalg.norm(centres - centre, axis=1).min() for centre in CENTRES]
    assert max(nearest) < 0.2


def test_the_number_of_clusters_that_there_are_is_best() -> None:
    scores = {count: calinski_harabasz(POINTS, *k_means(POINTS, count)) for count in range(2, 6)}
    assert max(scores, key=lambda count: scores[count]) == 3


def test_equal_points_have_one_cluster() -> None:
    points = np.ones((10, 2))
    labels, centres = k_means(points, 2)
    assert len(set(labels)) == 1
    assert calinski_harabasz(points, labels, centres) == 0


def test_one_feature_is_enough() -> None:
    labels, _ = k_means(np.array([[0.0], [0.1], [5.0], [5.1]]), 2)
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_the_log_density_is_that_of_independent_normals() -> None:
    found = NormalClass.of(POINTS[KIND == 0], 0.25)
    at = [
        np.array([[0.2, np.nan]], np.float32),
        np.full((1, 2), -0.1, np.float32),
        np.zeros((1, 2), np.float32),
    ]
    density = found.log_density(at)
    normals = stats.norm(found.means, np.sqrt(found.variances)).logpdf([0.2, -0.1, 0.0]).sum()
    assert density[0, 0] == pytest.approx(np.log(0.25) + normals + 1.5 * np.log(2 * np.pi), abs=1e-4)
    assert np.isnan(density[0, 1])
