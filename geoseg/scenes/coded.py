"""Codes of a map of classes as positions in a list of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes.class_map import CLASS
from geoseg.scenes.scene import Scene

ROWS = 512
"""Rows of a map that are counted at once."""

FEW_CODES = 2**17
"""Span of codes up to which a table is looked up."""

LEAST_CODE, MOST_CODE = -(2**31), 2**31 - 1
"""Codes that are understood."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Pixels of each code that is not marked as nodata."""

    pixels: dict[int, int]
    """Of the whole map."""
    border: dict[int, int]
    """Of its first and last rows and columns, where fill lies."""

    def share(self, code: int) -> float:
        """Share of the map, 0..1."""
        return self.pixels[code] / sum(self.pixels.values())

    def border_share(self, code: int) -> float:
        """Share of the border, 0..1."""
        return self.border.get(code, 0) / max(sum(self.border.values()), 1)


def count_codes(scene: Scene) -> Counts:
    """Count the pixels of each code that is not marked as nodata.

    Args:
        scene: one band, `CLASS`.

    Raises:
        SceneError: a value is no whole number.
        SceneReadError: the file is damaged.
    """
    counts: dict[int, int] = {}
    border: dict[int, int] = {}
    for window in _strips(scene.grid):
        pixels = scene.read(window, (CLASS,))
        edge = np.zeros(pixels.valid.shape, np.bool_)
        edge[:, [0, -1]] = True
        edge[0] |= window.row == 0
        edge[-1] |= window.stop_row == scene.grid.height
        _add(border, whole(pixels.data[0][pixels.valid & edge], scene.name))
        _add(counts, whole(pixels.data[0][pixels.valid], scene.name))
    return Counts(pixels=counts, border=border)


def _add(counts: dict[int, int], codes: NDArray[np.int64]) -> None:
    """Add the pixels of each code."""
    if not len(codes):
        return
    low, high = int(codes.min()), int(codes.max())
    if high - low > FEW_CODES:
        found, sizes = np.unique(codes, return_counts=True)
    else:
        sizes = np.bincount(codes - low)
        found, sizes = low + np.flatnonzero(sizes), sizes[sizes > 0]
    for code, size in zip(found.tolist(), sizes.tolist(), strict=True):
        counts[code] = counts.get(code, 0) + size


def _strips(grid: Grid) -> Iterator[Window]:
    """Windows of whole rows."""
    for row in range(0, grid.height, ROWS):
        yield Window(row=row, col=0, height=min(ROWS, grid.height - row), width=grid.width)


def whole(values: NDArray[np.generic], name: str) -> NDArray[np.int64]:
    """Return values (n,) as whole numbers.

    Raises:
        SceneError: one is none.
    """
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    bad = (numbers != np.rint(numbers)) | (numbers < LEAST_CODE) | (numbers > MOST_CODE)
    if bad.any():
        raise SceneError(
            f"{name}: the value {numbers[bad][0]:g} is no code of a class; give a raster of whole numbers"
        )
    return numbers.astype(np.int64)


class Coded:
    """A map of classes as positions in a list, uint16; codes that are not in the list are not observed."""

    def __init__(self, scene: Scene, positions: Mapping[int, int]) -> None:
        """Take the position of each code of the band `CLASS`."""
        self._scene = scene
        self._positions = dict(positions)
        self._codes = np.array(sorted(positions), np.int64)
        self._at = np.array([positions[code] for code in self._codes.tolist()], np.uint16)

    @property
    def name(self) -> str:
        """That of the map."""
        return self._scene.name

    @property
    def grid(self) -> Grid:
        """That of the map."""
        return self._scene.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """The one band."""
        return (CLASS,)

    def onto(self, grid: Grid) -> Coded:
        """Return a view on another grid: of each pixel the nearest one.

        Raises:
            SceneError: the grids cannot be aligned.
        """
        return Coded(self._scene.onto(grid), self._positions)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window of positions (1, H, W).

        Raises:
            BandError: another band is asked for.
            SceneReadError: the file is damaged.
        """
        pixels = self._scene.read(window, bands)
        data = np.zeros(pixels.data.shape, np.uint16)
        codes = whole(pixels.data[0][pixels.valid], self.name)
        valid = pixels.valid.copy()
        if len(self._codes):
            at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
            data[0][pixels.valid] = self._at[at]
            valid[pixels.valid] = self._codes[at] == codes
        else:
            valid[:] = False
        return replace(pixels, data=data, valid=valid)

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep."""
        return self._scene.cache_bytes(bands)

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the map."""
        return self._scene.describe()
