"""Heads: the minimum of their loss, balanced classes, scores that sum to 1."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("threadpoolctl")
from geoseg.learn.fit.heads import (
    Logistic,
    Neighbours,
    balanced,
    fit_path,
    settings_of,
    softmax,
)
from geoseg.spec.fit import Head

pytestmark = pytest.mark.usefixtures("one_thread_only")

KINDS: tuple[Head, ...] = ("logistic", "knn", "mlp")


def clouds(number: int = 60, dims: int = 4, classes: int = 3) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Classes as clouds of points, with different means."""
    rng = np.random.default_rng(0)
    own = np.arange(number) % classes
    return rng.normal(0, 1, (number, dims)) + 3 * rng.normal(0, 1, (classes, dims))[own], own


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_learns_separate_clouds(kind: Head) -> None:
    x, own = clouds()
    for head in fit_path(kind, x, own, 3, settings_of(kind, len(x))):
        scores = head.scores(x)
        assert scores.sum(axis=1) == pytest.approx(1)
        assert (scores.argmax(axis=1) == own).mean() > 0.8


@pytest.mark.parametrize("dims", [4, 90], ids=["more pixels", "more features"])
def test_logistic_regression_is_at_the_minimum_of_its_loss(dims: int) -> None:
    x, own = clouds(60, dims)
    penalty = 1.0
    fitted = fit_path("logistic", x, own, 3, [penalty])[0]
    assert isinstance(fitted.head, Logistic)
    z = (x - fitted.mean) / fitted.std
    slope = balanced(own, 3)[:, None] * (softmax(z @ fitted.head.weights + fitted.head.bias) - np.eye(3)[own])
    gradient = z.T @ slope + penalty * fitted.head.weights
    assert np.abs(gradient).max() < 0.02 * np.abs(z.T @ np.eye(3)[own]).max()
    assert np.abs(slope.sum(axis=0)).max() < 0.05


def test_classes_count_alike() -> None:
    own = np.array([0] * 90 + [1] * 10)
    weights = balanced(own, 2)
    assert weights[own == 0].sum() == pytest.approx(50)
    assert weights[own == 1].sum() == pytest.approx(50)
    same = np.zeros((100, 1))
    for kind in KINDS:
        assert fit_path(kind, same, own, 2, settings_of(kind, 100)[:1])[0].scores(same)[0] == pytest.approx(
            [0.5, 0.5], abs=0.01
        )


def test_equally_near_pixels_all_vote() -> None:
    head = Neighbours(points=np.array([[0.0], [2.0], [9.0]]), votes=np.eye(3), number=1)
    assert head.scores(np.array([[1.0]]))[0] == pytest.approx([0.4918, 0.4918, 0.0164], abs=1e-3)


def test_a_feature_without_variance_is_harmless() -> None:
    x, own = clouds()
    x[:, 0] = 5
    assert np.isfinite(fit_path("logistic", x, own, 3, [1.0])[0].scores(x)).all()
