"""Pack bounding boxes into the nodes of an R-tree of SQLite (https://www.sqlite.org/rtree.html).

A node is two bytes of depth (of the root only), the number of cells in two bytes, and the cells: a number of
a row or node in eight bytes and four float32, big-endian. Cells are tiled by sort-tile-recursive packing
(Leutenegger 1997, doi:10.1109/ICDE.1997.582015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

ROOT = 1
"""Number of the root."""

_HEADER_BYTES = 4
_STEP = 2.0**-23
_CELL = np.dtype([("number", ">i8"), ("box", ">f4", (4,))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Nodes of one level, all but the last of them full."""

    data: list[bytes]
    boxes: NDArray[np.float32]
    """(nodes, 4) least and greatest x, least and greatest y."""
    node_of: Ints
    """Position of the node of each cell, in the order of the cells given."""


def outward(boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return boxes (n, 4) of x and y, least before greatest, as float32 boxes that hold them.

    They are rounded as SQLite does. The order is that of an R-tree: least and greatest x, then of y.
    """
    wide = boxes[:, [0, 2, 1, 3]]
    out = wide.astype(np.float32)
    for column, is_low in enumerate((True, False, True, False)):
        exact, rounded = wide[:, column], out[:, column]
        step = np.where((exact < 0) == is_low, 1 + _STEP, 1 - _STEP)
        beyond = rounded > exact if is_low else rounded < exact
        np.copyto(rounded, (exact * step).astype(np.float32), where=beyond)
    return out


def pack(boxes: NDArray[np.float32], numbers: Ints, node_bytes: int, depth: int = 0) -> Nodes:
    """Pack cells into nodes.

    Args:
        boxes: (n, 4), n > 0.
        numbers: of rows or nodes.
        node_bytes: size of a node.
        depth: of the tree, if the node is the root.
    """
    most = (node_bytes - _HEADER_BYTES) // _CELL.itemsize
    order = _tiled(boxes, most)
    count = -(-len(order) // most)
    starts = np.arange(count) * most
    cells = np.zeros(count * most, _CELL)
    cells["number"][: len(order)] = numbers[order]
    cells["box"][: len(order)] = boxes[order]
    data = np.zeros((count, node_bytes), np.uint8)
    held = np.full(count, most)
    held[-1] = len(order) - starts[-1]
    data[:, :2] = np.array([depth], ">u2").view(np.uint8)
    data[:, 2:4] = held.astype(">u2").view(np.uint8).reshape(-1, 2)
    data[:, _HEADER_BYTES : _HEADER_BYTES + most * _CELL.itemsize] = cells.view(np.uint8).reshape(count, -1)
    around = boxes[order]
    least, greatest = np.minimum.reduceat(around, starts), np.maximum.reduceat(around, starts)
    node_of = np.empty(len(order), np.int64)
    node_of[order] = np.arange(len(order)) // most
    return Nodes(
        data=data.view(f"V{node_bytes}").ravel().tolist(),
        boxes=np.where([True, False, True, False], least, greatest),
        node_of=node_of,
    )


def _tiled(boxes: NDArray[np.float32], most: int) -> Ints:
    """Return the order of cells by vertical slices, in each from bottom to top."""
    x, y = boxes[:, 0] + boxes[:, 1], boxes[:, 2] + boxes[:, 3]
    by_x = np.argsort(x, kind="stable")
    slices = math.ceil(math.sqrt(-(-len(boxes) // most)))
    slice_of = np.empty(len(boxes), np.int64)
    slice_of[by_x] = np.arange(len(boxes)) // (most * -(-len(boxes) // (most * slices)))
    return np.lexsort((y, slice_of))
