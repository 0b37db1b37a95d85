"""Detection of plume pixels: background, threshold, the session that scores pixels, and false alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.reading import block_cache
from geoseg.grid import Grid, Window
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
from geoseg.tasks.methane.retrieval import CH4, Retrieval

Image = NDArray[np.float32]
Ints = NDArray[np.int64]

SPAN = 30.0
"""Standard deviations above the threshold at which the score is 1. At the threshold it is 0.5."""

CHUNK = 1024
"""Image columns read at once, which bounds the memory of the retrieval."""

ROWS = 256
"""Rows of the strips in which false spots are counted."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """Background and threshold of plume pixels."""

    background: Background
    sigmas: float
    """Threshold in standard deviations of the local noise above the local background."""
    min_pixels: int
    """Smallest number of pixels of a plume."""
    negated: bool = False
    """Whether the signal is multiplied by -1, to search for false spots below the background."""

    @property
    def median_threshold(self) -> float:
        """Median of the thresholds of all blocks, in ppm·m."""
        return self.background.level + self.sigmas * self.background.noise

    def quantifies(self, table_limit_ppm_m: float) -> bool:
        """Return whether columns above the threshold are within an absorption table that ends at a limit."""
        return self.median_threshold <= table_limit_ppm_m

    @property
    def description(self) -> str:
        """The threshold in words."""
        if self.background.mean.size == 1:
            return f"{self.median_threshold:.0f} ppm·m ({self.sigmas:.2f} sigma above the background)"
        return (
            f"{self.sigmas:.2f} sigma above the local background (median {self.median_threshold:.0f} ppm·m)"
        )

    def standardised(self, signal: Image, window: Window) -> Image:
        """Return the median-filtered signal (H, W) in standard deviations above the background; NaN stays."""
        level, noise = self.background.at(window.row, window.col, window.height, window.width)
        sigmas = (smooth(signal) - level) / noise
        return np.asarray(-sigmas if self.negated else sigmas, np.float32)

    def score(self, standardised: Image) -> Image:
        """Return scores (H, W) of a standardised signal, above 0.5 in spots.

        Pixels within `MARGIN` of the edge of the array are not exact.
        """
        above = standardised - np.float32(self.sigmas)
        score = np.clip(np.float32(0.5) + above / np.float32(2 * SPAN), 0, 1)
        inside = spots(np.nan_to_num(standardised, nan=-np.inf), self.sigmas)
        spot = np.fmax(score, np.nextafter(np.float32(0.5), np.float32(1)))
        rest = np.minimum(np.nan_to_num(score), np.float32(0.5))
        return np.asarray(np.where(inside, spot, rest), np.float32)

    def strengths(self, score_sum: Ints, pixels: Ints) -> NDArray[np.float64]:
        """Return the strength of regions from the sums of their scores in 255ths."""
        mean = score_sum / (255.0 * np.maximum(pixels, 1))
        return strength(self.sigmas + (mean - 0.5) * 2 * SPAN, pixels)


class PlumeSession:
    """Scores pixels by their column enhancement."""

    planes = 1
    batch = 1

    def __init__(self, search: Search, retrieval: str) -> None:
        """Score with a threshold.

        Args:
            search: background and threshold.
            retrieval: description of the retrieval.
        """
        self._search = search
        self.description = f"{retrieval}; {search.description}, 3 x 3 median, morphological opening"

    def prepare(self, pixels: Pixels) -> Image:
        """Return the standardised signal (1, H, W) of a window of the search band."""
        return self._search.standardised(pixels.physical()[0], pixels.window)[np.newaxis]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores (N, 1, H, W) of standardised signals (N, 1, H, W), NaN where unknown."""
        return np.stack([self._search.score(tile[0])[np.newaxis] for tile in batch])

    def close(self) -> None:
        """Do nothing: no resources are open."""


def share_at_source(
    spec: PlumeSpec, grid: Grid, retrieved_pixels: int, pixels: int | Ints
) -> NDArray[np.float64]:
    """Return the share of false spots of a scene that touch `--source` by chance, 0..1.

    Args:
        spec: the request.
        grid: of the scene.
        retrieved_pixels: number of pixels of the scene that have a column enhancement.
        pixels: size of the spots.
    """
    side = float(np.sqrt(np.prod(grid.pixel_size_m)))
    reach = spec.source_radius / side + np.sqrt(pixels)
    return np.asarray(np.minimum(np.pi * reach**2 / max(retrieved_pixels, 1), 1.0))


