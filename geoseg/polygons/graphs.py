"""Connected components and rings of graphs: of small ones by numpy, of large ones by scipy, equal in results.

`scipy.sparse.csgraph` takes longer to import than a small raster to map; on large graphs it is faster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LARGE = 2**17
"""Nodes of a graph for scipy, more than a part of a strip usually has. 65,000 nodes take 4 ms to group in
both, 90,000 take 25 ms to walk in numpy and 13 ms in scipy, whose import takes 150 to 250 ms."""

_NONE = np.empty(0, np.int64)


def groups(count: int, ends: Ints, others: Ints) -> tuple[int, Ints]:
    """Return the number of connected groups and the group of each node; groups are in order of first nodes.

    Args:
        count: number of nodes.
        ends: one end of each edge.
        others: the other end.
    """
    if count > LARGE:
        return _large_groups(count, ends, others)
    # Each node points to a node of its group that is not greater; edges lower what pointers point to.
    least = np.arange(count)
    while True:
        one, other = least[ends], least[others]
        apart = one != other
        if not apart.any():
            break
        one, other = one[apart], other[apart]
        np.minimum.at(least, np.maximum(one, other), np.minimum(one, other))
        ends, others = ends[apart], others[apart]
        while True:
            further = least[least]
            if np.array_equal(further, least):
                break
            least = further
    firsts = least == np.arange(count)
    return int(np.count_nonzero(firsts)), (np.cumsum(firsts) - 1)[least]


def walk_rings(nexts: Ints) -> tuple[Ints, Ints]:
    """Return positions in walking order, ring after ring, and the offsets of the rings.

    Rings are in order of their least position, with which each begins.

    Args:
        nexts: the position after each position, a permutation.
    """
    count = len(nexts)
    if count == 0:
        return _NONE, np.zeros(1, np.int64)
    if count > LARGE:
        return _walk_large_rings(nexts)
    # Doubled pointers: after k steps each position knows the least of the 2**k positions that follow.
    least, ahead = np.arange(count), nexts
    while True:
        lower = np.minimum(least, least[ahead])
        if np.array_equal(lower, least):
            break
        least, ahead = lower, ahead[ahead]
    # The same with rings opened before their least position: the number of positions that follow.
    here = np.arange(count)
    after = np.where(nexts == least, here, nexts)
    left = (after != here).astype(np.int64)
    while True:
        step = left[after]
        if not step.any():
            break
        left += step
        after = after[after]
    leaders = np.flatnonzero(least == here)
    offsets = np.append(0, np.cumsum(left[leaders] + 1))
    ring = np.empty(count, np.int64)
    ring[leaders] = np.arange(len(leaders))
    order = np.empty(count, np.int64)
    order[offsets[1:][ring[least]] - 1 - left] = here
    return order, offsets


def _large_groups(count: int, ends: Ints, others: Ints) -> tuple[int, Ints]:
    """Return what `groups` does."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - slow to import

    links = coo_array((np.ones(len(ends), np.int8), (ends, others)), shape=(count, count))
    return connected_components(links, directed=False)  # type: ignore[no-any-return]


def _walk_large_rings(nexts: Ints) -> tuple[Ints, Ints]:
    """Return what `walk_rings` does.

    Rings are the strong components of the graph position → next; opened and chained, they are one path.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import breadth_first_order, connected_components  # noqa: PLC0415 - slow

    def pointers(nexts: Ints) -> csr_array:
        return csr_array((np.ones(count), nexts, np.arange(count + 1)), shape=(count, count))

    count = len(nexts)
    rings, ring_of = connected_components(pointers(nexts), directed=True, connection="strong")
    leaders = np.empty(rings, np.int64)
    leaders[ring_of[::-1]] = np.arange(count - 1, -1, -1)
    leaders.sort()
    before = np.empty(count, np.int64)
    before[nexts] = np.arange(count)
    tails = before[leaders]
    path = nexts.copy()
    path[tails] = np.append(leaders[1:], tails[-1])
    order = breadth_first_order(pointers(path), leaders[0], return_predecessors=False).astype(np.int64)
    leads = np.zeros(count, np.bool_)
    leads[leaders] = True
    return order, np.append(np.flatnonzero(leads[order]), count)
