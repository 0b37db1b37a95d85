"""A torch.export program on one device: precision, memory layout, and batches that fit the memory."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export.passes import move_to_device_pass

from geoseg.files.doors import loading
from geoseg.runtimes.cuda import DeviceMemoryError, memory_error
from geoseg.runtimes.graph import Port, Ports, Precision
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, from_graph, to_graph

COMPILE = "GEOSEG_TORCH_COMPILE"
"""Environment variable; 1: compile the network first, which takes up to a minute and pays on long runs."""

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
INPUTS = {"float32": torch.float32, "float16": torch.float16}

ACTIVATIONS = frozenset({torch.ops.aten.sigmoid.default, torch.ops.aten.softmax.int})
"""Last operators that turn logits into scores."""


def read_program(path: Path, spec: ModelSpec, device: str) -> tuple[Any, Port, Port]:
    """Load a program onto a device; return its module, input and output, named as in the description.

    Loading runs code of the author: see `geoseg.bundles.program`.

    Raises:
        ModelError: torch cannot load the file, or it is not a network of one image and one output.
        DeviceMemoryError: the device has too little memory.
    """
    logging.getLogger("torch.export").setLevel(logging.ERROR)
    remedy = f"write it again with torch {torch.__version__}"
    with loading(path, "torch cannot load the program", remedy):
        program = torch.export.load(path)
    if device != "cpu":
        # Programs state the device of the tensors that they create.
        with _translated(device, "load the program"):
            program = move_to_device_pass(program, device)
    with loading(path, "is not a program of a network of one image"):
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        (image,), (scores,) = program.graph_signature.user_inputs, program.graph_signature.user_outputs
        ports = (
            _port(spec.input_name or "image", values[image]),
            _port(spec.output_name or "scores", values[scores]),
        )
        module = program.module()
        _as_float(module)
    return module, *ports


def _port(name: str, value: Any) -> Port:
    """Describe a value of a program; sizes that are symbols are variable."""
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Port(name=name, dtype=str(value.dtype).removeprefix("torch."), shape=shape)


def _as_float(module: Any) -> None:
    """Compute scores from logits in float32, and do not check the types of values: autocast changes them."""
    graph = module.graph
    checks = torch.ops.aten._assert_tensor_metadata.default
    for node in [node for node in graph.nodes if node.target is checks]:
        graph.erase_node(node)
    (output,) = (node for node in graph.nodes if node.op == "output")
    for node in output.all_input_nodes:
        if node.target in ACTIVATIONS:
            logits = node.args[0]
            with graph.inserting_before(node):
                node.replace_input_with(logits, graph.call_method("float", (logits,)))
    module.recompile()


@contextmanager
def _translated(device: str, what: str) -> Iterator[None]:
    """Raise errors of geoseg for errors of torch; too little memory is an error of its own."""
    with loading("torch", f"cannot {what}", "use `--runtime onnxruntime`"):
        try:
            yield
        except Exception as error:
            if (full := memory_error(error, device, what)) is not None:
                raise full from error
            raise


class TorchGraph:
    """A network in torch on one device.

    Algorithms are deterministic, and float32 is exact: on CUDA, TensorFloat-32 is switched off for the whole
    process, since several devices compute in threads of the process.
    """

    def __init__(
        self,
        module: Any,
        ports: Ports,
        *,
        device: str,
        precision: Precision,
        batch: int,
        description: str,
    ) -> None:
        """Use a module on its device, in the memory layout that suits convolutions.

        Raises:
            DeviceMemoryError: the device has too little memory.
        """
        self.ports = ports
        self.batch = batch
        self.description = description
        self.device = device
        self._half = HALF.get(precision)
        self._place = torch.device(device)
        self._input = INPUTS[ports.input.dtype]
        with _translated(device, "load the network"):
            self._module: Any = module
            for weight in (*module.parameters(), *module.buffers()):
                if weight.dim() == 4:  # `to` would fail on tables of five dimensions
                    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        if os.environ.get(COMPILE) == "1":
            self._module = torch.compile(self._module, dynamic=False)
            self.description += ", compiled"

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
        """Run once to find errors before the map starts.

        Args:
            shape: (C, H, W) of a tile.
            threads: threads on the CPU.
            least: smallest batch to which the batch is halved while memory is too small.

        Raises:
            ModelError: torch cannot run the network on this shape.
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

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (N, C, tile, tile) from and to the memory of the host.

        Raises:
            ModelError: torch cannot run the network on this shape.
            DeviceMemoryError: the device has too little memory.
        """
        given = torch.from_numpy(np.ascontiguousarray(batch))
        with _translated(self.device, f"run the network on {tuple(batch.shape)}"):
            if self._place.type == "cuda":
                given = given.pin_memory().to(self._place, non_blocking=True)
            return np.asarray(self.on_device(given).cpu().numpy())

    def on_device(self, batch: Any) -> Any:
        """Run a tensor (N, C, tile, tile) on the device; the output is float32 on the same device.

        Raises:
            ModelError: torch cannot run the network on this shape.
            DeviceMemoryError: the device has too little memory.
        """
        with ExitStack() as stack:
            stack.enter_context(_translated(self.device, f"run the network on {tuple(batch.shape)}"))
            stack.enter_context(torch.inference_mode())
            if self._place.type == "cuda":
                stack.enter_context(torch.cuda.device(self._place))
            if self._half is not None:
                stack.enter_context(torch.autocast(self._place.type, self._half))
            raw = self._module(self._as_input(batch.to(self._input)))
            order = self.ports.output.order
            planes = raw if raw.dim() != len(order) else raw.permute(from_graph(order))
            return planes.float().contiguous()

    def close(self) -> None:
        """Release the network."""
        self._module = None
        # Other runtimes cannot use memory in torch's cache.
        torch.cuda.empty_cache()

    def _as_input(self, batch: Any) -> Any:
        """Return tiles (N, C, H, W) in the graph's order of axes and the layout that suits convolutions."""
        order = self.ports.input.order
        if order == CHANNELS_FIRST:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch.permute(to_graph(order)).contiguous()

    def _fits(self, shape: tuple[int, int, int], least: int) -> bool:
        """Run a batch of zeros; return whether the memory was sufficient."""
        try:
            self(np.zeros((self.batch, *shape), np.float32))
        except DeviceMemoryError:
            if self.batch <= least:
                raise
            return False
        return True
