"""A network in torch: precision, memory layout, CUDA graphs, and batches that fit the memory."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.graph import Ports, Precision
from geoseg.runtimes.torch.torch_module import OnnxModule
from geoseg.spec.layouts import CHANNELS_FIRST, from_graph, to_graph

COMPILE = "GEOSEG_TORCH_COMPILE"
"""Environment variable; 1: compile for a repeated shape, which takes up to a minute and pays on long runs."""

WARM = 3
"""Calls of a shape before its work is captured as a CUDA graph: the first calls choose algorithms."""

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
INPUTS = {"float32": torch.float32, "float16": torch.float16}

MEMORY = ("out of memory", "ALLOC_FAILED", "unable to find an engine", "not enough memory")
"""Parts of messages about too little memory that CUDA's libraries raise without torch's type of error."""


class TorchGraph:
    """An ONNX graph in torch on one device.

    Algorithms are deterministic, and float32 is exact: on CUDA, TensorFloat-32 is switched off for the whole
    process, since several devices compute in threads of the process.
    """

    def __init__(
        self,
        module: OnnxModule,
        ports: Ports,
        *,
        device: str,
        precision: Precision,
        batch: int,
        description: str,
    ) -> None:
        """Move a module to its device, in the memory layout that suits convolutions.

        Raises:
            ModelError: torch has no kernels for the device, or cannot reach it.
            DeviceMemoryError: the device has too little memory.
        """
        self.ports = ports
        self.batch = batch
        self.description = description
        self.device = device
        self._half = HALF.get(precision)
        self._place = torch.device(device)
        self._input = INPUTS[ports.input.dtype]
        if self._half is not None:
            module.lower(self._half)
        with self._translated("load it"):
            module = module.eval().requires_grad_(False).to(self._place, memory_format=torch.channels_last)
        self._module: Any = module
        self._staging: Any = None
        self._calls: dict[tuple[int, ...], int] = {}
        self._captured: tuple[tuple[int, ...], Any, Any, Any] | None = None
        self._capturing = self._place.type == "cuda"
        self._compiling = False
        self._compiled: tuple[tuple[int, ...], Any] | None = None

    ports: Ports
    batch: int
    description: str
    device: str

    @property
    def batches(self) -> range:
        """Numbers of tiles that a call may hold."""
        fixed = self.ports.batch
        return range(fixed, fixed + 1) if fixed else range(1, 1025)

    def prepare(self, shape: tuple[int, int, int], threads: int, *, least: int) -> None:
        """Run once to find errors before the map starts; then switch compilation on if requested.

        Args:
            shape: (C, H, W) of a tile.
            threads: threads on the CPU.
            least: smallest batch to which the batch is halved while memory is too small.

        Raises:
            ModelError: the graph has an operator or option that the torch runtime does not support.
            DeviceMemoryError: the device has too little memory for the smallest batch.
        """
        if self._place.type == "cpu":
            torch.set_num_threads(threads)
        else:
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            with warnings.catch_warnings():
                # From 2.9 on, torch warns about these names, but its compiler still reads them.
                warnings.simplefilter("ignore", UserWarning)
                torch.backends.cudnn.allow_tf32 = False
                torch.backends.cuda.matmul.allow_tf32 = False
        while not self._fits(shape, least):
            self.batch = max(least, self.batch // 2)
            # Here, the memory of the failed call has been released with its exception.
            torch.cuda.empty_cache()
        if os.environ.get(COMPILE) == "1":
            self._compiling = True
            self.description += ", compiled"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (N, C, tile, tile) from and to the memory of the host.

        Raises:
            ModelError: torch cannot run the graph on this shape.
            DeviceMemoryError: the device has too little memory.
        """
        given = torch.from_numpy(np.ascontiguousarray(batch))
        with self._translated(f"run it on {tuple(batch.shape)}"):
            if self._place.type == "cuda":
                given = self._pinned(given).to(self._place, non_blocking=True)
            return np.asarray(self.on_device(given).cpu().numpy())

    def on_device(self, batch: Any) -> Any:
        """Run a tensor (N, C, tile, tile) on the device; the output is float32 on the same device.

        Raises:
            ModelError: torch cannot run the graph on this shape.
            DeviceMemoryError: the device has too little memory.
        """
        with ExitStack() as stack:
            stack.enter_context(self._translated(f"run it on {tuple(batch.shape)}"))
            stack.enter_context(torch.inference_mode())
            if self._place.type == "cuda":
                stack.enter_context(torch.cuda.device(self._place))
            if self._half is not None:
                stack.enter_context(torch.autocast(self._place.type, self._half))
            given = self._as_input(batch.to(self._input))
            shape = tuple(given.shape)
            if self._captured is not None and self._captured[0] != shape:
                # The captured graph holds the memory of a run, which this shape may need.
                self._captured = None
            self._calls[shape] = self._calls.get(shape, 0) + 1
            if self._calls[shape] <= WARM:
                return self._as_planes(self._module(given).float().contiguous())
            if self._place.type == "cuda":
                return self._as_planes(self._replay(given))
            return self._as_planes(self._network(given)(given).float().contiguous())

    def close(self) -> None:
        """Release the network and its captured graphs."""
        self._captured = self._compiled = self._module = self._staging = None
        # Other runtimes cannot use memory in torch's cache.
        torch.cuda.empty_cache()

    def _as_input(self, batch: Any) -> Any:
        """Return tiles (N, C, H, W) in the graph's order of axes and the layout that suits convolutions."""
        order = self.ports.input.order
        if order == CHANNELS_FIRST:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch.permute(to_graph(order)).contiguous()

    def _as_planes(self, raw: Any) -> Any:
        """Return an output of the graph as (N, K, H, W)."""
        order = self.ports.output.order
        if order == CHANNELS_FIRST or raw.dim() != len(order):
            return raw
        return raw.permute(from_graph(order)).contiguous()

    def _fits(self, shape: tuple[int, int, int], least: int) -> bool:
        """Run a batch of zeros; return whether the memory was sufficient."""
        try:
            self(np.zeros((self.batch, *shape), np.float32))
        except DeviceMemoryError:
            if self.batch <= least:
                raise
            return False
        return True

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Raise errors of geoseg for errors of torch."""
        try:
            yield
        except (RuntimeError, IndexError, TypeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in MEMORY):
                raise DeviceMemoryError(
                    f"{self.device}: too little memory to {what}; use --batch-size 1 or a smaller --tile"
                ) from error
            raise ModelError(f"torch cannot {what}: {first}") from error

    def _network(self, given: Any) -> Any:
        """Return the network, compiled for the shape if compilation is on."""
        if not self._compiling:
            return self._module
        shape = tuple(given.shape)
        if self._compiled is None or self._compiled[0] != shape:
            self._compiled = (shape, _compile(self._module, given))
        return self._compiled[1]

    def _pinned(self, given: Any) -> Any:
        """Copy a batch to pinned memory of the host, for asynchronous copies to the device."""
        if self._staging is None or self._staging.shape != given.shape:
            self._staging = torch.empty(given.shape, dtype=given.dtype, pin_memory=True)
        self._staging.copy_(given)
        return self._staging

    def _replay(self, given: Any) -> Any:
        """Run as a CUDA graph; only the graph of the last shape is stored, since each holds its memory."""
        if self._captured is None:
            network = self._network(given)
            # This call creates the handles of CUDA's libraries for this thread, before the capture.
            output = network(given).float().contiguous()
            if self._capturing and self._module.waits:
                # A failed capture leaves torch before 2.12 in capture mode, and its memory is never released.
                self._disable_capture()
            if not self._capturing:
                return output
            del output
            stream = torch.cuda.current_stream(self._place)
            try:
                self._captured = (tuple(given.shape), *self._capture(network, given))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                # A failed capture leaves its stream as the current stream.
                torch.cuda.set_stream(stream)
                self._disable_capture()
                return network(given).float().contiguous()
        _, work, into, out = self._captured
        into.copy_(given)
        work.replay()
        return out

    def _disable_capture(self) -> None:
        """Run without CUDA graphs from now on, because a part of the network waits for the device."""
        self._capturing = False
        self.description += ", no CUDA graph"

    def _capture(self, network: Any, given: Any) -> tuple[Any, Any, Any]:
        """Capture a run; return its work, and the tensors that it reads and writes."""
        into = given.clone(memory_format=torch.preserve_format)
        work = torch.cuda.CUDAGraph()
        # The stream belongs to this device; the mode ignores threads that serve other devices.
        stream = torch.cuda.Stream(self._place)
        with torch.cuda.graph(work, stream=stream, capture_error_mode="thread_local"):
            out = network(into).float().contiguous()
        return work, into, out


def _compile(module: Any, given: Any) -> Any:
    """Compile a module for one shape.

    The module is traced first: the compiler would otherwise take minutes to process each operator.
    """
    from torch.fx.experimental.proxy_tensor import make_fx  # noqa: PLC0415 - slow to import

    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with torch.no_grad():
        return torch.compile(make_fx(module)(given), dynamic=False)
