"""Write the geometry of a polygon of very many corners into a GeoPackage, piece by piece."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from geoseg.features import Large
from geoseg.outputs.gpkg_geometry import MULTIPOLYGON_OF_ONE

_ENVELOPE_BYTES = 40
"""OGC 12-128r17 (GeoPackage 1.3), clause 2.1.3: magic, version, flags, srs_id and an envelope of x and y."""


def write_large(path: Path, layer: str, polygon: Large) -> None:
    """Replace the geometry of the last row of a layer, which is the bounding box of the polygon.

    Header, envelope and spatial index stay, since the bounding box is the same. SQLite holds the geometry
    twice while it makes room for it. The layer has no triggers while it is written.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN")
        query = f'SELECT max(fid) FROM "{layer}"'  # noqa: S608 - own names
        (row,) = file.execute(query).fetchone()
        query = f'SELECT substr(geom, 1, {_ENVELOPE_BYTES}) FROM "{layer}" WHERE fid = ?'  # noqa: S608
        (header,) = file.execute(query, (row,)).fetchone()
        size = len(header) + len(MULTIPOLYGON_OF_ONE) + polygon.nbytes
        query = f'UPDATE "{layer}" SET geom = zeroblob(?) WHERE fid = ?'  # noqa: S608
        file.execute(query, (size, row))
        with file.blobopen(layer, "geom", row) as blob:
            blob.write(header + MULTIPOLYGON_OF_ONE)
            for piece in polygon.wkb():
                blob.write(piece)
        file.execute("COMMIT")
