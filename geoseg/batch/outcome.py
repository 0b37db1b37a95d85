"""What became of a scene: a line of the journal, of `--json` and of the summary."""

from __future__ import annotations

import json
from typing import Any, Literal

import shapely
from pydantic import JsonValue

from geoseg.batch.naming import SEPARATOR
from geoseg.files.inputs import FileState
from geoseg.run_record import ClassTotal, RunWarning
from geoseg.spec import Spec

Status = Literal["done", "empty", "failed", "unpaired", "pending"]
"""`empty`: no pixel was observed; the map has no polygon, or there is none. `unpaired`: no earlier scene.
`pending`: not mapped yet."""

KILLED = 137
"""Code of a scene whose worker process ended without an answer, as a shell reports SIGKILL."""
FINAL = frozenset({2, 4, 5})
"""Codes of failures that another attempt cannot mend: usage, model and missing packages."""


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
    sources: tuple[str, ...] = ()
    """Path or address of each file of the scene."""
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
    needs_mib: int = 0
    """Of a scene that failed by `--max-memory`: what it needs, MiB."""
    created: str = ""
    attempts: int = 1
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Processor time of the worker for this scene, s."""
    peak_mib: int = 0
    """Greatest resident size of the worker so far, MiB."""

    @property
    def source(self) -> str:
        """The files of the scene as a cell of a table."""
        return SEPARATOR.join(self.sources)

    @property
    def mapped(self) -> bool:
        """Whether the scene has a map."""
        return self.final and bool(self.outputs)

    @property
    def output(self) -> str:
        """Path of the map in the output folder; empty: there is none."""
        return next((file.href for file in self.outputs if file.role == "output"), "")

    @property
    def outline(self) -> shapely.Geometry | None:
        """Outline of the observed pixels, degrees; None: no CRS or nothing observed."""
        return None if self.footprint is None else shapely.from_geojson(json.dumps(self.footprint))

    @property
    def final(self) -> bool:
        """Whether the same inputs and options would give the same again."""
        return self.status in {"done", "empty"}
