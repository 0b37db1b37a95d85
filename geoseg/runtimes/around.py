"""Sessions around a session: arithmetic that is written once, for the host's arrays and for a device's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.runtimes import Session
from geoseg.runtimes.network_session import NetworkSession

Score = Callable[[Any], Any]
"""Tiles (N, C, H, W) to their scores (N, K, H, W) in 0..1: arrays of numpy or of torch, float32."""


class Around(ABC):
    """A `Session` that makes its scores of another one's."""

    def __init__(self, session: Session) -> None:
        """Stand around a session; `close` closes it."""
        self.session = session

    @property
    def planes(self) -> int:
        """K, after this session's arithmetic."""
        return self.session.planes

    @property
    def description(self) -> str:
        """One line for people."""
        return self.session.description

    @property
    def batch(self) -> int:
        """Tiles a call should carry."""
        return self.session.batch

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles (N, C, H, W) to (N, K, H, W) in 0..1, on the host."""
        scores: NDArray[np.float32] = self.over(self.session, batch, np)
        return scores

    @abstractmethod
    def over(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles wherever they lie.

        Args:
            score: what the session around which this one stands does, there.
            batch: (N, C, H, W) float32; it is not changed.
            arrays: numpy or torch; only what both have under one name and with one meaning is used of it.

        Returns:
            (N, K, H, W) in 0..1; its own memory.
        """

    def close(self) -> None:
        """Close the session."""
        self.session.close()


def network_of(session: Session) -> NetworkSession | None:
    """Return the network around which a session stands; None: there is none, or something else is between."""
    while isinstance(session, Around):
        session = session.session
    return session if isinstance(session, NetworkSession) else None


def score_by(session: Session, network: Score, batch: Any, arrays: ModuleType) -> Any:
    """Score tiles (N, C, H, W) to (N, K, H, W) as a session does whose network computes elsewhere.

    Args:
        session: one that `network_of` knows the network of.
        network: what stands for that network.
        batch: tiles that lie where `network` wants them.
        arrays: numpy or torch, whichever they are of.
    """
    if not isinstance(session, Around):
        return network(batch)
    return session.over(lambda tiles: score_by(session.session, network, tiles, arrays), batch, arrays)
