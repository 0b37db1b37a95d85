"""The interface of every runtime: its status, and a network that it loaded."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.files.doors import loading
from geoseg.spec import InputSpec, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, channels_first, from_graph, to_graph

Precision = Literal["fp32", "bf16", "fp16", "int8"]
Choice = tuple[str, Precision]
"""Name of a runtime and a precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """Whether a runtime can be used on this machine, and its devices and precisions."""

    name: str
    version: str = ""
    """Empty: not installed."""
    devices: tuple[str, ...] = ()
    """Names as in `--device`."""
    precisions: tuple[Precision, ...] = ()
    """Precisions that it computes natively on the CPU."""
    why_not: str = ""
    """Why the runtime cannot be used; empty where it can."""
    remedy: str = ""
    """The command that removes the cause in `why_not`."""
    cuda_precisions: tuple[Precision, ...] = ()
    """Precisions that it computes on its CUDA devices."""
    why_no_cuda: str = ""
    """Why the runtime has no CUDA device on this machine."""
    cuda_remedy: str = ""
    """The command that removes the cause in `why_no_cuda`."""

    @property
    def usable(self) -> bool:
        """Whether the runtime has a device."""
        return bool(self.devices)

    @property
    def has_cuda(self) -> bool:
        """Whether the runtime has a CUDA device."""
        return any(name.startswith("cuda") for name in self.devices)

    def precisions_on(self, device: str) -> tuple[Precision, ...]:
        """Return the precisions of a device, named as in `--device`."""
        return self.cuda_precisions if device.startswith("cuda") else self.precisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of a loaded network."""

    name: str
    dtype: str
    """Element type: numpy's name, or the runtime's name where numpy has no such type."""
    shape: tuple[int | None, ...] | None
    """Sizes, None for a variable size; None for a variable rank. `check_ports` orders them (N, C, H, W)."""
    order: tuple[Axis, Axis, Axis, Axis] = CHANNELS_FIRST
    """Order of the axes in the graph."""

    def sizes(self, batch: int, channels: int, side: int) -> tuple[int, int, int, int]:
        """Return the shape of a batch of tiles in the graph's order of axes."""
        return as_ordered((batch, channels, side, side), self.order)

    def as_input(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Return tiles (N, C, H, W) in the graph's order of axes and type, contiguous in memory."""
        return np.ascontiguousarray(batch.transpose(to_graph(self.order)), np.dtype(self.dtype))

    def as_planes(self, raw: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return an output as (N, K, H, W), contiguous in memory; a copy only where axes are reordered."""
        if self.order == CHANNELS_FIRST or raw.ndim != len(self.order):
            return raw
        return np.ascontiguousarray(raw.transpose(from_graph(self.order)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The inputs and the output in use, checked against the description of the model."""

    inputs: tuple[Port, ...]
    """In the order of the description; a segmentation network has one."""
    output: Port
    batch: int | None
    """Tiles that each call must hold; None: any number."""

    @property
    def input(self) -> Port:
        """The first input."""
        return self.inputs[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """How a network is loaded."""

    spec: ModelSpec
    device: str
    """`cpu`, `cuda` (the first CUDA device) or `cuda:N`."""
    precision: Precision = "fp32"
    threads: int
    """Threads on the CPU."""
    batch: int | None = None
    """Tiles per call; None: the runtime's default."""
    tile: int
    """Side of a tile in pixels."""
    tiles: Callable[[], NDArray[np.float32] | None] = lambda: None
    """Reads the tiles of `check`; called where they are needed only."""
    report: Callable[[str], None] = lambda _: None
    """Called with a message before a step that takes seconds or minutes."""

    @property
    def check(self) -> NDArray[np.float32] | None:
        """Normalised tiles (N, C, tile, tile) of the scene; None: not available.

        They serve agreement checks, timings and the calibration of int8.
        """
        return self.tiles()


class Graph(Protocol):
    """A network loaded in a runtime, without activation."""

    @property
    def ports(self) -> Ports:
        """Input and output in use."""

    @property
    def batch(self) -> int:
        """Tiles that each call must hold; up to `parts` multiples of it where the graph has `parts`."""

    @property
    def description(self) -> str:
        """Runtime with version, device, precision and threads in one line."""

    def __call__(self, batch: Any) -> NDArray[np.generic]:
        """Run (`batch`, C, tile, tile) float32; the output is valid until the next call.

        A graph of a scene classifier takes such arrays by the name of their input.
        """

    def close(self) -> None:
        """Release the graph and its threads."""


class DeviceGraph(Graph, Protocol):
    """A graph that also reads tensors on its device and leaves the output there."""

    @property
    def device(self) -> str:
        """Name of the device in torch: `cuda:0`, `cpu`."""

    @property
    def batches(self) -> range:
        """Numbers of tiles that a call of `on_device` may hold."""

    def on_device(self, batch: Any) -> Any:
        """Run a torch tensor (N, C, tile, tile) float32 on the device to raw output (N, K, tile, tile).

        The output is float32, lies on the device, and is valid until the next call. Work is queued on the
        device's current stream.
        """


class HostGraph:
    """A `Graph` that reads and writes the memory of the host."""

    def __init__(
        self, run: Callable[[dict[str, NDArray[np.generic]]], Any], ports: Ports, batch: int, description: str
    ) -> None:
        """Wrap a loaded network.

        Args:
            run: computes the output from one array for each input name.
            ports: of the network.
            batch: tiles that each call must hold.
            description: runtime with version, device, precision and threads in one line.
        """
        self._run: Callable[[dict[str, NDArray[np.generic]]], Any] | None = run
        self.ports = ports
        self.batch = batch
        self.description = description

    ports: Ports
    batch: int
    description: str

    def __call__(self, batch: NDArray[np.float32] | Mapping[str, NDArray[np.float32]]) -> NDArray[np.generic]:
        """Run tiles (batch, C, tile, tile), or such arrays by name of the input.

        Raises:
            ModelError: the network cannot run, or is closed.
        """
        if self._run is None:
            raise ModelError(f"{self.description}: the network is closed")
        with loading(self.description):
            if isinstance(batch, Mapping):
                feed = {port.name: port.as_input(batch[port.name]) for port in self.ports.inputs}
            else:
                feed = {self.ports.input.name: self.ports.input.as_input(batch)}
            return self.ports.output.as_planes(np.asarray(self._run(feed)))

    def close(self) -> None:
        """Release the network and its threads."""
        self._run = None


def check_ports(spec: ModelSpec, inputs: list[Port], outputs: list[Port], tile: int) -> Ports:
    """Find the inputs and the output that a model names, and check them against its description.

    Args:
        spec: the model.
        inputs: inputs of the graph without weights.
        outputs: outputs of the graph.
        tile: side in pixels of the tiles that the network will read, of the first input.

    Raises:
        ModelError: the graph does not fit its description.
    """
    unknown = sorted({port.name for port in inputs} - {given.name for given in spec.inputs})
    if spec.classifies and unknown:
        raise ModelError(
            f"{spec.weights}: the graph has an input {unknown[0]!r} that the description does not name; it "
            f"names {', '.join(given.name for given in spec.inputs)}"
        )
    if len(inputs) != len(spec.inputs) and not spec.classifies:
        raise ModelError(
            f"{spec.weights}: the graph has the inputs {_names(inputs)}; geoseg passes one (N, C, H, W) "
            "image. Export the network with its other inputs as constants"
        )
    read = []
    for given in spec.inputs:
        port = _arranged(_find(spec, inputs, given.name, "input"), given.dim_order)
        _check_input(spec, given, port, spec.side(given, tile))
        read.append(port)
    scores = _find(spec, outputs, spec.output_name, "output")
    _check_floats(spec, scores)
    if spec.classifies:
        _check_classes(spec, scores)
    else:
        scores = _arranged(scores, spec.output_dim_order)
        _check_planes(spec, scores)
    return Ports(inputs=tuple(read), output=scores, batch=_batch(spec, read[0]))


def _check_classes(spec: ModelSpec, scores: Port) -> None:
    """Check the output of a scene classifier, one score per class."""
    if scores.shape is not None and (
        len(scores.shape) != 2 or scores.shape[1] not in {None, len(spec.classes)}
    ):
        raise ModelError(
            f"{spec.weights}: output {scores.name} has shape {_shape(scores)}; expected "
            f"(N, {len(spec.classes)}), one score for each class"
        )


def _check_planes(spec: ModelSpec, scores: Port) -> None:
    """Check the output of a network with scores for each pixel."""
    if scores.shape is None:
        return
    if len(scores.shape) != 4:
        raise ModelError(
            f"{spec.weights}: output {scores.name} has shape {_shape(scores)}; expected (N, K, H, W)"
        )
    hint = order_hint(scores.shape, planes_allowed(spec), "the output's dim_order")
    check_planes(spec, scores.shape[1], hint)


def planes_allowed(spec: ModelSpec) -> set[int]:
    """Return the numbers of output planes that fit a model's classes."""
    binary = len(spec.classes) == 2 and spec.activation != "softmax" and not spec.classifies
    one = {1} if binary else set()
    return {len(spec.classes)} | one


def _find(spec: ModelSpec, ports: list[Port], name: str, kind: str) -> Port:
    match = next((port for port in ports if not name or port.name == name), None)
    if match is None:
        raise ModelError(f"{spec.weights}: the graph has no {kind} {name!r}; it has {_names(ports)}")
    return match


def _arranged(port: Port, order: tuple[Axis, Axis, Axis, Axis]) -> Port:
    """Set the order of a port's axes and reorder its sizes to (N, C, H, W)."""
    known = port.shape is not None and len(port.shape) == len(order)
    return replace(port, order=order, shape=channels_first(port.shape or (), order) if known else port.shape)


def _names(ports: list[Port]) -> str:
    return ", ".join(port.name for port in ports) or "none"


def _check_input(spec: ModelSpec, given: InputSpec, port: Port, side: int) -> None:
    """Check that a port reads square images of `side` pixels with the described bands."""
    weights = spec.weights
    if port.dtype not in {"float32", "float16"}:
        raise ModelError(
            f"{weights}: input {port.name} has type {port.dtype}; geoseg runs float networks only"
        )
    if port.shape is None:
        return
    if len(port.shape) != 4:
        raise ModelError(f"{weights}: input {port.name} has shape {_shape(port)}; expected (N, C, H, W)")
    _, channels, *sides = port.shape
    order = order_hint(port.shape, {given.channels}, "the input's dim_order")
    if channels not in {None, given.channels}:
        bands = ", ".join((*(band.name for band in given.bands), *given.metadata))
        raise ModelError(
            f"{weights}: the network has {channels} input channels, but its description names "
            f"{given.channels}: {bands}{order}"
        )
    if any(size not in {None, side} for size in sides):
        stated = f"its description states {side}"
        hint = stated if spec.classifies else f"use `--tile {sides[0]}`, not {side}"
        only = " x ".join("?" if size is None else str(size) for size in sides)
        raise ModelError(f"{weights}: input {port.name} accepts {only} pixels only{order or f'; {hint}'}")


def _check_floats(spec: ModelSpec, port: Port) -> None:
    if port.dtype not in {"float32", "float16", "float64"}:
        raise ModelError(
            f"{spec.weights}: output {port.name} has type {port.dtype}, not float scores; export the network "
            "without its final argmax"
        )


def order_hint(shape: Sequence[int | None], wanted: Container[int | None], where: str) -> str:
    """Return a hint for a message where another order of axes would fit, else an empty string.

    Args:
        shape: sizes in the order (N, C, H, W) of the description.
        wanted: valid numbers of channels.
        where: the key that states the order.
    """
    if len(shape) == 4 and any(size is not None and size in wanted for size in shape[2:]):
        return (
            f"; the channels may be another axis: see {where} (channels last: batch, height, width, channel)"
        )
    return ""


def check_planes(spec: ModelSpec, planes: int | None, otherwise: str = "") -> None:
    """Check that the number of output planes fits the classes.

    Args:
        spec: the model.
        planes: number of output planes; None: variable.
        otherwise: text for the message about another possible cause.

    Raises:
        ModelError: the number does not fit.
    """
    allowed = planes_allowed(spec)
    if planes is None or planes in allowed:
        return
    labels = ", ".join(entry.label for entry in spec.classes)
    hint = "; one plane requires activation sigmoid" if planes == 1 and len(spec.classes) == 2 else ""
    raise ModelError(
        f"{spec.weights}: the network returns {planes} planes, but its description names {len(spec.classes)} "
        f"classes ({labels}){hint}{otherwise}"
    )


def _shape(port: Port) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in port.shape or ())})"


def _batch(spec: ModelSpec, port: Port) -> int | None:
    stated = port.shape[0] if port.shape else None
    if stated and spec.fixed_batch and stated != spec.fixed_batch:
        raise ModelError(
            f"{spec.weights}: the graph has a batch size of {stated}, its description states "
            f"{spec.fixed_batch}"
        )
    return stated or spec.fixed_batch
