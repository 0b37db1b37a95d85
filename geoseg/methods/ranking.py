"""Average precision of scores, with confidence intervals over sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.accuracy import draws

Truth = NDArray[np.bool_]
"""(N, K) whether a site has a class."""

Scores = NDArray[np.floating]
"""(N, K) scores; only their order matters."""


def average_precision(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], counts: NDArray[np.integer] | None = None
) -> float:
    """Return AP = Σ (R_n − R_{n−1}) P_n over the distinct scores in descending order.

    R_n and P_n are recall and precision of sites with at least that score. Equal scores are treated together,
    so the order of sites does not matter. There is no interpolation (Zhu 2004).

    Args:
        truth: (N,).
        scores: (N,).
        counts: (N,) weight of each site; None: 1.

    Returns:
        0..1; NaN where no site has the class.
    """
    order = np.argsort(-scores, kind="stable")
    return _of_sorted(truth[order], scores[order], None if counts is None else counts[order])


def _of_sorted(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], counts: NDArray[np.integer] | None
) -> float:
    """Return the average precision of scores in descending order."""
    weight = np.ones(len(truth), np.int64) if counts is None else counts.astype(np.int64)
    correct = np.cumsum(weight * truth)
    total = np.cumsum(weight)
    if not len(truth) or not correct[-1]:
        return float("nan")
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    correct, total = correct[last], total[last]
    precision = correct / np.maximum(total, 1)
    steps = np.diff(correct, prepend=0)
    return float((steps * precision).sum() / correct[-1])


def per_class(truth: Truth, scores: Scores) -> tuple[float, ...]:
    """Return the average precision of every class."""
    return tuple(average_precision(truth[:, index], scores[:, index]) for index in range(truth.shape[1]))


def macro(values: Sequence[float]) -> float:
    """Return the mean over classes with a value; NaN where there are none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Percentile intervals over bootstrap samples of sites; NaN without sites."""

    classes: tuple[tuple[float, float], ...]
    macro: tuple[float, float]


def intervals(truth: Truth, scores: Scores, *, level: float = 0.95) -> Intervals:
    """Return the intervals of average precision over bootstrap samples of sites.

    A sample without a site of a class is left out of the interval of that class.

    Args:
        truth: (N, K).
        scores: (N, K).
        level: confidence level, 0..1.
    """
    sites, classes = truth.shape
    unknown = (float("nan"), float("nan"))
    if not sites:
        return Intervals(classes=(unknown,) * classes, macro=unknown)
    orders = [np.argsort(-scores[:, index], kind="stable") for index in range(classes)]
    ordered = [(truth[order, index], scores[order, index], order) for index, order in enumerate(orders)]
    precisions = []
    for drawn in draws(sites):
        counts = np.bincount(drawn, minlength=sites)
        precisions.append([_of_sorted(true, score, counts[order]) for true, score, order in ordered])
    table = np.array(precisions)
    return Intervals(
        classes=tuple(_interval(table[:, index], level) for index in range(classes)),
        macro=_interval(np.array([macro(row) for row in precisions]), level),
    )


def _interval(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
