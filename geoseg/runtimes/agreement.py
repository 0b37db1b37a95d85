"""How far two sessions agree on the same tiles: what a lower precision must prove."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.runtimes import Session

EQUAL = 0.995
"""Least share of pixels of equal class."""

SAME_AREA = 0.95
"""Least intersection over union of each class: few pixels of a rare class hide in a large share."""

SAME_ON_GPU = 0.995
"""Least intersection over union of each class where a GPU computes in less than float32."""

SMALL = 256
"""Pixels of a class below which its intersection over union says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Classes and scores of a candidate compared with a reference."""

    equal: float
    """Share of pixels of equal class, 0..1."""
    worst_iou: float
    """Least intersection over union of a class that has enough pixels, 0..1."""
    score_error: float = 0.0
    """Mean absolute difference of scores, 0..1."""
    least_iou: float = SAME_AREA
    """What `worst_iou` must reach."""

    @property
    def enough(self) -> bool:
        """Whether the candidate may stand for the reference."""
        return self.equal >= EQUAL and self.worst_iou >= self.least_iou

    def numbers(self, tiles: int) -> dict[str, JsonValue]:
        """What a record keeps, of a comparison on so many tiles."""
        return {
            "tiles": tiles,
            "equal": self.equal,
            "worst_iou": self.worst_iou,
            "score_error": self.score_error,
        }

    def __str__(self) -> str:
        iou = "" if self.worst_iou >= self.least_iou else f", a class overlaps by {self.worst_iou:.1%} only"
        return f"{_percent(self.equal)} of pixels equal{iou}"


def score_all(session: Session, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores (N, K, H, W) that a session gives tiles (N, C, H, W)."""
    step = session.batch
    return np.concatenate([session(tiles[start : start + step]) for start in range(0, len(tiles), step)])


def classes_of(scores: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return class positions (N, H, W) of scores (N, K, H, W)."""
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
        reference: in float32.
        candidate: in a lower precision.
        threshold: of one plane.
        least_iou: what the intersection over union of each class must reach.
    """
    found = compare(classes_of(reference, threshold), classes_of(candidate, threshold))
    error = float(np.abs(reference - candidate).mean(dtype=np.float64))
    return replace(found, score_error=error, least_iou=least_iou)


def compare(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> Agreement:
    """Compare two class maps of one shape."""
    ious = []
    for value in np.unique(reference):
        one, other = reference == value, candidate == value
        union = int(np.count_nonzero(one | other))
        if union >= SMALL:
            ious.append(np.count_nonzero(one & other) / union)
    return Agreement(equal=float(np.mean(reference == candidate)), worst_iou=min(ious, default=1.0))


def _percent(share: float) -> str:
    """Round down, so that 100 % means all."""
    return f"{np.floor(share * 1e5) / 1e3:.3f} %"
