"""ONNX Runtime: runs anywhere, on the CPU in fp32, on NVIDIA devices with its CUDA build.

On CUDA, fp32 is its CUDA provider's. For fp16, half precision is written into the graph, which is then run by
its TensorRT provider where that starts, else by its CUDA provider, as the description says. The CPU never
stands in for a device.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, OutputError, RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.engines import engine_folder
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
from geoseg.runtimes.onnx_rewriting import HALF, fold_casts, halve, onnx_package
from geoseg.spec import ClassifierSpec, ModelSpec

NAME = "onnxruntime"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
CUDA_BATCH = 4
"""Tiles a call on CUDA, where nothing else is said."""
SWAP = "pip uninstall -y onnxruntime; pip install onnxruntime-gpu"
Provider = str | tuple[str, dict[str, str]]
DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def status() -> RuntimeStatus:
    """Say whether ONNX Runtime can be used, and on what."""
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError as error:
        return RuntimeStatus(
            name=NAME, why_not=f"cannot be imported ({error})", remedy="pip install onnxruntime"
        )
    why, remedy = _why_no_cuda()
    return RuntimeStatus(
        name=NAME,
        version=onnxruntime.__version__,
        devices=("cpu",) if why else ("cpu", *(f"cuda:{gpu.index}" for gpu in cuda.gpus())),
        precisions=("fp32",),
        cuda_precisions=() if why else ("fp32", "fp16"),
        why_no_cuda=why,
        cuda_remedy=remedy,
    )


def _why_no_cuda() -> tuple[str, str]:
    """Why it has no CUDA device, and the remedy; empty where it has one."""
    if not has_cuda():
        return "this onnxruntime has no CUDA", SWAP
    return cuda.why_none(), "nvidia-smi"


def has_cuda() -> bool:
    """Whether an ONNX Runtime is installed that was built for CUDA; a device may be missing still."""
    return _has(CUDA)


def _has(provider: str) -> bool:
    """Whether the ONNX Runtime that is installed, if any, was built with a provider."""
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError:
        return False
    return provider in onnxruntime.get_available_providers()


def load(spec: ModelSpec, wanted: Wanted) -> Graph:
    """Load a network.

    Raises:
        ModelError: the file is not a network that ONNX Runtime runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    device = wanted.device
    providers = _providers(device, wanted.precision)
    content = _halved(spec.weights) if wanted.precision == "fp16" else None
    session, with_errors = _start(spec.weights, device, wanted.threads, providers, content)
    ports = check_ports(spec, _ports(session.get_inputs()), _ports(session.get_outputs()), wanted.tile)
    size = ports.batch or (1 if device == "cpu" else wanted.batch or CUDA_BATCH)
    text = _text(device, wanted.threads, wanted.precision, session)
    return _Graph(session, ports, size, text, with_errors)


def load_classifier(
    spec: ClassifierSpec, *, device: str, precision: Precision, threads: int, batch: int
) -> ManyInputGraph:
    """Load a scene classifier, in fp32.

    Raises:
        ModelError: the file is not a network that ONNX Runtime runs, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    if precision != "fp32":
        raise _no_precision(precision)
    providers = _providers(device, precision)
    session, with_errors = _start(spec.weights, device, threads, providers)
    ports = check_many_ports(spec, _ports(session.get_inputs()), _ports(session.get_outputs()))
    size = ports.batch or (1 if device == "cpu" else batch)
    return _ManyInputGraph(session, ports, size, _text(device, threads, precision, session), with_errors)


def _start(
    weights: Path, device: str, threads: int, providers: list[Provider], content: bytes | None = None
) -> tuple[Any, Callable[..., Any]]:
    """An inference session on the first provider that starts, and what calls it and translates its errors.

    `content` is run in place of the file of weights, where it is given.
    """
    import onnxruntime  # noqa: PLC0415 - slow to import

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads would spin through the processors that read and write meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with_errors = _translate(weights)
    # What is missing, and that another provider is taken instead, it prints.
    with contextlib.redirect_stdout(io.StringIO()):
        if device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
            # CUDA's libraries may lie in Python packages, where the system does not look.
            onnxruntime.preload_dlls(directory="")
        session = with_errors(
            lambda: onnxruntime.InferenceSession(content or weights, options, providers=providers)
        )
    if device != "cpu" and CUDA not in session.get_providers():
        raise RuntimeMissingError(
            f"{device}: onnxruntime could not start its {CUDA} and would have used the CPU; see that the "
            "driver's and CUDA's libraries fit onnxruntime-gpu, or say --device cpu"
        )
    return session, with_errors


def _text(device: str, threads: int, precision: Precision, session: Any) -> str:
    import onnxruntime  # noqa: PLC0415 - slow to import

    on_device = f"{device} by {session.get_providers()[0]}"
    where = f"{device}, {threads} threads" if device == "cpu" else on_device
    return f"onnxruntime {onnxruntime.__version__}, {where}, {precision}"


def _no_precision(precision: Precision) -> RuntimeMissingError:
    return RuntimeMissingError(
        f"onnxruntime runs a network in the precision it was exported in; {precision} needs --runtime "
        "openvino, torch or tensorrt, or a network exported so"
    )


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
        feed = {self.ports.input.name: self.ports.input.given(batch)}
        (raw,) = self._with_errors(lambda: self._session.run([self.ports.output.name], feed))
        return self.ports.output.found(np.asarray(raw))

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
        feed = self._ports.feed(batch)
        (raw,) = self._with_errors(lambda: self._session.run([self._ports.output.name], feed))
        return np.asarray(raw)

    def close(self) -> None:
        """Release the session and its threads."""
        self._session = None


def _providers(device: str, precision: Precision) -> list[Provider]:
    """Providers in the order of preference; the CPU's last, for the few operators that others leave.

    TensorRT's is told no shapes: it builds for the first that comes, and every call has the same.

    Raises:
        RuntimeMissingError: the device or precision is not there.
        OutputError: the folder of engines cannot be made.
    """
    if precision != "fp32" and not (precision == "fp16" and device != "cpu"):
        raise _no_precision(precision)
    if device == "cpu":
        return ["CPUExecutionProvider"]
    why, remedy = _why_no_cuda()
    if why:
        raise RuntimeMissingError(f"{device}: {why}; {remedy}; or say --device cpu")
    number = str(cuda.gpu_of(device).index)
    # TensorFloat-32 rounds to 10 bits; fp32 is the reference and must be just that. Searching for algorithms
    # by the clock gives others, and so other digits, on every start (onnxruntime's issue 19822).
    plain: Provider = (
        CUDA,
        {"device_id": number, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
    )
    if precision == "fp32" or not _has(TENSORRT):
        return [plain, "CPUExecutionProvider"]
    folder = _folder()
    caching = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }
    # Until 10, TensorRT takes half precision only where it is allowed, also if the graph is written in it.
    half = {"device_id": number, "trt_fp16_enable": "1", **caching}
    return [(TENSORRT, half), plain, "CPUExecutionProvider"]


def _halved(weights: Path) -> bytes:
    """A network's file with half precision written into it."""
    onnx = onnx_package(f"{weights}: fp16")
    model = onnx.load(str(weights))
    fold_casts(model)
    content: bytes = halve(model, HALF["fp16"]).SerializeToString()
    return content


def _folder() -> str:
    """Where the TensorRT provider keeps engines; it makes a folder, but none above it."""
    folder = engine_folder() / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    return str(folder)


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
