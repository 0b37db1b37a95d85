"""A Dask cluster of two worker processes, one of which is killed: the maps are those of one process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geoseg.batch.dask_workers import DaskWorkers
from geoseg.batch.run import plan_batch
from geoseg.batch.store import LocalStore
from geoseg.batch.tasks import task_of
from geoseg.batch.work import Workplace, run_job
from geoseg.errors import RuntimeMissingError
from geoseg.run_record import no_progress
from geoseg.spec.batch import BatchSpec
from tests.batch.lakes import rows_of, write_lake

distributed = pytest.importorskip(
    "distributed", reason="needs distributed: pip install 'geoseg[distributed]'"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask, at the end of processes

SCENES = 8


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two worker processes."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2])]))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made


def test_a_lost_worker_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    for index in range(SCENES):
        write_lake(tmp_path / "in" / f"{index}.tif", seed=index)
    spec = BatchSpec(inputs=(str(tmp_path / "in"),), output="unused", options={"method": "mndwi"})
    alone, spread = tmp_path / "alone", tmp_path / "spread"
    jobs = plan_batch(spec, task_of("flood"), alone, no_progress).jobs
    for folder in (alone, spread):
        folder.mkdir()
    for job in jobs:
        run_job(job, Workplace(store=LocalStore(alone), limits={"threads": 1}))
    place = Workplace(store=LocalStore(spread), limits={"threads": 1})
    found = []
    with DaskWorkers(cluster.scheduler_address, place) as workers:
        for outcome in workers.outcomes(jobs):
            found.append(outcome)
            if len(found) == 2:
                os.kill(next(iter(cluster.workers.values())).process.process.pid, signal.SIGKILL)
    assert sorted(outcome.scene for outcome in found) == sorted(job.scene for job in jobs)
    assert {outcome.status for outcome in found} == {"done"}
    for index in range(SCENES):
        assert rows_of(spread / f"{index}.gpkg") == rows_of(alone / f"{index}.gpkg")


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("geoseg.batch.dask_workers.CONNECT_S", 1)
    begun = time.monotonic()
    with (
        pytest.raises(RuntimeMissingError, match="no Dask scheduler answers"),
        DaskWorkers("tcp://127.0.0.1:9", Workplace(store=LocalStore(tmp_path))),
    ):
        pass
    assert time.monotonic() - begun < 60
