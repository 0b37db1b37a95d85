"""Run a batch: plan, skip what is finished, map the rest, and describe the whole."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from geoseg.batch.attempts import Listener, Settled, map_scenes
from geoseg.batch.entry import Entry
from geoseg.batch.failure import failure_of
from geoseg.batch.inputs import read_inputs, without_outputs
from geoseg.batch.item_files import with_item_files
from geoseg.batch.job import Job, plan_jobs
from geoseg.batch.journal import Journal
from geoseg.batch.naming import (
    CHECKPOINTS,
    COLLECTION,
    FOOTPRINTS,
    ITEMS,
    MERGED,
    STAC,
    STAC_MODELS,
    SUMMARY,
)
from geoseg.batch.outcome import Outcome
from geoseg.batch.pairing import with_earlier
from geoseg.batch.products import write_products
from geoseg.batch.replacing import check_products, check_scenes_stay
from geoseg.batch.searching import search_entries
from geoseg.batch.sharing import Share, alone_mib, share_out
from geoseg.batch.stamp import unchanged
from geoseg.batch.store import Store, open_store
from geoseg.batch.tasks import BatchTask, task_of
from geoseg.batch.work import Workplace
from geoseg.batch.workers import LocalWorkers, Workers
from geoseg.errors import GeosegError, OutputError
from geoseg.files.leftovers import clear
from geoseg.files.output_files import made_folder
from geoseg.messages import counted, note, warn
from geoseg.run_record import Progress, no_progress
from geoseg.spec.batch import BatchSpec

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What became of all scenes, and the files that describe them."""

    outcomes: tuple[Outcome, ...]
    """In the order of the inputs."""
    kept: int
    """Scenes whose maps of an earlier run were up to date."""
    products: tuple[Path, ...]
    """Summary, catalogue and merged map."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of scenes by status."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The scenes that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The jobs of a batch, and scenes that have none."""

    jobs: tuple[Job, ...]
    without: tuple[Outcome, ...]
    """Scenes that are not mapped, because they have no earlier scene."""
    order: tuple[str, ...]
    """Names of all scenes in the order of the inputs."""


def run_batch(
    spec: BatchSpec,
    task: str,
    listener: Listener,
    *,
    progress: Progress = no_progress,
    prepare: Callable[[], None] | None = None,
) -> BatchResult:
    """Map all scenes of a batch that have no map yet, and describe all of them.

    Args:
        spec: the request.
        task: name of the task.
        listener: is told about each scene.
        progress: called while scenes are paired.
        prepare: is called in every worker process of this machine before its first scene.

    Raises:
        UsageError: an input, option or template is invalid.
        SceneReadError: an input does not exist or cannot be read.
        ModelError: the network does not exist.
        OutputError: the output folder cannot be written, or another batch writes to it.
        RuntimeMissingError: the cluster cannot be reached.
    """
    store = open_store(spec.output)
    with _prepared(store), Journal(store.folder, task, spec.shard) as journal:
        planned = plan_batch(spec, task_of(task), store.folder, progress, outputs=journal.owned)
        check_scenes_stay(planned.jobs, store)
        if journal.fresh:
            check_products(spec, store, planned.order)
        clear_leftovers(store.folder, planned.jobs, journal.owned, alone=spec.shard is None)
        finished, waiting, refused = _sort(spec, planned.jobs, journal, store)
        journal.planned(waiting)
        if finished:
            note(LOG, f"kept, as up to date: {counted(len(finished), 'map')} of earlier runs")
        total = len(planned.jobs) + len(planned.without)
        settled = Settled(listener=listener, journal=journal, store=store, done=len(finished), total=total)
        if waiting:
            settled.publish()
        refused = [*planned.without, *refused]
        for outcome in refused:
            settled.add(outcome)
        failed = any(outcome.status == "failed" for outcome in refused)
        if waiting and not (spec.fail_fast and failed):
            with _workers(spec, waiting, store, prepare) as workers:
                map_scenes(spec, waiting, workers, settled)
        clear_leftovers(store.folder, planned.jobs, journal.owned, alone=spec.shard is None)
        _remove_checkpoints(store.folder, planned.jobs, journal)
        _warn_of_old_maps(planned.jobs, journal, store)
        if spec.shard is None:
            _note_other_files(planned.jobs, journal, store)
        outcomes = _in_order(planned, journal, waiting)
        products = (
            write_products(spec, task_of(task), store, outcomes, journal.outcomes)
            if spec.shard is None
            else ()
        )
    if journal.path.exists():
        store.publish((journal.path,))
    return BatchResult(outcomes=outcomes, kept=len(finished), products=tuple(map(store.target, products)))


