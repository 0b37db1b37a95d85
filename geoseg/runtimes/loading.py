"""Loading of a network by the name of a runtime."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType, ModuleType

from geoseg.files.doors import loading
from geoseg.messages import note
from geoseg.runtimes import kept
from geoseg.runtimes.graph import LoadRequest
from geoseg.runtimes.network_session import NetworkSession, check_scores, in_scores

LOG = logging.getLogger(__name__)

RUNTIMES: Mapping[str, str] = MappingProxyType(
    {
        "openvino": "geoseg.runtimes.openvino",
        "onnxruntime": "geoseg.runtimes.onnxruntime",
        "torch": "geoseg.runtimes.torch.torch_runtime",
        "tensorrt": "geoseg.runtimes.tensorrt.tensorrt_runtime",
    }
)
"""Module of each runtime, with `NAME`, `status()` and `load()`; a new runtime is a file and a line here."""


def runtime_module(name: str) -> ModuleType:
    """Import the module of a runtime."""
    return import_module(RUNTIMES[name])


def load_session(runtime: str, request: LoadRequest) -> NetworkSession:
    """Load a network in a runtime, and check that a network without activation returns scores.

    The metadata of Deepness do not state the activation: output outside 0..1 is then read as logits.

    Raises:
        ModelError: the network does not fit its description, or its output is not in 0..1.
    """
    model = request.spec
    key = kept.key_of(runtime, request)
    graph = kept.take(key)
    if graph is None:
        with loading(model.weights):
            graph = runtime_module(runtime).load(request)
    release = None if key is None else partial(kept.give_back, key)
    session = NetworkSession(graph, model, tile=request.tile, batch=request.batch, release=release)
    if model.activation != "none":
        return session
    check = request.check
    if check is None or not len(check):
        return session
    low, high = session.raw_range(check)
    if in_scores(low, high):
        return session
    if model.source != "deepness":
        check_scores(model, low, high)
    session.use_logits()
    note(LOG, f"the output of the network is {low:.3g} to {high:.3g}, so it is read as logits")
    return session
