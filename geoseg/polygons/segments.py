"""Horizontal segments of outlines, linked into rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


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
        at = np.flatnonzero(index)
        return Segments(**{name: getattr(self, name).take(at) for name in self.__slots__})

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


def positions(names: Ints, wanted: Ints) -> Ints:
    """Return the position of each wanted name in ascending names, all of which are among them.

    Names are numbered in order and few are missing, so that a table of them is small, and several times
    faster than a search.
    """
    if not len(names):
        return np.zeros(len(wanted), np.int64)
    first, span = int(names[0]), int(names[-1] - names[0]) + 1
    if span > 4 * len(names) or span > 8 * len(wanted):
        return np.searchsorted(names, wanted)
    table = np.empty(span, np.int64)
    table[names - first] = np.arange(len(names))
    return table[wanted - first]


def ramp(lengths: Ints) -> Ints:
    """Return 0, 1, … n - 1 for each n, concatenated."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
