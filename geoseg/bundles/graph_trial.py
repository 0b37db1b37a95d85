"""What a network accepts and returns, found in its header and by running tiles of random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.bundles.graph_size import EndlessError, check_work, ending
from geoseg.bundles.onnx_metadata import GraphPort, OnnxHeader
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.doors import loading
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST, Axis, as_ordered, channels_first

Order = tuple[Axis, Axis, Axis, Axis]

SIZES = (256, 512, 224, 128, 64, 1024)
"""Sides of tiles that are tried on a graph of any size, in order."""

MULTIPLES = (32, 64, 128)
"""Multiples of the side of a tile that are tried, in order."""

MOST_SIDE = 4096
"""Greatest side of a tile in pixels; its numbers are held in memory several times."""

MOST_CHANNELS = 64
"""Most channels of an axis that is taken for channels without further knowledge."""

MOST_STRIDE = 32
"""Largest stride of an output that is taken for a map of scores."""

EXPORT = "export the network so that its output has the size of its input"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a network accepts and returns."""

    order: Order
    """Axes of the input."""
    output_order: Order
    """Axes of the output."""
    stride: int
    """Side in pixels of the square that a pixel of the output stands for."""
    channels: int
    planes: int
    output_name: str
    dtype: str
    """Type of the input."""
    side: int
    """Side of the tile that was run, in pixels."""
    fixed_tile: bool
    """Whether only tiles of `side` pixels run."""
    multiple: int
    """Multiple of the side of a tile that was run, apart from `side`; 1 for a fixed tile."""
    fixed_batch: int | None
    least: float
    greatest: float
    """Limits of the output for random input of mean 0 and standard deviation 1."""
    sums_to_one: bool
    """Whether the planes sum to 1 in every pixel."""
    other_outputs: tuple[str, ...] = ()


def run_trial(path: Path, header: OnnxHeader, bands: int | None, tile: int | None) -> Trial:
    """Run tiles of random numbers through a network.

    Args:
        path: the ONNX file.
        header: of the file.
        bands: number of bands, if it is known.
        tile: side of a tile, if it is known.

    Raises:
        ModelError: geoseg cannot map with this network; the message says why.
        RuntimeMissingError: onnxruntime is not installed.
    """
    port = _only_input(path, header)
    session = _session(path)
    orders = _orders(path, port, bands)
    failure: ModelError | None = None
    for order in orders:
        channels = _channels(path, port, order, bands)
        for side in _sides(path, port, order, tile):
            batch = (port.shape or (None,))[0] or 1
            try:
                outputs = _run(path, session, port, as_ordered((batch, channels, side, side), order))
            except EndlessError:
                raise
            except ModelError as error:
                failure = failure or error
                continue
            return _judge(path, session, port, order, channels, side, outputs, free=tile is None)
    raise failure or ModelError(f"{path}: runs with no tile of {', '.join(map(str, SIZES))} pixels")


def _only_input(path: Path, header: OnnxHeader) -> GraphPort:
    """Return the input of the graph if geoseg can serve it."""
    if len(header.inputs) != 1:
        names = ", ".join(port.name for port in header.inputs) or "none"
        raise ModelError(
            f"{path}: has {len(header.inputs)} inputs ({names}); geoseg passes one image: export the network "
            "with its other inputs as constants"
        )
    (port,) = header.inputs
    if port.dtype not in {"float32", "float16"}:
        raise ModelError(
            f"{path}: input {port.name} has type {port.dtype or 'unknown'}; export the network with "
            "float32 input"
        )
    if port.shape is not None and len(port.shape) != 4:
        raise ModelError(
            f"{path}: input {port.name} has {len(port.shape)} axes {_shape(port.shape)}, not batch, "
            "channels, rows and columns; geoseg passes images"
        )
    ranks = [len(out.shape) for out in header.outputs if out.shape is not None]
    if len(ranks) == len(header.outputs) and 4 not in ranks:
        raise _no_planes(path, [(out.name, tuple(out.shape or ())) for out in header.outputs])
    return port


