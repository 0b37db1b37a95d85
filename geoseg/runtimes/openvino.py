"""OpenVINO: the fastest on x86-64 processors, above all in bf16 where they have AMX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.graph import (
    Graph,
    ManyInputGraph,
    ManyPorts,
    Port,
    Ports,
    Precision,
    RuntimeStatus,
    Wanted,
    check_many_ports,
    check_ports,
)
from geoseg.runtimes.machine import bf16_flags, cpu_flags
from geoseg.spec import ClassifierSpec, ModelSpec

NAME = "openvino"
HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
DTYPES = {"f32": "float32", "f16": "float16", "f64": "float64"}


def status() -> RuntimeStatus:
    """Say whether OpenVINO can be used, and in which precisions."""
    try:
        import openvino  # noqa: PLC0415 - slow to import
    except ImportError as error:
        return RuntimeStatus(
            name=NAME, why_not=f"cannot be imported ({error})", remedy="pip install openvino (x86-64 only)"
        )
    precisions: list[Precision] = ["fp32"]
    if bf16_flags():
        precisions.append("bf16")
    if {"avx512_fp16", "amx_fp16"} & cpu_flags():
        precisions.append("fp16")
    return RuntimeStatus(
        name=NAME,
        version=openvino.__version__.split("-")[0],
        devices=("cpu",),
        precisions=tuple(precisions),
        why_no_cuda="openvino runs on processors only",
        cuda_remedy="pip install 'geoseg[torch]'",
    )


def load(spec: ModelSpec, wanted: Wanted) -> Graph:
    """Load and compile a network for exactly one shape.

    Raises:
        ModelError: the file is not a network that OpenVINO runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    tile = wanted.tile
    names = {spec.input_name, spec.output_name}
    with _reading(spec.weights, wanted.device, wanted.precision) as model:
        ports = check_ports(spec, _ports(model.inputs, names), _ports(model.outputs, names), tile)
        size = ports.batch or 1
        model.reshape({ports.input.name: [*ports.input.sizes(size, len(spec.bands), tile)]})
        place = [port.name for port in _ports(model.outputs, names)].index(ports.output.name)
        compiled = _compile(model, wanted.precision, wanted.threads)
    # Now that the input is fixed, so is the output.
    ports = check_ports(spec, _ports(compiled.inputs, names), _ports(compiled.outputs, names), tile)
    text = _text(wanted.threads, wanted.precision)
    return _Graph(compiled.create_infer_request(), ports, size, place, text, spec.weights)


def load_classifier(
    spec: ClassifierSpec, *, device: str, precision: Precision, threads: int, batch: int
) -> ManyInputGraph:
    """Load and compile a scene classifier for exactly one shape of each input.

    Raises:
        ModelError: the file is not a network that OpenVINO runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    del batch
    names = {spec.output_name, *(given.name for given in spec.inputs)}
    with _reading(spec.weights, device, precision) as model:
        ports = check_many_ports(spec, _ports(model.inputs, names), _ports(model.outputs, names))
        size = ports.batch or 1
        model.reshape(
            {
                port.name: [*port.sizes(size, len(given.bands), spec.side(given))]
                for port, given in zip(ports.inputs, spec.inputs, strict=True)
            }
        )
        wanted = [port.name for port in _ports(model.outputs, names)].index(ports.output.name)
        compiled = _compile(model, precision, threads)
    ports = check_many_ports(spec, _ports(compiled.inputs, names), _ports(compiled.outputs, names))
    text = _text(threads, precision)
    return _ManyInputGraph(compiled.create_infer_request(), ports, size, wanted, text, spec.weights)


@contextmanager
def _reading(weights: Path, device: str, precision: Precision) -> Iterator[Any]:
    """Read a network; what OpenVINO raises while it is open becomes a `ModelError`."""
    from openvino import frontend  # noqa: PLC0415

    if device != "cpu":
        raise RuntimeMissingError(
            f"openvino is used on the CPU only; say --runtime torch or onnxruntime for {device}"
        )
    if precision not in status().precisions:
        raise RuntimeMissingError(
            f"openvino has no {precision} on this processor (it has {', '.join(status().precisions)}); say "
            "--precision fp32, or auto"
        )
    try:
        # Named, since otherwise every frontend tries the file, and complains on stderr.
        reader = frontend.FrontEndManager().load_by_framework("onnx")
        yield reader.convert(reader.load(str(weights)))
    except (
        RuntimeError,
        frontend.GeneralFailure,
        frontend.InitializationFailure,
        frontend.NotImplementedFailure,
        frontend.OpConversionFailure,
        frontend.OpValidationFailure,
    ) as error:
        raise _error(weights, error) from error


def _compile(model: Any, precision: Precision, threads: int) -> Any:
    """Compile a network for the CPU."""
    import openvino  # noqa: PLC0415 - slow to import

    properties = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    return openvino.Core().compile_model(model, "CPU", properties)


def _text(threads: int, precision: Precision) -> str:
    import openvino  # noqa: PLC0415 - slow to import

    return f"openvino {openvino.__version__.split('-')[0]}, cpu, {threads} threads, {precision}"


class _Graph:
    """An inference request of OpenVINO."""

    def __init__(
        self, request: Any, ports: Ports, batch: int, wanted: int, description: str, weights: Path
    ) -> None:
        self._request = request
        self._wanted = wanted
        self._weights = weights
        self.ports = ports
        self.batch = batch
        self.description = description

    ports: Ports
    batch: int
    description: str

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (batch, C, tile, tile); the answer is OpenVINO's own memory."""
        feed = self.ports.input.given(batch)
        try:
            outputs = self._request.infer([feed], share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise _error(self._weights, error) from error
        return self.ports.output.found(np.asarray(outputs[self._wanted]))

    def close(self) -> None:
        """Release the request and its threads."""
        self._request = None


class _ManyInputGraph:
    """An inference request of OpenVINO with one input a sensor."""

    def __init__(
        self, request: Any, ports: ManyPorts, batch: int, wanted: int, description: str, weights: Path
    ) -> None:
        self._request = request
        self._ports = ports
        self._wanted = wanted
        self._weights = weights
        self.batch = batch
        self.description = description

    batch: int
    description: str

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.generic]:
        """Run (batch, C, side, side) by input; the answer is OpenVINO's own memory."""
        feed = self._ports.feed(batch)
        try:
            outputs = self._request.infer(feed, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise _error(self._weights, error) from error
        return np.asarray(outputs[self._wanted])

    def close(self) -> None:
        """Release the request and its threads."""
        self._request = None


def _ports(found: list[Any], names: Set[str]) -> list[Port]:
    """Ports by the names that a description has for them; where a node does nothing, a port has several."""
    ports = []
    for port in found:
        known = sorted(names & port.get_names())
        shape = port.get_partial_shape()
        sizes = None
        if not shape.rank.is_dynamic:
            sizes = tuple(size.get_length() if size.is_static else None for size in shape)
        kind = port.get_element_type().get_type_name()
        ports.append(
            Port(name=known[0] if known else port.get_any_name(), dtype=DTYPES.get(kind, kind), shape=sizes)
        )
    return ports


def _error(weights: Path, error: Exception) -> ModelError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first lines name OpenVINO's own source files; the last says what is wrong.
    told = next((line for line in reversed(lines) if not line.startswith(("Exception from", "Check"))), "")
    return ModelError(f"{weights}: openvino cannot run it: {told or lines[0]}")
