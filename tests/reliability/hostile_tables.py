"""GeoPackages with queries, tables of scenes and of labels, styles: made to harm."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

Change = Callable[[Path], None]


def ordered(path: Path, orders: Sequence[str]) -> None:
    """Run statements on a GeoPackage."""
    base = sqlite3.connect(path)
    base.create_function("ST_IsEmpty", 1, lambda _: 0)
    for name in ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
        base.create_function(name, 1, lambda _: 0.0)
    base.execute("PRAGMA writable_schema=ON")
    for order in orders:
        base.execute(order)
    base.commit()
    base.close()


def shape(path: Path, blob: bytes) -> None:
    """Put bytes in the place of the geometries of a GeoPackage."""
    base = sqlite3.connect(path)
    for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        base.execute(f'DROP TRIGGER "{name}"')
    base.execute("UPDATE area SET geom=?", (blob,))
    base.commit()
    base.close()


def beside(path: Path, suffix: str, content: bytes) -> None:
    """Put a file beside another."""
    Path(f"{path}{suffix}").write_bytes(content)


_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\0\0\0\1" * 300
_HEAD = b"GP\0\1" + struct.pack("<i", 32633)
_RING = struct.pack("<BIII", 1, 3, 1, 2**32 - 1)
_LOOP = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, NULL AS geom FROM n"

GEOPACKAGES: Mapping[str, Change] = {
    **{
        name: partial(ordered, orders=orders)
        for name, orders in {
            "trigger": (
                "CREATE TRIGGER t AFTER INSERT ON area BEGIN DELETE FROM area; END",
            ),
            "view without end": (f"CREATE VIEW v AS {_LOOP}", "UPDATE gpkg_contents SET table_name='v'"),
            "view in place of a table of the format": (
                "ALTER TABLE gpkg_contents RENAME TO c", "CREATE VIEW gpkg_contents AS SELECT * FROM c",
            ),
            "stored column": ("CREATE TABLE s (fid INTEGER PRIMARY KEY, n INT, m INT AS (n * 2) STORED)",),
            "virtual column": ("ALTER TABLE area ADD COLUMN m AS (randomblob(1000000000))",),
            "default that is computed": ("CREATE TABLE d (fid INTEGER PRIMARY KEY, m DEFAULT (random()))",),
            "index on an expression": ("CREATE INDEX i ON area (abs(n))",),
            "schema that is no SQL": ("UPDATE sqlite_master SET sql='x' WHERE name='area'",),
            "schema of another table": ("UPDATE sqlite_master SET rootpage=1 WHERE name='area'",),
            "schema of a page beyond": ("UPDATE sqlite_master SET rootpage=2000000000 WHERE name='area'",),
            "collation that is not known": (
                "UPDATE sqlite_master SET sql=replace(sql, 'TEXT', 'TEXT COLLATE nothing') WHERE name='area'",
            ),
            "names with quotes": (
                "ALTER TABLE area RENAME COLUMN name TO '\"; DROP TABLE area; --'",
                "UPDATE gpkg_contents SET identifier='../../x', description=char(10) || char(27)",
            ),
            "table of an odd name": (
                "ALTER TABLE area RENAME TO '../x\"''\n'",
                "UPDATE gpkg_contents SET table_name='../x\"''\n'",
                "UPDATE gpkg_geometry_columns SET table_name='../x\"''\n'",
            ),
            "very many contents": (
                "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) "
                "SELECT 't' || i, 'features', 't' || i FROM n",
            ),
            "very many columns": tuple(f"ALTER TABLE area ADD COLUMN c{n} TEXT" for n in range(1500)),
            "text of 300 MB": ("UPDATE area SET name=hex(zeroblob(150000000))",),
            "CRS of 50 MB": ("UPDATE gpkg_spatial_ref_sys SET definition=hex(zeroblob(25000000))",),
            "extension that is not known": (
                "CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, "
                "extension_name TEXT, definition TEXT, scope TEXT)",
                "INSERT INTO gpkg_extensions VALUES ('area', 'geom', 'evil', 'x', 'read-write')",
            ),
            "index of nothing": ("DROP TABLE IF EXISTS rtree_area_geom",),
            "geometry that is text": ("UPDATE area SET geom='POLYGON((0 0, 1 1, 1 0, 0 0))'",),
        }.items()
    },
    **{
        f"geometry: {name}": partial(shape, blob=blob)
        for name, blob in {
            "empty": b"", "header only": _HEAD, "unknown envelope": b"GP\0\x0f" + bytes(8) + _RING,
            "4 billion corners": _HEAD + _RING,
            "4 billion rings": _HEAD + struct.pack("<BII", 1, 3, 2**32 - 1),
            "4 billion parts": _HEAD + struct.pack("<BII", 1, 6, 2**32 - 1),
            "collections in collections": _HEAD + struct.pack("<BII", 1, 7, 1) * 100_000,
            "unknown kind": _HEAD + struct.pack("<BII", 1, 999, 1), "noise": _HEAD + b"\xa5" * 999,
            "curve": _HEAD + struct.pack("<BII", 1, 10, 1) + struct.pack("<BII", 1, 8, 0),
        }.items()
    },
    "hot journal": partial(beside, suffix="-journal", content=_JOURNAL),
    "log of noise": partial(beside, suffix="-wal", content=b"\x37\x7f\x06\x82" + b"\1" * 5000),
}  # fmt: skip


def replaced(path: Path, content: object) -> None:
    """Replace the content of a file."""
    path.write_bytes(content if isinstance(content, bytes) else str(content).encode())


SCENES: Mapping[str, Change] = {
    name: partial(replaced, content=content)
    for name, content in {
        "path in the name": "scene,id\nin/scene.tif,../../../slipped\n",
        "absolute name": "scene,id\nin/scene.tif,/tmp/slipped\n",
        "zero in the name": "scene,id\nin/scene.tif,a\0b\n",
        "lines in the name": 'scene,id\nin/scene.tif,"a\nb"\n',
        "long name": f"scene,id\nin/scene.tif,{'x' * 5000}\n",
        "the same names": "scene,id\nin/scene.tif,a\nin/before.tif,A\nin/water.tif,a\n",
        "name of a file of the batch": "scene,id\nin/scene.tif,summary\nin/before.tif,journal\n",
        "no UTF-8": b"scene,id\nin/scene.tif,\xff\xfe\n",
        "UTF-16": "scene,id\nin/scene.tif,a\n".encode("utf-16"),
        "byte order mark": "\ufeffscene,id\nin/scene.tif,a\n",
        "output as a column": "scene,output\nin/scene.tif,/tmp/slipped.gpkg\n",
        "overwrite as a column": "scene,overwrite\nin/scene.tif,true\n",
        "formula": "scene,id\nin/scene.tif,=cmd|' /C calc'!A0\n",
        "option of no number": "scene,threshold\nin/scene.tif,nan\nin/scene.tif,1e999\n",
        "address": "scene,id\nhttp://127.0.0.1:9/a.tif,a\n",
        "device": "scene,id\n/dev/zero,a\n/dev/stdin,b\n/proc/self/mem,c\n",
        "the table itself": "scene,id\nin/scenes.csv,a\n",
        "folder": "scene,id\n/,a\n.,b\n..,c\n",
        "field of 1 MB": f"scene,id\n{'x' * 2**20},a\n",
        "many columns": ",".join(f"c{number}" for number in range(50_000)) + ",scene\n",
        "open quotes": 'scene,id\n"in/scene.tif,a\n',
        "no rows": "scene,id\n",
        "no head": "",
        "columns twice": "scene,scene\nin/scene.tif,in/before.tif\n",
        "too many cells": "scene\nin/scene.tif,a,b,c,d\n",
        "very many rows": "scene,id\n" + "in/none.tif,a\n" * 3000,
        "zeros": bytes(5000),
        "template in the name": "scene,id\nin/scene.tif,{folder}/{0.__class__}\n",
    }.items()
}

LABELS: Mapping[str, Change] = {
    name: partial(replaced, content=content)
    for name, content in {
        "no numbers": "lon,lat,class\nx,y,a\n",
        "NaN": "lon,lat,class\nnan,nan,a\ninf,-inf,b\n",
        "far": "lon,lat,class\n1e308,1e308,a\n-1e308,91,b\n",
        "one class": "lon,lat,class\n15.001,49.64,a\n15.002,49.64,a\n",
        "class of 1 MB": f"lon,lat,class\n15.001,49.64,{'x' * 2**20}\n",
        "class of markup": "lon,lat,class\n15.001,49.64,<script>\n15.002,49.641,]]>\n",
        "class of zeros": "lon,lat,class\n15.001,49.64,a\0\n15.002,49.641,b\n",
        "very many classes": "lon,lat,class\n" + "".join(f"15.00{n % 9},49.64,c{n}\n" for n in range(3000)),
        "value of 2^70": f"lon,lat,class\n15.001,49.64,{2**70}\n15.002,49.641,-3\n",
        "value of 4,000 digits": f"lon,lat,class\n15.001,49.64,{'9' * 4000}\n15.002,49.641,{'9' * 5000}\n",
        "no UTF-8": b"lon,lat,class\n15.001,49.64,\xff\n15.002,49.641,\xfe\n",
        "open quotes": 'lon,lat,class\n"15.001,49.64,a\n',
        "columns twice": "lon,lat,lon,lat,class,class\n1,2,3,4,a,b\n",
        "many columns": ",".join(f"c{number}" for number in range(50_000)) + "\n",
        "zeros": bytes(5000),
        "empty": "",
        "cells missing": "lon,lat,class\n15.001\n15.002,49.641\n",
        "very many rows": "lon,lat,class\n" + "15.001,49.64,a\n15.002,49.641,b\n" * 100_000,
    }.items()
}

_ENTITIES = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd"><!ENTITY b "&e;&e;">]>'


def _style(entries: str, head: str = "") -> str:
    """Return a style of QGIS with the entries of a palette."""
    palette = f"<colorPalette>{entries}</colorPalette>"
    return f"{head}<qgis><pipe><rasterrenderer type='paletted'>{palette}</rasterrenderer></pipe></qgis>"


def _entry(label: str, value: str = "1", colour: str = "#000000") -> str:
    return f"<paletteEntry value='{value}' label='{label}' color='{colour}'/>"


STYLES: Mapping[str, Change] = {
    name: partial(replaced, content=content)
    for name, content in {
        "entities": _style(_entry("&b;"), _ENTITIES),
        "values of no numbers": _style(
            "".join(
                _entry("a", value, colour)
                for value in ("nan", "1e999", "-1", "1.5", "9" * 4500, "")
                for colour in ("#12", "red", "", "#zzzzzz", "1,2,3,4", "9" * 4500)
            )
        ),
        "label of 1 MB": _style(_entry("x" * 2**20)),
        "labels of markup": _style(_entry("]]&gt;&lt;/qgis&gt;&#10;&#9;&quot;")),
        "very many entries": _style(_entry("a") * 200_000),
        "very many attributes": "<qgis " + " ".join(f"a{n}='1'" for n in range(100_000)) + "/>",
        "processing instruction": "<?xml version='1.0' encoding='rot13'?><qgis/>",
        "UTF-7": "<?xml version='1.0' encoding='utf-7'?><qgis/>",
    }.items()
}
"""Changes of a style by what is wrong afterwards."""
