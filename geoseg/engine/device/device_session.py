"""Run a session on devices: the graphs of its network there, and the session's arithmetic around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from geoseg.engine.normalise import Normaliser
from geoseg.runtimes import Session
from geoseg.runtimes.activation import activate
from geoseg.runtimes.graph import DeviceGraph
from geoseg.runtimes.network_session import NetworkSession
from geoseg.runtimes.session_wrapper import score_by


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSession:
    """Scores tiles on a device as a session does on the host."""

    normaliser: Normaliser
    """Of the session's input."""
    session: Session
    network: NetworkSession
    """The network within the session, or the session itself."""

    @property
    def planes(self) -> int:
        """Return K, the number of score planes."""
        return self.session.planes

    def __call__(self, graph: DeviceGraph, batch: Any) -> Any:
        """Score tiles (N, C, H, W) on a graph's device to (N, K, H, W) in 0..1, on that device.

        Args:
            graph: the network on that device.
            batch: tensor of float32; it is not changed.
        """
        activation, temperature = self.network.activation
        order = self.network.plane_order

        def network(tiles: Any) -> Any:
            raw = graph.on_device(tiles)
            return activate(activation, raw[:, order] if order else raw, temperature, torch)

        return score_by(self.session, network, batch, torch)
