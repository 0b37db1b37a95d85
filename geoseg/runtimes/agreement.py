"""Agreement check: classes and scores of two sessions on the same tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.methods.cosine_similarity import cosine_similarity
from geoseg.runtimes import Session

EQUAL = 0.995
"""Smallest share of pixels with equal class that passes."""

SAME_AREA = 0.95
"""Smallest intersection over union of a class that passes: a large share hides errors of rare classes."""

SAME_ON_GPU = 0.995
"""Smallest intersection over union of a class that passes for lower precisions on a GPU."""

SAME_DIRECTION = 0.999
"""Least cosine of the angle between vectors of features that count as equal."""

SMALL = 256
"""Fewest pixels of a class for which its intersection over union is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Classes and scores of a candidate compared with a reference."""

    equal: float
    """Share of pixels with equal class, 0..1."""
    worst_iou: float
    """Smallest intersection over union of a class with enough pixels, 0..1."""
    score_error: float = 0.0
    """Mean absolute difference of scores, 0..1."""
    least_iou: float = SAME_AREA
    """Smallest `worst_iou` that passes, 0..1."""

    @property
    def enough(self) -> bool:
        """Whether the candidate passes the check."""
        return self.equal >= EQUAL and self.worst_iou >= self.least_iou

    def numbers(self, tiles: int) -> dict[str, JsonValue]:
        """Return the values for a run record of a check on a number of tiles."""
        return {
            "tiles": tiles,
            "equal": self.equal,
            "worst_iou": self.worst_iou,
            "score_error": self.score_error,
        }

    def __str__(self) -> str:
        iou = "" if self.worst_iou >= self.least_iou else f", but only {self.worst_iou:.1%} IoU for one class"
        return f"{_percent(self.equal)} of pixels equal{iou}"


def score_all(session: Session, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores (N, K, H, W) of tiles (N, C, H, W) in a session."""
    step = session.batch
    return np.concatenate([session(tiles[start : start + step]) for start in range(0, len(tiles), step)])


def classes_of(scores: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return class indices (N, H, W) of scores (N, K, H, W)."""
    if scores.shape[1] == 1:
        return np.asarray(scores[:, 0] > np.float32(threshold), np.uint8)
    return np.asarray(scores.argmax(axis=1), np.uint8)


def compare_scores(
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    threshold: float,
    *,
    least_iou: float = SAME_AREA,
) -> Agreement:
    """Compare scores (N, K, H, W) of two sessions on the same tiles.

    Args:
        reference: scores in fp32.
        candidate: scores in a lower precision.
        threshold: threshold of the score where there is one plane.
        least_iou: smallest intersection over union of a class that passes.
    """
    agreement = compare(classes_of(reference, threshold), classes_of(candidate, threshold))
    error = float(np.abs(reference - candidate).mean(dtype=np.float64))
    return replace(agreement, score_error=error, least_iou=least_iou)


def compare_features(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> Agreement:
    """Compare features (N, D, h, w): vectors are equal where the cosine of their angle is 0.999 or more."""
    cosine = cosine_similarity(np.moveaxis(reference, 1, 0), np.moveaxis(candidate, 1, 0))
    error = float(np.abs(reference - candidate).mean(dtype=np.float64))
    return Agreement(equal=float(np.mean(cosine >= SAME_DIRECTION)), worst_iou=1.0, score_error=error)


def compare(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> Agreement:
    """Compare two class maps of the same shape."""
    ious = []
    for value in np.unique(reference):
        expected, computed = reference == value, candidate == value
        union = int(np.count_nonzero(expected | computed))
        if union >= SMALL:
            ious.append(np.count_nonzero(expected & computed) / union)
    return Agreement(equal=float(np.mean(reference == candidate)), worst_iou=min(ious, default=1.0))


def _percent(share: float) -> str:
    """Round down, so that 100 % means all pixels."""
    return f"{np.floor(share * 1e5) / 1e3:.3f} %"
