"""Which runtime, device and precision run a network, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import Session, onnxruntime, openvino
from geoseg.runtimes.agreement import Agreement, classify, compare
from geoseg.runtimes.graph import Precision, RuntimeStatus
from geoseg.runtimes.machine import bf16_flags, bf16_is_fast, usable_threads
from geoseg.runtimes.network import OUT_OF_SCORES, NetworkSession
from geoseg.spec import AnyModel, ModelSpec

Opened = TypeVar("Opened")

RUNTIMES: Mapping[str, ModuleType] = MappingProxyType({"openvino": openvino, "onnxruntime": onnxruntime})
"""Each has `NAME`, `status()`, `load()` and `load_classifier()`; a further one is a file and a line here."""


@dataclass(frozen=True, kw_only=True)
class OpenedSession:
    """A network ready to run, and what was chosen for it."""

    session: Session
    notes: tuple[str, ...]
    """What was chosen and why, for people."""
    runtime: str
    version: str
    device: str
    precision: Precision
    threads: int
    agreement: float | None
    """Share of pixels on which `precision` gave the class that fp32 gives; None: not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """How a network is to be loaded."""

    spec: ModelSpec
    threads: int
    batch: int | None
    tile: int
    check: NDArray[np.float32] | None

    def load(self, runtime: str, device: str, precision: Precision) -> tuple[NetworkSession, tuple[str, ...]]:
        """Load the network; also what was found out about its output."""
        graph = RUNTIMES[runtime].load(
            self.spec,
            device=device,
            precision=precision,
            threads=self.threads,
            batch=self.batch,
            tile=self.tile,
        )
        session = NetworkSession(graph, self.spec, tile=self.tile, batch=self.batch)
        return session, _settle(session, self.spec, self.check)


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
        device: `auto`, `cpu`, `cuda` or `cuda:N`; what is asked for is used or refused, never replaced.
        precision: `auto` or one of `Precision`. `auto` is fp32, or bf16 where the processor is fast at it
            and it gives the same classes on `check`.
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
    request = _Request(spec=model, threads=threads or usable_threads(), batch=batch, tile=tile, check=check)
    opened, notes = on_device(device, runtime, precision, lambda *how: _open(request, *how))
    return replace(opened, notes=(*notes, *opened.notes))


def on_device(
    device: str, runtime: str, precision: str, load: Callable[[str, str, str], Opened]
) -> tuple[Opened, tuple[str, ...]]:
    """Load on the device asked for; `auto` tries CUDA where onnxruntime has it, then the CPU.

    Args:
        device: as in `--device`.
        runtime: as in `--runtime`.
        precision: as in `--precision`.
        load: takes runtime, device and precision.

    Returns:
        What was loaded, and why it is not on CUDA where that was tried.
    """
    if device != "auto":
        return load(runtime, device, precision), ()
    notes: tuple[str, ...] = ()
    if runtime in {"auto", "onnxruntime"} and precision in {"auto", "fp32"} and onnxruntime.has_cuda():
        try:
            return load("onnxruntime", "cuda", precision), ()
        except RuntimeMissingError as error:
            notes = (f"the CPU is used, since {error}",)
    return load(runtime, "cpu", precision), notes


def _open(request: _Request, runtime: str, device: str, precision: str) -> OpenedSession:
    """Load on one device, which is not replaced by another."""
    status, why = choose_runtime(runtime, device, precision)
    chosen = _choose_precision(request, status, device, precision)
    return OpenedSession(
        session=chosen.session,
        notes=(f"network runs on {chosen.session.description}{why}", *chosen.notes),
        runtime=status.name,
        version=status.version,
        device=device,
        precision=chosen.precision,
        threads=request.threads,
        agreement=None if chosen.agreement is None else chosen.agreement.equal,
    )


def check_weights(model: AnyModel) -> None:
    """See that the weights are there and whole.

    Raises:
        ModelError: they are not.
    """
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


def choose_runtime(runtime: str, device: str, precision: str) -> tuple[RuntimeStatus, str]:
    """Return the runtime asked for, or the one that suits, and why.

    Raises:
        RuntimeMissingError: it is not there, or has no such device.
    """
    status, why = _suitable(runtime, device, precision)
    if device.startswith("cuda") and not any(name.startswith("cuda") for name in status.devices):
        raise RuntimeMissingError(
            f"{device}: {status.name} {status.version} has no CUDA here; pip install onnxruntime-gpu in "
            "place of onnxruntime, or say --device cpu"
        )
    return status, why


