"""Tables of a GeoPackage beside its layers: metadata, styles, names of columns, lists of values, totals.

The standard is OGC 12-128r17 (GeoPackage 1.3); its metadata extension is F.8, its schema extension F.9.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from geoseg.outputs.columns import CLASS_TOTALS, ColumnText, categories_of, text_of
from geoseg.outputs.layer import Layer
from geoseg.outputs.styles import listed_classes
from geoseg.run_record import RunRecord, TableRows

CLASS_TOTALS_TABLE = "class_totals"

METADATA = """
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

SCHEMA = """
CREATE TABLE gpkg_data_columns (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    name TEXT,
    title TEXT,
    description TEXT,
    mime_type TEXT,
    constraint_name TEXT,
    CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
    CONSTRAINT gdc_tn UNIQUE (table_name, name)
);
CREATE TABLE gpkg_data_column_constraints (
    constraint_name TEXT NOT NULL,
    constraint_type TEXT NOT NULL,
    value TEXT,
    min NUMERIC,
    min_is_inclusive BOOLEAN,
    max NUMERIC,
    max_is_inclusive BOOLEAN,
    description TEXT,
    CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value)
);
INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) VALUES
    ('gpkg_data_columns', NULL, 'gpkg_schema',
     'http://www.geopackage.org/spec121/#extension_schema', 'read-write'),
    ('gpkg_data_column_constraints', NULL, 'gpkg_schema',
     'http://www.geopackage.org/spec121/#extension_schema', 'read-write');
"""

# The table in which QGIS and GDAL look for the styles of layers.
STYLES = """
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


TABLES = METADATA + SCHEMA + STYLES
"""Tables for metadata, descriptions of columns and styles."""


def add_metadata(
    file: sqlite3.Connection, uri: str, mime_type: str, text: str, table: str | None = None
) -> None:
    """Add metadata of the file, or of one table."""
    added = file.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
        " VALUES ('dataset', ?, ?, ?)",
        (uri, mime_type, text),
    )
    file.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, md_file_id) VALUES (?, ?, ?)",
        ("geopackage" if table is None else "table", table, added.lastrowid),
    )


def add_style(
    file: sqlite3.Connection, table: str, name: str, qml: str, sld: str, *, default: bool, text: str
) -> None:
    """Add a style of a layer."""
    file.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,"
        " styleName, styleQML, styleSLD, useAsDefault, description, owner)"
        " VALUES ('', '', ?, 'geom', ?, ?, ?, ?, ?, '')",
        (table, name, qml, sld, int(default), text),
    )


def describe_columns(file: sqlite3.Connection, layer: Layer, present: frozenset[int]) -> None:
    """Add names, meanings and allowed values of the columns of a layer.

    Args:
        file: with the tables.
        layer: to be described.
        present: values of the classes of the map: of many classes, only these are listed.
    """
    lists = {
        name: listed_classes(classes, present if name == "class" else frozenset())
        for name, classes in categories_of(layer).items()
    }
    for name in layer.schema:
        constraint = None
        if name in lists:
            constraint = f"{layer.name}_{name}"
            file.executemany(
                "INSERT INTO gpkg_data_column_constraints"
                " (constraint_name, constraint_type, value, description) VALUES (?, 'enum', ?, ?)",
                [(constraint, str(spec.value), spec.label) for spec in lists[name]],
            )
        describe_column(file, layer.name, name, text_of(name), constraint)


def describe_column(
    file: sqlite3.Connection, table: str, column: str, text: ColumnText, constraint: str | None
) -> None:
    """Add name, meaning and allowed values of one column."""
    if constraint is None and text.range is not None:
        low, high = text.range
        constraint = f"from_{low:g}_to_{high:g}".replace("-", "minus_")
        known = "SELECT 1 FROM gpkg_data_column_constraints WHERE constraint_name = ?"
        if file.execute(known, (constraint,)).fetchone() is None:
            file.execute(
                "INSERT INTO gpkg_data_column_constraints VALUES (?, 'range', NULL, ?, 1, ?, 1, ?)",
                (constraint, low, high, f"{low:g} to {high:g}"),
            )
    meaning = f"{text.meaning}, in {text.unit}" if text.meaning and text.unit else text.meaning or text.alias
    file.execute(
        "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description, constraint_name)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (table, column, text.alias, text.title, meaning, constraint),
    )


def add_totals(file: sqlite3.Connection, record: RunRecord) -> None:
    """Add the table of class totals."""
    areas = [item.area_m2 or 0.0 for item in record.classes]
    whole = sum(areas)
    file.execute(
        "CREATE TABLE class_totals (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, class INTEGER,"
        " label TEXT, polygons INTEGER, pixels INTEGER, area_m2 REAL, share REAL)"
    )
    file.executemany(
        "INSERT INTO class_totals (class, label, polygons, pixels, area_m2, share) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                item.value,
                item.label,
                item.polygons,
                item.pixels,
                item.area_m2,
                area / whole if whole else None,
            )
            for item, area in zip(record.classes, areas, strict=True)
        ],
    )
    _list_table(file, CLASS_TOTALS_TABLE, CLASS_TOTALS, "Polygons, pixels and area of each class")


def add_rows(file: sqlite3.Connection, name: str, rows: TableRows) -> None:
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
    _list_table(file, name, {column: text_of(column) for column in columns})


def _list_table(
    file: sqlite3.Connection, name: str, columns: Mapping[str, ColumnText], description: str = ""
) -> None:
    """Add a table without geometry to the contents of the file, and describe its columns."""
    file.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description)"
        " VALUES (?, 'attributes', ?, ?)",
        (name, name, description),
    )
    for column, text in columns.items():
        describe_column(file, name, column, text, None)