@contextmanager
def _prepared(store: Store) -> Iterator[None]:
    """Make the folder of a store; a batch that is refused leaves none that was not there."""
    with made_folder(store.folder):
        store.prepare()
        yield


def plan_batch(
    spec: BatchSpec,
    task: BatchTask,
    folder: Path,
    progress: Progress,
    scratch: Path | None = None,
    outputs: Container[str] = frozenset(),
) -> Planned:
    """Read the inputs, pair them and return the job of each scene.

    Args:
        spec: the request.
        task: of the batch.
        folder: of the outputs.
        progress: called while scenes are paired.
        scratch: folder for STAC items that are not in `folder` yet; None: they are written there.
        outputs: files that batches made, as paths in `folder`; they are no scenes.
    """
    found = read_inputs(spec.inputs, task, search_entries(spec.search, spec.options))
    entries = with_item_files(without_outputs(found, folder, outputs), folder / ITEMS, scratch)
    paired = with_earlier(entries, task, spec.options, progress)
    left_out: dict[str, str | GeosegError] = {}
    if task.paired:
        left_out = {**paired.unpaired, **paired.unread}
    mine = _shard(paired.entries, spec.shard)
    jobs = plan_jobs(
        spec, task, [entry for entry in mine if entry.scene not in left_out], paired.reasons, folder
    )
    without = tuple(_without_map(entry, left_out[entry.scene]) for entry in mine if entry.scene in left_out)
    return Planned(jobs=tuple(jobs), without=without, order=tuple(entry.scene for entry in mine))


def clear_leftovers(folder: Path, jobs: Sequence[Job], owned: Iterable[str], *, alone: bool) -> None:
    """Remove temporary files of runs that were killed from all folders of outputs.

    Call it while no worker is busy: this batch alone writes these outputs.

    Args:
        folder: of the outputs.
        jobs: of the batch.
        owned: files that this and earlier batches in the folder made or began.
        alone: whether no other part of the batch writes items or the catalogue now.
    """
    items = {f"{job.scene}.json" for job in jobs} if alone else set()
    own = {SUMMARY, FOOTPRINTS, COLLECTION, MERGED} if alone else set()
    # A catalogue that is up to date is not written again, so that its folders are not cleared either.
    names = {folder: own, folder / ITEMS: items, folder / STAC: items, folder / STAC_MODELS: set()}
    for name in owned:
        names.setdefault((folder / name).parent, set())
    for job in jobs:
        for name in job.files:
            path = folder / name
            names.setdefault(path.parent, set()).add(path.name)
    for parent, own in names.items():
        clear(parent, own)


def _without_map(entry: Entry, reason: str | GeosegError) -> Outcome:
    """Return the outcome of a scene that has no earlier one, or that cannot be opened to find it."""
    if isinstance(reason, str):
        return Outcome(scene=entry.scene, status="unpaired", message=reason, sources=entry.paths)
    code, message = failure_of(reason)
    return Outcome(scene=entry.scene, status="failed", code=code, message=message, sources=entry.paths)


def _shard(entries: Sequence[Entry], shard: tuple[int, int] | None) -> list[Entry]:
    """Return the scenes of one part; neighbours go to different parts, which are then equally long."""
    return list(entries) if shard is None else list(entries[shard[0] :: shard[1]])


