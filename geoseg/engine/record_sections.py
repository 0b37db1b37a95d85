"""Sections of a report that a record holds: tables of the task, parameters, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from geoseg.outputs.columns import text_of
from geoseg.outputs.report import Section, Table, columns
from geoseg.run_record import RunRecord


def record_sections(record: RunRecord) -> list[Section]:
    """Return the sections of a record."""
    return [*_tables(record), _parameters(record), _provenance(record)]


def _tables(record: RunRecord) -> list[Section]:
    """Return the further tables of a map."""
    tables = [
        Table(
            title=name.replace("_", " ").capitalize(),
            columns=columns(*(text_of(column).alias for column in rows[0])),
            rows=[tuple(row.values()) for row in rows],
        )
        for name, rows in record.tables.items()
        if rows
    ]
    return [Section(title="Tables", tables=tables)] if tables else []


def _parameters(record: RunRecord) -> Section:
    """Return the options that have a value."""
    rows = [(name, text) for name, text in _flat(record.command)]
    return Section(
        title="Parameters",
        text="Options that have a value. `--print-config` prints them as a file that `--config` reads.",
        tables=[Table(columns=columns("option", "value"), rows=rows)],
    )


def _provenance(record: RunRecord) -> Section:
    """Return software, model and inputs."""
    rows: list[tuple[str, str]] = [
        ("geoseg", record.geoseg),
        ("made", record.created),
        ("duration", f"{record.seconds:g} s"),
        ("CRS of the polygons", record.crs or "none"),
        *((f"runtime: {name}", text) for name, text in _flat(record.runtime)),
        *((f"model: {name}", text) for name, text in _flat(record.model or {})),
    ]
    for number, scene in enumerate(record.inputs, start=1):
        kept = {name: scene[name] for name in ("name", "sensor", "platform", "time") if scene.get(name)}
        rows += [(f"input {number}: {name}", str(value)) for name, value in kept.items()]
        paths = scene.get("paths")
        if isinstance(paths, list) and paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            rows.append((f"input {number}: file", f"{Path(str(paths[0])).name}{more}"))
    rows += [("output", path.name) for path in record.outputs]
    return Section(title="Provenance", tables=[Table(columns=columns("what", "value"), rows=rows)])


def _flat(values: Mapping[str, JsonValue], prefix: str = "") -> list[tuple[str, str]]:
    """Return the values that are set, with dotted names."""
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        elif value not in (None, "", [], "auto", False):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.append((prefix + name, text))
    return found
