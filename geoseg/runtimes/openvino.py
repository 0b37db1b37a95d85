"""OpenVINO: the fastest on x86-64 processors, above all in bf16 where they have AMX."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.graph import Graph, Port, Ports, Precision, RuntimeStatus, Wanted, check_ports
from geoseg.runtimes.machine import bf16_flags, cpu_flags
from geoseg.spec import ModelSpec

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
    device, precision, tile = wanted.device, wanted.precision, wanted.tile
    import openvino  # noqa: PLC0415 - slow to import
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
    core = openvino.Core()
    try:
        # Named, since otherwise every frontend tries the file, and complains on stderr.
        reader = frontend.FrontEndManager().load_by_framework("onnx")
        model = reader.convert(reader.load(str(spec.weights)))
        ports = check_ports(spec, _ports(model.inputs), _ports(model.outputs), tile)
        size = ports.batch or 1
        model.reshape({ports.input.name: [size, len(spec.bands), tile, tile]})
        place = [port.name for port in _ports(model.outputs)].index(ports.output.name)
        properties = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": wanted.threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(model, "CPU", properties)
    except (
        RuntimeError,
        frontend.GeneralFailure,
        frontend.InitializationFailure,
        frontend.NotImplementedFailure,
        frontend.OpConversionFailure,
        frontend.OpValidationFailure,
    ) as error:
        raise _error(spec, error) from error
    # Now that the input is fixed, so is the output.
    ports = check_ports(spec, _ports(compiled.inputs), _ports(compiled.outputs), tile)
    text = f"openvino {openvino.__version__.split('-')[0]}, cpu, {wanted.threads} threads, {precision}"
    return _Graph(compiled.create_infer_request(), ports, size, place, text, spec)


class _Graph:
    """An inference request of OpenVINO."""

    def __init__(
        self, request: Any, ports: Ports, batch: int, wanted: int, description: str, spec: ModelSpec
    ) -> None:
        self._request = request
        self._wanted = wanted
        self._spec = spec
        self.ports = ports
        self.batch = batch
        self.description = description

    ports: Ports
    batch: int
    description: str

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (batch, C, tile, tile); the answer is OpenVINO's own memory."""
        feed = np.ascontiguousarray(batch, np.dtype(self.ports.input.dtype))
        try:
            outputs = self._request.infer([feed], share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise _error(self._spec, error) from error
        return np.asarray(outputs[self._wanted])

    def close(self) -> None:
        """Release the request and its threads."""
        self._request = None


def _ports(found: list[Any]) -> list[Port]:
    ports = []
    for port in found:
        shape = port.get_partial_shape()
        sizes = None
        if not shape.rank.is_dynamic:
            sizes = tuple(size.get_length() if size.is_static else None for size in shape)
        kind = port.get_element_type().get_type_name()
        ports.append(Port(name=port.get_any_name(), dtype=DTYPES.get(kind, kind), shape=sizes))
    return ports


def _error(spec: ModelSpec, error: Exception) -> ModelError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first lines name OpenVINO's own source files; the last says what is wrong.
    told = next((line for line in reversed(lines) if not line.startswith(("Exception from", "Check"))), "")
    return ModelError(f"{spec.weights}: openvino cannot run it: {told or lines[0]}")
