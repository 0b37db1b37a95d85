"""Choice of the runtime, device and precision of a network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geoseg.bundles.external_data import check_external
from geoseg.bundles.graph_size import check_work
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.hashes import file_sha256
from geoseg.files.inputs import opened
from geoseg.messages import held, note, replay
from geoseg.runtimes import cuda, onnxruntime
from geoseg.runtimes.graph import Choice, DeviceGraph, LoadRequest, Precision, RuntimeStatus
from geoseg.runtimes.loading import RUNTIMES, runtime_module
from geoseg.runtimes.machine import bf16_flags, usable_threads
from geoseg.runtimes.network_session import OpenedSession, is_device_graph
from geoseg.runtimes.precision import open_in_precision
from geoseg.spec import ModelSpec

LOG = logging.getLogger(__name__)

LEAST_TILES = 8
"""Fewest tiles of a scene for which times are measured and lower precisions considered: for fewer, loading
two networks and comparing them takes longer than a lower precision saves."""

ON_CPU = ("openvino", "onnxruntime")
"""Runtimes that `auto` considers on the CPU; torch is slower there and takes seconds to import."""

ON_CUDA = ("tensorrt", "onnxruntime")
"""Runtimes that `auto` tries on CUDA devices, in this order; torch runs programs that the user must trust."""


def available() -> list[RuntimeStatus]:
    """Return the status of every runtime on this machine."""
    return [runtime_module(name).status() for name in RUNTIMES]


def open_session(
    model: ModelSpec,
    *,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
    tile: int,
    check: NDArray[np.float32] | Callable[[], NDArray[np.float32]] | None = None,
    count: int = 1,
) -> OpenedSession:
    """Load a network.

    Args:
        model: the network.
        runtime: `auto`, or a name of `RUNTIMES`.
        device: `auto`, `cpu`, `cuda` (all CUDA devices) or `cuda:N`. A requested device is never replaced.
            `auto` is CUDA where a runtime can use it, else the CPU.
        precision: `auto` or one of `Precision`. `auto` is the fastest precision that passes the agreement
            check with fp32 on `check`, else fp32. On the CPU, what is fastest is measured
            (`geoseg.runtimes.fastest`).
        threads: threads on the CPU; None: all that the process may use.
        batch: tiles per call; None: the runtime's default.
        tile: side of a tile in pixels.
        check: normalised tiles (N, C, tile, tile) of the scene, or a function that reads them, which is
            called once and only if they are needed; None: no agreement check and no measuring.
        count: tiles that will be scored; with few, nothing is measured, and `auto` is fp32 on the CPU.

    Raises:
        ModelError: the weights are missing or damaged, or do not fit the description.
        RuntimeMissingError: the runtime, device or precision is not available.
    """
    check_weights(model)
    runtime = ending_runtime(model, runtime)
    if tile % model.multiple or (model.fixed_tile and tile != model.tile):
        sizes = f"{model.tile} only" if model.fixed_tile else f"multiples of {model.multiple}"
        raise ModelError(f"model {model.name} accepts tiles of {sizes}, not {tile}; change `--tile`")
    if runtime != "auto" and runtime not in RUNTIMES:
        raise RuntimeMissingError(f"unknown runtime {runtime}; geoseg has {', '.join(RUNTIMES)}")
    # Messages about steps that take minutes appear at once, also while other messages are held back.
    context = copy_context()
    request = LoadRequest(
        spec=model,
        device=device,
        threads=threads or usable_threads(),
        batch=batch,
        tile=tile,
        tiles=cache(check) if callable(check) else lambda: check,
        report=lambda text: context.run(note, LOG, text),
    )
    if device != "auto" or runtime == "tensorrt":
        if device == "cpu":
            return _on_cpu(request, runtime, precision, count)
        return _on_cuda(replace(request, device="cuda" if device == "auto" else device), runtime, precision)
    # The absence of CUDA is reported where a GPU, or a runtime that was built for CUDA, is present.
    may_have_cuda = cuda.any_gpu() or (
        runtime in {"auto", "onnxruntime"} and onnxruntime.has_provider(onnxruntime.CUDA)
    )
    if runtime != "openvino" and may_have_cuda:
        try:
            return _on_cuda(replace(request, device="cuda"), runtime, precision)
        except RuntimeMissingError as error:
            note(LOG, f"geoseg uses the CPU, because {error}")
    return _on_cpu(request, runtime, precision, count)


def _on_cuda(request: LoadRequest, runtime: str, precision: str) -> OpenedSession:
    """Load on CUDA in the requested runtime, or in the first one that can."""
    if runtime != "auto":
        return _open(request, usable_runtime(runtime), precision, "")
    refusals: list[str] = []
    for name in ON_CUDA:
        status: RuntimeStatus = runtime_module(name).status()
        if not status.has_cuda:
            why = status.why_no_cuda or status.why_not
            refusals.append(f"{name}: {why} ({status.cuda_remedy or status.remedy})")
            continue
        if precision not in {"auto", *status.cuda_precisions}:
            refusals.append(f"{name} has no {precision} on CUDA")
            continue
        try:
            with held() as messages:
                session = _open(request, status, precision, "")
                for text in refusals:
                    note(LOG, f"runtime not used: {text}")
        except (RuntimeMissingError, ModelError) as error:
            refusals.append(f"{name} failed: {error}")
            continue
        replay(messages)
        return session
    raise RuntimeMissingError(
        f"{request.device}: no runtime can use this device: {'; '.join(refusals)}; or use `--device cpu`"
    )


def _on_cpu(request: LoadRequest, runtime: str, precision: str, count: int) -> OpenedSession:
    """Load on the CPU, for scenes of many tiles in the fastest way that the options leave open."""
    request = replace(request, device="cpu")
    status, why = (usable_runtime(runtime), "") if runtime != "auto" else choose_for_cpu(precision)
    statuses = [status] if runtime != "auto" else usable_on_cpu()
    ways = _ways(status, statuses, precision)
    if count < LEAST_TILES or len(ways) < 2:
        name = "fp32" if precision == "auto" else precision
        others = [item for item in statuses if item.name != status.name and name in item.precisions]
        return with_fallback(
            first_that_runs(lambda item, said: _open(request, item, name, said), status, why, others),
            others,
            lambda item: _open(request, item, name, ""),
        )
    from geoseg.runtimes.fastest import fastest  # noqa: PLC0415 - not for small scenes

    (name, chosen), why, measured = fastest(request, statuses, ways)
    status = next(item for item in statuses if item.name == name)
    lower = () if chosen == "fp32" else (chosen,)
    opened_session = _open(request, status, precision, why, lower=lower)
    others = [item for item in statuses if item.name != status.name]
    return with_fallback(
        replace(opened_session, measured=measured), others, lambda item: _open(request, item, "fp32", "")
    )


def first_that_runs(
    load: Callable[[RuntimeStatus, str], OpenedSession],
    first: RuntimeStatus,
    why: str,
    others: Sequence[RuntimeStatus],
) -> OpenedSession:
    """Load in a runtime, or in another one if the network has an operator that the first one lacks.

    Args:
        load: loads in a runtime; receives the reason of the choice.
        first: the runtime that was chosen.
        why: the reason.
        others: runtimes that are tried then, in this order; none where the user named the first.

    Raises:
        ModelError: no runtime can run the network: the error of the first one.
    """
    try:
        return load(first, why)
    except ModelError as error:
        for status in others:
            try:
                with held() as messages:
                    session = load(status, "")
            except (ModelError, RuntimeMissingError):
                continue
            note(LOG, f"runtime not used: {error}")
            replay(messages)
            return session
        raise


def with_fallback(
    session: OpenedSession, others: Sequence[RuntimeStatus], load: Callable[[RuntimeStatus], OpenedSession]
) -> OpenedSession:
    """Let a session go on in another runtime where its own turns out to be unable to compute the network."""
    other = next((item for item in others if item.name != session.runtime), None)
    if other is not None:
        session.session.fall_back_to(lambda: load(other))
    return session


def usable_runtime(runtime: str) -> RuntimeStatus:
    """Return the status of a runtime.

    Raises:
        RuntimeMissingError: the runtime cannot be used.
    """
    status: RuntimeStatus = runtime_module(runtime).status()
    if not status.usable:
        raise RuntimeMissingError(f"{runtime} {status.why_not}: {status.remedy}")
    return status


def check_cuda(status: RuntimeStatus, device: str) -> None:
    """Check that a runtime can use CUDA.

    Raises:
        RuntimeMissingError: the runtime cannot.
    """
    if not status.has_cuda:
        raise RuntimeMissingError(
            f"{device}: {status.name} {status.version} has no CUDA on this machine: {status.why_no_cuda}; "
            f"{status.cuda_remedy}, or use `--device cpu`"
        )


def default_ways() -> list[Choice]:
    """Return the runtimes and precisions that `auto` chooses from on the CPU, the default first.

    Raises:
        RuntimeMissingError: no runtime is installed.
    """
    return _ways(choose_for_cpu("auto")[0], usable_on_cpu(), "auto")


def _ways(default: RuntimeStatus, statuses: Sequence[RuntimeStatus], precision: str) -> list[Choice]:
    """Return the runtimes and precisions that the options leave open; empty without the default."""
    ways = [(item.name, name) for item in statuses for name in item.precisions if precision in {"auto", name}]
    first = default.name, "fp32" if precision == "auto" else precision
    return sorted(ways, key=lambda way: way != first) if first in ways else []


def _open(
    request: LoadRequest, status: RuntimeStatus, precision: str, why: str, lower: Sequence[Precision] = ()
) -> OpenedSession:
    """Load on the device of a request; for `cuda`, also on the other CUDA devices of the same kind.

    For `lower` see `open_in_precision`.
    """
    if request.device.startswith("cuda"):
        check_cuda(status, request.device)
    with held() as messages:
        opened_session = open_in_precision(request, status, precision, lower)
        if request.device.startswith("cuda"):
            opened_session = _on_all_devices(request, opened_session)
    count = len(opened_session.on_device)
    several = f" and {count - 1} more of the same kind" if count > 1 else ""
    note(LOG, f"network runs on {opened_session.session.description}{several}{why}")
    replay(messages)
    return opened_session


def _on_all_devices(request: LoadRequest, first: OpenedSession) -> OpenedSession:
    """Load the network on every device in use: for `cuda`, all devices like the first one.

    A further device that fails, such as one whose memory is full, is left out with a note.
    """
    graph = first.session.device_graph
    if graph is None:
        return first
    if request.device != "cuda":
        return replace(first, on_device=(graph,))
    gpus = cuda.gpus()
    graphs: list[DeviceGraph] = []
    for gpu in gpus[1:]:
        if (gpu.name, gpu.capability) != (gpus[0].name, gpus[0].capability):
            continue
        further = replace(request, device=f"cuda:{gpu.index}", precision=first.precision)
        try:
            loaded = runtime_module(first.runtime).load(further)
        except (ModelError, RuntimeMissingError) as error:
            note(LOG, f"cuda:{gpu.index} is not used, because {error}")
            continue
        if is_device_graph(loaded):
            graphs.append(loaded)
    first.session.close_with(graphs)
    return replace(first, on_device=(graph, *graphs))


def check_weights(model: ModelSpec) -> None:
    """Check that the weights exist and match their SHA-256.

    Raises:
        ModelError: the weights or their external data are missing, cannot be read, or have another SHA-256.
    """
    opened(model.weights)
    stated = model.sha256.lower()
    try:
        with model.weights.open("rb"):
            sha256 = file_sha256(model.weights) if stated else ""
    except FileNotFoundError as error:
        raise ModelError(
            f"{model.weights}: the weights of model {model.name} are missing; `geoseg models pull "
            f"{model.name}` downloads them if the bundle states their address"
        ) from error
    except OSError as error:
        raise ModelError(f"{model.weights}: cannot be read: {error.strerror}") from error
    if sha256 != stated:
        raise ModelError(
            f"{model.weights}: SHA-256 is {sha256}, model {model.name} states {stated}: the file is damaged "
            "or is another file; download it again"
        )
    check_external(model)


def ending_runtime(model: ModelSpec, runtime: str) -> str:
    """Return a runtime; for `auto`, of a network whose loops may never end, the one that can end them.

    Raises:
        ModelError: running the network would not end, or the runtime could not end it.
    """
    if not check_work(model.weights):
        return runtime
    if runtime not in {"auto", onnxruntime.NAME}:
        raise ModelError(
            f"{model.weights}: has loops that may never end, and {runtime} cannot stop them; "
            f"use `--runtime {onnxruntime.NAME}`"
        )
    return onnxruntime.NAME


def usable_on_cpu() -> list[RuntimeStatus]:
    """Return the usable runtimes of `ON_CPU`.

    Raises:
        RuntimeMissingError: no runtime is installed.
    """
    statuses = [runtime_module(name).status() for name in ON_CPU]
    usable = [status for status in statuses if status.usable]
    if not usable:
        raise RuntimeMissingError("no runtime for networks is installed: pip install onnxruntime")
    return usable


def choose_for_cpu(precision: str) -> tuple[RuntimeStatus, str]:
    """Return the runtime for the processor where none was measured to be faster, and the reason.

    Raises:
        RuntimeMissingError: no runtime is installed.
    """
    usable = {status.name: status for status in usable_on_cpu()}
    if "openvino" in usable and precision in usable["openvino"].precisions and precision != "fp32":
        return usable["openvino"], ""
    if "openvino" in usable and bf16_flags():
        return usable["openvino"], f" (the processor has {' and '.join(bf16_flags())})"
    return usable.get("onnxruntime") or next(iter(usable.values())), ""
