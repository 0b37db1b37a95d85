"""Networks that stay loaded between maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from geoseg.runtimes import kept
from geoseg.runtimes.choose import open_session
from geoseg.spec import ModelSpec
from tests.runtimes.conftest import MakeNetwork

BATCH = np.random.default_rng(0).random((1, 3, 80, 80), np.float32)


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    yield
    kept.release_all()


def score(model: ModelSpec, tile: int = 32) -> tuple[object, np.ndarray]:
    """The graph that a session uses, and its scores."""
    opened = open_session(model, runtime="onnxruntime", device="cpu", precision="fp32", threads=1, tile=tile)
    graph = vars(opened.session)["_graph"]
    scores = opened.session(BATCH[:, :, :tile, :tile])
    opened.session.close()
    return graph, scores


def test_a_network_is_loaded_once(make_network: MakeNetwork) -> None:
    model = make_network()
    with kept.keeping_networks():
        first, second = score(model), score(model)
    assert first[0] is second[0]
    np.testing.assert_array_equal(first[1], second[1])


def test_outside_of_a_batch_it_is_not_kept(make_network: MakeNetwork) -> None:
    model = make_network()
    assert score(model)[0] is not score(model)[0]


def test_two_sessions_at_a_time_have_a_graph_each(make_network: MakeNetwork) -> None:
    model = make_network()
    with kept.keeping_networks():
        sessions = [
            open_session(
                model, runtime="onnxruntime", device="cpu", precision="fp32", threads=1, tile=32
            ).session
            for _ in range(2)
        ]
        graphs = [vars(session)["_graph"] for session in sessions]
        for session in sessions:
            session.close()
    assert graphs[0] is not graphs[1]


def test_other_sizes_are_other_graphs_and_the_oldest_is_released(make_network: MakeNetwork) -> None:
    model = make_network()
    with kept.keeping_networks():
        first = score(model)[0]
        for tile in (16, 48, 64, 80):
            assert score(model, tile)[0] is not first
        assert score(model)[0] is not first


def test_changed_weights_are_loaded_again(make_network: MakeNetwork) -> None:
    with kept.keeping_networks():
        _, before = score(make_network())
        _, after = score(make_network(kernel=3))
    assert not np.array_equal(before, after)
