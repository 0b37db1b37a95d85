"""Arrays of three dimensions whose order is not bands, rows, columns, as GDAL assumes.

GDAL reads the last two dimensions of an array as rows and columns. PRISMA stores (rows, bands, columns), and
netCDF files of spectra are often (rows, columns, bands).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geoseg.files.doors import reading
from geoseg.grid import Grid, Window
from geoseg.scenes.georeference import ASSIGN, Georeference
from geoseg.scenes.raster import Raster

Axis = Literal["band", "row", "col"]
Axes = tuple[Axis, Axis, Axis]
"""The axes that GDAL reads as bands, rows and columns."""

IN_ORDER: Axes = ("band", "row", "col")

GAP = 8
"""Bands with an index difference up to this are read at once, with the bands between."""


class Reordered(Raster):
    """An array with its axes in the order bands, rows, columns; not georeferenced unless `grid` is set."""

    def __init__(self, path: str, axes: Axes) -> None:
        """Open an array.

        Raises:
            SceneReadError: the array cannot be read.
        """
        super().__init__(path)
        self._axes = axes
        sizes = dict(zip(axes, (self.count, self.grid.height, self.grid.width), strict=True))
        self.count = sizes["band"]
        self.dtypes = (self.dtypes[0],) * self.count
        self.nodata = (self.nodata[0],) * self.count
        self.scales, self.offsets = (self.scales[0],) * self.count, (self.offsets[0],) * self.count
        self.descriptions = (None,) * self.count
        self.grid = Grid(crs=None, transform=Affine.identity(), height=sizes["row"], width=sizes["col"])
        self.georeference = Georeference(grid=self.grid, lack="no CRS", remedy=ASSIGN)

    @property
    def alpha_candidate(self) -> int | None:
        """None: an array has no alpha band."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Return the tags of the array; bands have none."""
        return {} if index else super().tags()

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window inside the raster.

        Raises:
            SceneReadError: the file is damaged there.
        """
        out = np.empty((len(indexes), window.height, window.width), self.dtypes[0])
        for first, last in _runs(indexes):
            part = self._part(window, first, last)
            for position, index in enumerate(indexes):
                if first <= index <= last:
                    out[position] = part[index - first]
        return out

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:  # noqa: ARG002
        """Return None: there is no mask band."""
        return None

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a stored block."""
        sizes = self._block()
        return sizes["row"], sizes["col"]

    def decoded(self, indexes: Sequence[int]) -> int:
        """Return the bytes a pixel that are decoded for some bands."""
        deep = self._block()["band"]
        blocks = {(index - 1) // deep for first, last in _runs(indexes) for index in range(first, last + 1)}
        return min(len(blocks) * deep, self.count) * self.dtypes[0].itemsize

    def _block(self) -> dict[Axis, int]:
        """Return the size of a block along each axis."""
        return dict(zip(self._axes, (1, *self._dataset.block_shapes[0]), strict=True))

    def _part(self, window: Window, first: int, last: int) -> NDArray[np.generic]:
        """Return the bands from `first` to `last` (1-based, both inclusive), as (bands, height, width)."""
        spans: dict[Axis, tuple[int, int]] = {
            "band": (first - 1, last),
            "row": (window.row, window.stop_row),
            "col": (window.col, window.stop_col),
        }
        deep, down, right = (spans[axis] for axis in self._axes)
        place = RioWindow(right[0], down[0], right[1] - right[0], down[1] - down[0])
        with reading(self._place(window, range(first, last + 1))):
            data = self._dataset.read(list(range(deep[0] + 1, deep[1] + 1)), window=place)
        return np.asarray(data.transpose([self._axes.index(axis) for axis in IN_ORDER]))


def _runs(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last band of each group that is read at once."""
    ordered = sorted(set(indexes))
    ends = [a for a, b in itertools.pairwise(ordered) if b - a > GAP]
    starts = [b for a, b in itertools.pairwise(ordered) if b - a > GAP]
    return list(zip([*ordered[:1], *starts], [*ends, *ordered[-1:]], strict=True))
