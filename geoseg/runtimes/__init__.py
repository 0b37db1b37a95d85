"""Runtimes: libraries that run a network, one file or folder each; the interface `Session`."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Session(Protocol):
    """Scores tiles: a network in some runtime, or a classical method.

    The input of a network is normalised and has no NaN. The input of a method is in physical units and is NaN
    where nothing was observed.
    """

    @property
    def planes(self) -> int:
        """K, the number of score planes that a call returns; for two classes K = 1, the score of class 1."""

    @property
    def description(self) -> str:
        """Runtime, device and precision, or the method and its threshold, in one line."""

    @property
    def batch(self) -> int:
        """Tiles that a call should hold."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score a batch: (N, C, H, W) float32 to (N, K, H, W) float32 in 0..1 (after activation).

        The scores of a tile do not depend on the others in its batch.
        """

    def close(self) -> None:
        """Release the graph and its threads; further calls are errors."""
