"""Workers, threads and memory of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from geoseg.batch.attempts import _attempts
from geoseg.batch.job import Job
from geoseg.batch.outcome import Outcome
from geoseg.batch.sharing import LEAST_WORKER_MIB, PARENT_MIB, alone_mib, free_mib, limit_text, share_out
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


class _Shares:
    """Workers with 500 MiB for each of several scenes at a time; a scene needs as much as its name says."""

    def __init__(self, alone: int) -> None:
        self.alone, self.ran = alone, list[tuple[str, bool]]()

    def outcomes(self, jobs: Sequence[Job], width: int | None = None) -> Iterator[Outcome]:
        for job in jobs:
            assert job.alone is (width == 1)
            self.ran.append((job.scene, job.alone))
            fits = int(job.scene) <= (self.alone if job.alone else 500)
            yield Outcome(
                scene=job.scene, status="done" if fits else "failed", needs_mib=0 if fits else int(job.scene)
            )


def test_scenes_that_need_more_than_a_share_are_mapped_alone() -> None:
    def job(name: str) -> Job:
        return Job(index=0, scene=name, task="flood", sources=(name,), options={}, outputs={"output": name})

    workers: Any = _Shares(900)
    jobs = [(job(name), False) for name in ("400", "700", "2000")]
    found = {own.scene: outcome.status for own, outcome in _attempts(jobs, workers, 900)}
    assert found == {"400": "done", "700": "done", "2000": "failed"}
    assert workers.ran == [("400", False), ("700", False), ("2000", False), ("700", True)]


def test_the_limit_that_is_named_is_that_of_the_batch() -> None:
    assert alone_mib(spec(max_memory=900)) == 900 - PARENT_MIB
    assert alone_mib(spec()) == 0
    text = limit_text("a", 230, 520)
    assert "`--max-memory 230MiB`" in text
    assert f"give `--max-memory {520 + PARENT_MIB}MiB`" in text
