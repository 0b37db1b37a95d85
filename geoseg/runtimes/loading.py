"""A network loaded in any runtime, as it was asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.messages import note
from geoseg.runtimes import onnxruntime, openvino
from geoseg.runtimes.graph import Graph, Precision, Wanted
from geoseg.runtimes.network_session import OUT_OF_SCORES, NetworkSession
from geoseg.runtimes.tensorrt import tensorrt_runtime as tensorrt
from geoseg.runtimes.torch import torch_runtime as torch
from geoseg.spec import ModelSpec

LOG = logging.getLogger(__name__)

RUNTIMES: Mapping[str, ModuleType] = MappingProxyType(
    {"openvino": openvino, "onnxruntime": onnxruntime, "torch": torch, "tensorrt": tensorrt}
)
"""Each has `NAME`, `status()` and `load()`; a further one is a file, or a folder, and a line here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a network is to be loaded."""

    spec: ModelSpec
    threads: int
    batch: int | None
    tile: int
    check: NDArray[np.float32] | None
    tell: Callable[[str], None]

    def graph(self, runtime: str, device: str, precision: Precision) -> Graph:
        """Load the network's graph."""
        wanted = Wanted(
            device=device,
            precision=precision,
            threads=self.threads,
            batch=self.batch,
            tile=self.tile,
            check=self.check,
            tell=self.tell,
        )
        loaded: Graph = RUNTIMES[runtime].load(self.spec, wanted)
        return loaded

    def load(self, runtime: str, device: str, precision: Precision) -> NetworkSession:
        """Load the network."""
        graph = self.graph(runtime, device, precision)
        session = NetworkSession(graph, self.spec, tile=self.tile, batch=self.batch)
        _settle(session, self.spec, self.check)
        return session


def _settle(session: NetworkSession, model: ModelSpec, check: NDArray[np.float32] | None) -> None:
    """See that a network without activation gives scores; Deepness's keys cannot say whether it does.

    Raises:
        ModelError: it gives something else, and its description says it gives scores.
    """
    if model.activation != "none" or check is None or not len(check):
        return
    low, high = session.raw_range(check)
    if low >= -OUT_OF_SCORES and high <= 1 + OUT_OF_SCORES:
        return
    if model.source != "deepness":
        raise ModelError(
            f"{model.weights}: gives {low:.3g} to {high:.3g} where its description promises scores in 0..1 "
            "(activation none); logits want softmax or sigmoid"
        )
    session.take_for_logits()
    note(LOG, f"network gives {low:.3g} to {high:.3g}, so its output is taken for logits")
