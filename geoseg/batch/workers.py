"""Workers: processes of this machine that map one scene after another.

A worker that is killed costs its scene an attempt; another process takes its place. A worker ends at once
when the process that started it is gone, so that no map appears behind the back of the next run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

from geoseg.batch.job import Job
from geoseg.batch.outcome import KILLED, Outcome
from geoseg.batch.work import Workplace, run_job

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which libraries of linear algebra choose their threads."""

_CONTEXT: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
"""On Linux one process imports geoseg and is copied: workers start at once and share its memory."""


class Workers(Protocol):
    """Whatever maps scenes; a context manager."""

    def outcomes(self, jobs: Sequence[Job], width: int | None = None) -> Iterator[Outcome]:
        """Map scenes and yield their outcomes as they finish.

        Args:
            jobs: the scenes.
            width: number of scenes at the same time; None: as many as there are workers. 1: alone, each in a
                worker that has mapped nothing before, where the memory of other workers can be freed.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


@dataclass(kw_only=True)
class _Worker:
    """A process and the scene that it maps."""

    process: BaseProcess
    pipe: Connection
    job: Job | None = None


class LocalWorkers:
    """Worker processes of this machine."""

    def __init__(
        self,
        count: int,
        place: Workplace,
        *,
        threads: int,
        preload: Sequence[str] = (),
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            count: of processes.
            place: of the batch.
            threads: of each process.
            preload: modules that all processes need.
            prepare: is called in every process before its first scene; a function of a module.
        """
        self._count = count
        self._place = place
        self._threads = threads
        self._preload = tuple(preload)
        self._prepare = prepare
        self._workers: list[_Worker] = []

    def outcomes(self, jobs: Sequence[Job], width: int | None = None) -> Iterator[Outcome]:
        """Map scenes in order and yield what became of each, as they finish."""
        waiting = deque(jobs)
        alone = width == 1
        width = min(width or self._count, self._count)
        while waiting or any(worker.job for worker in self._workers):
            for worker in [own for own in self._workers if alone and own.job is None]:
                self._end(worker)  # what it keeps takes memory of the scene
            busy = [worker for worker in self._workers if worker.job]
            while waiting and len(busy) < width:
                worker = next((own for own in self._workers if not own.job), None) or self._start()
                if self._hand_out(worker, waiting[0]):
                    waiting.popleft()
                    busy.append(worker)
            for worker in self._ready(busy):
                yield self._outcome(worker)

    def _ready(self, busy: Sequence[_Worker]) -> list[_Worker]:
        """Wait until a worker has an answer or has ended."""
        ready = set(wait([*(own.pipe for own in busy), *(own.process.sentinel for own in busy)]))
        return [own for own in busy if own.pipe in ready or own.process.sentinel in ready]

    def _outcome(self, worker: _Worker) -> Outcome:
        """Return the answer of a worker, or that it was killed."""
        job = worker.job
        if job is None:
            raise RuntimeError("an idle worker has no outcome")
        worker.job = None
        with suppress(EOFError, OSError):
            if worker.pipe.poll():
                found: Outcome = worker.pipe.recv()
                return found
        self._remove(worker)
        return killed(job, _cause(worker.process.exitcode))

    def _hand_out(self, worker: _Worker, job: Job) -> bool:
        """Send a scene to a worker; return False if the worker is gone."""
        try:
            worker.pipe.send(job)
        except OSError:
            self._remove(worker)
            return False
        worker.job = job
        return True

    def _start(self) -> _Worker:
        here, there = _CONTEXT.Pipe()
        if sys.platform == "linux":
            _CONTEXT.set_forkserver_preload([__name__, *self._preload])
        with _thread_variables(self._threads):
            process = _CONTEXT.Process(
                target=_serve,
                args=(there, self._place, self._prepare, dict(os.environ)),
                name="geoseg-worker",
            )
            process.start()
        there.close()
        worker = _Worker(process=process, pipe=here)
        self._workers.append(worker)
        return worker

    def _remove(self, worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        self._workers.remove(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in list(self._workers):
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """End a worker; one that maps a scene removes its temporary files."""
        if worker.job is None:
            with suppress(OSError):
                worker.pipe.send(None)
        else:
            worker.process.terminate()
        worker.process.join(10)
        self._remove(worker)


def killed(job: Job, cause: str) -> Outcome:
    """Return the outcome of a scene whose worker is gone."""
    return Outcome(
        scene=job.scene,
        status="failed",
        code=KILLED,
        message=f"{job.source}: the worker process {cause}; if memory ran out, use fewer workers (`--jobs`)",
        stamp=job.stamp,
        sources=job.sources,
        earlier=job.earlier,
    )


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _serve(
    pipe: Connection, place: Workplace, prepare: Callable[[], None] | None, environment: Mapping[str, str]
) -> None:
    """Map scenes that arrive in a pipe until it ends: the main function of a worker."""
    # The process that is copied may have been started under other variables.
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends its workers
    signal.signal(signal.SIGTERM, _leave)
    if prepare is not None:
        prepare()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        if job is None:
            return
        pipe.send(run_job(job, place))


def _end_with_parent() -> None:
    """End this process when its parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _leave(number: int, frame: object) -> None:  # noqa: ARG001 - signal's signature
    """Raise an exception, so that partly written files are removed."""
    raise SystemExit(128 + number)


@contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """Set the number of threads of libraries in processes that start in the block, unless it is set."""
    added = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(threads)))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
