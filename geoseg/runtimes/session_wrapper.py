"""Sessions that wrap another session; their arithmetic works on arrays of numpy and of torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.runtimes import Session
from geoseg.runtimes.network_session import NetworkSession

Score = Callable[[Any], Any]
"""Function of tiles (N, C, H, W) to scores (N, K, H, W) in 0..1: float32 arrays of numpy or torch."""


class SessionWrapper(ABC):
    """A `Session` that computes its scores from the scores of another session."""

    def __init__(self, session: Session) -> None:
        """Wrap a session; `close` closes it."""
        self.session = session

    @property
    def planes(self) -> int:
        """K, the number of score planes of this session."""
        return self.session.planes

    @property
    def description(self) -> str:
        """Runtime, device and precision in one line."""
        return self.session.description

    @property
    def batch(self) -> int:
        """Tiles that a call should hold."""
        return self.session.batch

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles (N, C, H, W) to (N, K, H, W) in 0..1, on the host."""
        scores: NDArray[np.float32] = self.score_with(self.session, batch, np)
        return scores

    @abstractmethod
    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles on the host or on a device.

        Args:
            score: scores tiles as the wrapped session does, on the same device.
            batch: (N, C, H, W) float32; not changed.
            arrays: numpy or torch; use only functions that both have with the same meaning.

        Returns:
            (N, K, H, W) in 0..1; a new array.
        """

    def close(self) -> None:
        """Close the session."""
        self.session.close()


def network_of(session: Session) -> NetworkSession | None:
    """Return the network that a session wraps; None if it wraps none, or wraps another kind of session."""
    while isinstance(session, SessionWrapper):
        session = session.session
    return session if isinstance(session, NetworkSession) else None


def replaced_runtime(session: Session) -> dict[str, JsonValue]:
    """Return the runtime that took over while a network scored, for the record; empty: none did."""
    network = network_of(session)
    return {} if network is None else network.replaced


def score_by(session: Session, network: Score, batch: Any, arrays: ModuleType) -> Any:
    """Score tiles (N, C, H, W) to (N, K, H, W) as a session does, with its network replaced by a function.

    Args:
        session: a session for which `network_of` returns a network.
        network: scores tiles in place of that network.
        batch: tiles on the device of `network`.
        arrays: numpy or torch, the library of `batch`.
    """
    if not isinstance(session, SessionWrapper):
        return network(batch)
    return session.score_with(lambda tiles: score_by(session.session, network, tiles, arrays), batch, arrays)
