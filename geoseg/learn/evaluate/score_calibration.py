"""Whether scores are the shares they claim to be, and the temperature that makes them so.

Scores come from the maps as 255ths of the class given, so that 256 bins hold all there is to know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

QUANTA = 256
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Pixels by the score of their class: (256,) how many, and how many of them are right."""

    pixels: NDArray[np.int64]
    right: NDArray[np.int64]

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(pixels=self.pixels + other.pixels, right=self.right + other.right)


def reliability(scores: NDArray[np.uint8], right: NDArray[np.bool_]) -> Reliability:
    """Count pixels.

    Args:
        scores: (n,) 255ths.
        right: (n,).
    """
    return Reliability(
        pixels=np.bincount(scores, minlength=QUANTA).astype(np.int64),
        right=np.bincount(scores[right], minlength=QUANTA).astype(np.int64),
    )


def nothing() -> Reliability:
    """No pixels."""
    return Reliability(pixels=np.zeros(QUANTA, np.int64), right=np.zeros(QUANTA, np.int64))


def curve(counts: Reliability) -> list[tuple[float, float, int]]:
    """Mean score, share that is right, and pixels, in ten bins of the score; empty bins are left out."""
    score = np.arange(QUANTA) / 255
    bin_of = np.minimum((score * BINS).astype(int), BINS - 1)
    found = []
    for index in range(BINS):
        own = bin_of == index
        pixels = int(counts.pixels[own].sum())
        if pixels:
            mean = float((score[own] * counts.pixels[own]).sum() / pixels)
            found.append((mean, float(counts.right[own].sum() / pixels), pixels))
    return found


def calibration_error(counts: Reliability) -> float:
    """Expected calibration error: mean |score - share right| of ten bins (Naeini 2015); NaN of nothing."""
    bins = curve(counts)
    total = sum(pixels for _, _, pixels in bins)
    return sum(pixels * abs(mean - right) for mean, right, pixels in bins) / total if total else float("nan")


def temperature(counts: Reliability) -> float:
    """Return what logits are to be divided by for the greatest likelihood (Guo 2017, arXiv:1706.04599).

    Exact for two classes; of more, the class given against all others.
    """
    score = np.clip(np.arange(QUANTA) / 255, 0.5 / 255, 1 - 0.5 / 255)
    logit = np.log(score / (1 - score))
    wrong = counts.pixels - counts.right
    if not counts.pixels.sum():
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logit / np.exp(log_temperature)
        return float((counts.right * np.logaddexp(0, -scaled) + wrong * np.logaddexp(0, scaled)).sum())

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(10)), method="bounded")
    return round(float(np.exp(best.x)), 4)
