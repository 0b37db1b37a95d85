"""Cloud-optimised GeoTIFFs of the classes and of the scores, written strip by strip.

Rows are buffered until a row of blocks is complete, so that each block of the working file is compressed
once; `finish` copies it into a COG with overviews. Memory is bounded by a row of blocks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import rasterio
import rasterio.errors
import rasterio.features
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from geoseg.errors import OutputError
from geoseg.files.disk import check_blocks, writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.outputs.styles import colour_table
from geoseg.pixels import Strip, class_dtype, nodata_class
from geoseg.run_record import RECORD_TAG, RunRecord
from geoseg.spec import ClassSpec

Edits = Callable[[int, int], Iterable[tuple[NDArray[np.object_], NDArray[np.integer[Any]]]]]
"""Returns batches of polygons in pixel coordinates and their class values, for some rows."""

BLOCK = 256
"""px, side of the working file's blocks, and number of rows that are buffered."""
COG_BLOCK = 512
_EDIT_PIXELS = 2**24
_OVERVIEW_SCRATCH = "LZW"
"""Compression of GDAL's temporary file of overviews. With several threads its default, ZSTD, takes 15 MB a
block, whose new pages took two thirds of the processor time of a COG."""
# Mode keeps class values and shares; the mean of scores is a score. Neighbouring scores resemble each other,
# so that the horizontal predictor saves a third of the file.
_CLASS_OPTIONS = {"overview_resampling": "MODE", "level": "6"}
_SCORE_OPTIONS = {"overview_resampling": "AVERAGE", "level": "3", "predictor": "YES"}


class ClassRasterSink:
    """The class and score rasters of one run; a context manager.

    Classes are uint8 with nodata 255 (uint16 with nodata 65,535 where values go beyond 254), a colour table
    and the labels as band tags `CLASS_<value>`. Scores are uint8 with scale 1/255 and an internal mask:
    0 is a valid score, so there is no nodata value.
    """

    def __init__(
        self,
        classes_path: Path | None,
        scores_path: Path | None,
        *,
        grid: Grid,
        classes: Sequence[ClassSpec],
        beside: OutputFiles,
        threads: int | None,
    ) -> None:
        self._classes_path = classes_path
        self._scores_path = scores_path
        self._grid = grid
        self._specs = tuple(classes)
        self._threads = threads
        self._dtype = class_dtype(spec.value for spec in classes)
        self._beside = beside
        self._pending: list[Strip] = []
        self._next_row = 0
        self._edits: Edits | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._classes = self._open(stack, self._classes_path, "classes.work.tif", self._dtype)
            self._scores = self._open(stack, self._scores_path, "scores.work.tif", None)
            self._stack = stack.pop_all()
        if self._classes is not None:
            self._classes.write_colormap(1, colour_table(self._specs))
            self._classes.update_tags(1, **{f"CLASS_{spec.value}": spec.label for spec in self._specs})
            self._classes.set_band_description(1, "class")
        if self._scores is not None:
            self._scores.scales = (1 / 255,)
            self._scores.set_band_description(1, "score")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, strip: Strip) -> None:
        """Write the next rows.

        Raises:
            OutputError: the rows do not follow the last ones, do not fit the grid, or cannot be written.
        """
        row = self._next_row
        if strip.row != row or strip.classes.shape[1] != self._grid.width:
            raise OutputError(
                f"a strip from row {strip.row} with {strip.classes.shape[1]} columns does not fit at row "
                f"{row} of a grid with {self._grid.width} columns"
            )
        self._pending.append(strip)
        self._next_row = strip.stop_row
        first = self._pending[0].row
        while self._next_row - first >= BLOCK:
            self._flush(BLOCK)
            first += BLOCK

    def burn(self, edits: Edits) -> None:
        """Set pixels of the class raster in `finish`, so that it agrees with the cleaned polygons.

        Scores are not changed.

        Args:
            edits: returns, for the rows from the first argument up to the second, batches of polygons in
                pixel coordinates (col, row) and their class values; pixels whose centres are inside are set,
                and later polygons win. Called once for each part of the raster.
        """
        self._edits = edits

    def finish(self, record: RunRecord) -> None:
        """Apply the edits and copy into COGs with the record.

        Raises:
            OutputError: rows are missing, or a file cannot be written.
        """
        if self._next_row != self._grid.height:
            raise OutputError(f"only {self._next_row} of {self._grid.height} rows were written")
        if self._pending:
            self._flush(sum(len(strip.classes) for strip in self._pending))
        if self._edits is not None and self._classes is not None and self._classes_path is not None:
            with writing(self._classes_path):
                _apply(self._classes, self._edits)
        self._publish(self._classes, self._classes_path, record, _CLASS_OPTIONS)
        self._publish(self._scores, self._scores_path, record, _SCORE_OPTIONS)

    def _open(
        self, stack: ExitStack, path: Path | None, name: str, dtype: type[np.uint8] | type[np.uint16] | None
    ) -> Any:
        """Open a working file of classes or scores as a rasterio dataset; None without a path."""
        if path is None:
            return None
        grid = self._grid
        with writing(path), unreferenced():
            dataset = rasterio.open(
                self._beside.path(path, name=name),
                "w+",
                **grid.geotiff(),
                dtype=np.dtype(dtype or np.uint8).name,
                count=1,
                nodata=None if dtype is None else nodata_class(dtype),
                tiled=True,
                blockxsize=BLOCK,
                blockysize=BLOCK,
                compress="deflate",
                zlevel=1,
            )
        stack.callback(_close, dataset)
        return dataset

    def _flush(self, height: int) -> None:
        """Write the first `height` pending rows."""
        first = self._pending[0].row
        classes = np.concatenate([strip.classes for strip in self._pending])
        scores = np.concatenate([strip.scores for strip in self._pending])
        window = RasterWindow(0, first, self._grid.width, height)
        if self._classes is not None and self._classes_path is not None:
            with writing(self._classes_path):
                self._classes.write(classes[:height], 1, window=window)
        if self._scores is not None and self._scores_path is not None:
            with writing(self._scores_path), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
                self._scores.write(scores[:height], 1, window=window)
                self._scores.write_mask(classes[:height] != nodata_class(classes.dtype), window=window)
        rest = Strip(row=first + height, classes=classes[height:], scores=scores[height:])
        self._pending = [rest] if len(rest.classes) else []

    def _publish(
        self, dataset: Any, path: Path | None, record: RunRecord, options: Mapping[str, str]
    ) -> None:
        """Close a working file and copy it into a COG."""
        if dataset is None or path is None:
            return
        work, target = Path(dataset.name), self._beside.path(path)
        settings = {"GDAL_TIFF_INTERNAL_MASK": True, "COG_TMP_COMPRESSION": _OVERVIEW_SCRATCH}
        with writing(path), unreferenced(), rasterio.Env(**settings):
            dataset.update_tags(**{RECORD_TAG: record.model_dump_json()})
            dataset.close()
            copy_as_cog(work, target, {**options, "num_threads": str(self._threads or "ALL_CPUS")})


