"""Which runtime, device and precision run a network, and why."""

from __future__ import annotations

import hashlib
import logging
from contextvars import copy_context
from dataclasses import dataclass
from glob import escape

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.inputs import opened
from geoseg.messages import held, note, replay
from geoseg.runtimes import Session, cuda, onnxruntime
from geoseg.runtimes.graph import DeviceGraph, Precision, RuntimeStatus
from geoseg.runtimes.loading import RUNTIMES, Request
from geoseg.runtimes.machine import bf16_flags, usable_threads
from geoseg.runtimes.network_session import is_device_graph
from geoseg.runtimes.precision import Chosen, choose_precision
from geoseg.spec import AnyModel, ModelSpec

LOG = logging.getLogger(__name__)

ON_CPU = ("openvino", "onnxruntime")
"""What `auto` chooses from on processors: torch is slower there, and seconds to import."""

ON_CUDA = ("tensorrt", "torch", "onnxruntime")
"""What `auto` tries on CUDA devices, in this order."""


@dataclass(frozen=True, kw_only=True)
class OpenedSession:
    """A network ready to run, and what was chosen for it."""

    session: Session
    runtime: str
    version: str
    device: str
    precision: Precision
    threads: int
    agreement: float | None
    """Share of pixels on which `precision` gave the class that fp32 gives; None: not compared."""
    on_device: tuple[DeviceGraph, ...] = ()
    """The network on each CUDA device in use, where it takes what lies there already."""


def available() -> list[RuntimeStatus]:
    """Say of every runtime whether it can be used here."""
    return [module.status() for module in RUNTIMES.values()]


def open_session(
    model: ModelSpec,
    *,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
    tile: int,
    check: NDArray[np.float32] | None = None,
) -> OpenedSession:
    """Load a network in the runtime that suits.

    Args:
        model: the network.
        runtime: `auto`, or a name of `RUNTIMES`.
        device: `auto`, `cpu`, `cuda` (all of them) or `cuda:N`; what is asked for is used or refused, never
            replaced. `auto` is CUDA where a runtime can use it, else the CPU.
        precision: `auto` or one of `Precision`. `auto` is the fastest of the device that gives the same
            classes as fp32 on `check`, else fp32.
        threads: None: all that the process may use.
        batch: tiles a call; None: what suits.
        tile: pixels a side.
        check: normalised tiles (N, C, tile, tile) of the scene itself; None: nothing is compared.

    Raises:
        ModelError: the weights are missing, damaged or not what the description says.
        RuntimeMissingError: the runtime, device or precision is not there.
    """
    check_weights(model)
    if tile % model.multiple or (model.fixed_tile and tile != model.tile):
        wanted = f"{model.tile} only" if model.fixed_tile else f"multiples of {model.multiple}"
        raise ModelError(f"model {model.name} takes tiles of {wanted}, not {tile}; say --tile accordingly")
    context = copy_context()

    def tell(text: str) -> None:
        """Log what takes long before it begins, also where other messages are held back."""
        context.run(note, LOG, text)

    request = Request(
        spec=model,
        threads=threads or usable_threads(),
        batch=batch,
        tile=tile,
        check=check,
        tell=tell,
    )
    if runtime != "auto" and runtime not in RUNTIMES:
        raise RuntimeMissingError(f"no runtime is called {runtime}; there are {', '.join(RUNTIMES)}")
    if device == "cpu":
        return _on_cpu(request, runtime, precision)
    if device != "auto":
        return _on_cuda(request, runtime, device, precision)
    if runtime == "tensorrt":
        return _on_cuda(request, runtime, "cuda", precision)
    if (runtime == "auto" or runtime in ON_CUDA) and _may_have_cuda(runtime):
        try:
            return _on_cuda(request, runtime, "cuda", precision)
        except RuntimeMissingError as error:
            note(LOG, f"the CPU is used, since {error}")
    return _on_cpu(request, runtime, precision)


def _may_have_cuda(runtime: str) -> bool:
    """Whether CUDA is worth a try, or its absence worth a word; without importing torch where it is not."""
    return cuda.any_gpu() or (runtime in {"auto", "onnxruntime"} and onnxruntime.has_cuda())


def _on_cuda(request: Request, runtime: str, device: str, precision: str) -> OpenedSession:
    """Load on CUDA: in the runtime asked for, or in the first that can."""
    if runtime != "auto":
        return _open(request, usable_runtime(runtime), device, precision, "")
    refusals: list[str] = []
    for name in ON_CUDA:
        status: RuntimeStatus = RUNTIMES[name].status()
        if not status.has_cuda:
            why = status.why_no_cuda or status.why_not
            refusals.append(f"{name}: {why} ({status.cuda_remedy or status.remedy})")
            continue
        if precision not in {"auto", *status.cuda_precisions}:
            refusals.append(f"{name} has no {precision} there")
            continue
        try:
            with held() as messages:
                opened = _open(request, status, device, precision, "")
                for text in refusals:
                    note(LOG, f"not on {text}")
        except (RuntimeMissingError, ModelError) as error:
            refusals.append(f"{name} cannot: {error}")
            continue
        replay(messages)
        return opened
    raise RuntimeMissingError(f"{device}: no runtime can use it: {'; '.join(refusals)}; or say --device cpu")


