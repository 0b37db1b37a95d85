"""Workers of an existing Dask cluster: one scene is one task.

No finished future is held, so that a lost worker costs only the scenes that it was mapping: the scheduler
gives these to another worker. A scene that kills several workers fails; its neighbours may fail with it, and
are tried again alone.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import geoseg
from geoseg.batch.job import Job
from geoseg.batch.outcome import Outcome
from geoseg.batch.work import Workplace, run_job
from geoseg.batch.workers import killed
from geoseg.errors import RuntimeMissingError
from geoseg.messages import counted, note

LOG = logging.getLogger(__name__)

LOST = "the connection to the scheduler was lost; run the same command again to continue"
REMEDY = "pip install 'geoseg[distributed]'"
AHEAD = 2
"""Tasks in flight for each thread of the cluster: the next scene is there when one is finished."""
WAIT_S = 30.0
"""Seconds until it is said that no worker is connected."""
CONNECT_S = 20


class DaskWorkers:
    """The workers of a Dask scheduler; a context manager."""

    def __init__(self, scheduler: str, place: Workplace) -> None:
        """Connect nothing yet.

        Args:
            scheduler: address, such as `tcp://host:8786`, or the path of a scheduler file.
            place: of the batch; its folder is on a file system that all workers share.
        """
        self._scheduler = scheduler
        self._place = place
        self._client: Any = None

    def outcomes(self, jobs: Sequence[Job], width: int | None = None) -> Iterator[Outcome]:
        """Map scenes in order and yield what became of each, as they finish.

        Raises:
            RuntimeMissingError: the connection to the scheduler is lost.
        """
        from distributed import wait  # noqa: PLC0415 - an optional package

        waiting = deque(jobs)
        flying: dict[Any, Job] = {}
        while waiting or flying:
            most = width or AHEAD * max(1, self._threads())
            while waiting and len(flying) < most:
                job = waiting.popleft()
                key = f"geoseg-{os.urandom(6).hex()}-{job.scene}"
                future = self._client.submit(run_job, job, self._place, pure=False, key=key)
                flying[future] = job
            try:
                with self._client.as_current():
                    done = wait(list(flying), timeout=WAIT_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._report_waiting()
                continue
            for future in done:
                job = flying.pop(future)
                yield self._outcome(future, job)
                future.release()

    def _outcome(self, future: Any, job: Job) -> Outcome:
        from distributed import KilledWorker  # noqa: PLC0415 - an optional package

        try:
            found: Outcome = future.result()
        except KilledWorker:
            return killed(job, "was lost several times while it mapped this scene")
        except Exception as error:
            if self._client.status != "running":
                raise RuntimeMissingError(f"{self._scheduler}: {LOST}") from error
            return killed(job, f"could not run the task ({type(error).__name__}: {error})")
        return found

    def _threads(self) -> int:
        return sum(self._client.nthreads().values())

    def _report_waiting(self) -> None:
        if self._client.status != "running":
            raise RuntimeMissingError(f"{self._scheduler}: {LOST}")
        if not self._threads():
            note(LOG, f"{self._scheduler}: no worker is connected; the batch waits for one")

    def __enter__(self) -> Self:
        try:
            from distributed import Client  # noqa: PLC0415 - an optional package
        except ImportError as error:
            raise RuntimeMissingError(f"`--scheduler` needs the package distributed: {REMEDY}") from error
        try:
            is_file = Path(self._scheduler).is_file()
            where = {"scheduler_file" if is_file else "address": self._scheduler}
            self._client = Client(**where, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise RuntimeMissingError(
                f"`--scheduler {self._scheduler}`: no Dask scheduler answers ({error}); start one with "
                "'dask scheduler' and workers with 'dask worker'"
            ) from error
        try:
            self._check_versions()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _check_versions(self) -> None:
        """Check that all workers have this version of geoseg.

        Raises:
            RuntimeMissingError: one has another version, or none.
        """
        found = self._client.run(version_of_worker, on_error="return")
        for address, version in found.items():
            if version != geoseg.__version__:
                text = f"has geoseg {version}" if isinstance(version, str) else f"has no geoseg ({version})"
                raise RuntimeMissingError(
                    f"worker {address} {text}, and this program is {geoseg.__version__}; install the same "
                    "version on all workers"
                )
        threads = self._threads()
        note(
            LOG,
            f"Dask cluster {self._scheduler}: {counted(len(found), 'worker')}"
            f", {counted(threads, 'scene')} at the same time",
        )

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            with suppress(Exception):
                self._client.close(timeout=10)


def version_of_worker() -> str:
    """Return the version of geoseg in a worker."""
    return geoseg.__version__
