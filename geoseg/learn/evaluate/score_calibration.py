"""Calibration of scores: reliability curve, expected calibration error, and temperature.

Maps store the score of the mapped class in 255ths, so that counts in 256 bins are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

QUANTA = 256
"""Number of score values in a map."""
BINS = 10
"""Number of bins of the reliability curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Numbers of pixels and of correct pixels by the score of the mapped class."""

    pixels: NDArray[np.int64]
    """(256,)"""
    correct: NDArray[np.int64]
    """(256,)"""

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(pixels=self.pixels + other.pixels, correct=self.correct + other.correct)


def reliability(scores: NDArray[np.uint8], correct: NDArray[np.bool_]) -> Reliability:
    """Count pixels and correct pixels by score.

    Args:
        scores: (n,) in 255ths.
        correct: (n,) whether the mapped class equals the label.
    """
    return Reliability(
        pixels=np.bincount(scores, minlength=QUANTA).astype(np.int64),
        correct=np.bincount(scores[correct], minlength=QUANTA).astype(np.int64),
    )


def no_pixels() -> Reliability:
    """Return counts of zero."""
    return Reliability(pixels=np.zeros(QUANTA, np.int64), correct=np.zeros(QUANTA, np.int64))


def curve(counts: Reliability) -> list[tuple[float, float, int]]:
    """Return mean score, share of correct pixels, and number of pixels of each bin that is not empty."""
    score = np.arange(QUANTA) / 255
    bin_of = np.minimum((score * BINS).astype(int), BINS - 1)
    bins = []
    for index in range(BINS):
        inside = bin_of == index
        pixels = int(counts.pixels[inside].sum())
        if pixels:
            mean = float((score[inside] * counts.pixels[inside]).sum() / pixels)
            bins.append((mean, float(counts.correct[inside].sum() / pixels), pixels))
    return bins


def calibration_error(counts: Reliability) -> float:
    """Return the expected calibration error over ten bins (Naeini 2015), 0..1; NaN without pixels."""
    bins = curve(counts)
    total = sum(pixels for _, _, pixels in bins)
    return (
        sum(pixels * abs(mean - correct) for mean, correct, pixels in bins) / total if total else float("nan")
    )


def fit_temperature(counts: Reliability) -> float:
    """Return the divisor of logits of greatest likelihood (Guo 2017, arXiv:1706.04599).

    Exact for two classes; with more classes, the mapped class against all others.
    """
    score = np.clip(np.arange(QUANTA) / 255, 0.5 / 255, 1 - 0.5 / 255)
    logit = np.log(score / (1 - score))
    wrong = counts.pixels - counts.correct
    if not counts.pixels.sum():
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logit / np.exp(log_temperature)
        return float((counts.correct * np.logaddexp(0, -scaled) + wrong * np.logaddexp(0, scaled)).sum())

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(10)), method="bounded")
    return round(float(np.exp(best.x)), 4)
