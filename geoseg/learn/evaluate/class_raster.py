"""Read a class raster, as written by `--raster`, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.closing import Closing
from geoseg.grid import READ_ROWS, Grid, Window
from geoseg.outputs import formats
from geoseg.pixels import nodata_class
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.raster import Raster, base_name

NOT_OBSERVED = nodata_class(np.uint16)
"""Value of pixels that were not observed, for any nodata value of the raster."""

CHUNK = 2**20
"""Number of pixels processed at once."""

BLOCK = 512
"""Side in pixels of the blocks that are read around points."""

MAX_AREA_RATIO = 1.1
"""Ratio of the largest to the smallest pixel area above which pixels do not represent equal areas."""

_LABEL = "class_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """A class of a map, as a stratum of a sample."""

    value: int
    label: str
    pixels: int
    """Number of pixels mapped as the class."""
    area_m2: float | None
    """Geodesic area in m²; None without a CRS."""
    drawn: int = 0
    """Number of pixels drawn as points of a sample."""

    @property
    def size(self) -> float:
        """Area in m²; in pixels where the map has no CRS."""
        return float(self.pixels) if self.area_m2 is None else self.area_m2


class ClassRaster(Closing):
    """An open class raster, as written by `--raster`; a context manager."""

    def __init__(self, path: str) -> None:
        """Open a map.

        Raises:
            SceneReadError: the file does not exist or is not a raster.
            SceneError: the raster is not a single band of classes.
        """
        self.path = path
        try:
            self._raster = Raster(gdal_path(path))
        except SceneReadError as error:
            suffix = "." + base_name(path).rpartition(".")[2].lower()
            if suffix in formats() and "does not exist" not in str(error):
                raise SceneReadError(
                    f"{path} has polygons; give the class raster that `--raster OUT.tif` writes"
                ) from error
            raise
        try:
            self._check()
        except BaseException:
            self.close()
            raise
        self.grid: Grid = self._raster.grid
        tags = {**self._raster.tags(), **self._raster.tags(1)}
        self.labels: dict[int, str] = {
            int(key.removeprefix(_LABEL)): label
            for key, label in tags.items()
            if key.startswith(_LABEL) and key.removeprefix(_LABEL).isdigit()
        }

    def _check(self) -> None:
        raster = self._raster
        dtype = raster.dtypes[0]
        if raster.count != 1 or dtype.kind not in "iu":
            raise SceneError(
                f"{self.path}: {raster.count} band(s) of {dtype} are not a class raster; give the file that "
                "`--raster` writes"
            )
        if raster.scales[0] != 1 or raster.descriptions[0] == "score":
            raise SceneError(f"{self.path} has scores, not classes; give the file that `--raster` writes")

    def label(self, value: int) -> str:
        """Return the label of a class."""
        return self.labels.get(value, f"class {value}")

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Yield first row and classes (H, W) of strips of bounded size, from top to bottom.

        Raises:
            SceneReadError: the file is damaged.
            SceneError: a value is not a class.
        """
        grid, step = self.grid, max(1, CHUNK // self.grid.width)
        for row in range(0, grid.height, READ_ROWS):
            rows = min(READ_ROWS, grid.height - row)
            classes = self._read(Window(row=row, col=0, height=rows, width=grid.width))
            for start in range(0, rows, step):
                yield row + start, classes[start : start + step]

    def _read(self, window: Window) -> NDArray[np.uint16]:
        """Read the classes (H, W) of a window inside the grid."""
        data: NDArray[Any] = self._raster.read(window, [1])[0]
        unobserved = np.zeros(data.shape, np.bool_)
        if data.dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
            unobserved |= data == nodata_class(data.dtype)
        if self._raster.nodata[0] is not None:
            unobserved |= data == self._raster.nodata[0]
        mask = self._raster.read_mask(window, [1])
        if mask is not None:
            unobserved |= ~mask[0]
        if data.dtype.itemsize > 1 and bool((((data < 0) | (data >= NOT_OBSERVED)) & ~unobserved).any()):
            raise SceneError(
                f"{self.path}, rows {window.row}-{window.stop_row - 1}: values outside 0..{NOT_OBSERVED - 1} "
                "are not classes; give the file that `--raster` writes"
            )
        classes: NDArray[np.uint16] = data.astype(np.uint16)
        classes[unobserved] = NOT_OBSERVED
        return classes

    def census(self) -> tuple[Stratum, ...]:
        """Return pixels and area of every mapped class, ordered by value.

        Raises:
            SceneReadError: the file is damaged.
            SceneError: a value is not a class, or no pixel was observed.
        """
        pixels, areas = np.zeros(NOT_OBSERVED, np.int64), np.zeros(NOT_OBSERVED)
        for row, classes in self.strips():
            window = Window(row=row, col=0, height=len(classes), width=self.grid.width)
            counts, sums = self.grid.tally(classes, classes != NOT_OBSERVED, window, NOT_OBSERVED)
            pixels += counts
            areas += sums
        if not pixels.any():
            raise SceneError(f"{self.path}: no pixel was observed, so that accuracy cannot be estimated")
        georeferenced = self.grid.crs is not None
        return tuple(
            Stratum(
                value=value,
                label=self.label(value),
                pixels=int(pixels[value]),
                area_m2=float(areas[value]) if georeferenced else None,
            )
            for value in np.flatnonzero(pixels).tolist()
        )

    def at(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.uint16]:
        """Return the classes (n,) of pixels given by rows (n,) and columns (n,)."""
        classes = np.full(len(rows), NOT_OBSERVED, np.uint16)
        blocks = np.stack([rows // BLOCK, cols // BLOCK], axis=1)
        for down, right in np.unique(blocks, axis=0).tolist():
            block = Window(row=down * BLOCK, col=right * BLOCK, height=BLOCK, width=BLOCK)
            window = block.intersect(self.grid.window)
            inside = (blocks == (down, right)).all(axis=1)
            classes[inside] = self._read(window)[rows[inside] - window.row, cols[inside] - window.col]
        return classes

    @property
    def pixels_differ_in_area(self) -> bool:
        """Whether pixel areas differ so much that a sample of pixels is biased towards small pixels."""
        ends = [np.linspace(0.5, size - 0.5, 9) for size in (self.grid.height, self.grid.width)]
        areas = self.grid.pixel_areas(*np.meshgrid(*ends))
        return bool(areas.max() > MAX_AREA_RATIO * areas.min())

    def close(self) -> None:
        """Close the file."""
        self._raster.close()
