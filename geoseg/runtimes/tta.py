"""Test-time augmentation: scores averaged over flips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.runtimes import Session

FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Axes of (N, C, H, W): as it is, top to bottom, left to right, both."""


class Flipped:
    """A session that averages another one's scores over the four flips."""

    def __init__(self, session: Session) -> None:
        """Wrap a session; `close` closes it."""
        self._session = session

    @property
    def planes(self) -> int:
        """K of the session."""
        return self._session.planes

    @property
    def description(self) -> str:
        """The session's, and that flips are averaged."""
        return f"{self._session.description}, averaged over {len(FLIPS)} flips"

    @property
    def batch(self) -> int:
        """Tiles a call should carry."""
        return self._session.batch

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score (N, C, H, W) to (N, K, H, W) in 0..1, the mean over flips."""
        total = self._session(batch).copy()
        for axes in FLIPS[1:]:
            total += np.flip(self._session(np.ascontiguousarray(np.flip(batch, axes))), axes)
        total *= np.float32(1 / len(FLIPS))
        return total

    def close(self) -> None:
        """Close the session."""
        self._session.close()
