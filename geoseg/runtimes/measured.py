"""Measured times of a network, kept between runs: one file for each network and processor.

A file is written whole or not at all, and a file that cannot be read counts as missing. While one process
measures, others that need the same times wait for them, so that workers of a batch choose alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from geoseg.errors import OutputError
from geoseg.files.hashes import file_sha256
from geoseg.files.locks import locked
from geoseg.runtimes.engines import cache_folder
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.machine import processor
from geoseg.spec import ModelSpec

FORMAT = 1
"""Version of the file and of the way of measuring; a new version invalidates all files."""


class Timing(BaseModel):
    """The time of one tile in one runtime and precision."""

    model_config = ConfigDict(frozen=True)

    runtime: str
    precision: Precision
    seconds: float
    """Wall time of a tile, the least of several calls."""
    cpu_seconds: float
    """Processor time of a tile, the least of several calls; other processes hardly change it."""

    @property
    def name(self) -> str:
        """Runtime and precision, for people and as a key of a run record."""
        return f"{self.runtime} {self.precision}"


class Measured(BaseModel):
    """The times of one network on one processor."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    model: str
    """Name for people."""
    sha256: str
    """SHA-256 of the ONNX file."""
    processor: str
    versions: dict[str, str]
    """Version of each runtime that was measured, by its name."""
    tile: int
    """Side of the measured tile in pixels."""
    threads: int
    timings: tuple[Timing, ...]
    created: str
    """ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredKey:
    """All that a file of times depends on."""

    model: str
    sha256: str
    processor: str
    versions: Mapping[str, str]

    @property
    def path(self) -> Path:
        """Return the path of the file, which may not exist."""
        facts = [FORMAT, self.sha256, self.processor, sorted(self.versions.items())]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", self.model)[:60]
        return measured_folder() / f"{plain}-{digest[:16]}.json"

    def fits(self, found: Measured) -> bool:
        """Return whether a file holds what its name promises."""
        return (found.format, found.sha256, found.processor, found.versions) == (
            FORMAT,
            self.sha256,
            self.processor,
            dict(self.versions),
        )


def measured_folder() -> Path:
    """Return the folder of the files, which may not exist: in `$GEOSEG_CACHE`, else in the user's cache."""
    return cache_folder("measured")


def key_of(model: ModelSpec, versions: Mapping[str, str]) -> MeasuredKey:
    """Return the key of a network on this processor.

    Args:
        model: its weights can be read.
        versions: of the runtimes, by their names.
    """
    return MeasuredKey(
        model=model.name,
        sha256=model.sha256.lower() or file_sha256(model.weights),
        processor=processor(),
        versions=versions,
    )


def kept_or_measured(
    key: MeasuredKey, measure: Callable[[], Measured], waiting: Callable[[], None]
) -> tuple[Measured, bool]:
    """Return the kept times of a network, or measure and keep them.

    Args:
        key: of the network.
        measure: measures the times; called by one process at a time.
        waiting: called if another process measures them now.

    Returns:
        The times, and whether they are kept now: a folder that cannot be written is no error.
    """
    found = _read(key)
    if found is not None:
        return found, True
    try:
        with locked(key.path.with_suffix(".lock"), waiting, ""):
            found = _read(key)
            if found is not None:
                return found, True
            fresh = measure()
            return fresh, bool(fresh.timings) and _write(key.path, fresh)
    except OutputError:
        return measure(), False


def all_kept() -> Iterator[Measured]:
    """Yield the kept times of all networks on this processor, in the order of their names."""
    try:
        paths = sorted(measured_folder().glob("*.json"))
    except OSError:
        return
    for path in paths:
        found = _parse(path)
        if found is not None and (found.format, found.processor) == (FORMAT, processor()):
            yield found


def _read(key: MeasuredKey) -> Measured | None:
    found = _parse(key.path)
    return found if found is not None and key.fits(found) else None


def _parse(path: Path) -> Measured | None:
    """Return the content of a file; None: it is missing, or cannot be read."""
    try:
        return Measured.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _write(path: Path, found: Measured) -> bool:
    """Write a file whole; return whether it could be written."""
    beside = path.with_name(f"{path.stem}-{os.getpid()}.partial")
    try:
        beside.write_text(found.model_dump_json(indent=1) + "\n", "utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        return False
    return True
