"""Whether a network is what its description says: found out by hashing and running it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from geoseg.catalog.onnx_metadata import OnnxHeader, read_header
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a model."""

    level: Literal["error", "warning"]
    """`error`: it cannot be used, or would map wrongly."""
    text: str
    """What, where, what to do."""


def check_spec(spec: ModelSpec) -> list[Finding]:
    """Check licence, SHA-256, and inputs and outputs of the network by running one tile.

    Raises:
        RuntimeMissingError: onnxruntime is not installed.
    """
    found: list[Finding] = []
    if spec.licence == "unknown":
        found.append(_warning(f"{spec.name}: states no licence, so nobody may rely on using it"))
    if not spec.sha256:
        found.append(_warning(f"{spec.name}: states no SHA-256, so damaged weights go unnoticed"))
    if not spec.statistics_known:
        found.append(_warning(f"{spec.name}: states no training mean and std; scenes' ranges go unjudged"))
    try:
        header = read_header(spec.weights)
        _check_hash(spec)
        _check_inputs(spec, header)
        _check_run(spec)
    except ModelError as error:
        found.append(Finding(level="error", text=str(error)))
    return found


def _warning(text: str) -> Finding:
    return Finding(level="warning", text=text)


def _check_hash(spec: ModelSpec) -> None:
    if not spec.sha256:
        return
    with spec.weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != spec.sha256.lower():
        raise ModelError(f"{spec.weights}: SHA-256 is {found}, its description says {spec.sha256.lower()}")


def _check_inputs(spec: ModelSpec, header: OnnxHeader) -> None:
    names = [port.name for port in header.inputs]
    if spec.input_name and spec.input_name not in names:
        raise ModelError(f"{spec.weights}: has no input {spec.input_name!r}; there is {', '.join(names)}")
    port = next(port for port in header.inputs if not spec.input_name or port.name == spec.input_name)
    channels = port.shape[1] if port.shape and len(port.shape) == 4 else None
    if channels not in {None, len(spec.bands)}:
        named = len(spec.bands)
        raise ModelError(f"{spec.weights}: takes {channels} channels, its description names {named} bands")


def _check_run(spec: ModelSpec) -> None:
    """Run one tile of zeros and look at what comes out."""
    try:
        import onnxruntime  # noqa: PLC0415 - optional and slow to import
        from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeMissingError("onnxruntime is not installed: pip install onnxruntime") from error
    shape = (spec.fixed_batch or 1, len(spec.bands), spec.tile, spec.tile)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(spec.weights, options, providers=["CPUExecutionProvider"])
        given = spec.input_name or session.get_inputs()[0].name
        output = spec.output_name or session.get_outputs()[0].name
        half = any("float16" in port.type for port in session.get_inputs() if port.name == given)
        batch = np.zeros(shape, np.float16 if half else np.float32)
        (scores,) = session.run([output], {given: batch})
    except _errors(state) as error:
        raise ModelError(f"{spec.weights}: does not run: {str(error).splitlines()[0]}") from error
    one = len(spec.classes) == 2 and spec.activation != "softmax"
    planes = {len(spec.classes)} | ({1} if one else set())
    fits = scores.ndim == 4 and scores.shape[1] in planes and scores.shape[::2] == shape[::2]
    if not fits or scores.shape[3] != spec.tile:
        wanted = " or ".join(map(str, sorted(planes)))
        raise ModelError(
            f"{spec.weights}: {shape} gives {scores.shape}; expected (N, {wanted}, {spec.tile}, {spec.tile}) "
            f"for {len(spec.classes)} classes"
        )


def _errors(state: ModuleType) -> tuple[type[Exception], ...]:
    """The exceptions that onnxruntime defines; they share no base but `Exception`."""
    own = (item for item in vars(state).values() if isinstance(item, type) and issubclass(item, Exception))
    return (*own, RuntimeError, ValueError)
