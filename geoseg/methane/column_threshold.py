"""Where a scene's columns stand out: threshold, the session that scores them, what chance makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.grid import Grid, Window
from geoseg.methane.retrieval import CH4, Retrieved
from geoseg.methods.plume_search import (
    BLOCK,
    MARGIN,
    Background,
    FalseAlarms,
    background_of,
    block_statistics,
    smooth,
    spots,
    strength,
)
from geoseg.pixels import NODATA_CLASS, Pixels, Strip
from geoseg.polygons.regions import Regions, RegionTable
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import PlumeSpec

Image = NDArray[np.float32]
Ints = NDArray[np.int64]

SPAN = 30.0
"""Standard deviations above the threshold at which the score is 1; it is 0.5 at the threshold."""

CHUNK = 1024
"""Columns read at once: bounds what is computed on the way to a column."""

ROWS = 256
"""Rows of the strips in which a scene is surveyed."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a pixel must exceed to be part of a plume."""

    background: Background
    sigmas: float
    """How far above the background, in standard deviations of its noise there."""
    min_pixels: int
    upside_down: bool = False
    """Whether what lies as far below the background is searched instead: false spots."""

    @property
    def typical(self) -> float:
        """The threshold in the middle of all blocks, ppm·m."""
        return self.background.level + self.sigmas * self.background.noise

    @property
    def told(self) -> str:
        """The threshold for people."""
        if self.background.mean.size == 1:
            return f"{self.typical:.0f} ppm·m ({self.sigmas:.2f} sigma above the background)"
        return f"{self.sigmas:.2f} sigma above the local background (median {self.typical:.0f} ppm·m)"

    def standardised(self, signal: Image, window: Window) -> Image:
        """Return the filtered signal (H, W) in standard deviations above the background, NaN kept."""
        level, noise = self.background.at(window.row, window.col, window.height, window.width)
        found = (smooth(signal) - level) / noise
        return np.asarray(-found if self.upside_down else found, np.float32)

    def score(self, found: Image) -> Image:
        """Return scores (H, W) of a standardised signal: above 0.5 in spots, exact `MARGIN` pixels inside."""
        score = np.clip(np.float32(0.5) + (found - np.float32(self.sigmas)) / np.float32(2 * SPAN), 0, 1)
        inside = spots(np.nan_to_num(found, nan=-np.inf), self.sigmas)
        sure = np.fmax(score, np.nextafter(np.float32(0.5), np.float32(1)))
        rest = np.minimum(np.nan_to_num(score), np.float32(0.5))
        return np.asarray(np.where(inside, sure, rest), np.float32)

    def strengths(self, score_sum: Ints, pixels: Ints) -> NDArray[np.float64]:
        """Return the strength of regions by the sums of their scores in 255ths."""
        mean = score_sum / (255.0 * np.maximum(pixels, 1))
        return strength(self.sigmas + (mean - 0.5) * 2 * SPAN, pixels)


class PlumeSession:
    """Scores plumes by their columns: a method without weights."""

    planes = 1
    batch = 1

    def __init__(self, search: Search, retrieval: str) -> None:
        """Take what was found out about the scene; `retrieval` says how columns were made."""
        self._search = search
        self.description = f"{retrieval}; {search.told}, 3 x 3 median, opened"

    def prepare(self, pixels: Pixels) -> Image:
        """Return the standardised signal (1, H, W) of a window of the searched band."""
        return self._search.standardised(pixels.physical()[0], pixels.window)[np.newaxis]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score (N, 1, H, W) standardised signals, NaN where not known, to (N, 1, H, W)."""
        return np.stack([self._search.score(tile[0])[np.newaxis] for tile in batch])

    def close(self) -> None:
        """Nothing is held."""


def share_at_source(spec: PlumeSpec, grid: Grid, known: int, pixels: int | Ints) -> NDArray[np.float64]:
    """Return which share of a scene's spots of so many pixels can touch one place by chance, up to 1."""
    side = float(np.sqrt(np.prod(grid.pixel_size_m)))
    reach = spec.source_radius / side + np.sqrt(pixels)
    return np.asarray(np.minimum(np.pi * reach**2 / max(known, 1), 1.0))


