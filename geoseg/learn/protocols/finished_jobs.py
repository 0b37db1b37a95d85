"""Results of finished trainings, which a run that was interrupted continues from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geoseg
from geoseg.bundles.encoder_files import stored_weights
from geoseg.files.output_files import write_report
from geoseg.learn.protocols.jobs import Job
from geoseg.learn.protocols.result_rows import ResultRow
from geoseg.learn.samples import SampleWindow
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note

LOG = logging.getLogger(__name__)

FILE = "results.json"
"""File in the folder of a training, written when it has been scored."""


def stamp_of(job: Job) -> str:
    """Return a hash of what the results of a job depend on.

    That is the config, the windows of each part, size and time of change of every file that they are read
    from and of the weights of the encoder, and the version of geoseg.
    """
    named = {"training": job.training, "validation": job.validation, "test": job.test}
    parts = {
        name: [(place.sample.id, asdict(place.window)) for place in places]
        for name, places in {**named, "described": job.described}.items()
    }
    facts = {
        "geoseg": geoseg.__version__,
        "spec": job.spec.model_dump(mode="json"),
        "parameters": dict(job.parameters),
        "parts": parts,
        "files": _files((*job.training, *job.validation, *job.test, *job.described)),
        "weights": _state(_weights(job.spec)),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _weights(spec: TrainSpec) -> Path:
    """Return the file of an encoder's weights; a path that does not exist where they are in no file."""
    if spec.network.weights == "auto" and spec.described_encoder is not None:
        return stored_weights(spec.described_encoder)
    return Path(spec.network.weights)


def _files(places: Iterable[SampleWindow]) -> list[tuple[str, int, int]]:
    samples = {place.sample.id: place.sample for place in places}
    paths = {path for sample in samples.values() for path in (*sample.images, sample.label, *sample.layers)}
    # The bands of a sample may be files of a folder.
    every = sorted({file for path in paths for file in ([*path.glob("*")] if path.is_dir() else [path])})
    return [_state(path) for path in every]


def _state(path: Path) -> tuple[str, int, int]:
    """Return path, size and time of change of a file; -1 where there is none."""
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), found.st_size, found.st_mtime_ns


def write_finished(folder: Path, stamp: str, rows: Sequence[ResultRow]) -> None:
    """Write the results of a job into the folder of its training.

    Args:
        folder: of the training.
        stamp: that of the job before it was trained; files may have changed since.
        rows: the results.

    Raises:
        OutputError: the folder cannot be written.
    """
    table = {"stamp": stamp, "rows": [asdict(row) for row in rows]}
    write_report(folder, {FILE: json.dumps(table, indent=1)})


def forget_finished(folder: Path) -> None:
    """Remove the results of an earlier training from a folder."""
    (folder / FILE).unlink(missing_ok=True)


def read_finished(folder: Path, job: Job) -> tuple[ResultRow, ...] | None:
    """Return the results of a job that has been trained and scored before; None: it has to be trained.

    Results of other settings, data or versions are not taken.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        table: dict[str, Any] = json.loads(path.read_bytes())
        rows = tuple(ResultRow(**row) for row in table["rows"])
        stamp = table["stamp"]
    except (OSError, ValueError, KeyError, TypeError):
        note(LOG, f"{path} cannot be read; the network is trained again")
        return None
    if stamp != stamp_of(job) or not rows:
        note(LOG, f"{path} is of other settings, data or another version; the network is trained again")
        return None
    return rows
