"""The order of axes of a network's input and output: channels first, channels last, or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator

Axis = Literal["batch", "channel", "height", "width"]

CHANNELS_FIRST: tuple[Axis, Axis, Axis, Axis] = ("batch", "channel", "height", "width")
"""The order inside geoseg."""

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
"""What others call the axes in `dim_order`. MLM recommends `batch channel height width class score` and
allows any name (github.com/stac-extensions/mlm, Dimension Order)."""

Size = TypeVar("Size")


def _is_permutation(order: tuple[Axis, ...]) -> tuple[Axis, ...]:
    if set(order) != set(CHANNELS_FIRST) or order[0] != "batch":
        raise ValueError(f"{list(order)} does not order {list(CHANNELS_FIRST)} with the batch first")
    return order


DimOrder = Annotated[tuple[Axis, Axis, Axis, Axis], AfterValidator(_is_permutation)]


def dim_order(names: Sequence[str]) -> tuple[Axis, Axis, Axis, Axis] | None:
    """Return the order of axes that a description names; None: not those of images with the batch first."""
    axes = tuple(NAMES.get(name.lower()) for name in names)
    if len(axes) != 4 or axes[0] != "batch" or set(axes) != set(CHANNELS_FIRST):
        return None
    found = tuple(axis for axis in axes if axis is not None)
    return found[0], found[1], found[2], found[3]


def channels_first(sizes: Sequence[Size], order: Sequence[Axis]) -> tuple[Size, Size, Size, Size]:
    """Return the sizes of a graph's axes in the order batch, channel, height, width."""
    batch, channel, height, width = (sizes[order.index(axis)] for axis in CHANNELS_FIRST)
    return batch, channel, height, width


def as_ordered(sizes: Sequence[Size], order: Sequence[Axis]) -> tuple[Size, Size, Size, Size]:
    """Return sizes that stand as batch, channel, height, width in a graph's order."""
    first, second, third, fourth = (sizes[CHANNELS_FIRST.index(axis)] for axis in order)
    return first, second, third, fourth


def to_graph(order: Sequence[Axis]) -> tuple[int, int, int, int]:
    """Return the axes by which an array (N, C, H, W) is transposed to a graph's order."""
    first, second, third, fourth = (CHANNELS_FIRST.index(axis) for axis in order)
    return first, second, third, fourth


def from_graph(order: Sequence[Axis]) -> tuple[int, int, int, int]:
    """Return the axes by which an array in a graph's order is transposed to (N, C, H, W)."""
    first, second, third, fourth = (order.index(axis) for axis in CHANNELS_FIRST)
    return first, second, third, fourth
