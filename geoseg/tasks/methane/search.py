"""Where a scene's columns stand out: threshold, the session that scores them, what chance makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.methods.plume_search import (
    MARGIN,
    Background,
    FalseAlarms,
    background_of,
    smooth,
    spots,
    strength,
)
from geoseg.pixels import NODATA_CLASS, Strip
from geoseg.regions import Regions, RegionTable
from geoseg.scenes.sample import sample
from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.retrieved import CH4, Retrieved

Image = NDArray[np.float32]
Ints = NDArray[np.int64]

SPAN = 30.0
"""Standard deviations above the threshold at which the score is 1; it is 0.5 at the threshold."""

ROWS = 256
"""Rows of the strips in which a scene is surveyed."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a pixel must exceed to be part of a plume."""

    background: Background
    threshold: float
    """ppm·m after the median filter."""
    min_pixels: int
    upside_down: bool = False
    """Whether what lies as far below the background is searched instead: false spots."""

    @property
    def sigmas(self) -> float:
        """How far the threshold lies above the background, in its standard deviations."""
        return (self.threshold - self.background.mean) / self.background.std

    def filtered(self, signal: Image) -> Image:
        """Return the signal (H, W) after the median filter, mirrored where that is wanted."""
        mean = np.float32(self.background.mean)
        turned: Image = 2 * mean - signal if self.upside_down else signal
        return smooth(turned, float(mean))

    def score(self, signal: Image) -> Image:
        """Return scores (H, W) of a signal with NaN: above 0.5 in spots, exact `MARGIN` pixels inside."""
        filtered = self.filtered(signal)
        span = np.float32(2 * SPAN * self.background.std)
        score = np.clip(np.float32(0.5) + (filtered - np.float32(self.threshold)) / span, 0, 1)
        inside = spots(np.nan_to_num(filtered, nan=-np.inf), self.threshold)
        sure = np.maximum(score, np.nextafter(np.float32(0.5), np.float32(1)))
        return np.where(inside, sure, np.fmin(np.nan_to_num(score), np.float32(0.5))).astype(np.float32)

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
        self.description = (
            f"{retrieval}; columns > {search.threshold:.0f} ppm·m ({search.sigmas:.2f} sigma above the "
            "background), 3 x 3 median, opened"
        )

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score (N, 1, H, W) signals in ppm·m, NaN where not known, to (N, 1, H, W)."""
        return np.stack([self._search.score(tile[0])[np.newaxis] for tile in batch])

    def close(self) -> None:
        """Nothing is held."""


def find_threshold(retrieved: Retrieved, spec: PlumeSpec) -> Search:
    """Measure the background on blocks all over a scene and place the threshold.

    Raises:
        SceneError: no pixel has a column.
    """
    raw = [block.physical()[0] for block in sample(retrieved.source, (retrieved.searched,))]
    # What neighbours beyond a block's edge would change is next to nothing for a median of millions.
    rough = float(np.median(np.concatenate([part[np.isfinite(part)] for part in raw])))
    filtered = [smooth(part, rough) for part in raw]
    background = background_of(filtered, raw)
    if spec.threshold is not None:
        threshold = spec.threshold
    elif spec.percentile is not None:
        known = np.concatenate([part[np.isfinite(part)] for part in filtered])
        threshold = float(np.percentile(known, spec.percentile))
    else:
        threshold = background.mean + spec.sigma * background.std
    return Search(background=background, threshold=threshold, min_pixels=spec.min_pixels)


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
        write: takes the columns (H, W) of each strip, NaN where not known.
        progress: hears how far it is.

    Raises:
        SceneReadError: a file is damaged.
    """
    mirrored = replace(search, upside_down=True)
    source, grid = retrieved.source, retrieved.source.grid
    bands = (retrieved.searched, CH4)
    # Without a CRS: areas of false spots are of no use.
    table = RegionTable(replace(grid, crs=None))
    found: list[NDArray[np.float64]] = []
    known = 0
    with rasterio.Env(GDAL_CACHEMAX=max(source.cache_bytes(bands), 16 * 2**20)):
        for row in range(0, grid.height, ROWS):
            window = Window(row=row, col=0, height=min(ROWS, grid.height - row), width=grid.width)
            signal, ch4 = source.read(window.pad(MARGIN), bands).physical()
            inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
            if write is not None:
                write(window, ch4[inner])
            valid = np.isfinite(signal[inner])
            known += int(np.count_nonzero(valid))
            score = mirrored.score(signal)[inner]
            classes = np.where(valid, (score > 0.5).astype(np.uint8), np.uint8(NODATA_CLASS))
            quanta = np.rint(score * 255).astype(np.uint8)
            _, closed = table.add(Strip(row=row, classes=classes.astype(np.uint8), scores=quanta))
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
