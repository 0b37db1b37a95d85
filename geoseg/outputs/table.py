"""Write rows to one layer of a GeoPackage file, with a bounded buffer.

Every vector format is staged in a GeoPackage, because it can be appended to. Maps of usual size are written
in one step, with the spatial index built in bulk; larger maps are appended buffer by buffer.
"""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw

from geoseg.errors import OutputError
from geoseg.features import Column, Features
from geoseg.outputs.large import write_large
from geoseg.outputs.layer import Layer

BUFFER_BYTES = 48 * 2**20
"""WKB bytes in the buffer before they are appended."""
BUFFER_ROWS = 2**16
_UTC = 100
"""GDAL's flag of times in UTC (`OGR_F_SetFieldDateTimeEx`)."""


class Table:
    """One layer of a GeoPackage file, created on the first flush."""

    def __init__(self, path: Path, layer: Layer, *, index: bool) -> None:
        self._path = path
        self._layer = layer
        self._index = index
        self._wkb: list[NDArray[np.object_]] = []
        self._columns: list[list[Column]] = []
        self._bytes = 0
        self._buffered = 0
        self._created = False
        self._placed = 0
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
        wkb = self._layer.wkb(features)
        self._wkb.append(wkb)
        self._columns.append(columns)
        self._bytes += sum(map(len, wkb))
        self._buffered += len(wkb)
        self._placed += int(np.count_nonzero(~shapely.is_empty(features.geometry)))
        if features.large is not None:
            self._flush()
            write_large(self._path, self._layer.name, features.large)
            self.large += 1
        elif self._bytes >= BUFFER_BYTES or self._buffered >= BUFFER_ROWS:
            self._flush()

    def close(self) -> None:
        """Write the remaining rows, or an empty layer, and check the number of rows.

        Raises:
            OutputError: rows are missing from the file or its index.
        """
        if self._buffered or not self._created:
            self._flush()
        found = pyogrio.read_info(self._path, layer=self._layer.name)["features"]
        if found != self.rows:
            raise OutputError(
                f"{self._path.name}: only {found} of {self.rows} rows were written; check the free disk space"
            )
        if self._index:
            self._check_index()

    def _check_index(self) -> None:
        """Check that the spatial index is complete: GDAL builds it on closing and reports no error.

        Raises:
            OutputError: rows are missing.
            sqlite3.Error: the index does not exist.
        """
        with closing(sqlite3.connect(self._path)) as file:
            query = f'SELECT count(*) FROM "rtree_{self._layer.name}_geom_rowid"'  # noqa: S608 - own names
            (found,) = file.execute(query).fetchone()
        if found != self._placed:
            raise OutputError(
                f"{self._path.name}: the spatial index has {found} of {self._placed} rows; free disk space"
            )

    def _flush(self) -> None:
        """Create the layer or append to it."""
        schema = self._layer.schema
        empty = Features(geometry=np.empty(0, object), columns={name: np.empty(0, object) for name in schema})
        wkb = np.concatenate([np.empty(0, object), *self._wkb])
        batches = [self._layer.columns(empty), *self._columns]
        crs = self._layer.crs
        layer_options = {"SPATIAL_INDEX": "YES" if self._index else "NO"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            raw.write(
                self._path,
                wkb,
                [np.concatenate(parts) for parts in zip(*batches, strict=True)],
                list(schema),
                layer=self._layer.name,
                driver="GPKG",
                geometry_type=self._layer.geometry_type,
                crs=None if crs is None else crs.to_wkt(),
                promote_to_multi=False,
                append=self._created,
                # Version 1.3: readers of GDAL 3.6 (QGIS 3.22) warn of 1.4.
                dataset_options=None if self._path.exists() else {"VERSION": "1.3"},
                layer_options=None if self._created else layer_options,
                gdal_tz_offsets={
                    name: np.full(self._buffered, _UTC)
                    for name, kind in self._layer.schema.items()
                    if kind == "datetime"
                },
            )
        self.rows += self._buffered
        self._created = True
        self._wkb, self._columns, self._bytes, self._buffered = [], [], 0, 0
