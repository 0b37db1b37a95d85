"""Plume detection in an enhancement map: background, threshold, shape of spots, and number of false alarms.

Noise of a retrieval is symmetric about the background; a plume is only above it. The spots of the negated map
are therefore false alarms of the same scene (as in radio astronomy: Serra 2012, doi:10.1071/AS11065), and
their strengths give the expected number of false alarms above any strength.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.errors import SceneError

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

CROSS = ndimage.generate_binary_structure(2, 1)
"""A pixel and its four neighbours."""

MEDIAN = 3
"""Side of the median filter in pixels."""

GAPS = 2
"""Iterations of the closing that joins parts of a plume which noise has separated."""

MARGIN = MEDIAN // 2 + 2 + 2 * GAPS
"""Distance in pixels over which a result depends on its neighbours: median, erosion, dilation, closing."""

MAD_TO_STD = 1.4826
"""Standard deviation of a normal distribution divided by its median absolute deviation."""

PRIOR_INDEX, PRIOR_WEIGHT = 4.0, 2.0
"""Prior exponent of the tail of false alarms, and the number of spots that it weighs as much as."""

TAIL = 50
"""Number of the strongest false alarms to which the tail is fitted."""

BLOCK = 64
"""Side in pixels of the blocks in which the background is measured: larger than plumes, smaller than
landscapes, because noise depends on the surface."""

LEAST_KNOWN = 0.25
"""Share of a block that must be known; other blocks get the values of their neighbours."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Background:
    """Level and noise of an enhancement map outside plumes, by block, in ppm·m."""

    mean: NDArray[np.float64]
    """(r, c) level of each block after the median filter: the median, which plumes hardly change."""
    std: NDArray[np.float64]
    """(r, c) noise of each block after the median filter, from the median absolute deviation."""
    pixel_std: float
    """Noise of single pixels before the median filter: the median of all blocks."""
    size: int = BLOCK
    """Side of a block in pixels."""

    @property
    def level(self) -> float:
        """Median level of all blocks."""
        return float(np.median(self.mean))

    @property
    def noise(self) -> float:
        """Median noise of all blocks, after the median filter."""
        return float(np.median(self.std))

    def at(self, row: int, col: int, height: int, width: int) -> tuple[Image, Image]:
        """Return level and noise (H, W) over a window, interpolated between the centres of blocks.

        Args:
            row: first row of the window in the scene; may be negative.
            col: first column.
            height: rows.
            width: columns.
        """
        last_row, last_col = (count - 1 for count in self.mean.shape)
        rows = np.clip((np.arange(height) + row + 0.5) / self.size - 0.5, 0, last_row)
        cols = np.clip((np.arange(width) + col + 0.5) / self.size - 0.5, 0, last_col)
        row0, col0 = np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp)
        row1, col1 = np.minimum(row0 + 1, last_row), np.minimum(col0 + 1, last_col)
        down, right = (rows - row0)[:, np.newaxis], cols - col0

        def between(nodes: NDArray[np.float64]) -> Image:
            top = nodes[np.ix_(row0, col0)] * (1 - right) + nodes[np.ix_(row0, col1)] * right
            below = nodes[np.ix_(row1, col0)] * (1 - right) + nodes[np.ix_(row1, col1)] * right
            return np.asarray(top * (1 - down) + below * down, np.float32)

        return between(self.mean), between(self.std)

    def even(self) -> Background:
        """Return a background with constant level and noise."""
        mean, std = np.array([[self.level]]), np.array([[self.noise]])
        return Background(mean=mean, std=std, pixel_std=self.pixel_std, size=self.size)


