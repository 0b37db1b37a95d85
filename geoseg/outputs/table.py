"""Write rows to one layer of a GeoPackage file, with a bounded buffer.

Every vector format is staged in a GeoPackage, because it can be appended to. GDAL creates the layer; SQLite
then takes the rows, because GDAL would insert each row of all but the first buffer into the finished spatial
index. The leaves of the index are packed buffer by buffer, its upper levels on closing. A full buffer is
written on another thread while the next one is filled.
"""

from __future__ import annotations

import errno
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyogrio import raw

from geoseg.errors import OutputError
from geoseg.features import Column, Features, FlatPolygons
from geoseg.files.background import Background
from geoseg.outputs.gpkg_geometry import stored_geometries, stored_polygons
from geoseg.outputs.large import write_large
from geoseg.outputs.layer import Layer
from geoseg.outputs.rtree import ROOT, outward, pack

BUFFER_BYTES = 24 * 2**20
"""Bytes of geometries in the buffer before they are written."""
BUFFER_ROWS = 2**15
ROWS_AT_ONCE = 256
"""Rows of a statement: fewer statements leave more time to other threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Rows in the buffer."""

    geometry: NDArray[np.object_] | FlatPolygons
    wkb: list[bytes]
    """Of objects."""
    columns: list[Column]

    @property
    def nbytes(self) -> int:
        """Return the approximate size of the geometries."""
        if isinstance(self.geometry, FlatPolygons):
            return self.geometry.coordinates.nbytes
        return sum(map(len, self.wkb))


