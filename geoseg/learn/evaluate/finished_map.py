"""A finished map: the classes of a raster, read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import READ_ROWS, Grid, Window
from geoseg.outputs import formats
from geoseg.pixels import nodata_class
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.raster import Raster, base_name

NOT_SEEN = nodata_class(np.uint16)
"""Class of pixels that were not observed, whatever the raster's own nodata value is."""

CHUNK = 2**20
"""Pixels handled at once."""

BLOCK = 512
"""Side of the blocks that are read around points."""

UNEVEN = 1.1
"""Largest pixel over smallest beyond which a draw by pixels is no even draw of the ground."""

_LABEL = "class_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """One class of a map, all of it."""

    value: int
    label: str
    pixels: int
    area_m2: float | None
    """Geodesic; None without a CRS."""

    @property
    def size(self) -> float:
        """Area in m², or in pixels where that is not known."""
        return float(self.pixels) if self.area_m2 is None else self.area_m2


class ClassMap:
    """An open class raster, as `--raster` writes them; a context manager."""

    def __init__(self, path: str) -> None:
        """Open a map.

        Raises:
            SceneReadError: it is missing or no raster.
            SceneError: it holds something else than one band of classes.
        """
        self.path = path
        try:
            self._raster = Raster(gdal_path(path))
        except SceneReadError as error:
            suffix = "." + base_name(path).rpartition(".")[2].lower()
            if suffix in formats() and "does not exist" not in str(error):
                raise SceneReadError(
                    f"{path}: is a map of polygons; give the class raster that --raster OUT.tif writes"
                ) from error
            raise
        try:
            self._check()
        except SceneError:
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
                f"{self.path}: {raster.count} band(s) of {dtype} are no map of classes; give the raster that"
                " --raster writes"
            )
        if raster.scales[0] != 1 or raster.descriptions[0] == "score":
            raise SceneError(f"{self.path}: holds scores, not classes; give the raster that --raster writes")

    def label(self, value: int) -> str:
        """Return the name of a class."""
        return self.labels.get(value, f"class {value}")

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Yield (first row, classes (H, W)) from top to bottom, a bounded number of pixels at a time.

        Raises:
            SceneReadError: the file is damaged.
            SceneError: a value is no class.
        """
        grid, step = self.grid, max(1, CHUNK // self.grid.width)
        for row in range(0, grid.height, READ_ROWS):
            rows = min(READ_ROWS, grid.height - row)
            classes = self._read(Window(row=row, col=0, height=rows, width=grid.width))
            for start in range(0, rows, step):
                yield row + start, classes[start : start + step]

    def _read(self, window: Window) -> NDArray[np.uint16]:
        """Read classes (H, W) of a window on the grid; `NOT_SEEN` where nothing was observed."""
        data: NDArray[Any] = self._raster.read(window, [1])[0]
        unseen = np.zeros(data.shape, np.bool_)
        if data.dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
            unseen |= data == nodata_class(data.dtype)
        if self._raster.nodata[0] is not None:
            unseen |= data == self._raster.nodata[0]
        mask = self._raster.read_mask(window, [1])
        if mask is not None:
            unseen |= ~mask[0]
        if data.dtype.itemsize > 1 and bool((((data < 0) | (data >= NOT_SEEN)) & ~unseen).any()):
            raise SceneError(
                f"{self.path}, rows {window.row}-{window.stop_row - 1}: values outside 0..{NOT_SEEN - 1}"
                " are no classes; give the raster that --raster writes"
            )
        classes: NDArray[np.uint16] = data.astype(np.uint16)
        classes[unseen] = NOT_SEEN
        return classes

    def census(self) -> tuple[Stratum, ...]:
        """Count the pixels and measure the area of every class that is there, by value.

        Raises:
            SceneReadError: the file is damaged.
            SceneError: a value is no class, or nothing was observed.
        """
        pixels, areas = np.zeros(NOT_SEEN, np.int64), np.zeros(NOT_SEEN)
        for row, classes in self.strips():
            window = Window(row=row, col=0, height=len(classes), width=self.grid.width)
            own, sums = self.grid.tally(classes, classes != NOT_SEEN, window, NOT_SEEN)
            pixels += own
            areas += sums
        if not pixels.any():
            raise SceneError(f"{self.path}: no pixel was observed; there is nothing to judge")
        located = self.grid.crs is not None
        return tuple(
            Stratum(
                value=value,
                label=self.label(value),
                pixels=int(pixels[value]),
                area_m2=float(areas[value]) if located else None,
            )
            for value in np.flatnonzero(pixels).tolist()
        )

    def at(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.uint16]:
        """Return the classes (n,) of pixels on the grid."""
        found = np.full(len(rows), NOT_SEEN, np.uint16)
        blocks = np.stack([rows // BLOCK, cols // BLOCK], axis=1)
        for down, right in np.unique(blocks, axis=0).tolist():
            block = Window(row=down * BLOCK, col=right * BLOCK, height=BLOCK, width=BLOCK)
            window = block.intersect(self.grid.window)
            here = (blocks == (down, right)).all(axis=1)
            found[here] = self._read(window)[rows[here] - window.row, cols[here] - window.col]
        return found

    @property
    def uneven(self) -> bool:
        """Whether pixels differ so much in area that a draw by pixels favours some of the ground."""
        ends = [np.linspace(0.5, size - 0.5, 9) for size in (self.grid.height, self.grid.width)]
        areas = self.grid.pixel_areas(*np.meshgrid(*ends))
        return bool(areas.max() > UNEVEN * areas.min())

    def close(self) -> None:
        """Close the file."""
        self._raster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
