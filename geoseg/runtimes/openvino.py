"""OpenVINO: runs on x86-64 processors, in bf16 on those that have it in hardware."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.graph import (
    HostGraph,
    LoadRequest,
    Port,
    Ports,
    Precision,
    RuntimeStatus,
    check_ports,
)
from geoseg.runtimes.machine import bf16_flags, cpu_flags

NAME = "openvino"
HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
DTYPES = {"f32": "float32", "f16": "float16", "f64": "float64"}


def status() -> RuntimeStatus:
    """Return whether OpenVINO can be used, and in which precisions."""
    try:
        import openvino  # noqa: PLC0415 - slow to import
    except ImportError as error:
        return RuntimeStatus(
            name=NAME, why_not=f"cannot be imported ({error})", remedy="pip install openvino"
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
        cuda_remedy="pip uninstall -y onnxruntime; pip install onnxruntime-gpu",
    )


def load(request: LoadRequest) -> HostGraph:
    """Load and compile a network for one shape of each input.

    Raises:
        ModelError: OpenVINO cannot run the file, or it does not fit its description.
        RuntimeMissingError: the device or precision is not available.
    """
    spec, tile = request.spec, request.tile
    names = {spec.output_name, *(given.name for given in spec.inputs)}
    with _reading(spec.weights, request.device, request.precision) as model:
        ports = check_ports(spec, _ports(model.inputs, names), _ports(model.outputs, names), tile)
        size = ports.batch or 1
        model.reshape(
            {
                port.name: [*port.sizes(size, given.channels, spec.side(given, tile))]
                for port, given in zip(ports.inputs, spec.inputs, strict=True)
            }
        )
        compiled = _compile(model, request.precision, request.threads)
    # The fixed shapes of the inputs fix the shape of the output.
    ports = check_ports(spec, _ports(compiled.inputs, names), _ports(compiled.outputs, names), tile)
    return _graph(compiled, ports, size, names, spec.weights, request.threads, request.precision)


@contextmanager
def _reading(weights: Path, device: str, precision: Precision) -> Iterator[Any]:
    """Read a network; errors of OpenVINO within the block become `ModelError`."""
    from openvino import frontend  # noqa: PLC0415

    if device != "cpu":
        raise RuntimeMissingError(
            f"geoseg uses openvino on the CPU only; use `--runtime onnxruntime` or tensorrt for {device}"
        )
    if precision not in status().precisions:
        raise RuntimeMissingError(
            f"openvino has no {precision} on this processor (it has {', '.join(status().precisions)}); use "
            "`--precision fp32` or auto"
        )
    try:
        # Without a name, every frontend tries to read the file and prints errors to stderr.
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


def _graph(
    compiled: Any,
    ports: Ports,
    batch: int,
    names: Set[str],
    weights: Path,
    threads: int,
    precision: Precision,
) -> HostGraph:
    """Wrap a compiled network; its output is in OpenVINO's memory."""
    import openvino  # noqa: PLC0415 - slow to import

    index = [port.name for port in _ports(compiled.outputs, names)].index(ports.output.name)
    infer = compiled.create_infer_request().infer

    def run(feed: dict[str, Any]) -> Any:
        try:
            return infer(feed, share_inputs=True, share_outputs=True)[index]
        except RuntimeError as error:
            raise _error(weights, error) from error

    text = f"openvino {openvino.__version__.split('-')[0]}, cpu, {threads} threads, {precision}"
    return HostGraph(run, ports, batch, text)


def _ports(nodes: list[Any], names: Set[str]) -> list[Port]:
    """Return ports by their names in the description; a port may have several names."""
    ports = []
    for port in nodes:
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
    # The first lines name OpenVINO's source files; the last line states the problem.
    problem = next((line for line in reversed(lines) if not line.startswith(("Exception from", "Check"))), "")
    return ModelError(
        f"{weights}: openvino cannot run the network: {problem or lines[0]}; "
        "if it lacks an operator, try `--runtime onnxruntime`"
    )