def _no_planes(path: Path, outputs: list[tuple[str, tuple[int | None, ...]]]) -> ModelError:
    """Return the error for a network without an output of four axes."""
    listed = ", ".join(f"{name} {_shape(shape)}" for name, shape in outputs)
    named = " ".join(name.lower() for name, _ in outputs)
    ranks = {len(shape) for _, shape in outputs}
    if any(word in named for word in ("box", "detection", "label")) or (len(outputs) == 1 and ranks == {3}):
        kind = "looks like a detection network or one that returns class numbers, not scores"
    elif ranks <= {1, 2}:
        kind = "classifies whole images or returns features"
    else:
        kind = "is no segmentation network"
    return ModelError(
        f"{path}: {kind}: its output is {listed}; geoseg needs one plane of scores for each class (batch, "
        "classes, rows, columns), before any argmax"
    )


def _orders(path: Path, port: GraphPort, bands: int | None) -> tuple[Order, ...]:
    """Return the orders of axes that fit the sizes of the input, the more likely first."""
    _, second, third, fourth = port.shape or (None,) * 4
    clear = [_is_channels(second, third, fourth), _is_channels(fourth, second, third)]
    if bands is not None:
        fits = [second in {None, bands}, fourth in {None, bands}]
        if sum(clear) == 1:
            fits = [fit and sure for fit, sure in zip(fits, clear, strict=True)]
        if fits == [True, True] and (second == bands) != (fourth == bands):
            fits = [second == bands, fourth == bands]
        if not any(fits):
            found = second if clear[0] or fourth is None else fourth
            raise ModelError(
                f"{path}: reads {found} channels {_shape(port.shape)}, but {bands} bands are named; name one "
                "band for each channel, in order"
            )
    else:
        fits = clear
        if not any(fits):
            raise ModelError(
                f"{path}: the graph does not state its number of channels {_shape(port.shape)}; add "
                "`--bands` with one name for each channel, in order"
            )
    return tuple(order for order, fit in zip((CHANNELS_FIRST, CHANNELS_LAST), fits, strict=True) if fit)


def _is_channels(size: int | None, *sides: int | None) -> bool:
    """Return whether an axis of this size holds channels and the others are rows and columns."""
    return size is not None and size <= MOST_CHANNELS and all(side is None or side > size for side in sides)


def _channels(path: Path, port: GraphPort, order: Order, bands: int | None) -> int:
    stated = channels_first(port.shape, order)[1] if port.shape else None
    found = bands or stated
    if found is None:
        raise ModelError(f"{path}: the graph does not state its number of channels; add `--bands`")
    return found


def _sides(path: Path, port: GraphPort, order: Order, tile: int | None) -> Iterable[int]:
    _, _, rows, columns = channels_first(port.shape or (None,) * 4, order)
    if rows is not None and columns is not None and rows != columns:
        raise ModelError(f"{path}: tiles are {rows} x {columns} pixels; geoseg supports square tiles only")
    fixed = rows or columns
    if fixed is not None and tile not in {None, fixed}:
        raise ModelError(f"{path}: the graph accepts tiles of {fixed} pixels only, not {tile}")
    if max(fixed or 0, tile or 0) > MOST_SIDE:
        raise ModelError(f"{path}: tiles of {fixed or tile} pixels are larger than {MOST_SIDE}; add `--tile`")
    if fixed is not None:
        return (fixed,)
    return SIZES if tile is None else (tile,)


