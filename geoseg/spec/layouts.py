"""Order of the axes of the input and output of a network: channels first, channels last, or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator

Axis = Literal["batch", "channel", "height", "width"]

CHANNELS_FIRST: tuple[Axis, Axis, Axis, Axis] = ("batch", "channel", "height", "width")
"""Order of axes inside geoseg."""

CHANNELS_LAST: tuple[Axis, Axis, Axis, Axis] = ("batch", "height", "width", "channel")

NAMES: Mapping[str, Axis] = MappingProxyType(
    {
        **dict.fromkeys(("batch", "b", "n"), "batch"),
        **dict.fromkeys(
            ("channel", "channels", "band", "bands", "class", "classes", "score", "c"), "channel"
        ),
        **dict.fromkeys(("height", "row", "rows", "y", "h"), "height"),
        **dict.fromkeys(("width", "column", "columns", "x", "w"), "width"),
    }
)
"""Axis by its name in `dim_order` of model descriptions. MLM recommends `batch channel height width class
score` and allows any name (github.com/stac-extensions/mlm, Dimension Order)."""

Size = TypeVar("Size")


def _is_permutation(order: tuple[Axis, ...]) -> tuple[Axis, ...]:
    if set(order) != set(CHANNELS_FIRST) or order[0] != "batch":
        raise ValueError(f"{list(order)} is not an order of {list(CHANNELS_FIRST)} with batch first")
    return order


DimOrder = Annotated[tuple[Axis, Axis, Axis, Axis], AfterValidator(_is_permutation)]


def dim_order(names: Sequence[str]) -> tuple[Axis, Axis, Axis, Axis] | None:
    """Return the order of the named axes; None if they are not the axes of images with batch first."""
    axes = tuple(NAMES.get(name.lower()) for name in names)
    if len(axes) != 4 or axes[0] != "batch" or set(axes) != set(CHANNELS_FIRST):
        return None
    found = tuple(axis for axis in axes if axis is not None)
    return found[0], found[1], found[2], found[3]


def channels_first(sizes: Sequence[Size], order: Sequence[Axis]) -> tuple[Size, Size, Size, Size]:
    """Reorder the axis sizes of a graph to batch, channel, height, width."""
    batch, channel, height, width = (sizes[order.index(axis)] for axis in CHANNELS_FIRST)
    return batch, channel, height, width


def as_ordered(sizes: Sequence[Size], order: Sequence[Axis]) -> tuple[Size, Size, Size, Size]:
    """Reorder axis sizes from batch, channel, height, width to the order of a graph."""
    first, second, third, fourth = (sizes[CHANNELS_FIRST.index(axis)] for axis in order)
    return first, second, third, fourth


def to_graph(order: Sequence[Axis]) -> tuple[int, int, int, int]:
    """Return the axes that transpose an array (N, C, H, W) to the order of a graph."""
    first, second, third, fourth = (CHANNELS_FIRST.index(axis) for axis in order)
    return first, second, third, fourth


def from_graph(order: Sequence[Axis]) -> tuple[int, int, int, int]:
    """Return the axes that transpose an array in the order of a graph to (N, C, H, W)."""
    first, second, third, fourth = (order.index(axis) for axis in CHANNELS_FIRST)
    return first, second, third, fourth
