"""Error matrix of K classes and its scores. Matrices of chips are added before scores are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""(K, K) numbers of pixels: rows are reference classes, columns mapped classes."""

IGNORE = 255
"""Class of pixels that are not counted: not labelled, or not observed."""

ROUNDS = 1000
"""Number of bootstrap samples."""


def count(reference: NDArray[np.uint8], mapped: NDArray[np.uint8], classes: int) -> Counts:
    """Return the error matrix of a chip.

    Args:
        reference: classes 0..K-1; `IGNORE` is not counted.
        mapped: classes 0..K-1; `IGNORE` is not counted.
        classes: K.
    """
    counted = (reference != IGNORE) & (mapped != IGNORE)
    pairs = reference[counted].astype(np.int64) * classes + mapped[counted]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Scores of one class; NaN where the divisor is 0."""

    iou: float
    f1: float
    precision: float
    recall: float
    support: int
    """Number of reference pixels."""


def class_scores(counts: Counts) -> tuple[ClassScores, ...]:
    """Return the scores of every class."""
    scores = []
    for index in range(len(counts)):
        correct = int(counts[index, index])
        reference, mapped = int(counts[index].sum()), int(counts[:, index].sum())
        scores.append(
            ClassScores(
                iou=_ratio(correct, reference + mapped - correct),
                f1=_ratio(2 * correct, reference + mapped),
                precision=_ratio(correct, mapped),
                recall=_ratio(correct, reference),
                support=reference,
            )
        )
    return tuple(scores)


def _ratio(part: int, total: int) -> float:
    return part / total if total else float("nan")


def mean_iou(counts: Counts) -> float:
    """Return the mean IoU of the classes that are mapped or in the reference; NaN where there are none."""
    values = [score.iou for score in class_scores(counts) if not np.isnan(score.iou)]
    return float(np.mean(values)) if values else float("nan")


def main_score(counts: Counts) -> float:
    """Return the main score: the IoU of the second of two classes, else the mean IoU."""
    return class_scores(counts)[1].iou if len(counts) == 2 else mean_iou(counts)


def mean_over_chips(chips: Sequence[Counts], score: Callable[[Counts], float] = main_score) -> float:
    """Return the mean score of the chips for which it is defined; NaN where there are none."""
    values = [value for chip in chips if not np.isnan(value := score(chip))]
    return float(np.mean(values)) if values else float("nan")


def false_positive_share(chips: Sequence[Counts]) -> float:
    """Return the share of pixels mapped as the second of two classes in the chips whose reference lacks it.

    NaN where there is no such chip, or there are more than two classes.
    """
    dry = [chip[0] for chip in chips if len(chip) == 2 and not chip[1].sum()]
    return _ratio(sum(int(row[1]) for row in dry), sum(int(row.sum()) for row in dry))


def accuracy(counts: Counts) -> float:
    """Return the overall accuracy: the share of pixels that are mapped correctly."""
    return _ratio(int(np.trace(counts)), int(counts.sum()))


def draws(chips: int, *, rounds: int = ROUNDS, seed: int = 0) -> NDArray[np.intp]:
    """Return bootstrap samples of chips, (rounds, chips) indices, equal for all maps that are compared.

    Chips are drawn instead of pixels, because pixels of a chip are not independent (Efron & Tibshirani 1993,
    chapter 13).
    """
    return np.random.default_rng(seed).integers(0, chips, (rounds, chips))


def interval(
    chips: Sequence[Counts],
    score: Callable[[Counts], float] = main_score,
    *,
    against: Sequence[Counts] = (),
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of a score over bootstrap samples of chips.

    Args:
        chips: error matrix of each chip.
        score: computes the score of a sum of error matrices.
        against: error matrices of the same chips for another map; the interval is that of the difference.
        level: confidence level, 0..1.
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