def _apply(dataset: Any, edits: Edits) -> None:
    """Burn polygons into a class raster, some rows at a time, in the order given."""
    width, height = dataset.width, dataset.height
    step = max(BLOCK, _EDIT_PIXELS // width // BLOCK * BLOCK)
    for row in range(0, height, step):
        rows = min(step, height - row)
        window = RasterWindow(0, row, width, rows)
        block = None
        for geometries, values in edits(row, row + rows):
            if block is None:
                block = dataset.read(1, window=window)
            rasterio.features.rasterize(
                zip(geometries, values.tolist(), strict=True),
                out=block,
                transform=Affine.translation(0, row),
            )
        if block is not None:
            dataset.write(block, 1, window=window)


def _close(dataset: Any) -> None:
    """Close a working file; GDAL's messages go to the log, not to stderr."""
    with rasterio.Env():
        dataset.close()


def copy_as_cog(work: Path, target: Path, options: Mapping[str, str], *, blocksize: int = COG_BLOCK) -> None:
    """Copy a closed working file into a COG, check both, and remove the working file.

    Args:
        work: GeoTIFF.
        target: the COG.
        options: further creation options of GDAL's COG driver.
        blocksize: side of a block in pixels.

    Raises:
        OSError: a block is missing.
        RasterioError: the COG cannot be written.
    """
    check_blocks(work)
    rasterio.shutil.copy(
        work, target, driver="COG", compress="DEFLATE", blocksize=blocksize, bigtiff="IF_SAFER", **options
    )
    work.unlink()
    check_cog(target)


def check_cog(path: Path) -> None:
    """Read the last block and check the layout, which a full disk would have damaged.

    Raises:
        OutputError: the file is incomplete.
    """
    with rasterio.open(path) as file:
        file.read(1, window=RasterWindow(file.width - 1, file.height - 1, 1, 1))
        layout = file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
    if layout != "COG":
        raise OutputError(f"{path.name}: the layout is {layout}, not COG; check the free disk space")


@contextmanager
def unreferenced() -> Iterator[None]:
    """Suppress warnings about rasters without georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield
