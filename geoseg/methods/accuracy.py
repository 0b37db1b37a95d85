"""Scores of a two-class map against reference labels, from counts that add up over chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Pixels of a two-class map by what they are mapped as and what they are.

    Ratios of nothing (no positive anywhere) are NaN.
    """

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            true_positive=self.true_positive + other.true_positive,
            false_positive=self.false_positive + other.false_positive,
            false_negative=self.false_negative + other.false_negative,
            true_negative=self.true_negative + other.true_negative,
        )

    @property
    def iou(self) -> float:
        """Intersection over union of the positive class."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        doubled = 2 * self.true_positive
        return _ratio(doubled, doubled + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """Share of the mapped positives that are right."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the reference positives that are mapped."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def accuracy(self) -> float:
        """Share of all pixels that are right."""
        total = self.true_positive + self.false_positive + self.false_negative + self.true_negative
        return _ratio(self.true_positive + self.true_negative, total)


def _ratio(part: int, whole: int) -> float:
    """A quotient; NaN of nothing."""
    return part / whole if whole else float("nan")


def confusion(mapped: NDArray[np.bool_], reference: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Confusion:
    """Count a map against its reference.

    Args:
        mapped: True = positive.
        reference: True = positive.
        seen: True = counts: observed, and labelled.
    """
    return Confusion(
        true_positive=int(np.count_nonzero(mapped & reference & seen)),
        false_positive=int(np.count_nonzero(mapped & ~reference & seen)),
        false_negative=int(np.count_nonzero(~mapped & reference & seen)),
        true_negative=int(np.count_nonzero(~mapped & ~reference & seen)),
    )


def total(chips: Sequence[Confusion]) -> Confusion:
    """Sum the counts of chips: their micro average."""
    return sum(chips, start=Confusion())


def bootstrap_interval(
    chips: Sequence[Confusion],
    score: Callable[[Confusion], float] = lambda counts: counts.iou,
    *,
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of a micro score when whole chips are drawn anew.

    Pixels of one chip are not independent, so chips are what is drawn (Efron & Tibshirani 1993, chapter 13).

    Args:
        chips: at least one.
        score: of summed counts.
        rounds: how many draws.
        level: of the interval.
        seed: makes it repeatable.
    """
    table = np.array(
        [[c.true_positive, c.false_positive, c.false_negative, c.true_negative] for c in chips], np.int64
    )
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(rounds):
        tp, fp, fn, tn = (int(value) for value in table[rng.integers(0, len(table), len(table))].sum(axis=0))
        counts = Confusion(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn)
        scores.append(score(counts))
    known = [value for value in scores if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