def _on_cpu(request: Request, runtime: str, precision: str) -> OpenedSession:
    """Load on the CPU."""
    if runtime != "auto":
        return _open(request, usable_runtime(runtime), "cpu", precision, "")
    status, why = choose_for_cpu(precision)
    return _open(request, status, "cpu", precision, why)


def usable_runtime(runtime: str) -> RuntimeStatus:
    """Return the status of a runtime that can be used.

    Raises:
        RuntimeMissingError: it cannot.
    """
    status: RuntimeStatus = RUNTIMES[runtime].status()
    if not status.usable:
        raise RuntimeMissingError(f"{runtime} {status.why_not}: {status.remedy}")
    return status


def check_cuda(status: RuntimeStatus, device: str) -> None:
    """See that a runtime can use CUDA.

    Raises:
        RuntimeMissingError: it cannot.
    """
    if not status.has_cuda:
        raise RuntimeMissingError(
            f"{device}: {status.name} {status.version} has no CUDA here: {status.why_no_cuda}; "
            f"{status.cuda_remedy}, or say --device cpu"
        )


def _open(request: Request, status: RuntimeStatus, device: str, precision: str, why: str) -> OpenedSession:
    """Load on one device, which is not replaced by another; on `cuda`, also on the further ones."""
    if device.startswith("cuda"):
        check_cuda(status, device)
    with held() as messages:
        chosen = choose_precision(request, status, device, precision)
        graphs = _on_each(request, status, device, chosen)
    several = f" and {len(graphs) - 1} more of its kind" if len(graphs) > 1 else ""
    note(LOG, f"network runs on {chosen.session.description}{several}{why}")
    replay(messages)
    return OpenedSession(
        session=chosen.session,
        runtime=status.name,
        version=status.version,
        device=device,
        precision=chosen.precision,
        threads=request.threads,
        agreement=None if chosen.agreement is None else chosen.agreement.equal,
        on_device=graphs,
    )


def _on_each(request: Request, status: RuntimeStatus, device: str, chosen: Chosen) -> tuple[DeviceGraph, ...]:
    """The network on every device in use: `cuda` means all that are like the first.

    A further one that fails, such as one that is full of another's work, is left out and named.
    """
    first = chosen.session.device_graph
    if first is None or not device.startswith("cuda"):
        return ()
    if device != "cuda":
        return (first,)
    found = cuda.gpus()
    alike = [
        gpu.index for gpu in found[1:] if (gpu.name, gpu.capability) == (found[0].name, found[0].capability)
    ]
    graphs: list[DeviceGraph] = []
    for index in alike:
        try:
            graph = request.graph(status.name, f"cuda:{index}", chosen.precision)
        except (ModelError, RuntimeMissingError) as error:
            note(LOG, f"cuda:{index} is left out, since {error}")
            continue
        if is_device_graph(graph):
            graphs.append(graph)
    chosen.session.close_with(graphs)
    return (first, *graphs)


def check_weights(model: AnyModel) -> None:
    """See that the weights are there and whole.

    Raises:
        ModelError: they are not.
    """
    # With the external data that exporters write beside: model.onnx.data, model.onnx_data.
    for path in (model.weights, *model.weights.parent.glob(f"{escape(model.weights.name)}?data")):
        opened(path)
    try:
        with model.weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest() if model.sha256 else ""
    except FileNotFoundError as error:
        raise ModelError(
            f"{model.weights}: the weights of model {model.name} are not there; geoseg models pull "
            f"{model.name} fetches them where its bundle says from where"
        ) from error
    except OSError as error:
        raise ModelError(f"{model.weights}: cannot be read: {error.strerror}") from error
    if found != model.sha256.lower():
        raise ModelError(
            f"{model.weights}: SHA-256 is {found}, model {model.name} says {model.sha256.lower()}: the file "
            "is damaged or another one; fetch it again"
        )


def choose_for_cpu(precision: str) -> tuple[RuntimeStatus, str]:
    """Return the runtime that suits the processor, and why.

    Raises:
        RuntimeMissingError: there is none.
    """
    statuses = [RUNTIMES[name].status() for name in ON_CPU]
    usable = {status.name: status for status in statuses if status.usable}
    if not usable:
        raise RuntimeMissingError("no runtime for networks is installed: pip install onnxruntime")
    if "openvino" in usable and precision in usable["openvino"].precisions and precision != "fp32":
        return usable["openvino"], ""
    if "openvino" in usable and bf16_flags():
        return usable["openvino"], f" (the processor has {' and '.join(bf16_flags())})"
    return usable.get("onnxruntime") or next(iter(usable.values())), ""