def find_threshold(retrieved: Retrieved, spec: PlumeSpec) -> Search:
    """Measure the background block by block over the whole scene and place the threshold.

    Fixed thresholds and percentiles are the same everywhere; so is the background then.

    Raises:
        SceneError: no pixel has a column.
    """
    background = _background(retrieved)
    sigmas = spec.sigma
    if spec.threshold is not None or spec.percentile is not None:
        background = background.even()
        limit = spec.threshold if spec.threshold is not None else _percentile(retrieved, spec.percentile or 0)
        sigmas = (limit - background.level) / background.noise
    return Search(background=background, sigmas=sigmas, min_pixels=spec.min_pixels)


def _background(retrieved: Retrieved) -> Background:
    """Level and noise of every block of a scene."""
    filtered, raw = [], []
    for _, signal, _ in _strips(retrieved, BLOCK, (retrieved.searched,)):
        inner = slice(MARGIN, -MARGIN)
        filtered.append(block_statistics(smooth(signal)[inner, inner]))
        raw.append(block_statistics(signal[inner, inner]))
    return background_of(np.concatenate(filtered, axis=1), np.concatenate(raw, axis=1))


def _percentile(retrieved: Retrieved, share: float) -> float:
    """Percentile of the filtered signal, on blocks all over the scene."""
    blocks = sample(retrieved.source, (retrieved.searched,))
    values = [smooth(block.physical()[0]).ravel() for block in blocks]
    return float(np.nanpercentile(np.concatenate(values), share))


def _strips(retrieved: Retrieved, rows: int, bands: tuple[str, ...]) -> Iterator[tuple[Window, Image, Image]]:
    """Yield strips of a scene: the window, and the first and last band with `MARGIN` pixels around it."""
    source, grid = retrieved.source, retrieved.source.grid
    with rasterio.Env(GDAL_CACHEMAX=max(source.cache_bytes(bands), 16 * 2**20)):
        for row in range(0, grid.height, rows):
            window = Window(row=row, col=0, height=min(rows, grid.height - row), width=grid.width)
            wide = window.pad(MARGIN)
            values = np.empty((len(bands), wide.height, wide.width), np.float32)
            for col in range(wide.col, wide.stop_col, CHUNK):
                part = replace(wide, col=col, width=min(CHUNK, wide.stop_col - col))
                values[(slice(None), *part.slices(wide))] = source.read(part, bands).physical()
            yield window, values[0], values[-1]


def survey(
    retrieved: Retrieved,
    search: Search,
    write: Callable[[Window, Image], None] | None,
    progress: Callable[[int, int, str], None],
) -> tuple[FalseAlarms, int]:
    """Go once over a scene: its false spots, how many pixels have a column; columns are handed on.

    Args:
        retrieved: the scene.
        search: what a spot is.
        write: takes the columns (1, H, W) of each strip, NaN where not known.
        progress: hears how far it is.

    Raises:
        SceneReadError: a file is damaged.
    """
    mirrored = replace(search, upside_down=True)
    grid = retrieved.source.grid
    # Without a CRS: areas of false spots are of no use.
    table = RegionTable(replace(grid, crs=None))
    found: list[NDArray[np.float64]] = []
    known = 0
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    for window, signal, ch4 in _strips(retrieved, ROWS, (retrieved.searched, CH4)):
        if write is not None:
            write(window, ch4[inner][np.newaxis])
        valid = np.isfinite(signal[inner])
        known += int(np.count_nonzero(valid))
        score = mirrored.score(mirrored.standardised(signal, window.pad(MARGIN)))[inner]
        classes = np.where(valid, score > 0.5, NODATA_CLASS).astype(np.uint8)
        quanta = np.rint(score * 255).astype(np.uint8)
        _, closed = table.add(Strip(row=window.row, classes=classes, scores=quanta))
        found.append(_strengths(closed, mirrored))
        progress(window.stop_row, grid.height, "rows surveyed")
    found.append(_strengths(table.finish(), mirrored))
    least = float(strength(np.array([search.sigmas]), np.array([search.min_pixels]))[0])
    strengths = np.sort(np.concatenate(found))[::-1]
    return FalseAlarms(strengths=strengths, least=max(least, 1e-6)), known


def _strengths(regions: Regions, search: Search) -> NDArray[np.float64]:
    """Strengths of the regions that are large enough."""
    large = regions.take(np.flatnonzero(regions.pixels >= search.min_pixels))
    return search.strengths(large.score_sum, large.pixels)
