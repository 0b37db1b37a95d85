"""GeoPackage: the map's layers, `scene`, default styles for QGIS, and the run's record as metadata."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from geoseg.outputs.layer import SCENE_LAYER, Layer
from geoseg.outputs.record import RECORD_URI
from geoseg.outputs.sink import StagedSink
from geoseg.outputs.styles import classes_qml, footprint_qml
from geoseg.run_record import RunRecord, TableRows

# OGC 12-128r17 (GeoPackage 1.3), F.8: the metadata extension.
_METADATA = """
CREATE TABLE gpkg_metadata (
    id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
    md_scope TEXT NOT NULL DEFAULT 'dataset',
    md_standard_uri TEXT NOT NULL,
    mime_type TEXT NOT NULL DEFAULT 'text/xml',
    metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
    reference_scope TEXT NOT NULL,
    table_name TEXT,
    column_name TEXT,
    row_id_value INTEGER,
    timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    md_file_id INTEGER NOT NULL,
    md_parent_id INTEGER,
    CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
    CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) VALUES
    ('gpkg_metadata', NULL, 'gpkg_metadata',
     'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'),
    ('gpkg_metadata_reference', NULL, 'gpkg_metadata',
     'http://www.geopackage.org/spec120/#extension_metadata', 'read-write');
"""

# The table in which QGIS looks for a layer's default style.
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256),
    f_table_schema TEXT(256),
    f_table_name TEXT(256),
    f_geometry_column TEXT(256),
    styleName TEXT(30),
    styleQML TEXT,
    styleSLD TEXT,
    useAsDefault BOOLEAN,
    description TEXT,
    owner TEXT(30),
    ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
    VALUES ('layer_styles', 'attributes', 'layer_styles', 'Default styles, read by QGIS');
"""


MANY = 24
"""Number of classes above which a style lists only the classes of the map."""


class GeoPackageSink(StagedSink):
    """A GeoPackage 1.3 with all layers, styles, tables and the record."""

    suffixes = (".gpkg",)
    index: ClassVar[bool] = True
    self_contained: ClassVar[bool] = True
    holds_large: ClassVar[bool] = True

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Add descriptions, styles, tables and the record to the staged file and rename it to the target."""
        with closing(sqlite3.connect(staged)) as file, file:
            file.executescript(_METADATA + _STYLES)
            file.executemany(
                "UPDATE gpkg_contents SET identifier = ?, description = ? WHERE table_name = ?",
                [
                    *((f"{own.name} ({record.task})", record.method, own.name) for own in self.layers),
                    (SCENE_LAYER, "Footprint of the observed pixels", SCENE_LAYER),
                ],
            )
            file.executemany(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,"
                " styleName, styleQML, styleSLD, useAsDefault, description, owner)"
                " VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
                [
                    *(
                        (own.name, own.name, _style(own, record), f"Classes of {own.name}")
                        for own in self.layers
                    ),
                    (SCENE_LAYER, SCENE_LAYER, footprint_qml(), "Outline of the scene"),
                ],
            )
            for table, rows in record.tables.items():
                _add_rows(file, table, rows)
            metadata = file.execute(
                "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
                " VALUES ('dataset', ?, 'application/json', ?)",
                (RECORD_URI, record.model_dump_json()),
            )
            file.execute(
                "INSERT INTO gpkg_metadata_reference (reference_scope, md_file_id) VALUES ('geopackage', ?)",
                (metadata.lastrowid,),
            )
        staged.replace(self.beside.path(self.path))


def _style(layer: Layer, record: RunRecord) -> str:
    """Return the style of a layer; with many classes, only of those in the map."""
    classes = layer.classes
    if len(classes) > MANY:
        listed = {item.value for item in record.classes}
        classes = tuple(item for item in classes if item.value in listed)
    return classes_qml(classes, layer.styled_by, layer.shape)


def _add_rows(file: sqlite3.Connection, name: str, rows: TableRows) -> None:
    """Add a table of the record, without geometry."""
    if not rows:
        return
    kinds = {int: "INTEGER", float: "REAL"}
    columns = {column: kinds.get(type(value), "TEXT") for column, value in rows[0].items()}
    typed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    file.execute(f'CREATE TABLE "{name}" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, {typed})')
    names, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" for _ in columns)
    file.executemany(
        f'INSERT INTO "{name}" ({names}) VALUES ({marks})',  # noqa: S608 - names that geoseg itself gives
        [[row[column] for column in columns] for row in rows],
    )
    file.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)",
        (name, name),
    )
