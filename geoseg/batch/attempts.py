"""Map scenes with workers: attempts, parts of large scenes, and when to give up."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from geoseg.batch.job import Job
from geoseg.batch.journal import Journal
from geoseg.batch.outcome import FINAL, KILLED, Outcome
from geoseg.batch.sharing import alone_mib
from geoseg.batch.store import Store
from geoseg.batch.tasks import task_of
from geoseg.batch.workers import Workers
from geoseg.errors import RuntimeMissingError, UsageError
from geoseg.messages import note
from geoseg.spec.batch import BatchSpec

KEPT_MIB = 128
"""Most MiB that a worker keeps of earlier scenes, such as networks: a scene alone has a new worker."""

LOG = logging.getLogger(__name__)

PROBED = 3
"""Number of scenes at the beginning that end the batch if all fail for a reason that all scenes share."""

PUBLISH_S = 60.0
"""Seconds after which the journal is published again."""

SPLIT_SCENES = 4
"""Number of scenes whose rows are on the disk at the same time with `--split`."""


class Listener(Protocol):
    """Is told about each scene as it finishes."""

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """Take note of a scene.

        Args:
            outcome: what became of it.
            done: scenes that are settled, those of earlier runs included.
            total: scenes of this run.
        """

    def again(self, outcome: Outcome) -> None:
        """Take note of a scene that failed and is tried again."""


@dataclass(kw_only=True)
class Settled:
    """Counts scenes that need no further attempt, and tells journal and listener."""

    listener: Listener
    journal: Journal
    done: int
    total: int
    store: Store
    first: list[int] = field(default_factory=list)
    """Codes of the first scenes of this run."""
    published: float = field(default_factory=time.monotonic)
    """When the journal was published last, s."""

    def add(self, outcome: Outcome) -> None:
        """Settle a scene.

        Raises:
            UsageError, RuntimeMissingError: the first scenes all failed by wrong usage, or because something
                is missing on this machine.
        """
        self.done += 1
        self.journal.add(outcome)
        if time.monotonic() - self.published > PUBLISH_S:
            self.publish()
        self.listener.finished(outcome, self.done, self.total)
        if len(self.first) < PROBED:
            self.first.append(outcome.code)
            for error in (UsageError, RuntimeMissingError):
                if self.first == [error.exit_code] * PROBED:
                    raise error(f"the first {PROBED} scenes failed: {outcome.message}")

    def publish(self) -> None:
        """Publish the journal, by which another machine continues if this one is lost."""
        self.store.publish((self.journal.path,))
        self.published = time.monotonic()


def map_scenes(spec: BatchSpec, jobs: Sequence[Job], workers: Workers, settled: Settled) -> None:
    """Map scenes, and those that failed again as often as `--retries` allows.

    Scenes whose worker was killed are tried again alone: with less in memory, and so that they take no other
    scene with them.
    """
    if spec.split is not None and task_of(jobs[0].task).strips:
        for start in range(0, len(jobs), SPLIT_SCENES):
            some = jobs[start : start + SPLIT_SCENES]
            parts = [replace(job, part=(own, spec.split)) for job in some for own in range(spec.split)]
            for _ in workers.outcomes(parts):
                pass  # A part that failed is scored by the job that makes the map, which reports the failure.
            if not _map_whole(spec, some, workers, settled):
                return
        return
    _map_whole(spec, jobs, workers, settled)


def _map_whole(spec: BatchSpec, jobs: Sequence[Job], workers: Workers, settled: Settled) -> bool:
    """Map scenes, each by one worker, and again those that failed; return False to end the batch."""
    again: list[tuple[Job, bool]] = [(job, False) for job in jobs]
    for attempt in range(spec.retries + 1):
        present, again = again, []
        last = attempt == spec.retries
        for job, answer in _attempts(present, workers, alone_mib(spec)):
            outcome = answer.model_copy(update={"attempts": attempt + 1})
            if outcome.status == "failed" and not last and outcome.code not in FINAL:
                settled.listener.again(outcome)
                again.append((job, outcome.code == KILLED))
                continue
            settled.add(outcome)
            if outcome.status == "failed" and spec.fail_fast:
                return False
        if not again:
            break
    return True


def _attempts(
    jobs: Sequence[tuple[Job, bool]], workers: Workers, memory_mib: int
) -> Iterator[tuple[Job, Outcome]]:
    """Yield outcomes of jobs with their jobs; those that must run alone come last.

    Args:
        jobs: the scenes, and whether they must run alone.
        workers: map them.
        memory_mib: MiB of a scene that runs alone; one whose share is too little for it runs alone too. 0: no
            limit.
    """
    by_scene = {job.scene: job for job, _ in jobs}
    alone = [job for job, wanted in jobs if wanted]
    for outcome in workers.outcomes([job for job, wanted in jobs if not wanted]):
        if memory_mib and 0 < outcome.needs_mib <= memory_mib + KEPT_MIB:
            alone.append(by_scene[outcome.scene])
        else:
            yield by_scene[outcome.scene], outcome
    if large := len(alone) - sum(wanted for _, wanted in jobs):
        note(LOG, f"{large} scenes need more memory than the share of a worker, and are mapped one by one")
    for outcome in workers.outcomes([replace(job, alone=True) for job in alone], width=1):
        yield by_scene[outcome.scene], outcome