def _suitable(runtime: str, device: str, precision: str) -> tuple[RuntimeStatus, str]:
    """The runtime asked for, or the one that suits, and why."""
    if runtime != "auto":
        if runtime not in RUNTIMES:
            raise RuntimeMissingError(f"no runtime is called {runtime}; there are {', '.join(RUNTIMES)}")
        status: RuntimeStatus = RUNTIMES[runtime].status()
        if not status.usable:
            raise RuntimeMissingError(f"{runtime} {status.why_not}: {status.remedy}")
        return status, ""
    usable = {status.name: status for status in available() if status.usable}
    if not usable:
        raise RuntimeMissingError("no runtime for networks is installed: pip install onnxruntime")
    if device.startswith("cuda"):
        return usable.get("onnxruntime") or next(iter(usable.values())), ""
    if "openvino" in usable and precision in usable["openvino"].precisions and precision != "fp32":
        return usable["openvino"], ""
    if "openvino" in usable and bf16_flags():
        return usable["openvino"], f" (the processor has {' and '.join(bf16_flags())})"
    return usable.get("onnxruntime") or next(iter(usable.values())), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A loaded session and why it is that one."""

    session: NetworkSession
    precision: Precision
    agreement: Agreement | None = None
    notes: tuple[str, ...] = ()


def _choose_precision(request: _Request, status: RuntimeStatus, device: str, precision: str) -> _Chosen:
    """Load in the precision asked for; `auto` is bf16 where it is fast and proves itself."""
    if precision != "auto":
        asked = next((name for name in status.precisions if name == precision), None)
        if asked is None:
            raise RuntimeMissingError(no_precision(status, precision))
        session, told = request.load(status.name, device, asked)
        if asked == "bf16" and not bf16_is_fast():
            told = (*told, "bf16 is slower than fp32 on a processor without AMX")
        return _Chosen(session=session, precision=asked, notes=told)
    reference, told = request.load(status.name, device, "fp32")
    if "bf16" not in status.precisions or device != "cpu":
        return _Chosen(session=reference, precision="fp32", notes=told)
    if not bf16_is_fast():
        why = "precision fp32: bf16 is no faster on a processor without AMX"
        return _Chosen(session=reference, precision="fp32", notes=(*told, why))
    check = request.check
    if check is None or not len(check):
        why = "precision fp32: there was no tile to try bf16 on"
        return _Chosen(session=reference, precision="fp32", notes=(*told, why))
    threshold = request.spec.threshold
    candidate, _ = request.load(status.name, device, "bf16")
    agreement = compare(classify(reference, check, threshold), classify(candidate, check, threshold))
    tiles = f"{agreement} to fp32 on {len(check)} tiles of this scene"
    if agreement.enough:
        reference.close()
        why = f"precision bf16: {tiles}"
        return _Chosen(session=candidate, precision="bf16", agreement=agreement, notes=(*told, why))
    candidate.close()
    why = f"precision fp32: bf16 gave only {tiles}"
    return _Chosen(session=reference, precision="fp32", agreement=agreement, notes=(*told, why))


def no_precision(status: RuntimeStatus, precision: str) -> str:
    """Say that a runtime lacks a precision, and what to do."""
    if precision == "int8":
        return (
            f"{status.name} makes no int8 network of a float one; quantise it when exporting and run that "
            "with --precision fp32"
        )
    has = ", ".join(status.precisions)
    return f"{status.name} has no {precision} on this machine, only {has}; say --precision auto"


def _settle(session: NetworkSession, model: ModelSpec, check: NDArray[np.float32] | None) -> tuple[str, ...]:
    """See that a network without activation gives scores; Deepness's keys cannot say whether it does.

    Raises:
        ModelError: it gives something else, and its description says it gives scores.
    """
    if model.activation != "none" or check is None or not len(check):
        return ()
    low, high = session.raw_range(check)
    if low >= -OUT_OF_SCORES and high <= 1 + OUT_OF_SCORES:
        return ()
    if model.source != "deepness":
        raise ModelError(
            f"{model.weights}: gives {low:.3g} to {high:.3g} where its description promises scores in 0..1 "
            "(activation none); logits want softmax or sigmoid"
        )
    session.take_for_logits()
    return (f"network gives {low:.3g} to {high:.3g}, so its output is taken for logits",)
