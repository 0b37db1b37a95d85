"""Test-time augmentation: scores averaged over flips."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from geoseg.runtimes.session_wrapper import Score, SessionWrapper

FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Flipped axes of (N, C, H, W): none, rows, columns, both."""


class Flipped(SessionWrapper):
    """A session that averages the scores of another session over four flips."""

    @property
    def description(self) -> str:
        """Description of the wrapped session, and the number of flips."""
        return f"{self.session.description}, averaged over {len(FLIPS)} flips"

    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Return the mean over flips (N, K, H, W) of the scores of tiles (N, C, H, W)."""
        total = score(batch)
        for axes in FLIPS[1:]:
            total = total + arrays.flip(score(arrays.flip(batch, axes)), axes)
        return total * (1 / len(FLIPS))
