"""How far two sessions agree on the same tiles: what a lower precision must prove."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.runtimes import Session

EQUAL = 0.995
"""Least share of pixels of equal class."""

SAME_AREA = 0.95
"""Least intersection over union of each class: few pixels of a rare class hide in a large share."""

SMALL = 256
"""Pixels of a class below which its intersection over union says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Classes of a candidate compared with a reference."""

    equal: float
    """Share of pixels of equal class, 0..1."""
    worst_iou: float
    """Least intersection over union of a class that has enough pixels, 0..1."""

    @property
    def enough(self) -> bool:
        """Whether the candidate may stand for the reference."""
        return self.equal >= EQUAL and self.worst_iou >= SAME_AREA

    def __str__(self) -> str:
        iou = "" if self.worst_iou >= SAME_AREA else f", a class overlaps by {self.worst_iou:.1%} only"
        return f"{_percent(self.equal)} of pixels equal{iou}"


def classify(session: Session, tiles: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return the class positions (N, H, W) that a session gives tiles (N, C, H, W)."""
    classes = []
    for start in range(0, len(tiles), session.batch):
        scores = session(tiles[start : start + session.batch])
        if session.planes == 1:
            classes.append((scores[:, 0] > np.float32(threshold)).astype(np.uint8))
        else:
            classes.append(scores.argmax(axis=1).astype(np.uint8))
    return np.concatenate(classes)


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
