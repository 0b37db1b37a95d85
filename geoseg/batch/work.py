"""The work of a worker: make the map of one scene and say what became of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geoseg.batch.failure import failure_of
from geoseg.batch.footprint import scene_layer
from geoseg.batch.job import Job
from geoseg.batch.outcome import Outcome, OutputFile
from geoseg.batch.sharing import limit_text
from geoseg.batch.stamp import states
from geoseg.batch.store import Store
from geoseg.batch.tasks import task_of
from geoseg.engine.checkpoint import PartDone, scoring_part
from geoseg.errors import MemoryLimitError, NothingObservedError
from geoseg.files.disk import writing
from geoseg.files.inputs import observing_inputs
from geoseg.files.process_memory import peak_mib
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.runtimes.kept import keeping_networks
from geoseg.spec.batch import OptionValue


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What all jobs of a batch share; sent to workers."""

    store: Store
    limits: Mapping[str, OptionValue] = field(default_factory=dict)
    """`threads` and `max-memory` (MiB) of one scene."""
    batch_mib: int = 0
    """`--max-memory` of all processes together, MiB; 0: of each scene, or none."""
    alone_mib: int = 0
    """MiB of a scene that is mapped alone; 0: as others."""


def run_job(job: Job, place: Workplace, progress: Progress = no_progress) -> Outcome:
    """Make the map of a scene; its failure is an outcome too, not an exception."""
    task_of(job.task).load()
    begun, cpu = time.monotonic(), time.process_time()
    facts: dict[str, Any] = {"status": "failed"}
    code, message = 0, ""
    scoring = nullcontext() if job.part is None else scoring_part(*job.part)
    with observing_inputs() as read, keeping_networks(), scoring:
        try:
            record = _make(job, place, progress)
            described = _described(job, record, place.store.folder)
            place.store.publish([place.store.folder / name for name in job.files])
            facts = described
        except PartDone:
            facts = {"status": "pending"}
        except Exception as error:  # of one scene; the others go on
            code, message = failure_of(error)
            if isinstance(error, MemoryLimitError) and place.batch_mib:
                facts["needs_mib"] = error.least_mib
                message = limit_text(job.scene, place.batch_mib, error.least_mib)
            if isinstance(error, NothingObservedError):
                facts = {"status": "empty"}
    known = facts["status"] != "failed"
    return Outcome(
        scene=job.scene,
        code=code,
        message=message,
        stamp=job.stamp,
        sources=job.sources,
        earlier=job.earlier,
        read=tuple(states(read)) if known else (),
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        seconds=round(time.monotonic() - begun, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
        peak_mib=peak_mib(),
        **facts,
    )


def _make(job: Job, place: Workplace, progress: Progress) -> RunRecord:
    """Make the map in the folder of the store."""
    folder = place.store.folder
    own = {"max-memory": place.alone_mib} if job.alone and place.alone_mib else {}
    request = job.request(folder, {**place.limits, **own})
    for name in job.files:
        with writing(folder / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return task_of(job.task).run(request, progress)


def _described(job: Job, record: RunRecord, folder: Path) -> dict[str, Any]:
    """Return what the journal keeps of a finished map."""
    output = folder / job.map_file
    layer = scene_layer(output, record.crs)
    files = tuple(
        OutputFile(role=role, href=name, size=(folder / name).stat().st_size)
        for name, role in job.files.items()
    )
    return {
        "status": "done" if record.valid_share > 0 else "empty",
        "outputs": files,
        "method": record.method,
        "model": record.model,
        "sensor": layer.sensor,
        "acquired": layer.acquired or job.date,
        "crs": record.crs,
        "valid_share": record.valid_share,
        "classes": record.classes,
        "footprint": layer.footprint,
        "warnings": record.warnings,
    }
