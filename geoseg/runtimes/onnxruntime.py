"""ONNX Runtime: runs anywhere, on the CPU in fp32, on NVIDIA devices with its CUDA build.

On CUDA devices, its CUDA provider runs fp32. For fp16, half precision is written into the graph; the TensorRT
provider runs it where it starts, else the CUDA provider. The description of the session names the provider.
The CPU never replaces a device that was asked for. Tensors of torch are read and written on their device, by
IO binding.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.bundles.graph_size import check_work, ending
from geoseg.errors import ModelError, OutputError, RuntimeMissingError
from geoseg.files import onnx_files
from geoseg.files.doors import loading
from geoseg.files.onnx_files import weight_bytes
from geoseg.runtimes import cuda
from geoseg.runtimes.graph import (
    HostGraph,
    LoadRequest,
    Port,
    Ports,
    Precision,
    RuntimeStatus,
    check_ports,
)
from geoseg.spec.layouts import from_graph, to_graph

NAME = "onnxruntime"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
CUDA_BATCH = 4
"""Default number of tiles per call on CUDA."""
FAILURE = "onnxruntime cannot run the network"
SWAP = "pip uninstall -y onnxruntime; pip install onnxruntime-gpu"
Provider = str | tuple[str, dict[str, str]]
DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def status() -> RuntimeStatus:
    """Return whether ONNX Runtime can be used, and on which devices."""
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
    """Return why ONNX Runtime has no CUDA device, and the remedy; empty where it has one."""
    if not has_provider(CUDA):
        return "this build of onnxruntime has no CUDA", SWAP
    return cuda.why_none(), "nvidia-smi"


def has_provider(provider: str) -> bool:
    """Return whether an ONNX Runtime with a provider is installed; its device may still be missing."""
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError:
        return False
    return provider in onnxruntime.get_available_providers()


class OnnxGraph(HostGraph):
    """A network in ONNX Runtime, which also reads and writes tensors on its device."""

    def __init__(
        self,
        session: Any,
        weights: Path,
        ports: Ports,
        batch: int,
        *,
        device: str,
        threads: int,
        precision: Precision,
        has_open_loops: bool = False,
    ) -> None:
        """Wrap a session.

        Args:
            session: of ONNX Runtime.
            weights: the file, for messages.
            ports: of the network.
            batch: tiles that each call must hold.
            device: as in `LoadRequest`.
            threads: threads on the CPU.
            precision: of the session.
            has_open_loops: whether calls must be ended after some time (`geoseg.bundles.graph_size`).
        """
        import onnxruntime  # noqa: PLC0415 - slow to import

        on_cpu, first = device == "cpu", session.get_providers()[0]
        where = f"{device}, {threads} threads" if on_cpu else f"{device} by {first}"
        text = f"onnxruntime {onnxruntime.__version__}, {where}, {precision}"
        super().__init__(self._run_on_host, ports, batch, text)
        self.device = device if on_cpu else f"cuda:{cuda.gpu_of(device).index}"
        self._session = session
        self._weights = weights
        self._has_open_loops = has_open_loops
        # The TensorRT provider builds an engine for each shape.
        fixed = batch if first == TENSORRT else ports.batch
        self.batches = range(fixed, fixed + 1) if fixed else range(1, 1025)
        self._planes: int | None = None

    device: str
    batches: range
    """Numbers of tiles that a call of `on_device` may hold."""

    def on_device(self, batch: Any) -> Any:
        """Run a torch tensor (N, C, tile, tile) on the device; the output is float32 on the same device.

        Raises:
            ModelError: ONNX Runtime cannot run the network.
            DeviceMemoryError: the device has too little memory.
        """
        import torch  # noqa: PLC0415 - only callers with torch tensors need it

        given, output = self.ports.input, self.ports.output
        count, channels, side, _ = batch.shape
        if self._planes is None:
            # The graph states the number of output planes, or a run shows it.
            stated = self.ports.output.shape[1] if self.ports.output.shape else None
            self._planes = stated or self(np.zeros((self.batch, channels, side, side), np.float32)).shape[1]
        tiles = batch.permute(to_graph(given.order)).to(getattr(torch, given.dtype)).contiguous()
        sizes = output.sizes(count, self._planes, side)
        scores = torch.empty(sizes, dtype=getattr(torch, output.dtype), device=tiles.device)
        binding = self._session.io_binding()
        place = tiles.device.type, tiles.device.index or 0
        for bind, port, tensor in (
            (binding.bind_input, given, tiles),
            (binding.bind_output, output, scores),
        ):
            bind(port.name, *place, np.dtype(port.dtype), tuple(tensor.shape), tensor.data_ptr())
        if tiles.is_cuda:
            # ONNX Runtime computes on its own stream, and returns when it is done.
            torch.cuda.current_stream(tiles.device).synchronize()
        with loading(self._weights, FAILURE), ending(self._has_open_loops) as options:
            try:
                self._session.run_with_iobinding(binding, options)
            except Exception as error:
                what = f"run the network on {tuple(batch.shape)}"
                if (full := cuda.memory_error(error, self.device, what)) is not None:
                    raise full from error
                raise
        return scores.permute(from_graph(output.order)).float().contiguous()

    def close(self) -> None:
        """Release the network and its threads."""
        super().close()
        self._session = None

    def _run_on_host(self, feed: dict[str, NDArray[np.generic]]) -> Any:
        with loading(self._weights, FAILURE), ending(self._has_open_loops) as options:
            return self._session.run([self.ports.output.name], feed, options)[0]


def load(request: LoadRequest) -> OnnxGraph:
    """Load a network.

    Raises:
        ModelError: ONNX Runtime cannot run the file, or it does not fit its description.
        RuntimeMissingError: the device or precision is not available.
    """
    spec, device = request.spec, request.device
    providers = _providers(device, request.precision)
    content = _halved(spec.weights) if request.precision == "fp16" else None
    has_open_loops = check_work(spec.weights)
    session = _start(spec.weights, device, request.threads, providers, content)
    ports = check_ports(spec, _ports(session.get_inputs()), _ports(session.get_outputs()), request.tile)
    size = ports.batch or (1 if device == "cpu" else request.batch or CUDA_BATCH)
    return OnnxGraph(
        session,
        spec.weights,
        ports,
        size,
        device=device,
        threads=request.threads,
        precision=request.precision,
        has_open_loops=has_open_loops,
    )


def _start(
    weights: Path, device: str, threads: int, providers: list[Provider], content: bytes | None = None
) -> Any:
    """Start an inference session; `content` replaces the content of the file of weights.

    Raises:
        ModelError: ONNX Runtime cannot run the network.
        RuntimeMissingError: the device cannot be used.
    """
    import onnxruntime  # noqa: PLC0415 - slow to import

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads would otherwise spin and take processor time from reading and writing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # ONNX Runtime prints missing libraries and the change to another provider.
    with contextlib.redirect_stdout(io.StringIO()), loading(weights, FAILURE):
        if device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
            # CUDA's libraries may be in Python packages, which the system does not search.
            onnxruntime.preload_dlls(directory="")
        session = onnxruntime.InferenceSession(content or weights, options, providers=providers)
    if device != "cpu" and CUDA not in session.get_providers():
        raise RuntimeMissingError(
            f"{device}: onnxruntime could not start its {CUDA} and would have used the CPU; check that the "
            "libraries of the driver and of CUDA fit onnxruntime-gpu, or use `--device cpu`"
        )
    return session


def _no_precision(precision: Precision) -> RuntimeMissingError:
    return RuntimeMissingError(
        f"onnxruntime runs a network in the precision of its file; for {precision} use `--runtime openvino` "
        "or tensorrt, or export the network in that precision"
    )


def _providers(device: str, precision: Precision) -> list[Provider]:
    """Return the providers in order of preference; the CPU's is last, for operators that others lack.

    The TensorRT provider gets no shapes: it builds for the first shape, and all calls have the same shape.

    Raises:
        RuntimeMissingError: the device or precision is not available.
        OutputError: the folder of engines cannot be created.
    """
    if precision != "fp32" and not (precision == "fp16" and device != "cpu"):
        raise _no_precision(precision)
    if device == "cpu":
        return ["CPUExecutionProvider"]
    why, remedy = _why_no_cuda()
    if why:
        raise RuntimeMissingError(f"{device}: {why}; {remedy}; or use `--device cpu`")
    number = str(cuda.gpu_of(device).index)
    # TensorFloat-32 rounds to 10 bits; fp32 is the reference and must be exact. A timed search for algorithms
    # chooses other algorithms, and gives other digits, on every start (onnxruntime's issue 19822).
    plain: Provider = (
        CUDA,
        {"device_id": number, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
    )
    if precision == "fp32" or not has_provider(TENSORRT):
        return [plain, "CPUExecutionProvider"]
    folder = _folder()
    caching = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }
    # Before version 11, TensorRT computes in half precision only with this flag, even for a graph in fp16.
    half = {"device_id": number, "trt_fp16_enable": "1", **caching}
    return [(TENSORRT, half), plain, "CPUExecutionProvider"]


def _halved(weights: Path) -> bytes:
    """Return the content of an ONNX file with half precision written into it."""
    from geoseg.runtimes.onnx_rewriting import HALF, fold_casts, halve, onnx_package  # noqa: PLC0415

    onnx = onnx_package(f"{weights}: fp16")
    model = onnx.load(str(weights))
    fold_casts(model)
    halved = halve(model, HALF["fp16"])
    if weight_bytes(halved) > onnx_files.MOST_INSIDE:
        raise ModelError(
            f"{weights}: has {weight_bytes(halved) / 1e9:.1f} GB of weights in fp16, and a graph that is "
            "changed in memory must have less than 2; use `--precision fp32`, or `--runtime tensorrt`"
        )
    content: bytes = halved.SerializeToString()
    return content


def _folder() -> str:
    """Return the folder of the TensorRT provider's engines; it does not create parent folders itself."""
    from geoseg.runtimes.engines import engine_folder  # noqa: PLC0415 - for TensorRT only

    folder = engine_folder() / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created: {error.strerror}") from error
    return str(folder)


def _ports(nodes: list[Any]) -> list[Port]:
    return [
        Port(
            name=port.name,
            dtype=DTYPES.get(port.type, port.type),
            shape=tuple(size if isinstance(size, int) and size > 0 else None for size in port.shape),
        )
        for port in nodes
    ]
