"""Metadata of the merged map: title, abstract with class totals, record, and names of columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyogrio
from pydantic import JsonValue
from pyproj import CRS

from geoseg.outputs.columns import text_of
from geoseg.outputs.gpkg import lonlat
from geoseg.outputs.gpkg_tables import METADATA, SCHEMA, add_metadata, describe_column
from geoseg.outputs.layer import SCENE_LAYER
from geoseg.outputs.layer_metadata import ISO_URI, QGIS_URI, Bounds, facts_of, iso_metadata, qgis_metadata
from geoseg.outputs.record import RECORD_URI, read_record
from geoseg.run_record import ClassTotal, RunRecord

KEPT = ("name", "paths", "sensor", "platform", "time")
"""What the record keeps of each scene; the maps have the rest."""


def write_metadata(sources: Sequence[Path], target: Path, final: Path, *, layer: str, crs: CRS) -> None:
    """Write titles, metadata by QGIS and ISO, record and names of columns into the merged map.

    Args:
        sources: the maps; without a record of any, nothing is written.
        target: the merged map, with its layers and without metadata.
        final: its path after the batch.
        layer: of the polygons.
        crs: of the merged map.
    """
    records = [record for path in sources if (record := read_record(path)) is not None]
    if not records:
        return
    there = [str(name) for name, kind in pyogrio.list_layers(target) if kind]
    extents = {name: pyogrio.read_info(target, layer=name) for name in there}
    with closing(sqlite3.connect(target)) as file, file:
        record = _record(records, _totals(file, layer) if layer in there else (), final, crs)
        file.executescript(METADATA + SCHEMA)
        add_metadata(file, RECORD_URI, "application/json", record.model_dump_json())
        for name, info in extents.items():
            bounds = _bounds(info)
            what = "Footprints of the scenes" if name == SCENE_LAYER else record.method
            facts = facts_of(name, f"{what}.", record, crs, bounds, lonlat(bounds, crs))
            file.execute(
                "UPDATE gpkg_contents SET identifier = ?, description = ? WHERE table_name = ?",
                (facts.title, what, name),
            )
            add_metadata(file, QGIS_URI, "text/xml", qgis_metadata(facts), name)
            add_metadata(file, ISO_URI, "text/xml", iso_metadata(facts), name)
            _describe(file, sources, name, [str(field) for field in info["fields"]])


def _record(records: Sequence[RunRecord], totals: tuple[ClassTotal, ...], final: Path, crs: CRS) -> RunRecord:
    """Return the record of the merged map: that of its maps, with the scenes and totals of all.

    Of what runs measure or choose by the scene, such as thresholds, it has what is the same in all maps.
    """
    inputs: list[dict[str, JsonValue]] = [
        {name: scene[name] for name in KEPT if name in scene} for item in records for scene in item.inputs
    ]
    methods = dict.fromkeys(item.method for item in records)
    # Maps of a sensor differ in their thresholds.
    more = f" and {len(methods) - 1} more" if len(methods) > 1 else ""
    return records[0].model_copy(
        update={
            "command": {"merge": True},
            "inputs": tuple(inputs),
            "runtime": {
                name: value
                for name, value in records[0].runtime.items()
                if all(item.runtime.get(name) == value for item in records)
            },
            "seconds": sum(item.seconds for item in records),
            "method": f"{len(records)} maps merged: {next(iter(methods))}{more}",
            "created": max(item.created for item in records),
            "crs": crs.to_string(),
            "valid_share": sum(item.valid_share for item in records) / len(records),
            "classes": totals,
            "tables": {},
            "notes": (),
            "warnings": tuple(dict.fromkeys(warning for item in records for warning in item.warnings)),
            "outputs": (final,),
        }
    )


def _bounds(info: Mapping[str, Any]) -> Bounds | None:
    """Return the extent of a layer; None: it is empty."""
    if info["total_bounds"] is None:
        return None
    left, bottom, right, top = map(float, info["total_bounds"])
    return left, bottom, right, top


def _totals(file: sqlite3.Connection, layer: str) -> tuple[ClassTotal, ...]:
    """Return the totals of the classes of the polygons, which overlapping maps share no longer."""
    columns = {str(row[1]) for row in file.execute(f'PRAGMA table_info("{layer}")')}
    if not {"class", "label"} <= columns:
        return ()
    pixels = "sum(pixels)" if "pixels" in columns else "0"
    area = "sum(area_m2)" if "area_m2" in columns else "NULL"
    query = f'SELECT class, label, count(*), {pixels}, {area} FROM "{layer}" GROUP BY 1, 2'  # noqa: S608 - own names
    return tuple(
        ClassTotal(value=value, label=label or "", polygons=count, pixels=int(size or 0), area_m2=measured)
        for value, label, count, size, measured in file.execute(query)
    )


def _describe(file: sqlite3.Connection, sources: Sequence[Path], layer: str, fields: Sequence[str]) -> None:
    """Name the columns of a layer as the maps do, with the classes of all; others by their own names."""
    for path in sources:
        if path.suffix.lower() == ".gpkg":
            with closing(sqlite3.connect(path)) as one:
                for table, key in (
                    ("gpkg_data_column_constraints", "1 = 1"),
                    ("gpkg_data_columns", "table_name = ?"),
                ):
                    rows = one.execute(
                        f"SELECT * FROM {table} WHERE {key}",  # noqa: S608 - own names
                        (layer,) if "?" in key else (),
                    ).fetchall()
                    # Rows with NULL, as of ranges, are not equal to SQLite: it would add them once more.
                    there = set(file.execute(f"SELECT * FROM {table}"))  # noqa: S608 - own names
                    new = [row for row in dict.fromkeys(rows) if row not in there]
                    marks = ", ".join("?" for _ in rows[0]) if rows else ""
                    file.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", new)  # noqa: S608 - marks
    known = {
        row[0]
        for row in file.execute("SELECT column_name FROM gpkg_data_columns WHERE table_name = ?", (layer,))
    }
    for name in fields:
        if name not in known:
            describe_column(file, layer, name, text_of(name), None)
    listed = ", ".join("?" for _ in fields)
    file.execute(
        f"DELETE FROM gpkg_data_columns WHERE table_name = ? AND column_name NOT IN ({listed})",  # noqa: S608 - marks
        (layer, *fields),
    )
