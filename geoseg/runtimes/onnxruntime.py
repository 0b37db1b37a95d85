"""ONNX Runtime: runs anywhere, on the CPU in fp32, on NVIDIA devices with its CUDA build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    check_many_ports,
    check_ports,
)
from geoseg.spec import ClassifierSpec, ModelSpec

NAME = "onnxruntime"
CUDA = "CUDAExecutionProvider"
CUDA_BATCH = 4
"""Tiles a call on CUDA, where nothing else is said."""
DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def status() -> RuntimeStatus:
    """Say whether ONNX Runtime can be used, and on what."""
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError as error:
        return RuntimeStatus(
            name=NAME, why_not=f"cannot be imported ({error})", remedy="pip install onnxruntime"
        )
    devices = ("cpu", "cuda:0") if has_cuda() else ("cpu",)
    return RuntimeStatus(name=NAME, version=onnxruntime.__version__, devices=devices, precisions=("fp32",))


def has_cuda() -> bool:
    """Whether an ONNX Runtime is installed that was built for CUDA; a device may be missing still."""
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError:
        return False
    return CUDA in onnxruntime.get_available_providers()


def load(
    spec: ModelSpec, *, device: str, precision: Precision, threads: int, batch: int | None, tile: int
) -> Graph:
    """Load a network.

    Raises:
        ModelError: the file is not a network that ONNX Runtime runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    session, with_errors = _start(spec.weights, device, precision, threads)
    ports = check_ports(spec, _ports(session.get_inputs()), _ports(session.get_outputs()), tile)
    size = ports.batch or (1 if device == "cpu" else batch or CUDA_BATCH)
    return _Graph(session, ports, size, _text(device, threads), with_errors)


def load_classifier(
    spec: ClassifierSpec, *, device: str, precision: Precision, threads: int, batch: int
) -> ManyInputGraph:
    """Load a scene classifier.

    Raises:
        ModelError: the file is not a network that ONNX Runtime runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    session, with_errors = _start(spec.weights, device, precision, threads)
    ports = check_many_ports(spec, _ports(session.get_inputs()), _ports(session.get_outputs()))
    size = ports.batch or (1 if device == "cpu" else batch)
    return _ManyInputGraph(session, ports, size, _text(device, threads), with_errors)


def _start(weights: Path, device: str, precision: Precision, threads: int) -> tuple[Any, Callable[..., Any]]:
    """An inference session, and what calls it and translates its errors."""
    import onnxruntime  # noqa: PLC0415 - slow to import

    if precision != "fp32":
        raise RuntimeMissingError(
            f"onnxruntime runs a network in the precision it was exported in; {precision} needs --runtime "
            "openvino, or a network exported so"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads would spin through the processors that read and write meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with_errors = _translate(weights)
    session = with_errors(
        lambda: onnxruntime.InferenceSession(weights, options, providers=_providers(device))
    )
    if device != "cpu" and CUDA not in session.get_providers():
        raise RuntimeMissingError(
            f"{device}: onnxruntime could not start it and would have used the CPU; see that the driver and "
            "CUDA libraries fit onnxruntime-gpu, or say --device cpu"
        )
    return session, with_errors


def _text(device: str, threads: int) -> str:
    import onnxruntime  # noqa: PLC0415 - slow to import

    where = f"{device}, {threads} threads" if device == "cpu" else device
    return f"onnxruntime {onnxruntime.__version__}, {where}, fp32"


class _Graph:
    """An inference session of ONNX Runtime."""

    def __init__(
        self, session: Any, ports: Ports, batch: int, description: str, with_errors: Callable[..., Any]
    ) -> None:
        self._session = session
        self._with_errors = with_errors
        self.ports = ports
        self.batch = batch
        self.description = description

    ports: Ports
    batch: int
    description: str

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (batch, C, tile, tile)."""
        dtype = np.dtype(self.ports.input.dtype)
        feed = {self.ports.input.name: np.ascontiguousarray(batch, dtype)}
        (raw,) = self._with_errors(lambda: self._session.run([self.ports.output.name], feed))
        return np.asarray(raw)

    def close(self) -> None:
        """Release the session and its threads."""
        self._session = None


class _ManyInputGraph:
    """An inference session of ONNX Runtime with one input a sensor."""

    def __init__(
        self, session: Any, ports: ManyPorts, batch: int, description: str, with_errors: Callable[..., Any]
    ) -> None:
        self._session = session
        self._ports = ports
        self._with_errors = with_errors
        self.batch = batch
        self.description = description

    batch: int
    description: str

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.generic]:
        """Run (batch, C, side, side) by input."""
        feed = {
            port.name: np.ascontiguousarray(batch[port.name], np.dtype(port.dtype))
            for port in self._ports.inputs
        }
        (raw,) = self._with_errors(lambda: self._session.run([self._ports.output.name], feed))
        return np.asarray(raw)

    def close(self) -> None:
        """Release the session and its threads."""
        self._session = None


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if not has_cuda():
        raise RuntimeMissingError(
            f"{device}: this onnxruntime has no CUDA; pip uninstall onnxruntime, then pip install "
            "onnxruntime-gpu, or say --device cpu"
        )
    number = device.partition(":")[2] or "0"
    # TensorFloat-32 rounds to 10 bits; fp32 is the reference and must be just that.
    return [(CUDA, {"device_id": number, "use_tf32": "0"}), "CPUExecutionProvider"]


def _ports(found: list[Any]) -> list[Port]:
    return [
        Port(
            name=port.name,
            dtype=DTYPES.get(port.type, port.type),
            shape=tuple(size if isinstance(size, int) and size > 0 else None for size in port.shape),
        )
        for port in found
    ]


def _translate(weights: Path) -> Callable[[Callable[[], Any]], Any]:
    """Return what calls ONNX Runtime and turns its exceptions, which share no base, into `ModelError`."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415

    own = (item for item in vars(state).values() if isinstance(item, type) and issubclass(item, Exception))
    errors: tuple[type[Exception], ...] = (*own, RuntimeError, ValueError)

    def call(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except errors as error:
            first = str(error).strip().splitlines()[0]
            raise ModelError(f"{weights}: onnxruntime cannot run it: {first}") from error

    return call
