"""The precision of a network: the requested one, or the fastest one that passes the agreement check."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.messages import counted, held, note, replay, warn
from geoseg.runtimes.graph import LoadRequest, Precision, RuntimeStatus
from geoseg.runtimes.loading import load_session
from geoseg.runtimes.network_session import NetworkSession, OpenedSession

if TYPE_CHECKING:
    from geoseg.runtimes.agreement import Agreement

LOG = logging.getLogger(__name__)

LOWER: Mapping[str, tuple[Precision, ...]] = MappingProxyType(
    {"tensorrt": ("fp16", "bf16"), "torch": ("fp16", "bf16"), "onnxruntime": ("fp16",)}
)
"""Precisions that `auto` tries on CUDA devices before fp32. fp16 comes first: its eleven bits change maps
less; the agreement check finds overflows."""


def open_in_precision(
    request: LoadRequest, status: RuntimeStatus, precision: str, lower: Sequence[Precision] = ()
) -> OpenedSession:
    """Load in the requested precision; `auto` is the fastest one that passes the agreement check.

    Args:
        request: how to load.
        status: of the runtime.
        precision: `auto` or a precision.
        lower: precisions that `auto` tries on the CPU before fp32, because they were measured to be faster.
    """
    device = request.device
    if precision != "auto":
        requested = next((name for name in status.precisions_on(device) if name == precision), None)
        if requested is None:
            raise RuntimeMissingError(no_precision(status, device, precision))
        return _open_as_requested(replace(request, precision=requested), status)
    candidates = lower if device == "cpu" else LOWER[status.name]
    tried = [name for name in candidates if name in status.precisions_on(device)]
    if tried and request.check is not None and len(request.check):
        return _open_fastest(request, status, tried)
    session = load_session(status.name, request)
    if tried:
        note(LOG, f"precision fp32: the scene has no tile for an agreement check of {tried[0]}")
    return _opened(request, status, session)


def _opened(
    request: LoadRequest, status: RuntimeStatus, session: NetworkSession, agreement: Agreement | None = None
) -> OpenedSession:
    return OpenedSession(
        session=session,
        runtime=status.name,
        version=status.version,
        device=request.device,
        precision=request.precision,
        threads=request.threads,
        agreement=None if agreement is None else agreement.equal,
    )


def _open_as_requested(request: LoadRequest, status: RuntimeStatus) -> OpenedSession:
    """Load in the requested precision, and report the agreement check; it does not change the choice."""
    precision = request.precision
    if precision == "fp32" or request.check is None or not len(request.check):
        return _opened(request, status, load_session(status.name, request))
    from geoseg.runtimes.agreement import score_all  # noqa: PLC0415 - for lower precisions only

    # One network is in memory at a time.
    try:
        with held(), closing(_load_reference(request, status)) as reference:
            expected = score_all(reference, request.check)
    except (ModelError, RuntimeMissingError) as error:
        session = load_session(status.name, request)
        note(LOG, f"precision {precision}: not compared with fp32, because {error}")
        return _opened(request, status, session)
    session = load_session(status.name, request)
    agreement, text = _compare(request, expected, score_all(session, request.check))
    why = f"precision {precision}: {text}"
    if agreement.enough:
        note(LOG, why)
    else:
        warn(LOG, "precision-changes-map", f"{why}; `--precision auto` would use fp32")
    return _opened(request, status, session, agreement)


def _load_reference(request: LoadRequest, status: RuntimeStatus) -> NetworkSession:
    """Load in fp32; for TensorRT in ONNX Runtime, since an engine in fp32 would have to be built."""
    if status.name == "tensorrt":
        return load_session("onnxruntime", replace(request, device="cpu", precision="fp32"))
    return load_session(status.name, replace(request, precision="fp32"))


def _compare(
    request: LoadRequest, expected: NDArray[np.float32], scores: NDArray[np.float32]
) -> tuple[Agreement, str]:
    """Return the agreement of scores with those in fp32, and a text about it."""
    from geoseg.runtimes.agreement import (  # noqa: PLC0415
        SAME_AREA,
        SAME_ON_GPU,
        compare_features,
        compare_scores,
    )

    least = SAME_AREA if request.device == "cpu" else SAME_ON_GPU
    if request.spec.activation == "linear":
        agreement = compare_features(expected, scores)
    else:
        agreement = compare_scores(expected, scores, request.spec.threshold, least_iou=least)
    tiles = counted(len(scores), "tile")
    return agreement, f"{agreement} to fp32 on {tiles} of this scene"


def _open_fastest(request: LoadRequest, status: RuntimeStatus, lower: list[Precision]) -> OpenedSession:
    """Load in the first precision that passes the agreement check on tiles of the scene, else in fp32."""
    from geoseg.runtimes.agreement import score_all  # noqa: PLC0415 - for lower precisions only

    check = request.check if request.check is not None else np.empty((0,), np.float32)
    # One network is in memory at a time.
    with held() as messages, closing(_load_reference(request, status)) as reference:
        expected = score_all(reference, check)
    failures: list[str] = []
    agreement: Agreement | None = None
    for name in lower:
        attempt = replace(request, precision=name)
        candidate: NetworkSession | None = None
        try:
            with held():
                candidate = load_session(status.name, attempt)
            scores = score_all(candidate, check)
        except (ModelError, RuntimeMissingError) as error:
            failures.append(f"{name} failed: {error}")
            if candidate is not None:
                candidate.close()
            continue
        agreement, text = _compare(request, expected, scores)
        if agreement.enough:
            add_to_record = getattr(candidate.device_graph, "add_to_record", None)
            if add_to_record is not None:
                add_to_record({"agreement": agreement.numbers(len(check))})
            replay(messages)
            for line in (*failures, f"precision {name}: {text}"):
                note(LOG, line)
            return _opened(attempt, status, candidate, agreement)
        candidate.close()
        failures.append(f"{name} gave only {text}")
    with held() as messages:
        session = load_session(status.name, request)
    replay(messages)
    note(LOG, f"precision fp32: {'; '.join(failures)}")
    return _opened(request, status, session, agreement)


def no_precision(status: RuntimeStatus, device: str, precision: str) -> str:
    """Return the message that a runtime lacks a precision on a device, with the precisions that it has."""
    if precision == "int8":
        return (
            f"{status.name} cannot quantise a float network to int8; quantise it on export (`geoseg "
            "export BUNDLE --to openvino-int8 --judge-by CONFIG`) and run the result with `--precision fp32`"
        )
    has = ", ".join(status.precisions_on(device))
    return f"{status.name} has no {precision} on this machine, only {has}; use `--precision auto`"
