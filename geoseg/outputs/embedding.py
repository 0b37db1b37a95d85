"""Features as a COG: one pixel per patch, bands e00, e01, …; float16, float32 or int8 with scales."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid, Window
from geoseg.outputs.cog import copy_as_cog, unreferenced
from geoseg.run_record import RECORD_TAG, RunRecord

Stored = Literal["float16", "int8", "float32"]

BLOCK = 128
"""px, side of the COG's blocks; a block holds all bands, so that the vector of a place is one read."""

WORK_ROWS = 8
"""Rows of a block of the working file."""

NODATA = -128
"""Of int8; -127 to 127 are values."""


def band_names(count: int) -> tuple[str, ...]:
    """Return the names of `count` bands of features: e00, e01, … e99, e100."""
    return tuple(f"e{index:02d}" for index in range(count))


class EmbeddingSink:
    """A COG of features, written strip by strip; a context manager.

    float16 is stored as GDAL's 16-bit float32 (NBITS=16), NaN where nothing was observed. The scale of int8
    is the greatest magnitude of each band / 127, known after the last strip, so the working file is float32.
    """

    def __init__(
        self,
        path: Path,
        *,
        grid: Grid,
        count: int,
        dtype: Stored,
        tags: Mapping[str, str],
        beside: OutputFiles,
    ) -> None:
        """Describe the raster.

        Args:
            path: of the output.
            grid: of the features.
            count: D.
            dtype: of the stored values.
            tags: metadata of the file.
            beside: open; has `path` among its targets.
        """
        self.path = path
        self._grid, self._names, self._dtype, self._tags = grid, band_names(count), dtype, dict(tags)
        self._beside = beside
        self._greatest = np.zeros(count)
        self._work: Any = None

    def __enter__(self) -> Self:
        self._work = self._create(f"{self.path.name}.work", "float32", np.nan)
        return self

    def __exit__(self, *_: object) -> None:
        if self._work is not None:
            self._work.close()

    def write(self, window: Window, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Write (D, h, w) values and (h, w) whether they are valid at a window of the grid.

        Raises:
            OutputError: the values cannot be written.
        """
        out = np.where(valid, values, np.float32(np.nan))
        if self._dtype == "float16":
            out = out.astype(np.float16).astype(np.float32)  # rounded; GDAL would cut the digits off
        if valid.any():
            greatest = np.abs(values[:, valid]).max(axis=1)
            np.maximum(self._greatest, greatest, out=self._greatest)
        with writing(self.path):
            self._work.write(out, window=RasterWindow(window.col, window.row, window.width, window.height))

    def finish(self, record: RunRecord) -> None:
        """Copy the working file into a COG with the record.

        Raises:
            OutputError: the file cannot be written.
        """
        with writing(self.path), unreferenced():
            work = Path(self._work.name)
            if self._dtype == "int8":
                work = self._as_int8()
            self._tag(work, record)
            options = {"predictor": "YES", "overview_resampling": "AVERAGE"}
            options |= {"nbits": "16"} if self._dtype == "float16" else {}
            copy_as_cog(work, self._beside.path(self.path), options, blocksize=BLOCK)

    def _create(self, name: str, dtype: str, nodata: float) -> Any:
        grid = self._grid
        with writing(self.path), unreferenced():
            dataset = rasterio.open(
                self._beside.path(self.path, name=name),
                "w",
                **grid.geotiff(),
                dtype=dtype,
                count=len(self._names),
                nodata=nodata,
                interleave="pixel",
                blockysize=WORK_ROWS,
            )
        dataset.descriptions = self._names
        return dataset

    def _as_int8(self) -> Path:
        """Write the working file as int8 with a scale per band in its place; return the new file."""
        old = Path(self._work.name)
        self._work.close()
        scales = np.where(self._greatest > 0, self._greatest / 127, 1.0)
        new = self._create(f"{self.path.name}.int8", "int8", NODATA)
        with new, rasterio.open(old) as source:
            new.scales = tuple(scales)
            for row in range(0, self._grid.height, BLOCK):
                rows = min(BLOCK, self._grid.height - row)
                window = RasterWindow(0, row, self._grid.width, rows)
                values = source.read(window=window) / scales[:, None, None].astype(np.float32)
                stored = np.where(np.isnan(values), NODATA, np.rint(values)).astype(np.int8)
                new.write(stored, window=window)
        old.unlink()
        self._work = None
        return Path(new.name)

    def _tag(self, work: Path, record: RunRecord) -> None:
        if self._work is not None:
            self._work.close()
            self._work = None
        with rasterio.open(work, "r+") as file:
            file.update_tags(**self._tags, **{RECORD_TAG: record.model_dump_json()})
