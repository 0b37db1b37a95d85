"""In which precision a network runs: as it was asked for, or the fastest that gives what float32 gives."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.messages import held, note, replay, warn
from geoseg.runtimes.agreement import SAME_AREA, SAME_ON_GPU, Agreement, compare_scores, score_all
from geoseg.runtimes.graph import Precision, RuntimeStatus
from geoseg.runtimes.loading import Request
from geoseg.runtimes.machine import bf16_is_fast
from geoseg.runtimes.network_session import NetworkSession
from geoseg.runtimes.tensorrt.tensorrt_run import TensorRtGraph

LOG = logging.getLogger(__name__)

LOWER: Mapping[str, tuple[Precision, ...]] = MappingProxyType(
    {"tensorrt": ("fp16", "bf16"), "torch": ("fp16", "bf16"), "onnxruntime": ()}
)
"""What `auto` tries on CUDA devices before float32. Half precision of eleven bits first: its maps differ
less; where it overflows, the comparison finds out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A loaded session and why it is that one."""

    session: NetworkSession
    precision: Precision
    agreement: Agreement | None = None


def choose_precision(request: Request, status: RuntimeStatus, device: str, precision: str) -> Chosen:
    """Load in the precision asked for; `auto` is the fastest one that proves itself."""
    if precision != "auto":
        asked = next((name for name in status.precisions_on(device) if name == precision), None)
        if asked is None:
            raise RuntimeMissingError(no_precision(status, device, precision))
        return _as_asked(request, status, device, asked)
    wanted: tuple[Precision, ...] = ("bf16",) if device == "cpu" else LOWER[status.name]
    lower = [name for name in wanted if name in status.precisions_on(device)]
    reason = ""
    if lower and device == "cpu" and not bf16_is_fast():
        reason = "precision fp32: bf16 is no faster on a processor without AMX"
    elif lower and (request.check is None or not len(request.check)):
        reason = f"precision fp32: there was no tile to try {lower[0]} on"
    if reason or not lower:
        session = request.load(status.name, device, "fp32")
        if reason:
            note(LOG, reason)
        return Chosen(session=session, precision="fp32")
    return _prove(request, status, device, lower)


def _as_asked(request: Request, status: RuntimeStatus, device: str, precision: Precision) -> Chosen:
    """Load in a precision that is taken whatever it gives, and say what it gives beside float32."""
    session = request.load(status.name, device, precision)
    if precision == "bf16" and device == "cpu" and not bf16_is_fast():
        note(LOG, "bf16 is slower than fp32 on a processor without AMX")
    if precision == "fp32" or request.check is None or not len(request.check):
        return Chosen(session=session, precision=precision)
    try:
        with held():
            reference = _reference(request, status, device)
        with closing(reference):
            expected = score_all(reference, request.check)
    except (ModelError, RuntimeMissingError) as error:
        note(LOG, f"precision {precision}: not compared with fp32, since {error}")
        return Chosen(session=session, precision=precision)
    agreement = _compared(request, device, expected, score_all(session, request.check))
    why = f"precision {precision}: {_told(request.check, agreement)}"
    if agreement.enough:
        note(LOG, why)
    else:
        warn(LOG, "precision-changes-map", f"{why}; --precision auto would not take it")
    return Chosen(session=session, precision=precision, agreement=agreement)


def _reference(request: Request, status: RuntimeStatus, device: str) -> NetworkSession:
    """Load in float32. TensorRT's reference is another runtime's: its own would be one engine more."""
    own = status.name != "tensorrt"
    return request.load(status.name if own else "onnxruntime", device if own else "cpu", "fp32")


def _compared(
    request: Request, device: str, expected: NDArray[np.float32], found: NDArray[np.float32]
) -> Agreement:
    least = SAME_AREA if device == "cpu" else SAME_ON_GPU
    return compare_scores(expected, found, request.spec.threshold, least_iou=least)


def _told(check: NDArray[np.float32], agreement: Agreement) -> str:
    tiles = "1 tile" if len(check) == 1 else f"{len(check)} tiles"
    return f"{agreement} to fp32 on {tiles} of this scene"


def _prove(request: Request, status: RuntimeStatus, device: str, lower: list[Precision]) -> Chosen:
    """Take the first precision that gives what float32 gives on tiles of the scene, else float32."""
    check = request.check if request.check is not None else np.empty((0,), np.float32)
    with held() as messages:
        reference = _reference(request, status, device)
    expected = score_all(reference, check)
    failures: list[str] = []
    agreement: Agreement | None = None
    for name in lower:
        candidate: NetworkSession | None = None
        try:
            with held():
                candidate = request.load(status.name, device, name)
            found = score_all(candidate, check)
        except (ModelError, RuntimeMissingError) as error:
            failures.append(f"{name} failed: {error}")
            if candidate is not None:
                candidate.close()
            continue
        agreement = _compared(request, device, expected, found)
        tiles = _told(check, agreement)
        if agreement.enough:
            reference.close()
            if isinstance(candidate.device_graph, TensorRtGraph):
                candidate.device_graph.remember({"agreement": agreement.numbers(len(check))})
            replay(messages)
            for text in (*failures, f"precision {name}: {tiles}"):
                note(LOG, text)
            return Chosen(session=candidate, precision=name, agreement=agreement)
        candidate.close()
        failures.append(f"{name} gave only {tiles}")
    if status.name == "tensorrt":
        reference.close()
        with held() as messages:
            reference = request.load(status.name, device, "fp32")
    replay(messages)
    note(LOG, f"precision fp32: {'; '.join(failures)}")
    return Chosen(session=reference, precision="fp32", agreement=agreement)


def no_precision(status: RuntimeStatus, device: str, precision: str) -> str:
    """Say that a runtime has no such precision on a device, and which it has."""
    if precision == "int8":
        return (
            f"{status.name} makes no int8 network of a float one; quantise it when exporting and run that "
            "with --precision fp32"
        )
    has = ", ".join(status.precisions_on(device))
    return f"{status.name} has no {precision} on this machine, only {has}; say --precision auto"
