"""What a run tells its caller: notes and warnings on the way, one record at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from geoseg.spec import Spec


class Reporter(Protocol):
    """Hears of a run; the command line shows it on stderr."""

    def note(self, text: str) -> None:
        """Tell what was recognised, chosen or guessed, and why."""

    def warn(self, text: str) -> None:
        """Tell what may make the map wrong: what, where, what to do."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Tell how far it is; `done == total` closes the bar."""


class Silent:
    """Hears nothing: for maps whose notes are not for the reader of what is made of them."""

    def note(self, text: str) -> None:
        """Leave it."""

    def warn(self, text: str) -> None:
        """Leave it."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Leave it."""


TableRows = tuple[dict[str, int | float | str], ...]
"""Rows of a table, all with the same columns."""


class ClassTotal(Spec):
    """How much of a map is one class, after cleaning."""

    value: int
    label: str
    polygons: int
    pixels: int
    area_m2: float | None
    """Geodesic; None without a CRS."""


class RunRecord(Spec):
    """How a map was made and what is in it: stored in the map and printed by `--json`."""

    geoseg: str
    """Version."""
    task: str
    command: dict[str, JsonValue]
    """The request as validated, defaults filled in."""
    inputs: tuple[dict[str, JsonValue], ...]
    """Per scene: paths, sensor, acquisition time, bands, grid."""
    method: str
    """One line: the method and its threshold, or the model, runtime and precision."""
    model: dict[str, JsonValue] | None = None
    """Name, SHA-256, licence and source of the network, where one was used."""
    runtime: dict[str, JsonValue] = {}
    """Runtime, device, precision, threads, tile, overlap and versions."""
    created: str
    """UTC, ISO 8601."""
    crs: str | None
    """Of the vectors, as an authority code or WKT."""
    valid_share: float
    """Share of the mapped grid that was observed, 0..1."""
    classes: tuple[ClassTotal, ...]
    tables: dict[str, TableRows] = {}
    """Further tables of the map by name, a list of rows each: transitions, gain and loss."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    outputs: tuple[Path, ...] = ()
    seconds: float = 0.0
