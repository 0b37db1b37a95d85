"""Thresholds of backscatter that vary over a scene: one for each tile, interpolated between their centres.

Levels of water and land change over a large scene with the incidence angle, wind and ground. Tiles are fixed
by the grid of the scene, so that a map does not depend on the tiles that it is made in.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import UsageError
from geoseg.grid import Grid, Window
from geoseg.messages import held, note
from geoseg.methods.backscatter_classes import UsualLevels
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.tasks.flood.backscatter_threshold import find_backscatter_threshold
from geoseg.tasks.flood.choice import TILE_THRESHOLD, WaterChoice
from geoseg.tasks.flood.method import WaterMethod
from geoseg.tasks.flood.session import measure_scene

LOG = logging.getLogger(__name__)

SIDE = 512
"""Pixels a side of a tile, about."""
LEAST_OBSERVED = 0.1
"""Share of a tile that must be observed for a threshold of its own; else it has that of the scene."""


def require_backscatter(method: WaterMethod) -> UsualLevels:
    """Return the usual levels of a method whose thresholds can vary over a scene.

    Raises:
        UsageError: the method does not compare backscatter in dB of one scene.
    """
    if method.threshold.usual is None:
        raise UsageError(
            f"`--thresholding tiles` is for backscatter in dB of one scene, and {method.name} compares "
            f"{method.measured}: use `--thresholding auto`"
        )
    return method.threshold.usual


@dataclass(frozen=True, kw_only=True, eq=False)
class TileThresholds:
    """A band with the threshold of each pixel, linear between centres of tiles and constant beyond them."""

    grid: Grid
    values: NDArray[np.float32]
    """(rows, cols) of tiles, which divide the grid evenly; dB."""
    name: str = TILE_THRESHOLD
    band_names: tuple[str, ...] = (TILE_THRESHOLD,)

    def onto(self, grid: Grid) -> TileThresholds:
        """Return itself: it is made for the grid of the scene.

        Raises:
            ValueError: it is another grid.
        """
        if grid != self.grid:
            raise ValueError("thresholds of tiles belong to the grid of their scene")
        return self

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Interpolate thresholds in a window; see `Source.read`."""
        rows = _between(self.values, _places(window.row, window.height, self.grid.height, len(self.values)))
        cols = self.values.shape[1]
        field = _between(rows.T, _places(window.col, window.width, self.grid.width, cols)).T
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=np.ascontiguousarray(field)[np.newaxis],
            valid=np.ones(field.shape, np.bool_),
            scale=(1.0,),
            offset=(0.0,),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:  # noqa: ARG002 - nothing is read
        """Return 0: no file is read."""
        return 0

    def describe(self) -> dict[str, JsonValue]:
        """Return the number and the range of the thresholds, for the run record."""
        rows, cols = self.values.shape
        return {
            "name": self.name,
            "tiles": [rows, cols],
            "range": [round(float(self.values.min()), 4), round(float(self.values.max()), 4)],
        }


def find_tile_thresholds(choice: WaterChoice, source: Source) -> tuple[WaterChoice, TileThresholds]:
    """Find the threshold of each tile of a scene, and return the choice that uses them.

    Every tile is read once, filtered, and has the threshold that a scene of its size would have.

    Args:
        choice: of `choose_method`, with the threshold of the scene, which tiles without observed pixels have.
        source: the scene, with the bands that the method measures.

    Raises:
        UsageError: the method does not compare backscatter in dB of one scene.
        SceneReadError: a file is damaged.
    """
    usual, grid = require_backscatter(choice.method), source.grid
    shape = tuple(max(1, round(size / SIDE)) for size in (grid.height, grid.width))
    values = np.full(shape, choice.threshold, np.float32)
    for row, col in np.ndindex(*shape):
        top, bottom = (grid.height * edge // shape[0] for edge in (row, row + 1))
        left, right = (grid.width * edge // shape[1] for edge in (col, col + 1))
        tile = Window(row=top, col=left, height=bottom - top, width=right - left)
        block = _measured(choice, source, tile)
        if np.isfinite(block).mean() < LEAST_OBSERVED:
            continue
        with held():
            values[row, col] = find_backscatter_threshold(choice.method, [block], usual).threshold
    low, high = float(values.min()), float(values.max())
    note(
        LOG,
        f"thresholds of {values.size} tiles of about {SIDE} pixels: {low:.4g} to {high:.4g} "
        f"({choice.method.measured}), median {np.median(values):.4g}",
    )
    return replace(choice, tiles=(low, high)), TileThresholds(grid=grid, values=values)


def _measured(choice: WaterChoice, source: Source, tile: Window) -> NDArray[np.float32]:
    """Return the measure in a tile, filtered with the pixels around it."""
    around = tile.pad(choice.margin)
    pixels = source.read(around, choice.measured)
    if not pixels.valid.any():
        return np.full((tile.height, tile.width), np.nan, np.float32)
    layers = dict(zip(pixels.bands, pixels.physical(), strict=True))
    rows, cols = tile.slices(around)
    return np.ascontiguousarray(measure_scene(choice, layers)[rows, cols])


def _places(first: int, count: int, size: int, tiles: int) -> NDArray[np.float64]:
    """Return the positions of pixels in units of tiles, 0 at the centre of the first, within the centres."""
    centres = (np.arange(first, first + count) + 0.5) * (tiles / size) - 0.5
    return np.clip(centres, 0, tiles - 1)


def _between(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of values at fractional positions."""
    before = np.minimum(places.astype(np.intp), len(values) - 1)
    after = np.minimum(before + 1, len(values) - 1)
    share = (places - before).astype(np.float32)[:, np.newaxis]
    return np.asarray(values[before] + share * (values[after] - values[before]), np.float32)
