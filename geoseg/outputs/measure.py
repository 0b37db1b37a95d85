"""Measured quantities as a COG: float32, NaN for unknown values, written window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from geoseg.errors import OutputError
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid, Window
from geoseg.outputs.cog import BLOCK, copy_as_cog, unreferenced
from geoseg.run_record import RECORD_TAG, RunRecord


class MeasureSink:
    """A COG of bands of one unit, written window by window; a context manager."""

    def __init__(
        self,
        path: Path,
        *,
        grid: Grid,
        names: Sequence[str],
        unit: str = "",
        tags: Mapping[str, str] | None = None,
        beside: OutputFiles,
    ) -> None:
        """Describe the raster.

        Args:
            path: of the output.
            grid: of the raster.
            names: descriptions of the bands.
            unit: of their values.
            tags: additional metadata of the file.
            beside: open; has `path` among its targets.
        """
        self.path = path
        self._grid, self._names, self._unit, self._tags = grid, tuple(names), unit, dict(tags or {})
        self._beside = beside
        self._work: Any = None

    def __enter__(self) -> Self:
        grid = self._grid
        with writing(self.path), unreferenced():
            self._work = rasterio.open(
                self._beside.path(self.path, name=f"{self.path.name}.work"),
                "w",
                **grid.geotiff(),
                dtype="float32",
                count=len(self._names),
                nodata=np.nan,
                tiled=True,
                blockxsize=BLOCK,
                blockysize=BLOCK,
            )
            self._work.descriptions = self._names
            if self._unit:
                self._work.units = (self._unit,) * len(self._names)
            self._work.update_tags(**self._tags)
        return self

    def __exit__(self, *_: object) -> None:
        if self._work is not None:
            self._work.close()

    def write(self, window: Window, values: NDArray[np.float32]) -> None:
        """Write (K, H, W) values at a window of the grid, NaN for unknown values.

        Raises:
            OutputError: the shape differs from the window, or the values cannot be written.
        """
        if values.shape != (len(self._names), window.height, window.width):
            raise OutputError(f"{self.path}: values of the shape {values.shape} do not fit their window")
        with writing(self.path):
            at = RasterWindow(window.col, window.row, window.width, window.height)
            self._work.write(values.astype(np.float32, copy=False), window=at)

    def finish(self, record: RunRecord) -> None:
        """Copy the working file into a COG with the record.

        Raises:
            OutputError: the file cannot be written.
        """
        work, target = Path(self._work.name), self._beside.path(self.path)
        with writing(self.path), unreferenced():
            self._work.update_tags(**{RECORD_TAG: record.model_dump_json()})
            self._work.close()
            self._work = None
            copy_as_cog(work, target, {"predictor": "YES", "overview_resampling": "AVERAGE"})


def write_bands(
    path: Path,
    bands: NDArray[np.float32],
    names: Sequence[str],
    *,
    grid: Grid,
    record: RunRecord,
    beside: OutputFiles,
) -> None:
    """Write a COG of bands.

    Args:
        path: of the output.
        bands: (K, H, W), NaN for unknown values.
        names: descriptions of the bands.
        grid: of the pixels.
        record: stored in the tag `GEOSEG_RECORD`.
        beside: open; has `path` among its targets.

    Raises:
        OutputError: the file cannot be written.
    """
    with MeasureSink(path, grid=grid, names=names, beside=beside) as sink:
        sink.write(grid.window, bands)
        sink.finish(record)
