"""Groups and rings of graphs: in numpy and by scipy alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.polygons import graphs
from geoseg.polygons.graphs import groups, walk_rings

PERMUTATIONS = st.integers(1, 40).flatmap(lambda count: st.permutations(range(count)))
EDGES = st.integers(1, 30).flatmap(
    lambda count: st.tuples(
        st.just(count), st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=60)
    )
)


@given(PERMUTATIONS)
def test_walking_rings_follows_every_pointer_once(nexts: list[int]) -> None:
    order, offsets = walk_rings(np.array(nexts, np.int64))
    assert sorted(order.tolist()) == list(range(len(nexts)))
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        ring = order[start:stop].tolist()
        assert [nexts[at] for at in ring] == [*ring[1:], ring[0]]
        assert ring[0] == min(ring)


def test_walking_rings_of_nothing() -> None:
    order, offsets = walk_rings(np.empty(0, np.int64))
    assert (len(order), offsets.tolist()) == (0, [0])


@given(PERMUTATIONS)
def test_large_rings_are_walked_as_small_ones(nexts: list[int]) -> None:
    small = walk_rings(np.array(nexts, np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "LARGE", 0)
        large = walk_rings(np.array(nexts, np.int64))
    assert [part.tolist() for part in small] == [part.tolist() for part in large]


@given(EDGES)
def test_large_graphs_are_grouped_as_small_ones(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    ends, others = np.array(edges, np.int64).reshape(-1, 2).T
    number, group_of = groups(count, ends, others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "LARGE", 0)
        assert groups(count, ends, others)[0] == number
        assert groups(count, ends, others)[1].tolist() == group_of.tolist()
    assert (group_of[ends] == group_of[others]).all()
    firsts = [group_of.tolist().index(group) for group in range(number)]
    assert firsts == sorted(firsts)


def test_graph_without_nodes() -> None:
    none = np.empty(0, np.int64)
    number, group_of = groups(0, none, none)
    assert (number, len(group_of)) == (0, 0)