def _judge(
    path: Path,
    session: Any,
    port: GraphPort,
    order: Order,
    channels: int,
    side: int,
    outputs: dict[str, NDArray[np.generic]],
    *,
    free: bool,
) -> Trial:
    """Return what the outputs of a tile show, after further runs for size and batch."""
    name, output_order, stride = _scores(path, outputs, side)
    batch = (port.shape or (None,))[0]
    scores = np.asarray(outputs[name], np.float32).transpose(
        [output_order.index(axis) for axis in CHANNELS_FIRST]
    )
    if not np.isfinite(scores).all():
        raise ModelError(
            f"{path}: output {name} has values that are not finite for input of mean 0 and std 1"
        )

    def runs(count: int, size: int) -> bool:
        sizes = as_ordered((count, channels, size, size), order)
        try:
            result = _run(path, session, port, sizes)[name]
        except EndlessError:
            raise
        except ModelError:
            return False
        wanted = as_ordered((count, scores.shape[1], size // stride, size // stride), output_order)
        return size % stride == 0 and result.shape == wanted

    stated = port.shape is not None and any(channels_first(port.shape, order)[2:])
    multiple = None if stated else _multiple(side, lambda size: runs(batch or 1, size))
    return Trial(
        order=order,
        output_order=output_order,
        stride=stride,
        channels=channels,
        planes=scores.shape[1],
        output_name=name,
        dtype=port.dtype,
        side=512 if multiple and free and side == 256 and runs(batch or 1, 512) else side,
        fixed_tile=multiple is None,
        multiple=multiple or 1,
        fixed_batch=batch or (None if runs(2, side) else 1),
        least=float(scores.min()),
        greatest=float(scores.max()),
        sums_to_one=bool(np.abs(scores.sum(axis=1) - 1).max() < 1e-2) and scores.shape[1] > 1,
        other_outputs=tuple(other for other in outputs if other != name),
    )


def _multiple(side: int, runs: Callable[[int], bool]) -> int | None:
    """Return a number whose odd multiples run too, of the sizes tried; None: only `side` runs."""
    for multiple in MULTIPLES:
        if side % multiple == 0 and runs(side + multiple):
            return multiple
    return None


def _scores(path: Path, outputs: dict[str, NDArray[np.generic]], side: int) -> tuple[str, Order, int]:
    """Return the first output with a plane for each class, the order of its axes, and its stride.

    An output of the size of the tile is preferred to a coarser one.
    """
    planes = {name: array for name, array in outputs.items() if array.ndim == 4 and array.size}
    if not planes:
        raise _no_planes(path, [(name, array.shape) for name, array in outputs.items()])
    strides = [stride for stride in range(1, MOST_STRIDE + 1) if side % stride == 0]
    for stride, (name, array), order in product(strides, planes.items(), (CHANNELS_FIRST, CHANNELS_LAST)):
        if channels_first(array.shape, order)[2:] == (side // stride, side // stride):
            if array.dtype.kind != "f":
                raise ModelError(
                    f"{path}: output {name} has type {array.dtype}: class numbers, not scores; export "
                    "the network without its final argmax"
                )
            return name, order, stride
    name, array = next(iter(planes.items()))
    raise ModelError(
        f"{path}: output {name} is {_shape(array.shape)} for tiles of {side} x {side} pixels; {EXPORT}, for "
        "torch: torch.nn.functional.interpolate(output, image.shape[-2:], mode='bilinear')"
    )


def _session(path: Path) -> Any:
    """Open the network in onnxruntime."""
    try:
        import onnxruntime  # noqa: PLC0415 - optional and slow to import
    except ImportError as error:
        raise RuntimeMissingError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    check_work(path)
    with loading(path, "onnxruntime cannot load the network"):
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run(path: Path, session: Any, port: GraphPort, sizes: tuple[int, ...]) -> dict[str, NDArray[np.generic]]:
    """Run random numbers of a shape; return each output by name."""
    image = np.random.default_rng(0).standard_normal(sizes, np.float32).astype(port.dtype)
    with loading(path, f"onnxruntime cannot run an input of {_shape(sizes)}", "see `--bands` and `--tile`"):
        names = [output.name for output in session.get_outputs()]
        with ending(check_work(path)) as limit:
            outputs = session.run(names, {port.name: image}, limit)
        return dict(zip(names, map(np.asarray, outputs), strict=True))


def _shape(sizes: Iterable[int | None] | None) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in sizes or ())})"
