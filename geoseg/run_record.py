"""What a run tells its caller: how far it is, and one record at the end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue, field_validator

from geoseg.messages import Message
from geoseg.spec import Spec


class Progress(Protocol):
    """Is told how far a run is."""

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Take a state; `done == total` is the last."""


def no_progress(done: int, total: int, unit: str) -> None:
    """Do nothing: for callers that show no progress."""


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


class RunWarning(Spec):
    """What may make a map wrong."""

    code: str
    """A slug that stays the same between versions; empty in records written before codes existed."""
    text: str


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
    warnings: tuple[RunWarning, ...] = ()
    outputs: tuple[Path, ...] = ()
    seconds: float = 0.0

    @field_validator("warnings", mode="before")
    @classmethod
    def _without_codes(cls, value: object) -> object:
        """Take warnings that are plain strings, as older records have them."""
        if not isinstance(value, list | tuple):
            return value
        return tuple({"code": "", "text": item} if isinstance(item, str) else item for item in value)


def run_warnings(messages: Iterable[Message]) -> tuple[RunWarning, ...]:
    """Return logged warnings as a record has them."""
    return tuple(RunWarning(code=message.code, text=message.text) for message in messages)