def block_statistics(values: Image, size: int = BLOCK) -> NDArray[np.float64]:
    """Return level and spread (2, r, c) of blocks of an image, NaN where too few pixels are known.

    Args:
        values: (H, W), NaN where unknown; blocks at the right and lower edge may be smaller.
        size: side of a block in pixels.
    """
    height, width = values.shape
    found = np.full((2, -(-height // size), -(-width // size)), np.nan)
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            block = values[i * size : (i + 1) * size, j * size : (j + 1) * size]
            known = block[np.isfinite(block)]
            if known.size >= max(LEAST_KNOWN * block.size, 2):
                found[:, i, j] = centre_and_spread(known)
    return found


def background_of(filtered: NDArray[np.float64], raw: NDArray[np.float64]) -> Background:
    """Return the background from the statistics of all blocks.

    Levels and noise are smoothed over neighbouring blocks.

    Args:
        filtered: (2, r, c) level and spread of the enhancement after `smooth`, NaN where unknown.
        raw: (2, r, c) level and spread of the enhancement before.

    Raises:
        SceneError: no block is known, or the noise is 0.
    """
    known = np.isfinite(filtered[0])
    if not known.any():
        raise SceneError(
            "too few pixels have a methane column: nearly all pixels are cloud, water or nodata, or the "
            "scene is too small; use a scene with less cloud, or a larger one"
        )
    noise = float(np.median(filtered[1][known]))
    if not noise > 0:
        raise SceneError(
            "the methane columns have no noise: the bands are multiples of each other; check which band is "
            "which (`--band`)"
        )
    # In a block without noise every pixel would exceed the threshold.
    std = np.where(known, np.maximum(filtered[1], noise / 4), np.nan)
    return Background(
        mean=_over_neighbours(filtered[0], np.nanmedian),
        std=_over_neighbours(std, np.nanmedian),
        pixel_std=float(np.median(raw[1][np.isfinite(raw[1])])),
    )


def _over_neighbours(nodes: NDArray[np.float64], how: Callable[..., np.float64]) -> NDArray[np.float64]:
    """Return a statistic of each node and its eight neighbours, of more neighbours where none is known."""
    out = np.empty(nodes.shape)
    for i in range(nodes.shape[0]):
        for j in range(nodes.shape[1]):
            reach = 1
            while True:
                near = nodes[max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1]
                if np.isfinite(near).any():
                    break
                reach *= 2
            out[i, j] = how(near)
    return out


def centre_and_spread(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the median, and the standard deviation from the median absolute deviation."""
    middle = float(np.median(values))
    return middle, MAD_TO_STD * float(np.median(np.abs(values - middle)))


def smooth(enhancement: Image) -> Image:
    """Return the 3 x 3 median of the known pixels, NaN where the pixel itself is unknown.

    Args:
        enhancement: (H, W), NaN where unknown; unknown neighbours count as the pixel itself.
    """
    known = np.isfinite(enhancement)
    filled = np.where(known, enhancement, np.float32(0)).astype(np.float32)
    out = _median(filled)
    inside = np.pad(known, 1)
    in_rows = inside[:-2] & inside[1:-1] & inside[2:]
    alone = known & ~(in_rows[:, :-2] & in_rows[:, 1:-1] & in_rows[:, 2:])
    rows, cols = np.nonzero(alone)
    padded = np.pad(np.where(known, enhancement, np.float32(np.nan)), 1, constant_values=np.nan)
    near = np.stack([padded[rows + down, cols + right] for down in range(3) for right in range(3)])
    own = enhancement[rows, cols]
    out[rows, cols] = np.median(np.where(np.isfinite(near), near, own), axis=0)
    out[~known] = np.nan
    return np.asarray(out, np.float32)


def _median(image: Image) -> Image:
    """Return the median of 3 x 3 pixels, (H, W), all finite; beyond the edges the nearest pixel counts.

    The median of nine is that of the largest minimum, the median median and the smallest maximum of three
    columns: with whole arrays ten times as fast as a filter that ranks the pixels of each neighbourhood.
    """
    padded = np.pad(image, 1, mode="edge")
    up, here, down = padded[:-2], padded[1:-1], padded[2:]
    least, middle = np.minimum(np.minimum(up, here), down), _middle(up, here, down)
    most = np.maximum(np.maximum(up, here), down)

    def beside(columns: Image) -> tuple[Image, Image, Image]:
        return columns[:, :-2], columns[:, 1:-1], columns[:, 2:]

    low, high = np.maximum.reduce(beside(least)), np.minimum.reduce(beside(most))
    return _middle(low, _middle(*beside(middle)), high)


def _middle(one: Image, two: Image, three: Image) -> Image:
    """Return the median of three images."""
    higher = np.minimum(np.maximum(one, two), three)
    return np.asarray(np.maximum(np.minimum(one, two), higher))


def _join(mask: Mask, combine: np.ufunc) -> Mask:
    """Return a combination of each pixel and its four neighbours; there is nothing beyond the edges."""
    padded = np.pad(mask, 1)
    up_down = combine(padded[:-2, 1:-1], padded[2:, 1:-1])
    left_right = combine(padded[1:-1, :-2], padded[1:-1, 2:])
    return np.asarray(combine(combine(up_down, left_right), mask))


def spots(filtered: Image, threshold: Image | float) -> Mask:
    """Return where the filtered enhancement exceeds a threshold, after opening and closing.

    The opening with a 3 x 3 cross removes features that are nowhere three pixels wide.
    """
    found = np.asarray(filtered > threshold)
    steps = (np.logical_and, np.logical_or, *[np.logical_or] * GAPS, *[np.logical_and] * GAPS)
    for combine in steps:  # erosion and dilation, then dilations and erosions
        found = _join(found, combine)
    return found


def strength(excess_sigmas: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the strength of spots: mean excess over the background in standard deviations x sqrt(pixels)."""
    return np.asarray(excess_sigmas * np.sqrt(pixels))


@dataclass(frozen=True, kw_only=True, eq=False)
class FalseAlarms:
    """Expected number of false alarms of a scene, by strength."""

    strengths: NDArray[np.float64]
    """Strengths of the spots of the negated map, descending."""
    min_strength: float
    """Strength of the weakest spot that can be detected."""

    def expected(self, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected number of false alarms of each strength or more.

        A power law is fitted to the strongest `TAIL` ones (Hill 1975, doi:10.1214/aos/1176343247), with a
        prior of `PRIOR_INDEX` for its exponent; weaker ones are counted.
        """
        base, index, top = self._tail()
        # One more than observed: the expectation is not 0 where none was observed.
        tail = (top + 1) * np.maximum(strengths / base, 1.0) ** -index
        count = len(self.strengths)
        above = count - np.searchsorted(self.strengths[::-1], strengths, side="left")
        return np.asarray(np.where(strengths >= base, tail, above + 1.0))

    def strength_at(self, expected: float) -> float:
        """Return the strength at which the expected number of false alarms falls to `expected`."""
        base, index, top = self._tail()
        return float(base * max((top + 1) / expected, 1.0) ** (1 / index))

    def _tail(self) -> tuple[float, float, int]:
        """Return the smallest strength of the tail, its exponent, and its number of spots."""
        count = len(self.strengths)
        top = self.strengths[: min(count, TAIL)]
        base = float(top[-1]) if count else self.min_strength
        logs = float(np.log(top / base).sum()) if count else 0.0
        index = (max(len(top) - 1, 0) + PRIOR_WEIGHT) / (logs + PRIOR_WEIGHT / PRIOR_INDEX)
        return base, index, len(top)
