"""Runs of a TensorRT engine in two slots of memory: one is copied while the other is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.graph import Ports
from geoseg.runtimes.tensorrt.device_work import Buffer, CapturedWork, DeviceContext, Event, Stream
from geoseg.spec.layouts import from_graph, to_graph

SLOTS = 2
"""Slots of memory."""

PARTS = 4
"""Batches per call: all copies but the first and the last overlap with runs."""


@dataclass(slots=True)
class _Slot:
    """Memory of one part of a batch on the host and the device, for input and output."""

    host_in: Buffer
    device_in: Buffer
    device_out: Buffer
    host_out: Buffer
    uploaded: Event
    computed: Event
    downloaded: Event
    work: CapturedWork | None = None
    """The run of this slot as a CUDA graph, after its capture."""
    runs: int = 0


class TensorRtGraph:
    """An engine on one device.

    A call has several parts, which alternate between two slots: one is computed while the other is copied.
    """

    def __init__(
        self,
        engine: Any,
        context: DeviceContext,
        ports: Ports,
        *,
        device: str,
        profile: tuple[int, int, int],
        shapes: tuple[tuple[int, int, int], tuple[int, int, int]],
        description: str,
    ) -> None:
        """Allocate memory on the device.

        Args:
            engine: engine on the device of `context`.
            context: the current context; `close` releases it.
            ports: input and output of the engine.
            device: `cuda:N`.
            profile: smallest, usual and largest number of tiles per run.
            shapes: shape of one tile of the input and of the output, in the graph's order of axes.
            description: runtime, device and precision in one line.

        Raises:
            DeviceMemoryError: the device has too little memory.
        """
        self.ports = ports
        self.device = device
        self.description = description
        self._least, self._part, self._most = profile
        self.batch, self.parts = self._part, PARTS
        self._shapes = shapes
        self._dtypes = (np.dtype(ports.input.dtype), np.dtype(ports.output.dtype))
        self._context = context
        self._engine: Any = engine
        run = engine.create_execution_context()
        if run is None:
            raise DeviceMemoryError(
                f"{device}: too little memory for the engine; use a smaller `--batch-size`"
            )
        self._run: Any = run
        self._copying, self._computing = Stream(), Stream()
        self._slots = [self._make_slot() for _ in range(SLOTS)]
        self._capture = True
        self._count = 0
        self._owner: Any = None
        self.add_to_record: Callable[[dict[str, JsonValue]], None] = lambda _: None

    ports: Ports
    batch: int
    parts: int
    """Batches that a call may hold."""
    device: str
    description: str

    @property
    def batches(self) -> range:
        """Numbers of tiles that a run on the device may hold."""
        return range(self._least, self._most + 1)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (N, C, tile, tile) from and to the memory of the host.

        Raises:
            ModelError: TensorRT cannot run the engine.
            RuntimeMissingError: the device failed.
        """
        self._context.use()
        batch = batch.transpose(to_graph(self.ports.input.order))
        out = np.empty((len(batch), *self._shapes[1]), self._dtypes[1])
        parts = [batch[start : start + self._part] for start in range(0, len(batch), self._part)]
        self._upload(0, parts[0])
        for index, part in enumerate(parts):
            self._compute(index, len(part))
            if index + 1 < len(parts):
                if index >= 1:
                    self._take(index - 1, out)
                self._upload(index + 1, parts[index + 1])
            self._download(index, len(part))
        for index in range(max(0, len(parts) - SLOTS), len(parts)):
            self._take(index, out)
        return self.ports.output.as_planes(out)

    def on_device(self, batch: Any) -> Any:
        """Run a torch tensor (N, C, tile, tile) on the device; the output is float32 on the same device."""
        import torch  # noqa: PLC0415 - only callers with torch tensors need it

        self._context.use()
        ordered = batch.permute(to_graph(self.ports.input.order))
        inputs = ordered.to(getattr(torch, self._dtypes[0].name)).contiguous()
        dtype = getattr(torch, self._dtypes[1].name)
        out = torch.empty((len(inputs), *self._shapes[1]), dtype=dtype, device=inputs.device)
        stream = torch.cuda.current_stream(inputs.device).cuda_stream if inputs.is_cuda else 0
        self._bind(len(inputs), inputs.data_ptr(), out.data_ptr())
        self._enqueue(stream)
        return out.permute(from_graph(self.ports.output.order)).float().contiguous()

    def attach(self, owner: Any, add_to_record: Callable[[dict[str, JsonValue]], None]) -> None:
        """Keep the runtime of the engine alive, and set the function that adds to the engine's record."""
        self._owner, self.add_to_record = owner, add_to_record

    def close(self) -> None:
        """Free the memory of the device."""
        if self._run is None:
            return
        self._context.use()
        for slot in self._slots:
            for owned in (slot.host_in, slot.device_in, slot.device_out, slot.host_out):
                owned.close()
            for event in (slot.uploaded, slot.computed, slot.downloaded):
                event.close()
            if slot.work is not None:
                slot.work.close()
        self._copying.close()
        self._computing.close()
        self._run = self._engine = self._owner = None
        self._context.close()

    def _make_slot(self) -> _Slot:
        sizes = [
            self._part * int(np.prod(shape)) * dtype.itemsize
            for shape, dtype in zip(self._shapes, self._dtypes, strict=True)
        ]
        return _Slot(
            host_in=Buffer(sizes[0], pinned=True),
            device_in=Buffer(sizes[0], pinned=False),
            device_out=Buffer(sizes[1], pinned=False),
            host_out=Buffer(sizes[1], pinned=True),
            uploaded=Event(),
            computed=Event(),
            downloaded=Event(),
        )

    def _upload(self, index: int, part: NDArray[np.float32]) -> None:
        slot = self._slots[index % SLOTS]
        slot.host_in.array(self._dtypes[0], part.shape)[...] = part
        self._copying.upload(slot.device_in, slot.host_in, part.size * self._dtypes[0].itemsize)
        self._copying.record(slot.uploaded)

    def _compute(self, index: int, count: int) -> None:
        """Queue a run after its upload; the second run of a slot is captured, later ones replay it."""
        slot = self._slots[index % SLOTS]
        self._computing.after(slot.uploaded)
        if slot.work is not None and count == self._part:
            self._computing.launch(slot.work)
        else:
            self._bind(count, slot.device_in.address, slot.device_out.address)
            if self._capture and count == self._part and slot.runs >= 1:
                self._capture_run(slot)
            else:
                self._enqueue(self._computing.address)
                slot.runs += 1
        self._computing.record(slot.computed)

    def _capture_run(self, slot: _Slot) -> None:
        """Capture the run of a slot and launch it; without CUDA graph if the capture fails."""
        try:
            with self._computing.capture() as work:
                self._enqueue(self._computing.address)
        except (ModelError, RuntimeMissingError):
            self._capture = False
            self.description += ", no CUDA graph"
            self._enqueue(self._computing.address)
            return
        slot.work = work
        self._computing.launch(work)

    def _download(self, index: int, count: int) -> None:
        slot = self._slots[index % SLOTS]
        self._copying.after(slot.computed)
        size = count * int(np.prod(self._shapes[1])) * self._dtypes[1].itemsize
        self._copying.download(slot.host_out, slot.device_out, size)
        self._copying.record(slot.downloaded)

    def _take(self, index: int, out: NDArray[np.generic]) -> None:
        """Wait for a part and copy it from the pinned memory."""
        slot = self._slots[index % SLOTS]
        slot.downloaded.wait()
        part = out[index * self._part : (index + 1) * self._part]
        part[...] = slot.host_out.array(self._dtypes[1], part.shape)

    def _bind(self, count: int, input_address: int, output_address: int) -> None:
        """Set the shape of the input, and the addresses of input and output."""
        name = self.ports.input.name
        # Setting a shape again, even the same one, may require a run before a capture.
        done = count == self._count or self._run.set_input_shape(name, (count, *self._shapes[0]))
        done = done and self._run.set_tensor_address(name, input_address)
        done = done and self._run.set_tensor_address(self.ports.output.name, output_address)
        if not done:
            raise ModelError(f"TensorRT rejects {count} tiles of {self._shapes[0]}; rebuild the engine")
        self._count = count

    def _enqueue(self, stream: int) -> None:
        if not self._run.execute_async_v3(stream):
            raise ModelError("TensorRT could not run the engine; rebuild it, or use `--runtime onnxruntime`")
