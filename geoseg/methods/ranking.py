"""How well scores rank what is there above what is not: average precision, with intervals over sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.accuracy import draws

Truth = NDArray[np.bool_]
"""(N, K): whether a site is of a class."""

Scores = NDArray[np.floating]
"""(N, K) scores; only their order counts."""


def average_precision(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], counts: NDArray[np.integer] | None = None
) -> float:
    """Return AP = Σ (R_n − R_{n−1}) P_n over the distinct scores, from the greatest down.

    R_n and P_n are recall and precision of what scores at least as much; equal scores come together, so that
    the order in which sites are listed does not count. No interpolation (Zhu 2004).

    Args:
        truth: (N,).
        scores: (N,).
        counts: (N,) how often each site counts; None: once.

    Returns:
        0..1; NaN where there is no positive.
    """
    order = np.argsort(-scores, kind="stable")
    return _of_sorted(truth[order], scores[order], None if counts is None else counts[order])


def _of_sorted(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], counts: NDArray[np.integer] | None
) -> float:
    """Average precision of scores that fall."""
    weight = np.ones(len(truth), np.int64) if counts is None else counts.astype(np.int64)
    right = np.cumsum(weight * truth)
    told = np.cumsum(weight)
    if not len(truth) or not right[-1]:
        return float("nan")
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    right, told = right[last], told[last]
    precision = right / np.maximum(told, 1)
    steps = np.diff(right, prepend=0)
    return float((steps * precision).sum() / right[-1])


def per_class(truth: Truth, scores: Scores) -> tuple[float, ...]:
    """Return the average precision of every class."""
    return tuple(average_precision(truth[:, index], scores[:, index]) for index in range(truth.shape[1]))


def macro(values: Sequence[float]) -> float:
    """Mean over the classes that have a positive; NaN of none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """95 % percentile intervals over draws of sites; NaN of nothing."""

    classes: tuple[tuple[float, float], ...]
    macro: tuple[float, float]


def intervals(truth: Truth, scores: Scores, *, level: float = 0.95) -> Intervals:
    """Draw sites with replacement, the same for all classes, and return the intervals of their scores.

    A draw without a positive of a class says nothing of it, and counts for the others only.

    Args:
        truth: (N, K).
        scores: (N, K).
        level: of the intervals.
    """
    sites, classes = truth.shape
    nothing = (float("nan"), float("nan"))
    if not sites:
        return Intervals(classes=(nothing,) * classes, macro=nothing)
    orders = [np.argsort(-scores[:, index], kind="stable") for index in range(classes)]
    ordered = [(truth[order, index], scores[order, index], order) for index, order in enumerate(orders)]
    found = []
    for drawn in draws(sites):
        counts = np.bincount(drawn, minlength=sites)
        found.append([_of_sorted(there, score, counts[order]) for there, score, order in ordered])
    table = np.array(found)
    return Intervals(
        classes=tuple(_interval(table[:, index], level) for index in range(classes)),
        macro=_interval(np.array([macro(row) for row in found]), level),
    )


def _interval(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