class Table:
    """One layer of a GeoPackage file, created before the first row."""

    def __init__(self, path: Path, layer: Layer, *, index: bool, background: Background) -> None:
        """Describe the layer.

        Args:
            path: of the file.
            layer: of the rows.
            index: whether to add a spatial index.
            background: shared by the tables of a file, which has one writer.
        """
        self._path = path
        self._layer = layer
        self._index = index
        self._background = background
        self._parts: list[_Part] = []
        self._bytes = 0
        self._buffered = 0
        self._srs_id: int | None = None
        self._triggers: list[str] = []
        self._leaves: list[NDArray[np.float32]] = []
        self._nodes = ROOT
        self._placed = 0
        self._extent = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self.rows = 0
        self.large = 0
        """Rows whose polygons are too large for an object."""

    def add(self, features: Features) -> None:
        """Append a batch.

        Raises:
            OutputError: the batch does not fit the layer.
        """
        if not len(features):
            return
        columns = self._layer.columns(features)
        geometry, wkb = features.geometry, []
        if not isinstance(geometry, FlatPolygons) or self._layer.shape == "point":
            geometry, wkb = np.asarray(geometry, object), self._layer.wkb(features).tolist()
        part = _Part(geometry=geometry, wkb=wkb, columns=columns)
        self._parts.append(part)
        self._bytes += part.nbytes
        self._buffered += len(features)
        if features.large is not None:
            self._flush()
            self._background.wait()
            write_large(self._path, self._layer.name, features.large)
            self.large += 1
        elif self._bytes >= BUFFER_BYTES or self._buffered >= BUFFER_ROWS:
            self._flush()

    def close(self) -> None:
        """Write the remaining rows and the index, and check the number of rows.

        Raises:
            OutputError: rows are missing from the file or its index.
        """
        self._flush()
        self._background.wait()
        if self._srs_id is None:
            self._srs_id = self._create()
        with _writing(self._path) as file:
            self._finish(file)
        found = pyogrio.read_info(self._path, layer=self._layer.name)["features"]
        if found != self.rows:
            raise OutputError(
                f"{self._path.name}: only {found} of {self.rows} rows were written; check the free disk space"
            )
        if self._index:
            self._check_index()

    def _check_index(self) -> None:
        """Check that the spatial index is complete.

        Raises:
            OutputError: rows are missing.
            sqlite3.Error: the index does not exist.
        """
        with closing(sqlite3.connect(self._path)) as file:
            query = f'SELECT count(*) FROM "{self._tree}_rowid"'  # noqa: S608 - own names
            (found,) = file.execute(query).fetchone()
        if found != self._placed:
            raise OutputError(
                f"{self._path.name}: the spatial index has {found} of {self._placed} rows; free disk space"
            )

    @property
    def _tree(self) -> str:
        """Return the name of the spatial index."""
        return f"rtree_{self._layer.name}_geom"

    def _create(self) -> int:
        """Create the layer without rows and return the number of its CRS in the file."""
        schema = self._layer.schema
        empty = Features(geometry=np.empty(0, object), columns={name: np.empty(0, object) for name in schema})
        crs = self._layer.crs
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            raw.write(
                self._path,
                np.empty(0, object),
                self._layer.columns(empty),
                list(schema),
                layer=self._layer.name,
                driver="GPKG",
                geometry_type=self._layer.geometry_type,
                crs=None if crs is None else crs.to_wkt(),
                promote_to_multi=False,
                # Version 1.3: readers of GDAL 3.6 (QGIS 3.22) warn of 1.4.
                dataset_options=None if self._path.exists() else {"VERSION": "1.3"},
                layer_options={"SPATIAL_INDEX": "YES" if self._index else "NO"},
            )
        with _writing(self._path) as file:
            # Triggers would count and index row by row, with functions that only GDAL has.
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
            for name, sql in file.execute(query, (self._layer.name,)).fetchall():
                file.execute(f'DROP TRIGGER "{name}"')
                self._triggers.append(sql)
            query = "SELECT srs_id FROM gpkg_geometry_columns WHERE table_name = ?"
            return _number(file, query, self._layer.name)

    def _flush(self) -> None:
        """Begin to write the rows in the buffer."""
        if self._parts:
            parts, self._parts, self._bytes, self._buffered = self._parts, [], 0, 0
            self._background.begin(self._write, parts)

    def _write(self, parts: Sequence[_Part]) -> None:
        """Write rows, and leaves of the index that hold them."""
        if self._srs_id is None:
            self._srs_id = self._create()
        rows, found = [], []
        for part in parts:
            if isinstance(part.geometry, FlatPolygons):
                geometries, own = stored_polygons(part.geometry, self._srs_id)
            else:
                geometries, own = stored_geometries(part.geometry, part.wkb, self._srs_id)
            rows.append(zip(geometries, *self._layer.stored(part.columns), strict=True))
            found.append(own)
        boxes = np.concatenate(found)
        placed = np.flatnonzero(~np.isnan(boxes[:, 0]))
        with _writing(self._path) as file:
            names = ("geom", *self._layer.schema)
            _insert(file, self._layer.name, names, chain.from_iterable(rows), len(boxes))
            if self._index and len(placed):
                self._grow(file, outward(boxes[placed]), self.rows + 1 + placed)
        if len(placed):
            least, greatest = boxes[placed, :2].min(axis=0), boxes[placed, 2:].max(axis=0)
            self._extent[:2] = np.minimum(self._extent[:2], least)
            self._extent[2:] = np.maximum(self._extent[2:], greatest)
        self.rows += len(boxes)
        self._placed += len(placed)

    def _grow(self, file: sqlite3.Connection, boxes: NDArray[np.float32], fids: NDArray[np.int64]) -> None:
        """Add leaves to the index."""
        leaves = pack(boxes, fids, self._node_bytes(file))
        first = self._nodes + 1
        self._nodes += len(leaves.data)
        of_rows = zip(fids.tolist(), (first + leaves.node_of).tolist(), strict=True)
        _insert(file, f"{self._tree}_rowid", ("rowid", "nodeno"), of_rows, len(fids))
        self._add_nodes(file, first, leaves.data)
        self._leaves.append(leaves.boxes)

    def _add_nodes(self, file: sqlite3.Connection, first: int, data: Sequence[bytes]) -> None:
        nodes = enumerate(data, start=first)
        _insert(file, f"{self._tree}_node", ("nodeno", "data"), nodes, len(data))

    def _node_bytes(self, file: sqlite3.Connection) -> int:
        """Return the size of a node, which depends on the pages of the file."""
        query = f'SELECT length(data) FROM "{self._tree}_node" WHERE nodeno = {ROOT}'  # noqa: S608
        return _number(file, query)

    def _finish(self, file: sqlite3.Connection) -> None:
        """Write the upper levels of the index, the number of rows, their extent, and the triggers."""
        if self._leaves:
            boxes, size, depth = np.concatenate(self._leaves), self._node_bytes(file), 0
            numbers = ROOT + 1 + np.arange(len(boxes))
            while True:
                depth += 1
                level = pack(boxes, numbers, size, depth)
                is_root = len(level.data) == 1
                if not is_root:
                    # Only the root states the depth.
                    level = pack(boxes, numbers, size)
                first = ROOT if is_root else self._nodes + 1
                parents = zip(numbers.tolist(), (first + level.node_of).tolist(), strict=True)
                _insert(file, f"{self._tree}_parent", ("nodeno", "parentnode"), parents, len(numbers))
                if is_root:
                    query = f'UPDATE "{self._tree}_node" SET data = ? WHERE nodeno = {ROOT}'  # noqa: S608
                    file.execute(query, (level.data[0],))
                    break
                self._add_nodes(file, first, level.data)
                self._nodes += len(level.data)
                boxes, numbers = level.boxes, first + np.arange(len(level.data))
        name = self._layer.name
        query = "UPDATE gpkg_ogr_contents SET feature_count = ? WHERE table_name = ?"
        file.execute(query, (self.rows, name))
        if self._placed:
            query = "UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ? WHERE table_name = ?"
            file.execute(query, (*self._extent.tolist(), name))
        now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        file.execute(f"UPDATE gpkg_contents SET last_change = {now} WHERE table_name = ?", (name,))  # noqa: S608
        for sql in self._triggers:
            file.execute(sql)


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that nobody else reads for one transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        # The finished file is synchronised before it is published.
        file.execute("PRAGMA synchronous = OFF")
        file.execute("PRAGMA journal_mode = MEMORY")
        if hasattr(file, "setconfig"):
            # The tables of an index can be written to; some builds of SQLite forbid it at first.
            file.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, False)  # type: ignore[attr-defined]
        file.execute("BEGIN")
        yield file
        file.execute("COMMIT")


def _number(file: sqlite3.Connection, query: str, *values: str) -> int:
    """Return the number that a query finds.

    Raises:
        OSError: there is none: GDAL does not report every row of a new layer that a full disk refuses.
    """
    row = file.execute(query, values).fetchone()
    if row is None:
        raise OSError(errno.ENOSPC, "a table of the file lacks a row that GDAL was to write")
    return int(row[0])


def _insert(
    file: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterator[Sequence[Any]], count: int
) -> None:
    """Insert rows, many in a statement."""
    values = chain.from_iterable(rows)
    at_once = min(ROWS_AT_ONCE, file.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(names))
    columns, row = ", ".join(map(_quoted, names)), f"({', '.join('?' * len(names))})"
    insert = f'INSERT INTO "{table}" ({columns}) VALUES '  # noqa: S608 - names that geoseg itself gives
    whole, rest = divmod(count, at_once)
    statements = (list(islice(values, at_once * len(names))) for _ in range(whole))
    file.executemany(insert + ", ".join([row] * at_once), statements)
    if rest:
        file.execute(insert + ", ".join([row] * rest), list(values))


def _quoted(name: str) -> str:
    """Return an identifier of SQL; columns may have the names of a user's file."""
    return '"' + name.replace('"', '""') + '"'
