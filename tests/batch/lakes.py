"""Small scenes of a lake, and listeners and workers for tests of batches."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoseg.batch import workers
from geoseg.batch.job import Job
from geoseg.batch.outcome import Outcome
from geoseg.batch.run import BatchResult, run_batch
from geoseg.batch.work import Workplace, run_job
from geoseg.spec.batch import BatchSpec

SIDE = 48
FLOOD = {"method": "mndwi"}
"""Options of a task."""
POISON = "poison"
"""Name of a scene that kills its worker."""


def write_lake(
    path: Path, seed: int = 0, *, east: float = 500_000.0, nodata: bool = False, shape: int = SIDE
) -> Path:
    """Write a scene of green and short-wave infrared reflectance with a lake, or without any value."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:shape, 0:shape] + 0.5
    water = (rows - shape / 2) ** 2 + (cols - shape / 2) ** 2 < (8 + seed % 7) ** 2
    bands = np.stack([np.where(water, 0.06, 0.05), np.where(water, 0.02, 0.25)])
    bands = (bands + rng.normal(0, 0.004, bands.shape)).astype(np.float32)
    if nodata:
        bands[:] = -1
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=shape, height=shape, count=2, dtype="float32",
        crs="EPSG:32633", transform=Affine(10, 0, east, 0, -10, 4_600_000.0), nodata=-1,
    ) as file:  # fmt: skip
        file.write(bands)
        file.descriptions = ("green", "swir16")
    return path


class Heard:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.scenes: list[str] = []
        self.tried_again: list[str] = []

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        assert 0 < done <= total
        self.scenes.append(outcome.scene)

    def again(self, outcome: Outcome) -> None:
        self.tried_again.append(outcome.scene)


def poison() -> None:
    """Make this worker process end with SIGKILL at the scene `poison`."""

    def run(job: Job, place: Workplace) -> Outcome:
        if job.scene == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return run_job(job, place)

    vars(workers)["run_job"] = run


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of all layers of a map with polygons as bytes; not its run record, which has times."""
    with closing(sqlite3.connect(path)) as file:
        tables = file.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchall()
        return {name: file.execute(f'SELECT * FROM "{name}" ORDER BY fid').fetchall() for (name,) in tables}


def batch(folder: Path, inputs: object, task: str = "flood", **options: object) -> tuple[BatchResult, Heard]:
    """Run a batch with one worker; options of the task are given as `options`."""
    listed = inputs if isinstance(inputs, tuple) else (str(inputs),)
    spec = BatchSpec.model_validate(
        {"inputs": listed, "output": str(folder), "jobs": 1, "retries": 0, "options": FLOOD, **options}
    )
    heard = Heard()
    prepare = poison if any(POISON in path.name for path in Path(listed[0]).glob("*")) else None
    return run_batch(spec, task, heard, prepare=prepare), heard