def _sort(
    spec: BatchSpec, jobs: Sequence[Job], journal: Journal, store: Store
) -> tuple[list[Job], list[Job], list[Outcome]]:
    """Return the jobs that are finished, those to do, and refusals to replace files of others."""
    finished, waiting, refused = [], [], []
    for job in jobs:
        known = journal.outcomes.get(job.scene)
        if known is not None and is_finished(job, known, store):
            finished.append(job)
            continue
        foreign = [name for name in job.files if name not in journal.owned and store.has(store.folder / name)]
        if foreign and not spec.overwrite:
            there = store.target(store.folder / foreign[0])
            text = f"{there}: exists, and no batch made it; add `--overwrite` to replace it"
            refused.append(
                Outcome(
                    scene=job.scene,
                    status="failed",
                    code=OutputError.exit_code,
                    message=text,
                    sources=job.sources,
                )
            )
        else:
            waiting.append(job)
    return finished, waiting, refused


def is_finished(job: Job, known: Outcome, store: Store) -> bool:
    """Return whether the map of a job exists and is up to date, or it is known that there is none."""
    return (
        known.final
        and known.stamp == job.stamp
        and store.holds((store.folder / file.href, file.size) for file in known.outputs)
        and unchanged(known.read)
    )


def _remove_checkpoints(folder: Path, jobs: Sequence[Job], journal: Journal) -> None:
    """Remove kept rows of scenes that need them no more: all but those that failed or were not reached."""
    known = journal.outcomes
    for job in jobs:
        if job.scene in known and known[job.scene].final:
            shutil.rmtree(folder / CHECKPOINTS / job.scene, ignore_errors=True)
    with suppress(OSError):
        (folder / CHECKPOINTS).rmdir()  # if nothing is in it


def _warn_of_old_maps(jobs: Sequence[Job], journal: Journal, store: Store) -> None:
    """Warn of maps of older runs whose scenes have no map now."""
    old = [
        job.map_file
        for job in jobs
        if (known := journal.outcomes.get(job.scene)) is not None
        and not known.mapped
        and job.map_file in journal.owned
        and (store.folder / job.map_file).exists()
    ]
    if old:
        listed = ", ".join(old[:3]) + (" …" if len(old) > 3 else "")
        warn(
            LOG,
            "old-maps",
            f"{counted(len(old), 'map')} of an earlier run with other inputs or options; this run made no "
            f"map of the same scene: {listed}. Delete what is not needed",
        )


def _note_other_files(jobs: Sequence[Job], journal: Journal, store: Store) -> None:
    """Note files of earlier runs that are of no scene of this one, as after a scene has another name."""
    own = {file for job in jobs for file in job.files}
    others = sorted(name for name in journal.owned - own if (store.folder / name).exists())
    if others:
        listed = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        note(
            LOG,
            f"kept, of no scene of this batch: {counted(len(others), 'file')} of earlier runs: {listed}; "
            "delete what is of scenes that have other names now",
        )


def _workers(
    spec: BatchSpec, jobs: Sequence[Job], store: Store, prepare: Callable[[], None] | None
) -> AbstractContextManager[Workers]:
    if spec.scheduler is not None:
        from geoseg.batch.dask_workers import DaskWorkers  # noqa: PLC0415 - an optional package

        each = Share(workers=1, threads=spec.threads or 1, memory_mib=spec.max_memory)
        return DaskWorkers(spec.scheduler, Workplace(store=store, limits=each.limits))
    share = share_out(spec, len(jobs) * (spec.split or 1))
    place = Workplace(
        store=store, limits=share.limits, batch_mib=spec.max_memory or 0, alone_mib=alone_mib(spec)
    )
    preload = [task_of(jobs[0].task).module]
    return LocalWorkers(share.workers, place, threads=share.threads, preload=preload, prepare=prepare)


def _in_order(planned: Planned, journal: Journal, waiting: Sequence[Job]) -> tuple[Outcome, ...]:
    """Return what became of each scene, in the order of the inputs."""
    reached = {job.scene for job in waiting}
    known = {outcome.scene: outcome for outcome in planned.without}
    for job in planned.jobs:
        outcome = journal.outcomes.get(job.scene)
        # With --fail-fast some scenes were not reached: what an older run left says nothing of this one.
        if outcome is None or (job.scene in reached and outcome.stamp not in {"", job.stamp}):
            outcome = Outcome(scene=job.scene, status="pending", sources=job.sources)
        known[job.scene] = outcome
    return tuple(known[name] for name in planned.order)
