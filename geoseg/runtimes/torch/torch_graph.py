"""A network in torch, ready to call: precision, memory layout, CUDA graphs, and what memory it wants."""

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
"""Set to 1: a shape that comes again is compiled, which takes up to a minute and pays on long runs."""

WARM = 3
"""Calls of one shape before its work is captured as a CUDA graph: the first ones choose algorithms."""

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
INPUTS = {"float32": torch.float32, "float16": torch.float16}

MEMORY = ("out of memory", "ALLOC_FAILED", "unable to find an engine", "not enough memory")
"""Words by which CUDA's libraries say that memory ran out, without torch's own type of error."""


class TorchGraph:
    """A graph of ONNX in torch, on one device.

    Algorithms are those that give the same answer every time, and float32 is float32: on CUDA, TensorFloat-32
    is switched off for the whole process, since several devices compute in threads of their own.
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
        """Put a module on its device, in the layout that its convolutions like.

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
        """How many tiles a call may carry."""
        fixed = self.ports.batch
        return range(fixed, fixed + 1) if fixed else range(1, 1025)

    def prepare(self, shape: tuple[int, int, int], threads: int, *, least: int) -> None:
        """Run once, so that what the graph cannot do is told now; then compile if asked to.

        Args:
            shape: (C, H, W) of a tile.
            threads: on the CPU.
            least: tiles a call to which the batch may be halved where memory is short.

        Raises:
            ModelError: the graph has something that is not known here.
            DeviceMemoryError: the device has too little memory even for the least batch.
        """
        if self._place.type == "cpu":
            torch.set_num_threads(threads)
        else:
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            with warnings.catch_warnings():
                # From 2.9 on torch warns of these names, yet compiling still reads them.
                warnings.simplefilter("ignore", UserWarning)
                torch.backends.cudnn.allow_tf32 = False
                torch.backends.cuda.matmul.allow_tf32 = False
        while not self._fits(shape, least):
            self.batch = max(least, self.batch // 2)
            # Only here: what the failed call held is gone with its error.
            torch.cuda.empty_cache()
        if os.environ.get(COMPILE) == "1":
            self._compiling = True
            self.description += ", compiled"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (N, C, tile, tile) from and to the host's memory.

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
        """Run a tensor (N, C, tile, tile) of the device; the answer lies there too, in float32.

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
            given = self._given(batch.to(self._input))
            shape = tuple(given.shape)
            if self._captured is not None and self._captured[0] != shape:
                # It holds the memory of a whole run, which this shape may need.
                self._captured = None
            self._calls[shape] = self._calls.get(shape, 0) + 1
            if self._calls[shape] <= WARM:
                return self._found(self._module(given).float().contiguous())
            if self._place.type == "cuda":
                return self._found(self._replay(given))
            return self._found(self._network(given)(given).float().contiguous())

    def close(self) -> None:
        """Release the network and what was captured of it."""
        self._captured = self._compiled = self._module = self._staging = None
        # Other runtimes cannot have what torch keeps for itself.
        torch.cuda.empty_cache()

    def _given(self, batch: Any) -> Any:
        """Tiles (N, C, H, W) in the graph's order of axes and the layout that convolutions like."""
        order = self.ports.input.order
        if order == CHANNELS_FIRST:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch.permute(to_graph(order)).contiguous()

    def _found(self, raw: Any) -> Any:
        """What the graph gave as (N, K, H, W)."""
        order = self.ports.output.order
        if order == CHANNELS_FIRST or raw.dim() != len(order):
            return raw
        return raw.permute(from_graph(order)).contiguous()

    def _fits(self, shape: tuple[int, int, int], least: int) -> bool:
        """Run a batch of nothing; whether memory was enough for it."""
        try:
            self(np.zeros((self.batch, *shape), np.float32))
        except DeviceMemoryError:
            if self.batch <= least:
                raise
            return False
        return True

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn torch's errors into geoseg's."""
        try:
            yield
        except (RuntimeError, IndexError, TypeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in MEMORY):
                raise DeviceMemoryError(
                    f"{self.device}: too little memory to {what}; say --batch-size 1 or a smaller --tile"
                ) from error
            raise ModelError(f"torch cannot {what}: {first}") from error

    def _network(self, given: Any) -> Any:
        """The network, compiled for a shape where that was asked for."""
        if not self._compiling:
            return self._module
        shape = tuple(given.shape)
        if self._compiled is None or self._compiled[0] != shape:
            self._compiled = (shape, _compile(self._module, given))
        return self._compiled[1]

    def _pinned(self, given: Any) -> Any:
        """Host memory that the device copies from while the host goes on."""
        if self._staging is None or self._staging.shape != given.shape:
            self._staging = torch.empty(given.shape, dtype=given.dtype, pin_memory=True)
        self._staging.copy_(given)
        return self._staging

    def _replay(self, given: Any) -> Any:
        """Run by a CUDA graph; only the last shape's is kept, since each holds memory of its own."""
        if self._captured is None:
            network = self._network(given)
            # Handles of CUDA's libraries belong to a thread: this one's are made here, not while capturing.
            found = network(given).float().contiguous()
            if self._capturing and self._module.waits:
                # A capture that fails leaves torch before 2.12 in it, and its memory is never given back.
                self._forgo_capture()
            if not self._capturing:
                return found
            del found
            stream = torch.cuda.current_stream(self._place)
            try:
                self._captured = (tuple(given.shape), *self._capture(network, given))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                # A failed capture leaves its own stream the current one.
                torch.cuda.set_stream(stream)
                self._forgo_capture()
                return network(given).float().contiguous()
        _, work, into, out = self._captured
        into.copy_(given)
        work.replay()
        return out

    def _forgo_capture(self) -> None:
        """Run without CUDA graphs from now on, since something waits for the device, and say so."""
        self._capturing = False
        self.description += ", no CUDA graph"

    def _capture(self, network: Any, given: Any) -> tuple[Any, Any, Any]:
        """Record a run: the work, and the tensors that it reads and writes."""
        into = given.clone(memory_format=torch.preserve_format)
        work = torch.cuda.CUDAGraph()
        # A stream of this very device, and no heed of other threads, which read and feed other devices.
        stream = torch.cuda.Stream(self._place)
        with torch.cuda.graph(work, stream=stream, capture_error_mode="thread_local"):
            out = network(into).float().contiguous()
        return work, into, out


def _compile(module: Any, given: Any) -> Any:
    """Compile a module for one shape.

    It is traced first: the compiler would otherwise look at each operator by itself, for minutes.
    """
    from torch.fx.experimental.proxy_tensor import make_fx  # noqa: PLC0415 - slow to import

    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with torch.no_grad():
        return torch.compile(make_fx(module)(given), dynamic=False)
