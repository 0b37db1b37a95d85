"""What every runtime offers: a graph loaded in it, and word of itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.spec import AnyModel, ClassifierSpec, InputSpec, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, channels_first, from_graph, to_graph

Precision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """Whether a runtime can be used here, and for what."""

    name: str
    version: str = ""
    """Empty: not installed."""
    devices: tuple[str, ...] = ()
    """As in `--device`."""
    precisions: tuple[Precision, ...] = ()
    """That it computes natively on the CPU."""
    why_not: str = ""
    """Why it cannot be used at all; empty where it can."""
    remedy: str = ""
    """The one command that mends `why_not`."""
    cuda_precisions: tuple[Precision, ...] = ()
    """That it computes on its CUDA devices."""
    why_no_cuda: str = ""
    """Why it has no CUDA device here."""
    cuda_remedy: str = ""
    """The one command that mends `why_no_cuda`."""

    @property
    def usable(self) -> bool:
        """Whether it has a device to run on."""
        return bool(self.devices)

    @property
    def has_cuda(self) -> bool:
        """Whether one of its devices is a CUDA one."""
        return any(name.startswith("cuda") for name in self.devices)

    def precisions_on(self, device: str) -> tuple[Precision, ...]:
        """Return the precisions of a device, named as in `--device`."""
        return self.cuda_precisions if device.startswith("cuda") else self.precisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of a graph as a runtime sees it."""

    name: str
    dtype: str
    """Element type as numpy calls it, or as the runtime does where numpy has none."""
    shape: tuple[int | None, ...] | None
    """None for free sizes; None as a whole: the rank is free. Of images, once checked, (N, C, H, W)."""
    order: tuple[Axis, Axis, Axis, Axis] = CHANNELS_FIRST
    """Of the axes in the graph."""

    def sizes(self, batch: int, channels: int, side: int) -> tuple[int, int, int, int]:
        """Return the graph's sizes for tiles."""
        return as_ordered((batch, channels, side, side), self.order)

    def given(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Return tiles (N, C, H, W) as the graph takes them: its order of axes, its type, in one piece."""
        return np.ascontiguousarray(batch.transpose(to_graph(self.order)), np.dtype(self.dtype))

    def found(self, raw: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return what the graph gave as (N, C, H, W), in one piece; the array itself where it is that."""
        if self.order == CHANNELS_FIRST or raw.ndim != len(self.order):
            return raw
        return np.ascontiguousarray(raw.transpose(from_graph(self.order)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The input and output in use, checked against the model's description."""

    input: Port
    output: Port
    batch: int | None
    """Tiles a call must carry; None: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a network is to be loaded."""

    device: str
    """`cpu`, `cuda` (the first) or `cuda:N`."""
    precision: Precision
    threads: int
    """On the CPU."""
    batch: int | None = None
    """Tiles a call; None: what suits."""
    tile: int
    """Pixels a side."""
    check: NDArray[np.float32] | None = None
    """Normalised tiles (N, C, tile, tile) of the scene, which int8 is calibrated on; None: none is there."""
    tell: Callable[[str], None] = lambda _: None
    """Hears what takes long before it begins."""


class Graph(Protocol):
    """A network in a runtime, without activation."""

    @property
    def ports(self) -> Ports:
        """Input and output in use."""

    @property
    def batch(self) -> int:
        """Tiles that each call carries, exactly; or multiples of it, up to `parts` where a graph has that."""

    @property
    def description(self) -> str:
        """Runtime with version, device, precision and threads in one line."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run (`batch`, C, tile, tile) float32; the answer is good until the next call."""

    def close(self) -> None:
        """Release the graph and its threads."""


class DeviceGraph(Graph, Protocol):
    """A graph that also takes what lies on its device already, and leaves the answer there."""

    @property
    def device(self) -> str:
        """As torch calls it: `cuda:0`, `cpu`."""

    @property
    def batches(self) -> range:
        """How many tiles a call on the device may carry."""

    def on_device(self, batch: Any) -> Any:
        """Run a torch tensor (N, C, tile, tile) float32 of the device to raw output (N, K, tile, tile).

        The answer is float32, lies on the device, and is good until the next call. Work is queued on the
        device's current stream.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyPorts:
    """The inputs and output of a scene classifier, checked against its description."""

    inputs: tuple[Port, ...]
    """In the description's order."""
    output: Port
    batch: int | None
    """Footprints a call must carry; None: any number."""

    def feed(self, batch: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.generic]]:
        """Return what each input takes, (batch, C, side, side) by name, in the graph's own type."""
        return {port.name: port.given(batch[port.name]) for port in self.inputs}


class ManyInputGraph(Protocol):
    """A scene classifier in a runtime, without activation."""

    @property
    def batch(self) -> int:
        """Footprints that each call carries, exactly."""

    @property
    def description(self) -> str:
        """Runtime with version, device, precision and threads in one line."""

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.generic]:
        """Run (`batch`, C, side, side) float32 by input; the answer is good until the next call."""

    def close(self) -> None:
        """Release the graph and its threads."""


def check_many_ports(spec: ClassifierSpec, inputs: list[Port], outputs: list[Port]) -> ManyPorts:
    """Find the ports that a scene classifier names and see that they fit its description.

    Args:
        spec: the classifier.
        inputs: of the graph, without weights.
        outputs: of the graph.

    Raises:
        ModelError: they do not fit; the message says how.
    """
    unknown = sorted({port.name for port in inputs} - {given.name for given in spec.inputs})
    if unknown:
        raise ModelError(
            f"{spec.weights}: has an input {unknown[0]!r} that its description does not name; it names "
            f"{', '.join(given.name for given in spec.inputs)}"
        )
    found = []
    for given in spec.inputs:
        port = _arranged(_find(spec, inputs, given.name, "input"), given.dim_order)
        _check_input(spec.weights, given, port, spec.side(given))
        found.append(port)
    output = _find(spec, outputs, spec.output_name, "output")
    _check_floats(spec, output)
    if output.shape is not None and (
        len(output.shape) != 2 or output.shape[1] not in {None, len(spec.classes)}
    ):
        raise ModelError(
            f"{spec.weights}: output {output.name} is {_shape(output)}, not (N, {len(spec.classes)}): one "
            "score a class"
        )
    return ManyPorts(inputs=tuple(found), output=output, batch=_batch(spec, found[0]))


def check_ports(spec: ModelSpec, inputs: list[Port], outputs: list[Port], tile: int) -> Ports:
    """Find the ports that a model names and see that they fit its description.

    Args:
        spec: the model.
        inputs: of the graph, without weights.
        outputs: of the graph.
        tile: pixels a side that will be fed.

    Raises:
        ModelError: they do not fit; the message says how.
    """
    if len(inputs) != 1:
        raise ModelError(
            f"{spec.weights}: has inputs {_names(inputs)}; geoseg feeds one (N, C, H, W) image. Export the "
            "network with its other inputs fixed"
        )
    given = _arranged(_find(spec, inputs, spec.input_name, "input"), spec.dim_order)
    wanted = _arranged(_find(spec, outputs, spec.output_name, "output"), spec.output_dim_order)
    _check_input(spec.weights, spec, given, tile)
    _check_output(spec, wanted)
    return Ports(input=given, output=wanted, batch=_batch(spec, given))


def planes_allowed(spec: ModelSpec) -> set[int]:
    """How many output planes fit a model's classes."""
    one = {1} if len(spec.classes) == 2 and spec.activation != "softmax" else set()
    return {len(spec.classes)} | one


def _find(spec: AnyModel, ports: list[Port], name: str, kind: str) -> Port:
    found = next((port for port in ports if not name or port.name == name), None)
    if found is None:
        raise ModelError(f"{spec.weights}: has no {kind} {name!r}; there is {_names(ports)}")
    return found


def _arranged(port: Port, order: tuple[Axis, Axis, Axis, Axis]) -> Port:
    """A port whose axes stand in an order, its sizes as (N, C, H, W)."""
    known = port.shape is not None and len(port.shape) == len(order)
    return replace(port, order=order, shape=channels_first(port.shape or (), order) if known else port.shape)


def _names(ports: list[Port]) -> str:
    return ", ".join(port.name for port in ports) or "none"


def _check_input(weights: Path, given: InputSpec, port: Port, side: int) -> None:
    """See that a port takes squares of `side` pixels with the bands described."""
    if port.dtype not in {"float32", "float16"}:
        raise ModelError(f"{weights}: input {port.name} takes {port.dtype}; only float networks are run")
    if port.shape is None:
        return
    if len(port.shape) != 4:
        raise ModelError(f"{weights}: input {port.name} is {_shape(port)}, not (N, C, H, W)")
    _, channels, *sides = port.shape
    order = order_hint(port.shape, {len(given.bands)}, "the input's dim_order")
    if channels not in {None, len(given.bands)}:
        bands = ", ".join(band.name for band in given.bands)
        raise ModelError(
            f"{weights}: takes {channels} channels, its description names {len(given.bands)}: {bands}{order}"
        )
    if any(size not in {None, side} for size in sides):
        tiles = isinstance(given, ModelSpec)
        hint = f"say --tile {sides[0]}, not {side}" if tiles else f"its description says {side}"
        only = " x ".join("?" if size is None else str(size) for size in sides)
        raise ModelError(f"{weights}: input {port.name} takes {only} pixels only{order or f'; {hint}'}")


def _check_output(spec: ModelSpec, port: Port) -> None:
    _check_floats(spec, port)
    if port.shape is None:
        return
    if len(port.shape) != 4:
        raise ModelError(f"{spec.weights}: output {port.name} is {_shape(port)}, not (N, K, H, W)")
    check_planes(spec, port.shape[1], order_hint(port.shape, planes_allowed(spec), "the output's dim_order"))


def _check_floats(spec: AnyModel, port: Port) -> None:
    if port.dtype not in {"float32", "float16", "float64"}:
        raise ModelError(
            f"{spec.weights}: output {port.name} is {port.dtype}; scores are needed, so export the network "
            "without its final argmax"
        )


def order_hint(shape: Sequence[int | None], wanted: Container[int | None], where: str) -> str:
    """Say which order of axes would fit, where channels stand last and first is expected, or the reverse.

    Args:
        shape: (N, C, H, W) as the description orders the axes.
        wanted: what the channels may be.
        where: what states the order.
    """
    if len(shape) == 4 and any(size is not None and size in wanted for size in shape[2:]):
        return (
            f"; its channels may stand elsewhere: see {where} (channels last: batch, height, width, channel)"
        )
    return ""


def check_planes(spec: ModelSpec, planes: int | None, otherwise: str = "") -> None:
    """See that the output planes fit the classes.

    Args:
        spec: the model.
        planes: of the output; None: free.
        otherwise: what may be wrong instead, for the message.

    Raises:
        ModelError: they do not.
    """
    allowed = planes_allowed(spec)
    if planes is None or planes in allowed:
        return
    labels = ", ".join(entry.label for entry in spec.classes)
    hint = "; one plane needs activation sigmoid" if planes == 1 and len(spec.classes) == 2 else ""
    raise ModelError(
        f"{spec.weights}: gives {planes} planes, its description names {len(spec.classes)} classes "
        f"({labels}){hint}{otherwise}"
    )


def _shape(port: Port) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in port.shape or ())})"


def _batch(spec: AnyModel, port: Port) -> int | None:
    stated = port.shape[0] if port.shape else None
    if stated and spec.fixed_batch and stated != spec.fixed_batch:
        raise ModelError(
            f"{spec.weights}: takes batches of {stated}, its description says {spec.fixed_batch}"
        )
    return stated or spec.fixed_batch
