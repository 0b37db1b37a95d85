"""Progress and record of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, JsonValue, field_validator

from geoseg.messages import Message
from geoseg.spec import Spec
from geoseg.spec.fields import OutputPath

RECORD_TAG = "GEOSEG_RECORD"
"""TIFF tag (GDAL metadata item) of the record of a run."""


Progress = Callable[[int, int, str], None]
"""Called with the units done, their total and their name; `done == total` is the last call."""


def no_progress(done: int, total: int, unit: str) -> None:
    """Ignore progress."""


TableRows = tuple[
    dict[str, Annotated[int | float | str, BeforeValidator(lambda cell: math.nan if cell is None else cell)]],
    ...,
]
"""Rows of a table, all with the same columns; NaN, in JSON null: a number that is not known."""


class Result(Spec):
    """Base of what a run reports: unlike the numbers of a request, measured numbers may be NaN."""

    model_config = ConfigDict(allow_inf_nan=True)


def _encodable(value: object) -> object:
    """Return a value whose texts can be stored: names of files need not be UTF-8, and JSON has no others."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_encodable, value))
    return value


class ClassTotal(Result):
    """Polygons, pixels and area of one class of a map, after cleaning."""

    value: int
    label: str
    polygons: int
    pixels: int
    area_m2: float | None
    """Geodesic, m²; None without a CRS."""


class RunWarning(Result):
    """A reason why a map may be wrong."""

    code: str
    """Slug that does not change between versions; empty in records of versions without codes."""
    text: str

    _texts = field_validator("text", mode="before")(_encodable)


class RunRecord(Result):
    """How a map was made, and its classes; stored in the map and printed by `--json`."""

    geoseg: str
    """Version of geoseg."""
    task: str
    command: dict[str, JsonValue]
    """The request as validated, defaults filled in."""
    inputs: tuple[dict[str, JsonValue], ...]
    """Per scene: paths, sensor, acquisition time, bands, grid."""
    method: str
    """One line: the method and its threshold, or the model, runtime and precision."""
    citation: str = ""
    """Source of the method; empty: unknown, or a network."""
    model: dict[str, JsonValue] | None = None
    """Name, SHA-256, licence and source of the network, where one was used."""
    runtime: dict[str, JsonValue] = {}
    """Runtime, device, precision, threads, tile, overlap and versions."""
    created: str
    """UTC, ISO 8601."""
    crs: str | None
    """CRS of the vectors, as an authority code or WKT."""
    valid_share: float
    """Share of the mapped grid that was observed, 0..1."""
    classes: tuple[ClassTotal, ...]
    tables: dict[str, TableRows] = {}
    """Additional tables of the map by name, such as transitions, gain and loss; rows of each."""
    notes: tuple[str, ...] = ()
    warnings: tuple[RunWarning, ...] = ()
    outputs: tuple[OutputPath, ...] = ()
    seconds: float = 0.0

    _texts = field_validator("command", "inputs", "method", "model", "notes", mode="before")(_encodable)

    @field_validator("warnings", mode="before")
    @classmethod
    def _without_codes(cls, value: object) -> object:
        """Accept warnings that are plain strings, as in older records."""
        if not isinstance(value, list | tuple):
            return value
        return tuple({"code": "", "text": item} if isinstance(item, str) else item for item in value)


def run_warnings(messages: Iterable[Message]) -> tuple[RunWarning, ...]:
    """Return logged warnings for a record."""
    return tuple(RunWarning(code=message.code, text=message.text) for message in messages)
