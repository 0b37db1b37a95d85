"""Runtimes: one file or folder each; a model becomes a `Session`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Session(Protocol):
    """Scores tiles: a network in some runtime, or a classical method.

    A network's input is normalised and has no NaN. A method's input is physical and is NaN where nothing
    was observed.
    """

    @property
    def planes(self) -> int:
        """K, the number of score planes that a call returns. K = 1: the score of class 1 of two."""

    @property
    def description(self) -> str:
        """One line for people: runtime, device, precision; or the method and its threshold."""

    @property
    def batch(self) -> int:
        """How many tiles a call should carry."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score a batch: (N, C, H, W) float32 to (N, K, H, W) float32 in 0..1 (after activation).

        The answer for one tile does not depend on the others in its batch.
        """

    def close(self) -> None:
        """Release the graph and its threads; further calls are errors."""


class Classifier(Protocol):
    """Scores footprints: a scene classifier in some runtime."""

    @property
    def description(self) -> str:
        """One line for people: runtime, device, precision."""

    @property
    def batch(self) -> int:
        """How many footprints a call should carry."""

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score a batch: (N, C, side, side) normalised values by input to (N, K) in 0..1.

        The answer for one footprint does not depend on the others in its batch.
        """

    def close(self) -> None:
        """Release the graph and its threads; further calls are errors."""