def find_threshold(retrieval: Retrieval, spec: PlumeSpec) -> Search:
    """Measure the background in blocks over the whole scene and set the threshold.

    For `--threshold` and `--percentile` threshold and background are constant over the scene.

    Raises:
        SceneError: no pixel has a column enhancement.
    """
    filtered, raw = [], []
    inner = slice(MARGIN, -MARGIN)
    for _, signal, _ in _strips(retrieval, BLOCK, (retrieval.search_band,)):
        filtered.append(block_statistics(smooth(signal)[inner, inner]))
        raw.append(block_statistics(signal[inner, inner]))
    background = background_of(np.concatenate(filtered, axis=1), np.concatenate(raw, axis=1))
    sigmas = spec.sigma
    if spec.threshold is not None or spec.percentile is not None:
        background = background.even()
        limit = spec.threshold if spec.threshold is not None else _percentile(retrieval, spec.percentile or 0)
        sigmas = (limit - background.level) / background.noise
    return Search(background=background, sigmas=sigmas, min_pixels=spec.min_pixels)


def _percentile(retrieval: Retrieval, share: float) -> float:
    """Return a percentile of the filtered signal, from blocks spread over the scene."""
    blocks = sample(retrieval.source, (retrieval.search_band,))
    values = [smooth(block.physical()[0]).ravel() for block in blocks]
    return float(np.nanpercentile(np.concatenate(values), share))


def _strips(retrieval: Retrieval, rows: int, bands: tuple[str, ...]) -> Iterator[tuple[Window, Image, Image]]:
    """Yield the window of each strip of a scene, with its first and last band padded by `MARGIN` pixels."""
    source, grid = retrieval.source, retrieval.source.grid
    with block_cache(source, bands):
        for row in range(0, grid.height, rows):
            window = Window(row=row, col=0, height=min(rows, grid.height - row), width=grid.width)
            wide = window.pad(MARGIN)
            values = np.empty((len(bands), wide.height, wide.width), np.float32)
            for col in range(wide.col, wide.stop_col, CHUNK):
                part = replace(wide, col=col, width=min(CHUNK, wide.stop_col - col))
                values[(slice(None), *part.slices(wide))] = source.read(part, bands).physical()
            yield window, values[0], values[-1]


def count_false_spots(
    retrieval: Retrieval,
    search: Search,
    write: Callable[[Window, Image], None] | None,
    progress: Callable[[int, int, str], None],
) -> tuple[FalseAlarms, int]:
    """Find the false spots of a scene: clusters as far below the background as plumes are above it.

    Args:
        retrieval: the column enhancements.
        search: background and threshold.
        write: called with the enhancements (1, H, W) of each strip, NaN where unknown; None: not called.
        progress: callback.

    Returns:
        The false alarms, and the number of pixels that have a column enhancement.

    Raises:
        SceneReadError: a file is damaged.
    """
    mirrored = replace(search, negated=True)
    grid = retrieval.source.grid
    # Without a CRS no areas are computed.
    table = RegionTable(replace(grid, crs=None))
    strengths: list[NDArray[np.float64]] = []
    retrieved_pixels = 0
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    for window, signal, ch4 in _strips(retrieval, ROWS, (retrieval.search_band, CH4)):
        if write is not None:
            write(window, ch4[inner][np.newaxis])
        valid = np.isfinite(signal[inner])
        retrieved_pixels += int(np.count_nonzero(valid))
        score = mirrored.score(mirrored.standardised(signal, window.pad(MARGIN)))[inner]
        classes = np.where(valid, score > 0.5, NODATA_CLASS).astype(np.uint8)
        quanta = np.rint(score * 255).astype(np.uint8)
        _, closed = table.add(Strip(row=window.row, classes=classes, scores=quanta))
        strengths.append(_strengths(closed, mirrored))
        progress(window.stop_row, grid.height, "rows surveyed")
    strengths.append(_strengths(table.finish(), mirrored))
    least = float(strength(np.array([search.sigmas]), np.array([search.min_pixels]))[0])
    descending = np.sort(np.concatenate(strengths))[::-1]
    return FalseAlarms(strengths=descending, min_strength=max(least, 1e-6)), retrieved_pixels


def _strengths(regions: Regions, search: Search) -> NDArray[np.float64]:
    """Return the strengths of the regions of at least `min_pixels` pixels."""
    large = regions.take(np.flatnonzero(regions.pixels >= search.min_pixels))
    return search.strengths(large.score_sum, large.pixels)
