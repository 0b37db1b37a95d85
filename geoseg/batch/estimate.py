"""Plan a batch before it costs anything: work, memory and output size, from maps of three scenes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from geoseg.batch.job import Job
from geoseg.batch.journal import Known
from geoseg.batch.naming import ITEMS
from geoseg.batch.outcome import Outcome
from geoseg.batch.run import is_finished, plan_batch
from geoseg.batch.sharing import PARENT_MIB, share_out
from geoseg.batch.stamp import states
from geoseg.batch.store import LocalStore, open_store
from geoseg.batch.tasks import task_of
from geoseg.batch.work import Workplace
from geoseg.batch.workers import LocalWorkers
from geoseg.engine.plan import Plan
from geoseg.errors import GeosegError
from geoseg.files.disk import existing, free_bytes
from geoseg.files.inputs import local_files
from geoseg.files.scratch import scratch_folder
from geoseg.messages import counted, held, note, warn
from geoseg.run_record import Progress, no_progress
from geoseg.spec import Spec
from geoseg.spec.batch import BatchSpec

LOG = logging.getLogger(__name__)

QUANTILES = (1 / 6, 1 / 2, 5 / 6)
"""Scenes of the sample, among all scenes ordered by the size of their files."""


class Span(Spec):
    """An estimate: that of the sample's mean, of its least and of its greatest scene."""

    mean: float
    low: float
    high: float


class SampleScene(Spec):
    """A scene of the sample."""

    scene: str
    status: str
    message: str = ""
    tiles: int | None = None
    """None: the task has no plan of tiles."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: int = 0
    output_bytes: int = 0


class Estimate(Spec):
    """What a batch would do."""

    task: str
    scenes: int
    finished: int
    """Maps of earlier runs that are up to date."""
    unpaired: int
    """Scenes without an earlier scene."""
    waiting: int
    """Scenes that would be mapped."""
    workers: int
    threads: int
    """Of each worker."""
    tiles: Span | None = None
    core_hours: Span | None = None
    hours: Span | None = None
    """Wall time with these workers; on a cluster, with one."""
    memory_mib: int = 0
    """Peak of all processes together."""
    output_mib: Span | None = None
    sample: tuple[SampleScene, ...] = ()


def estimate_batch(
    spec: BatchSpec,
    task: str,
    *,
    progress: Progress = no_progress,
    prepare: Callable[[], None] | None = None,
) -> Estimate:
    """Map up to three scenes in a temporary folder and extrapolate; nothing else is written.

    Raises:
        UsageError: an input, option or template is invalid.
        SceneReadError: an input does not exist or cannot be read.
    """
    store = open_store(spec.output)
    with scratch_folder() as scratch:
        known = Known.of(store.folder, task)
        planned = plan_batch(
            spec, task_of(task), store.folder, progress, scratch=scratch / ITEMS, outputs=known.owned
        )
        waiting = [
            job
            for job in planned.jobs
            if (own := known.outcomes.get(job.scene)) is None or not is_finished(job, own, store)
        ]
        if broken := [outcome for outcome in planned.without if outcome.status == "failed"]:
            note(
                LOG,
                f"{counted(len(broken), 'scene')} cannot be opened: {broken[0].scene}: {broken[0].message}",
            )
        share = share_out(spec, len(waiting))
        sample = sample_of(waiting)
        place = Workplace(store=LocalStore(scratch), limits=share.limits)
        with LocalWorkers(1, place, threads=share.threads, prepare=prepare) as workers:
            outcomes = list(workers.outcomes(sample))
        by_scene = {job.scene: job for job in sample}
        scenes = tuple(_described(outcome, by_scene[outcome.scene], scratch) for outcome in outcomes)
    good = [item for item in scenes if item.status != "failed"]
    estimate = Estimate(
        task=task,
        scenes=len(planned.order),
        finished=len(planned.jobs) - len(waiting),
        unpaired=sum(outcome.status == "unpaired" for outcome in planned.without),
        waiting=len(waiting),
        workers=share.workers,
        threads=share.threads,
        sample=scenes,
    )
    if not good:
        return estimate
    count = len(waiting)
    peak = max(item.peak_mib for item in good)
    output = _span([item.output_bytes / 2**20 for item in good], count)
    _warn_of_disk(store.folder, output)
    return estimate.model_copy(
        update={
            "tiles": _span([item.tiles for item in good if item.tiles is not None], count),
            "core_hours": _span([item.cpu_seconds / 3600 for item in good], count),
            "hours": _span([item.seconds / 3600 / share.workers for item in good], count),
            "memory_mib": PARENT_MIB + share.workers * peak,
            "output_mib": output,
        }
    )


def sample_of(jobs: Sequence[Job]) -> list[Job]:
    """Return up to three jobs: a small, a middle and a large scene by the size of its files."""
    ordered = sorted(jobs, key=lambda job: (sum(map(_size, job.sources)), job.index))
    return list(
        {job.scene: job for share in QUANTILES for job in ordered[int(share * len(ordered)) :][:1]}.values()
    )


def _size(source: str) -> int:
    """Return the bytes of a file of a scene and of those that belong to it, where they are local."""
    return sum(size for _, size, _ in states(local_files(source)))


def _described(outcome: Outcome, job: Job, folder: Path) -> SampleScene:
    return SampleScene(
        scene=outcome.scene,
        status=outcome.status,
        message=outcome.message,
        tiles=None if outcome.status == "failed" else _tiles(job, folder),
        seconds=outcome.seconds,
        cpu_seconds=outcome.cpu_seconds,
        peak_mib=outcome.peak_mib,
        output_bytes=sum(file.size for file in outcome.outputs),
    )


def _tiles(job: Job, folder: Path) -> int | None:
    """Return the tiles of a scene by the plan of its task."""
    try:
        with held():
            plan = task_of(job.task).plan(job.request(folder, {}))
    except GeosegError:
        return None
    return plan.tiles if isinstance(plan, Plan) else None


def _span(values: Sequence[float], count: int) -> Span | None:
    """Return the sum of `count` scenes like the mean, the least and the greatest of the sample."""
    if not values:
        return None
    return Span(mean=count * sum(values) / len(values), low=count * min(values), high=count * max(values))


def _warn_of_disk(folder: Path, output: Span | None) -> None:
    disk = existing(folder)
    free = free_bytes(disk) / 2**20
    if output is not None and output.mean > free:
        warn(
            LOG,
            "disk-too-small",
            f"the maps take about {output.mean:,.0f} MiB, and {disk} has {free:,.0f} MiB free",
        )
