"""Class codes of a classified raster as positions in a list of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes.class_map import CLASS
from geoseg.scenes.scene import Scene
from geoseg.scenes.source import SourceView

ROWS = 512
"""Rows of a map that are counted at once."""

FEW_CODES = 2**17
"""Range of codes up to which pixels are counted in a table."""

LEAST_CODE, MOST_CODE = -(2**31), 2**31 - 1
"""Range of valid codes."""


@dataclass(frozen=True, kw_only=True)
class CodeCounts:
    """Number of pixels of each code, without nodata."""

    pixels: dict[int, int]
    """In the whole map."""
    border: dict[int, int]
    """In the first and last rows and columns, where fill values lie."""

    def share(self, code: int) -> float:
        """Return the share of a code in the map, 0..1."""
        return self.pixels[code] / sum(self.pixels.values())

    def border_share(self, code: int) -> float:
        """Return the share of a code in the border, 0..1."""
        return self.border.get(code, 0) / max(sum(self.border.values()), 1)


def count_codes(scene: Scene) -> CodeCounts:
    """Count the valid pixels of each code.

    Args:
        scene: one band, `CLASS`.

    Raises:
        SceneError: a value is not an integer.
        SceneReadError: the file is damaged.
    """
    counts: dict[int, int] = {}
    border: dict[int, int] = {}
    grid = scene.grid
    for row in range(0, grid.height, ROWS):
        window = Window(row=row, col=0, height=min(ROWS, grid.height - row), width=grid.width)
        pixels = scene.read(window, (CLASS,))
        edge = np.zeros(pixels.valid.shape, np.bool_)
        edge[:, [0, -1]] = True
        edge[0] |= window.row == 0
        edge[-1] |= window.stop_row == scene.grid.height
        _add(border, as_integers(pixels.data[0][pixels.valid & edge], scene.name))
        _add(counts, as_integers(pixels.data[0][pixels.valid], scene.name))
    return CodeCounts(pixels=counts, border=border)


def _add(counts: dict[int, int], codes: NDArray[np.int64]) -> None:
    """Add the number of pixels of each code to `counts`."""
    if not len(codes):
        return
    low, high = int(codes.min()), int(codes.max())
    if high - low > FEW_CODES:
        unique, sizes = np.unique(codes, return_counts=True)
    else:
        sizes = np.bincount(codes - low)
        unique, sizes = low + np.flatnonzero(sizes), sizes[sizes > 0]
    for code, size in zip(unique.tolist(), sizes.tolist(), strict=True):
        counts[code] = counts.get(code, 0) + size


def as_integers(values: NDArray[np.generic], name: str) -> NDArray[np.int64]:
    """Return values (n,) as integers.

    Raises:
        SceneError: a value is not an integer, or is out of range.
    """
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    bad = (numbers != np.rint(numbers)) | (numbers < LEAST_CODE) | (numbers > MOST_CODE)
    if bad.any():
        raise SceneError(
            f"{name}: the value {numbers[bad][0]:g} is not a class code; give a raster of integers"
        )
    return numbers.astype(np.int64)


class ClassPositions(SourceView):
    """A classified raster as positions in a list of classes, uint16; pixels of other codes are not valid."""

    source: Scene

    def __init__(self, scene: Scene, positions: Mapping[int, int]) -> None:
        """Take the position of each code of the band `CLASS`."""
        super().__init__(scene)
        self._positions = dict(positions)
        self._codes = np.array(sorted(positions), np.int64)
        self._at = np.array([positions[code] for code in self._codes.tolist()], np.uint16)

    def onto(self, grid: Grid) -> ClassPositions:
        """Return a view on another grid, resampled by the nearest pixel.

        Raises:
            SceneError: the grids cannot be aligned.
        """
        return ClassPositions(self.source.onto(grid), self._positions)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window of positions (1, H, W); see `Source.read`."""
        pixels = self.source.read(window, bands)
        data = np.zeros(pixels.data.shape, np.uint16)
        codes = as_integers(pixels.data[0][pixels.valid], self.name)
        valid = pixels.valid.copy()
        if len(self._codes):
            at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
            data[0][pixels.valid] = self._at[at]
            valid[pixels.valid] = self._codes[at] == codes
        else:
            valid[:] = False
        return replace(pixels, data=data, valid=valid)
