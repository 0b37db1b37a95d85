"""Confusion of K classes and its scores: counts first, ratios last, so that chips add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""(K, K) pixels: rows what they are, columns what they are mapped as."""

IGNORE = 255
"""Class of pixels that do not count: not labelled, or not observed."""

ROUNDS = 1000
"""Draws of a bootstrap."""


def count(reference: NDArray[np.uint8], mapped: NDArray[np.uint8], classes: int) -> Counts:
    """Count pixels.

    Args:
        reference: classes 0..K-1; `IGNORE` does not count.
        mapped: the same; `IGNORE` (not observed) does not count either.
        classes: K.
    """
    seen = (reference != IGNORE) & (mapped != IGNORE)
    pairs = reference[seen].astype(np.int64) * classes + mapped[seen]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Scores of one class; NaN of nothing."""

    iou: float
    f1: float
    precision: float
    recall: float
    support: int
    """Reference pixels."""


def class_scores(counts: Counts) -> tuple[ClassScores, ...]:
    """Return the scores of every class."""
    found = []
    for index in range(len(counts)):
        right = int(counts[index, index])
        there, mapped = int(counts[index].sum()), int(counts[:, index].sum())
        found.append(
            ClassScores(
                iou=_ratio(right, there + mapped - right),
                f1=_ratio(2 * right, there + mapped),
                precision=_ratio(right, mapped),
                recall=_ratio(right, there),
                support=there,
            )
        )
    return tuple(found)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def mean_iou(counts: Counts) -> float:
    """Mean of the classes' IoU, of those that are mapped or there; NaN of nothing."""
    values = [score.iou for score in class_scores(counts) if not np.isnan(score.iou)]
    return float(np.mean(values)) if values else float("nan")


def main_score(counts: Counts) -> float:
    """Return the one number: IoU of the second of two classes, else the mean IoU."""
    return class_scores(counts)[1].iou if len(counts) == 2 else mean_iou(counts)


def accuracy(counts: Counts) -> float:
    """Share of pixels that are right."""
    return _ratio(int(np.trace(counts)), int(counts.sum()))


def draws(chips: int, *, rounds: int = ROUNDS, seed: int = 0) -> NDArray[np.intp]:
    """Draw chips with replacement: (rounds, chips) indices, the same for all that are compared.

    Pixels of one chip are not independent, so chips are what is drawn (Efron & Tibshirani 1993, chapter 13).
    """
    return np.random.default_rng(seed).integers(0, chips, (rounds, chips))


def interval(
    chips: Sequence[Counts],
    score: Callable[[Counts], float] = main_score,
    *,
    against: Sequence[Counts] = (),
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of a score over draws of chips.

    Args:
        chips: counts of each.
        score: of summed counts.
        against: counts of the same chips by another map: the interval is then that of the difference.
        level: of the interval.
    """
    if not chips:
        return float("nan"), float("nan")
    table, other = np.stack(chips), np.stack(against) if against else None
    values = []
    for drawn in draws(len(chips)):
        value = score(table[drawn].sum(axis=0))
        values.append(value if other is None else value - score(other[drawn].sum(axis=0)))
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
