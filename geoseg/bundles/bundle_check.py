"""Checks of a network against its description: its SHA-256, its inputs and outputs, and a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from geoseg.bundles.external_data import check_external, sha256_of
from geoseg.bundles.graph_size import check_work, ending
from geoseg.bundles.onnx_metadata import OnnxHeader, read_header
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.doors import loading
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import as_ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem of a model."""

    level: Literal["error", "warning"]
    """`error`: the model cannot be used, or its maps would be wrong."""
    text: str
    """Problem, place and remedy."""


def check_spec(spec: ModelSpec) -> list[Finding]:
    """Check licence and SHA-256, and the inputs and outputs in a run of one tile or footprint.

    Raises:
        RuntimeMissingError: onnxruntime is not installed.
    """
    found: list[Finding] = []
    if spec.licence == "unknown":
        found.append(_warning(f"{spec.name}: states no licence; its use may not be permitted"))
    if not spec.sha256:
        found.append(_warning(f"{spec.name}: states no SHA-256; geoseg cannot detect damaged weights"))
    if not all(given.statistics_known for given in spec.inputs):
        found.append(
            _warning(f"{spec.name}: states no training mean and std; value ranges of scenes are not checked")
        )
    try:
        with loading(spec.weights):
            header = read_header(spec.weights)
            _check_hash(spec)
            check_external(spec)
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
    sha256 = sha256_of(spec.weights)
    if sha256 != spec.sha256.lower():
        raise ModelError(f"{spec.weights}: SHA-256 is {sha256}, its description states {spec.sha256.lower()}")


def _check_inputs(spec: ModelSpec, header: OnnxHeader) -> None:
    """Check that the graph has the described inputs with the same number of channels."""
    names = [port.name for port in header.inputs]
    for given in spec.inputs:
        name, order = given.name or names[0], given.dim_order
        if name not in names:
            raise ModelError(f"{spec.weights}: the graph has no input {name!r}; it has {', '.join(names)}")
        port = next(port for port in header.inputs if port.name == name)
        channels = port.shape[order.index("channel")] if port.shape and len(port.shape) == 4 else None
        if channels not in {None, given.channels}:
            raise ModelError(
                f"{spec.weights}: the network has {channels} input channels, but its description "
                f"names {given.channels} "
                f"bands and the order of axes {', '.join(order)}"
            )


def _check_run(spec: ModelSpec) -> None:
    """Run one tile or footprint of zeros and check the output."""
    try:
        import onnxruntime  # noqa: PLC0415 - optional and slow to import
    except ImportError as error:
        raise RuntimeMissingError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    batch = spec.fixed_batch or 1
    has_open_loops = check_work(spec.weights)
    with loading(spec.weights, "onnxruntime cannot run the network"):
        session = onnxruntime.InferenceSession(spec.weights, options, providers=["CPUExecutionProvider"])
        halves = {port.name for port in session.get_inputs() if "float16" in port.type}
        output = spec.output_name or session.get_outputs()[0].name
        feed = {
            name: np.zeros(shape, np.float16 if name in halves else np.float32)
            for name, shape in _shapes(spec, session.get_inputs()[0].name, batch).items()
        }
        with ending(has_open_loops) as limit:
            (scores,) = session.run([output], feed, limit)
    if spec.classifies:
        _check_classes(spec, scores.shape, batch)
    else:
        _check_planes(spec, scores.shape, batch)


def _shapes(spec: ModelSpec, first: str, batch: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input in its order of axes."""
    return {
        given.name or first: as_ordered(
            (batch, given.channels, spec.side(given), spec.side(given)), given.dim_order
        )
        for given in spec.inputs
    }


def _check_classes(spec: ModelSpec, shape: tuple[int, ...], batch: int) -> None:
    if shape != (batch, len(spec.classes)):
        raise ModelError(
            f"{spec.weights}: the output has shape {shape} for {batch} footprint; expected (N, "
            f"{len(spec.classes)}) for "
            f"{len(spec.classes)} classes"
        )


def _check_planes(spec: ModelSpec, shape: tuple[int, ...], batch: int) -> None:
    one = len(spec.classes) == 2 and spec.activation != "softmax"
    planes = {len(spec.classes)} | ({1} if one else set())
    side = spec.tile // spec.stride
    wanted = [as_ordered((batch, count, side, side), spec.output_dim_order) for count in sorted(planes)]
    if shape not in wanted:
        given = as_ordered((batch, spec.channels, spec.tile, spec.tile), spec.dim_order)
        expected = " or ".join(f"(N, {', '.join(map(str, sizes[1:]))})" for sizes in wanted)
        raise ModelError(
            f"{spec.weights}: the output has shape {shape} for {given}; expected {expected} for "
            f"{len(spec.classes)} classes "
            f"(order of axes: {', '.join(spec.output_dim_order)})"
        )
