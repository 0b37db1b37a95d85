"""A session on devices: its network's graphs there, and its own arithmetic around them, as on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from geoseg.engine.device.device_scores import activate
from geoseg.engine.normalise import Normaliser
from geoseg.runtimes import Session
from geoseg.runtimes.around import score_by
from geoseg.runtimes.graph import DeviceGraph
from geoseg.runtimes.network_session import NetworkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSession:
    """What a session does with tiles that lie on a device."""

    normaliser: Normaliser
    """What the session is given."""
    session: Session
    network: NetworkSession
    """The network around which the session stands, or the session itself."""

    @property
    def planes(self) -> int:
        """K of its scores."""
        return self.session.planes

    def __call__(self, graph: DeviceGraph, batch: Any) -> Any:
        """Score tiles (N, C, H, W) on a graph's device to (N, K, H, W) in 0..1, there too.

        Args:
            graph: the network on that device.
            batch: tensor of float32; it is not changed.
        """
        activation, temperature = self.network.activation
        order = self.network.plane_order

        def network(tiles: Any) -> Any:
            raw = graph.on_device(tiles)
            return activate(activation, raw[:, order] if order else raw, temperature)

        return score_by(self.session, network, batch, torch)
