"""Scene classifiers: opened in the runtime that suits, and called with batches of any size."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.messages import note
from geoseg.runtimes import Classifier, cuda
from geoseg.runtimes.activation import activate
from geoseg.runtimes.choose import (
    ON_CPU,
    check_cuda,
    check_weights,
    choose_for_cpu,
    usable_runtime,
)
from geoseg.runtimes.graph import ManyInputGraph, Precision, RuntimeStatus
from geoseg.runtimes.loading import RUNTIMES
from geoseg.runtimes.machine import usable_threads
from geoseg.runtimes.network_session import OUT_OF_SCORES
from geoseg.runtimes.precision import no_precision
from geoseg.spec import ClassifierSpec

LOG = logging.getLogger(__name__)

MOST, MOST_BYTES = 64, 64 * 2**20
"""Footprints that are gathered before they are scored, and what they weigh, where nothing else is said."""


def at_once(model: ClassifierSpec) -> int:
    """Return how many footprints suit one call: fewer of large ones, so that memory is bounded."""
    weight = sum(4 * len(given.bands) * model.side(given) ** 2 for given in model.inputs)
    return max(1, min(MOST, MOST_BYTES // weight))


@dataclass(frozen=True, kw_only=True)
class OpenedClassifier:
    """A scene classifier ready to run, and what was chosen for it."""

    classifier: Classifier
    runtime: str
    version: str
    device: str
    precision: Precision
    threads: int


def open_classifier(
    model: ClassifierSpec,
    *,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
) -> OpenedClassifier:
    """Load a scene classifier in the runtime that suits.

    Args:
        model: the classifier.
        runtime: `auto`, or a name of `RUNTIMES`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, which is fp32 since scores are ranked, or one of `Precision`.
        threads: None: all that the process may use.
        batch: footprints a call; None: what suits.

    Raises:
        ModelError: the weights are missing, damaged or not what the description says.
        RuntimeMissingError: the runtime, device or precision is not there.
    """
    check_weights(model)
    count, size = threads or usable_threads(), batch or at_once(model)
    asked = "fp32" if precision == "auto" else precision
    where = _device(runtime, asked) if device == "auto" else device
    status, why = _runtime(runtime, where, asked)
    known = next((own for own in status.precisions_on(where) if own == asked), None)
    if known is None:
        raise RuntimeMissingError(no_precision(status, where, asked))
    graph = RUNTIMES[status.name].load_classifier(
        model, device=where, precision=known, threads=count, batch=size
    )
    session = ClassifierSession(graph, model, batch=size)
    note(LOG, f"classifier runs on {session.description}{why}")
    return OpenedClassifier(
        classifier=session,
        runtime=status.name,
        version=status.version,
        device=where,
        precision=known,
        threads=count,
    )


def _device(runtime: str, precision: str) -> str:
    """CUDA where onnxruntime has it, else the CPU; logs why, where there is a GPU."""
    if runtime not in {"auto", "onnxruntime"} or precision != "fp32":
        return "cpu"
    status: RuntimeStatus = RUNTIMES["onnxruntime"].status()
    if status.has_cuda:
        return "cuda"
    if cuda.any_gpu():
        note(LOG, f"the CPU is used, since {status.why_no_cuda}: {status.cuda_remedy}")
    return "cpu"


def _runtime(runtime: str, device: str, precision: str) -> tuple[RuntimeStatus, str]:
    """The runtime asked for, or the one that suits the device, and why.

    Raises:
        RuntimeMissingError: it is not there, runs no classifiers, or has no such device.
    """
    if runtime not in {"auto", *ON_CPU}:
        raise RuntimeMissingError(f"--runtime {runtime} runs no scene classifiers; say {' or '.join(ON_CPU)}")
    if device == "cpu":
        return (usable_runtime(runtime), "") if runtime != "auto" else choose_for_cpu(precision)
    status = usable_runtime("onnxruntime" if runtime == "auto" else runtime)
    check_cuda(status, device)
    return status, ""


class ClassifierSession:
    """A `Classifier` over a loaded graph.

    The graph is called with the number of footprints that it was loaded for, whatever a batch carries, so the
    scores of a footprint do not depend on the batch.
    """

    def __init__(self, graph: ManyInputGraph, spec: ClassifierSpec, *, batch: int) -> None:
        """Wrap a graph; `batch` footprints are what a caller should hand over at once."""
        self._graph: ManyInputGraph | None = graph
        self._spec = spec
        self.batch = max(batch, graph.batch)
        self.description = graph.description

    batch: int
    description: str

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score (N, C, side, side) by input to (N, K) in 0..1.

        Raises:
            ModelError: the output is not what the description says, or is not a number.
        """
        graph = self._graph
        if graph is None:
            raise ModelError(f"{self._spec.weights}: its session is closed")
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

    def _scores(self, graph: ManyInputGraph, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Run exactly one graph batch, and look at what comes out."""
        raw = graph(batch)
        if raw.shape != (graph.batch, len(self._spec.classes)):
            raise ModelError(
                f"{self._spec.weights}: gives {raw.shape} for {graph.batch} footprints; "
                f"({graph.batch}, {len(self._spec.classes)}) is needed"
            )
        if np.isnan(raw).any():
            raise ModelError(
                f"{self._spec.weights}: gives NaN for a footprint of numbers ({graph.description}); try "
                "--precision fp32, else the network is damaged"
            )
        low, high = float(raw.min()), float(raw.max())
        if self._spec.activation == "none" and (low < -OUT_OF_SCORES or high > 1 + OUT_OF_SCORES):
            raise ModelError(
                f"{self._spec.weights}: gives {low:.3g} to {high:.3g} where its description promises scores "
                "in 0..1 (activation none); logits want sigmoid"
            )
        return activate(self._spec.activation, raw)


def _filled(batch: Mapping[str, NDArray[np.float32]], missing: int) -> Mapping[str, NDArray[np.float32]]:
    """Add footprints of zeros, so that a graph's batch is full."""
    if not missing:
        return batch
    return {
        name: np.concatenate([values, np.zeros((missing, *values.shape[1:]), np.float32)])
        for name, values in batch.items()
    }
