"""Test-time augmentation: scores averaged over flips."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from geoseg.runtimes.around import Around, Score

FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Axes of (N, C, H, W): as it is, top to bottom, left to right, both."""


class Flipped(Around):
    """A session that averages another one's scores over the four flips."""

    @property
    def description(self) -> str:
        """The session's, and that flips are averaged."""
        return f"{self.session.description}, averaged over {len(FLIPS)} flips"

    def over(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Return the mean over flips (N, K, H, W) of the scores of tiles (N, C, H, W)."""
        total = score(batch)
        for axes in FLIPS[1:]:
            total = total + arrays.flip(score(arrays.flip(batch, axes)), axes)
        return total * (1 / len(FLIPS))
