"""Networks that stay loaded between the maps of a batch.

A session that closes gives its graph back instead of releasing it; the next session of the same network takes
it. A graph belongs to one session at a time, because only one thread may call it. What depends on the scene,
such as the agreement check, is done for every scene, so maps do not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from geoseg.runtimes.graph import Graph, LoadRequest

MOST = 4
"""Graphs that wait for their next session: scenes of one size need one for each precision compared."""

Key = tuple[str, ...]

_KEEPING: ContextVar[bool] = ContextVar("geoseg_keeping_networks", default=False)
_waiting: list[tuple[Key, Graph]] = []
_lock = Lock()


@contextmanager
def keeping_networks() -> Iterator[None]:
    """Keep networks that are loaded on the CPU in the block until the process ends."""
    token = _KEEPING.set(True)
    try:
        yield
    finally:
        _KEEPING.reset(token)


def key_of(runtime: str, request: LoadRequest) -> Key | None:
    """Return what makes two graphs equal; None: graphs of this request are not kept."""
    if not _KEEPING.get() or request.device != "cpu":
        return None
    weights = request.spec.weights
    try:
        state = weights.stat()
    except OSError:
        return None
    facts = (runtime, request.precision, request.threads, request.batch, request.tile)
    return (
        *map(str, facts),
        str(weights),
        f"{state.st_size}:{state.st_mtime_ns}",
        request.spec.model_dump_json(),
    )


def take(key: Key | None) -> Graph | None:
    """Return a loaded graph that no session uses; None: there is none."""
    with _lock:
        for position, (own, graph) in enumerate(_waiting):
            if own == key:
                del _waiting[position]
                return graph
    return None


def give_back(key: Key, graph: Graph) -> None:
    """Keep a graph that its session needs no more; the one that waited longest is released."""
    released: list[Graph] = []
    with _lock:
        _waiting.append((key, graph))
        while len(_waiting) > MOST:
            released.append(_waiting.pop(0)[1])
    for old in released:
        old.close()


def release_all() -> None:
    """Release all graphs that wait."""
    with _lock:
        graphs = [graph for _, graph in _waiting]
        _waiting.clear()
    for graph in graphs:
        graph.close()
