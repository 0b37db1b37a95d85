"""Horizontal segments of outlines, linked into rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

Ints = NDArray[np.int64]

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Closed outlines, as horizontal segments in walking order."""

    regions: Ints
    """Region of each ring."""
    offsets: Ints
    """(rings + 1,) offsets of the segments of each ring."""
    rows: NDArray[np.signedinteger[Any]]
    """Vertex row of each segment."""
    froms: NDArray[np.signedinteger[Any]]
    """Vertex column where it starts."""
    tos: NDArray[np.signedinteger[Any]]
    """Vertex column where it ends."""


def join_rings(parts: Sequence[Rings]) -> Rings:
    """Return all rings of several batches, at least one."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return Rings(
        offsets=np.append(0, np.cumsum(sizes)),
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("regions", "rows", "froms", "tos")
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Horizontal segments of open regions, by ascending name."""

    names: Ints
    rows: Ints
    froms: Ints
    tos: Ints
    nexts: Ints
    """Name of the next segment of the ring; -1: not yet known."""
    regions: Ints

    def take(self, index: NDArray[np.bool_]) -> Segments:
        """Return the segments that a mask selects."""
        return Segments(**{name: getattr(self, name)[index] for name in self.__slots__})

    def join(self, other: Segments) -> Segments:
        """Append segments with greater names."""
        return Segments(
            **{name: np.concatenate((getattr(self, name), getattr(other, name))) for name in self.__slots__}
        )


def among(values: Ints, wanted: Ints) -> NDArray[np.bool_]:
    """Return whether each value is one of `wanted`."""
    if len(wanted) == 0:
        return np.zeros(len(values), np.bool_)
    ascending = np.sort(wanted)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(ascending[at] == values)


def spans(offsets: Ints, index: Ints) -> tuple[Ints, Ints]:
    """Return the members of some groups given by offsets, and the offsets of these groups."""
    lengths = np.diff(offsets)[index]
    return np.repeat(offsets[:-1][index], lengths) + ramp(lengths), np.append(0, np.cumsum(lengths))


def ramp(lengths: Ints) -> Ints:
    """Return 0, 1, … n - 1 for each n, concatenated."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def walk_rings(nexts: Ints) -> tuple[Ints, Ints]:
    """Return positions in walking order, ring after ring, and the offsets of the rings.

    Following pointers one by one is slow in Python, so compiled graph searches are used: rings are the strong
    components of the graph position → next; opened and chained, they are one path.
    """
    count = len(nexts)
    if count == 0:
        return _NONE, np.zeros(1, np.int64)
    rings, ring_of = connected_components(_pointers(nexts), directed=True, connection="strong")
    leaders = np.empty(rings, np.int64)
    leaders[ring_of[::-1]] = np.arange(count - 1, -1, -1)
    leaders.sort()
    before = np.empty(count, np.int64)
    before[nexts] = np.arange(count)
    tails = before[leaders]
    path = nexts.copy()
    path[tails] = np.append(leaders[1:], tails[-1])
    order = breadth_first_order(_pointers(path), leaders[0], return_predecessors=False).astype(np.int64)
    leads = np.zeros(count, np.bool_)
    leads[leaders] = True
    return order, np.append(np.flatnonzero(leads[order]), count)


def _pointers(nexts: Ints) -> csr_array:
    """Return the graph with one edge from each position to the next."""
    count = len(nexts)
    return csr_array((np.ones(count), nexts, np.arange(count + 1)), shape=(count, count))
