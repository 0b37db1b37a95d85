"""Scene classifiers: loaded in a runtime, and called with batches of any size."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.doors import loading
from geoseg.messages import note
from geoseg.runtimes import cuda
from geoseg.runtimes.activation import activate
from geoseg.runtimes.choose import (
    ON_CPU,
    check_cuda,
    check_weights,
    choose_for_cpu,
    usable_runtime,
)
from geoseg.runtimes.graph import HostGraph, Precision, RuntimeStatus
from geoseg.runtimes.loading import runtime_module
from geoseg.runtimes.machine import usable_threads
from geoseg.runtimes.network_session import OUT_OF_SCORES
from geoseg.runtimes.precision import no_precision
from geoseg.spec import ModelSpec

LOG = logging.getLogger(__name__)

MOST, MOST_BYTES = 64, 64 * 2**20
"""Default batch: most footprints per call, and most bytes per call."""


class Classifier(Protocol):
    """Scores footprints: a scene classifier in some runtime."""

    @property
    def description(self) -> str:
        """Runtime, device and precision in one line."""

    @property
    def batch(self) -> int:
        """Footprints that a call should hold."""

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score a batch: (N, C, side, side) normalised values by input to (N, K) in 0..1.

        The scores of a footprint do not depend on the others in its batch.
        """

    def close(self) -> None:
        """Release the graph and its threads; further calls are errors."""


def default_batch(model: ModelSpec) -> int:
    """Return the default number of footprints per call: fewer for large footprints, to bound memory."""
    size = sum(4 * len(sensor.bands) * model.side(sensor) ** 2 for sensor in model.inputs)
    return max(1, min(MOST, MOST_BYTES // size))


@dataclass(frozen=True, kw_only=True)
class OpenedClassifier:
    """A loaded scene classifier and how it was loaded."""

    classifier: Classifier
    runtime: str
    version: str
    device: str
    precision: Precision
    threads: int


def open_classifier(
    model: ModelSpec,
    *,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
) -> OpenedClassifier:
    """Load a scene classifier.

    Args:
        model: the classifier.
        runtime: `auto`, or a name of `RUNTIMES`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: one of `Precision`, or `auto`, which is fp32 because scores are ranked.
        threads: threads on the CPU; None: all that the process may use.
        batch: footprints per call; None: see `default_batch`.

    Raises:
        ModelError: the weights are missing or damaged, or do not fit the description.
        RuntimeMissingError: the runtime, device or precision is not available.
    """
    check_weights(model)
    count, size = threads or usable_threads(), batch or default_batch(model)
    name = "fp32" if precision == "auto" else precision
    where = _device(runtime, name) if device == "auto" else device
    status, why = _runtime(runtime, where, name)
    chosen = next((supported for supported in status.precisions_on(where) if supported == name), None)
    if chosen is None:
        raise RuntimeMissingError(no_precision(status, where, name))
    with loading(model.weights):
        graph = runtime_module(status.name).load_classifier(
            model, device=where, precision=chosen, threads=count, batch=size
        )
    session = ClassifierSession(graph, model, batch=size)
    note(LOG, f"classifier runs on {session.description}{why}")
    return OpenedClassifier(
        classifier=session,
        runtime=status.name,
        version=status.version,
        device=where,
        precision=chosen,
        threads=count,
    )


def _device(runtime: str, precision: str) -> str:
    """Return `cuda` where onnxruntime can use it, else `cpu`, with a note if the machine has a GPU."""
    if runtime not in {"auto", "onnxruntime"} or precision != "fp32":
        return "cpu"
    status: RuntimeStatus = runtime_module("onnxruntime").status()
    if status.has_cuda:
        return "cuda"
    if cuda.any_gpu():
        note(LOG, f"geoseg uses the CPU, because {status.why_no_cuda}: {status.cuda_remedy}")
    return "cpu"


def _runtime(runtime: str, device: str, precision: str) -> tuple[RuntimeStatus, str]:
    """Return the requested runtime, or the fastest one for the device, and the reason.

    Raises:
        RuntimeMissingError: the runtime is not installed, cannot run classifiers, or lacks the device.
    """
    if runtime not in {"auto", *ON_CPU}:
        raise RuntimeMissingError(
            f"--runtime {runtime} cannot run scene classifiers; use {' or '.join(ON_CPU)}"
        )
    if device == "cpu":
        return (usable_runtime(runtime), "") if runtime != "auto" else choose_for_cpu(precision)
    status = usable_runtime("onnxruntime" if runtime == "auto" else runtime)
    check_cuda(status, device)
    return status, ""


class ClassifierSession:
    """A `Classifier` over a loaded graph.

    The graph is called with the number of footprints that it was loaded for, whatever the size of a batch, so
    the scores of a footprint do not depend on the batch.
    """

    def __init__(self, graph: HostGraph, spec: ModelSpec, *, batch: int) -> None:
        """Wrap a graph; a caller should pass `batch` footprints per call."""
        self._graph: HostGraph | None = graph
        self._spec = spec
        self.batch = max(batch, graph.batch)
        self.description = graph.description

    batch: int
    description: str

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score (N, C, side, side) by input to (N, K) in 0..1.

        Raises:
            ModelError: the session is closed, or the output does not fit the description or is NaN.
        """
        graph = self._graph
        if graph is None:
            raise ModelError(f"{self._spec.weights}: the session of this network is closed")
        count = len(next(iter(batch.values())))
        out = np.empty((count, len(self._spec.classes)), np.float32)
        for start in range(0, count, graph.batch):
            part = {name: values[start : start + graph.batch] for name, values in batch.items()}
            here = min(graph.batch, count - start)
            out[start : start + here] = self._scores(graph, _filled(part, graph.batch - here))[:here]
        return out

    def close(self) -> None:
        """Release the graph and its threads."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def _scores(self, graph: HostGraph, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Run one batch of the graph and check the output."""
        raw = graph(batch)
        if raw.shape != (graph.batch, len(self._spec.classes)):
            raise ModelError(
                f"{self._spec.weights}: the output has shape {raw.shape} for {graph.batch} footprints; "
                f"expected ({graph.batch}, {len(self._spec.classes)})"
            )
        if np.isnan(raw).any():
            raise ModelError(
                f"{self._spec.weights}: the network returns NaN for a valid footprint "
                f"({graph.description}); use "
                "--precision fp32; if NaN remains, the network is damaged"
            )
        low, high = float(raw.min()), float(raw.max())
        if self._spec.activation == "none" and (low < -OUT_OF_SCORES or high > 1 + OUT_OF_SCORES):
            raise ModelError(
                f"{self._spec.weights}: the output is {low:.3g} to {high:.3g}, but the description "
                "states scores "
                "in 0..1 (activation none); for logits, set sigmoid"
            )
        scores: NDArray[np.float32] = activate(self._spec.activation, raw)
        return scores


def _filled(batch: Mapping[str, NDArray[np.float32]], missing: int) -> Mapping[str, NDArray[np.float32]]:
    """Add footprints of zeros to fill the batch of a graph."""
    if not missing:
        return batch
    return {
        name: np.concatenate([values, np.zeros((missing, *values.shape[1:]), np.float32)])
        for name, values in batch.items()
    }
