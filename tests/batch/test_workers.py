"""Worker processes: one that is killed costs its scene an attempt, not the batch."""

from __future__ import annotations

from pathlib import Path

from geoseg.batch.outcome import KILLED
from geoseg.batch.run import plan_batch
from geoseg.batch.store import LocalStore
from geoseg.batch.tasks import task_of
from geoseg.batch.work import Workplace
from geoseg.batch.workers import LocalWorkers
from geoseg.run_record import no_progress
from geoseg.spec.batch import BatchSpec
from tests.batch.lakes import POISON, poison, write_lake


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    for name in ("a", POISON, "b", "c"):
        write_lake(tmp_path / "in" / f"{name}.tif")
    spec = BatchSpec(
        inputs=(str(tmp_path / "in"),), output=str(tmp_path / "out"), options={"method": "mndwi"}
    )
    folder = tmp_path / "out"
    folder.mkdir()
    jobs = plan_batch(spec, task_of("flood"), folder, no_progress).jobs
    place = Workplace(store=LocalStore(folder), limits={"threads": 1})
    with LocalWorkers(2, place, threads=1, prepare=poison) as workers:
        found = {outcome.scene: outcome for outcome in workers.outcomes(jobs)}
    assert {name: own.status for name, own in found.items()} == {
        "a": "done",
        "b": "done",
        "c": "done",
        POISON: "failed",
    }
    assert found[POISON].code == KILLED
    assert "was killed by SIGKILL" in found[POISON].message
    assert not list(folder.glob(".*"))
