"""Workers, threads and memory of this machine."""

from __future__ import annotations

import pytest

from geoseg.batch.sharing import LEAST_WORKER_MIB, PARENT_MIB, free_mib, share_out
from geoseg.spec.batch import BatchSpec
from tests.messages import Messages


def spec(**options: object) -> BatchSpec:
    return BatchSpec.model_validate({"inputs": ("a",), "output": "o", **options})


@pytest.mark.parametrize(
    ("options", "scenes", "workers", "threads"),
    [
        ({"jobs": 4, "threads": 8}, 100, 4, 2),
        ({"jobs": 4, "threads": 2}, 100, 4, 1),
        ({"jobs": 4, "threads": 9}, 2, 2, 4),
        ({"jobs": 4, "threads": 4}, 0, 1, 4),
    ],
)
def test_threads_are_shared_out(options: dict[str, object], scenes: int, workers: int, threads: int) -> None:
    share = share_out(spec(**options), scenes)
    assert (share.workers, share.threads, share.memory_mib) == (workers, threads, None)
    assert share.limits == {"threads": threads}


def test_memory_limits_the_number_of_workers(messages: Messages) -> None:
    limit = PARENT_MIB + 3 * LEAST_WORKER_MIB + 100
    share = share_out(spec(jobs=8, threads=8, max_memory=limit), 100)
    assert share.workers == 3
    assert share.memory_mib is not None
    assert PARENT_MIB + share.workers * share.memory_mib <= limit
    assert share.limits["max-memory"] == share.memory_mib
    assert "3 workers, not 8" in messages.notes[0]


def test_too_little_memory_is_said(messages: Messages) -> None:
    assert share_out(spec(jobs=2, max_memory=128), 5).workers == 1
    assert messages.codes == ["memory-limit"]


def test_there_is_free_memory() -> None:
    assert free_mib() > 0
