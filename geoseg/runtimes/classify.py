"""Choose the runtime and the device of a scene classifier, which scores whole footprints."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import RuntimeMissingError
from geoseg.messages import note
from geoseg.runtimes import cuda
from geoseg.runtimes.choose import (
    ON_CPU,
    check_cuda,
    check_weights,
    choose_for_cpu,
    ending_runtime,
    first_that_runs,
    usable_on_cpu,
    usable_runtime,
    with_fallback,
)
from geoseg.runtimes.graph import LoadRequest, RuntimeStatus
from geoseg.runtimes.loading import runtime_module
from geoseg.runtimes.machine import usable_threads
from geoseg.runtimes.network_session import OpenedSession
from geoseg.runtimes.precision import open_in_precision
from geoseg.spec import ModelSpec

LOG = logging.getLogger(__name__)

MOST, MOST_BYTES = 64, 64 * 2**20
"""Default batch: most footprints per call, and most bytes per call."""


class Classifier(Protocol):
    """Scores footprints: the session of a scene classifier."""

    @property
    def batch(self) -> int:
        """Footprints that a call should hold."""

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Score a batch: (N, C, side, side) normalised values by input to (N, K, 1, 1) in 0..1.

        The scores of a footprint do not depend on the others in its batch.
        """


def default_batch(model: ModelSpec) -> int:
    """Return the default number of footprints per call: fewer for large footprints, to bound memory."""
    size = sum(4 * given.channels * model.side(given) ** 2 for given in model.inputs)
    return max(1, min(MOST, MOST_BYTES // size))


def open_classifier(
    model: ModelSpec,
    *,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
) -> OpenedSession:
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
    runtime = ending_runtime(model, runtime)
    name = "fp32" if precision == "auto" else precision
    where = _device(runtime, name) if device == "auto" else device
    status, why = _runtime(runtime, where, name)
    if where != "cpu" and name != "fp32" and name in status.precisions_on(where):
        raise RuntimeMissingError(f"scene classifiers run in fp32 on {where}; use `--precision auto`")
    request = LoadRequest(
        spec=model,
        device=where,
        threads=threads or usable_threads(),
        batch=batch or default_batch(model),
        tile=model.tile,
    )

    def load(item: RuntimeStatus, said: str) -> OpenedSession:
        opened = open_in_precision(request, item, name)
        note(LOG, f"classifier runs on {opened.session.description}{said}")
        return opened

    others = []
    if runtime == "auto" and where == "cpu":
        others = [item for item in usable_on_cpu() if item.name != status.name and name in item.precisions]
    return with_fallback(first_that_runs(load, status, why, others), others, lambda item: load(item, ""))


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
            f"`--runtime {runtime}` cannot run scene classifiers; use {' or '.join(ON_CPU)}"
        )
    if device == "cpu":
        return (usable_runtime(runtime), "") if runtime != "auto" else choose_for_cpu(precision)
    status = usable_runtime("onnxruntime" if runtime == "auto" else runtime)
    check_cuda(status, device)
    return status, ""
