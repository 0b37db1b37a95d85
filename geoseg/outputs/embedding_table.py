"""Features as GeoParquet: one vector per tile, with the footprint of the tile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.errors import RuntimeMissingError
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid, Window
from geoseg.outputs.record import RECORD_KEY
from geoseg.run_record import RunRecord


class EmbeddingTable:
    """Means of the features of each square of `side` features, row of squares by row; a context manager.

    Columns: `geometry`, the square in the CRS of the scene; `embedding`, the mean as a list of float32;
    `observed`, the share of its features that were observed, 0..1. Squares without any are left out.
    """

    def __init__(
        self, path: Path, *, grid: Grid, count: int, side: int, tags: Mapping[str, str], beside: OutputFiles
    ) -> None:
        """Describe the table.

        Args:
            path: of the output.
            grid: of the features.
            count: D.
            side: features of a side of a square.
            tags: metadata of the file.
            beside: open; has `path` among its targets.

        Raises:
            RuntimeMissingError: pyarrow is not installed.
        """
        if find_spec("pyarrow") is None:
            raise RuntimeMissingError(f"{path}: needs pyarrow; pip install 'geoseg[parquet]', or write .tif")
        self.path, self._grid, self._side, self._tags = path, grid, side, dict(tags)
        self._beside, self._count = beside, count
        cols = -(-grid.width // side)
        self._sums, self._counts = np.zeros((count, cols)), np.zeros(cols, np.int64)
        self._row = 0
        self._geometries: list[bytes] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._shares: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Do nothing: the file is written by `finish`."""

    def write(self, window: Window, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Add the next rows (D, h, w) in full width, and (h, w) whether they are valid."""
        starts = np.arange(0, self._grid.width, self._side)
        for offset in range(window.height):
            own = np.where(valid[offset], values[:, offset], 0)
            self._sums += np.add.reduceat(own, starts, axis=1)
            self._counts += np.add.reduceat(valid[offset].astype(np.int64), starts)
            self._row = window.row + offset + 1
            if self._row % self._side == 0 or self._row == self._grid.height:
                self._end_row()

    def finish(self, record: RunRecord) -> None:
        """Write the file.

        Raises:
            OutputError: it cannot be written.
        """
        import pyarrow as pa  # noqa: PLC0415 - an optional package
        from pyarrow import parquet  # noqa: PLC0415

        crs = self._grid.crs
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            "crs": None if crs is None else crs.to_json_dict(),
        }
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        metadata = {"geo": json.dumps(geo), RECORD_KEY: record.model_dump_json(), **self._tags}
        flat = np.concatenate(self._vectors) if self._vectors else np.zeros(0, np.float32)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), self._count)
        table = pa.table(
            {
                "geometry": pa.array(self._geometries, pa.binary()),
                "embedding": vectors,
                "observed": pa.array(self._shares, pa.float32()),
            }
        ).replace_schema_metadata(metadata)
        with writing(self.path):
            parquet.write_table(table, self._beside.path(self.path), compression="zstd")

    def _end_row(self) -> None:
        """Add the squares of a finished row."""
        top = (self._row - 1) // self._side * self._side
        for index in np.flatnonzero(self._counts):
            left = int(index) * self._side
            bottom, right = min(top + self._side, self._grid.height), min(left + self._side, self._grid.width)
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            a, b, c, d, e, f = self._grid.transform[:6]
            ring = [(a * col + b * row + c, d * col + e * row + f) for col, row in corners]
            self._geometries.append(shapely.to_wkb(shapely.Polygon(ring)))
            self._vectors.append((self._sums[:, index] / self._counts[index]).astype(np.float32))
            self._shares.append(float(self._counts[index] / ((bottom - top) * (right - left))))
        self._sums[:], self._counts[:] = 0, 0
