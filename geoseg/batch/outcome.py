"""What became of a scene: a line of the journal, of `--json` and of the summary."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from geoseg.run_record import ClassTotal, RunWarning
from geoseg.spec import Spec

Status = Literal["done", "empty", "failed", "unpaired", "pending"]
"""`empty`: no pixel was observed; the map has no polygon, or there is none. `unpaired`: no earlier scene.
`pending`: not mapped yet."""

KILLED = 137
"""Code of a scene whose worker process ended without an answer, as a shell reports SIGKILL."""
FINAL = frozenset({2, 4, 5})
"""Codes of failures that another attempt cannot mend: usage, model and missing packages."""

FileState = tuple[str, int, int]
"""Path, size in bytes and modification time in nanoseconds of a local file."""


class OutputFile(Spec):
    """A file of a map."""

    role: str
    """Option that names it: `output`, `raster`, `picture`, …"""
    href: str
    """Path in the output folder, with slashes."""
    size: int = 0
    """Bytes."""


class Outcome(Spec):
    """What became of one scene."""

    scene: str
    status: Status
    code: int = 0
    """Exit code that `geoseg TASK` would have had."""
    message: str = ""
    """Of a failure: what happened, where, what to do."""
    stamp: str = ""
    """Hash of inputs, options, model and version (`geoseg.batch.stamp`)."""
    source: str = ""
    """Path or address of the scene."""
    earlier: str = ""
    """The earlier scene that was found for it, and why."""
    outputs: tuple[OutputFile, ...] = ()
    read: tuple[FileState, ...] = ()
    """Local files that the run opened."""
    method: str = ""
    model: dict[str, JsonValue] | None = None
    sensor: str = ""
    acquired: str = ""
    """ISO 8601; empty: not known."""
    crs: str | None = None
    valid_share: float = 0.0
    classes: tuple[ClassTotal, ...] = ()
    footprint: dict[str, Any] | None = None
    """GeoJSON geometry of the observed pixels, degrees; None: no CRS or nothing observed."""
    warnings: tuple[RunWarning, ...] = ()
    created: str = ""
    attempts: int = 1
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Processor time of the worker for this scene, s."""
    peak_mib: int = 0
    """Greatest resident size of the worker so far, MiB."""

    @property
    def mapped(self) -> bool:
        """Whether the scene has a map."""
        return self.status in {"done", "empty"} and bool(self.outputs)

    @property
    def final(self) -> bool:
        """Whether the same inputs and options would give the same again."""
        return self.status in {"done", "empty"}
