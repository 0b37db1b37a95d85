"""Which spots of an enhancement map are plumes: threshold, shape, and how many arise by chance.

Noise of a retrieval is as often below the background as above it, a plume is only above. The map turned
upside down therefore shows what chance makes of this very scene (as in radio astronomy: Serra 2012,
doi:10.1071/AS11065), and the strength of its spots says how many false ones to expect beyond any strength.
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
"""Pixels a side of the median filter."""

GAPS = 2
"""Pixels by which the parts of a plume are closed up: noise tears thin tails to pieces."""

MARGIN = MEDIAN // 2 + 2 + 2 * GAPS
"""Pixels around a pixel that decide on it: the median's, one each for erosion and dilation, and closing."""

MAD_TO_STD = 1.4826
"""A normal distribution's standard deviation by its median absolute deviation."""

PRIOR_INDEX, PRIOR_WEIGHT = 4.0, 2.0
"""Exponent of the tail of false spots where few are seen, and how many spots it counts for."""

TAIL = 50
"""Strongest false spots whose tail is fitted."""


BLOCK = 64
"""Pixels a side of the blocks in which the background is measured: greater than plumes, smaller than
landscapes, for noise of a city is no noise of the desert beside it."""

LEAST_KNOWN = 0.25
"""Share of a block that must be known; others take after their neighbours."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Background:
    """An enhancement map where there is no plume, ppm·m: level and noise from block to block."""

    mean: NDArray[np.float64]
    """(r, c) level of each block after the median filter, by the median, which plumes do not move."""
    std: NDArray[np.float64]
    """(r, c) its noise, by the median absolute deviation."""
    pixel_std: float
    """Noise of single pixels, before the filter: the median of the blocks."""
    size: int = BLOCK
    """Pixels a side of a block."""

    @property
    def level(self) -> float:
        """The middle of all blocks."""
        return float(np.median(self.mean))

    @property
    def noise(self) -> float:
        """The middle of all blocks, after the filter."""
        return float(np.median(self.std))

    def at(self, row: int, col: int, height: int, width: int) -> tuple[Image, Image]:
        """Return level and noise (H, W) over a window, interpolated between the middles of blocks.

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
        """Return one level and one noise for the whole scene."""
        mean, std = np.array([[self.level]]), np.array([[self.noise]])
        return Background(mean=mean, std=std, pixel_std=self.pixel_std, size=self.size)


def block_statistics(values: Image, size: int = BLOCK) -> NDArray[np.float64]:
    """Return level and spread (2, r, c) of blocks of an image, NaN where too little is known.

    Args:
        values: (H, W), NaN where not known; blocks at the right and lower edge may be smaller.
        size: pixels a side of a block.
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
    """Make a background of the statistics of all blocks.

    Levels and noise are smoothed over neighbouring blocks, so that no block is judged by itself alone.

    Args:
        filtered: (2, r, c) of the enhancement after `smooth`, NaN where not known.
        raw: (2, r, c) of the enhancement itself.

    Raises:
        SceneError: nothing is known, or there is no noise at all.
    """
    known = np.isfinite(filtered[0])
    if not known.any():
        raise SceneError(
            "too few pixels have a methane column: nearly all is cloud, water or nodata, or the scene is too "
            "small; give a clearer day, or a larger scene"
        )
    noise = float(np.median(filtered[1][known]))
    if not noise > 0:
        raise SceneError(
            "the methane columns have no noise: bands are multiples of each other; check that each is what "
            "it should be (--band)"
        )
    # Of a block that is flat by accident everything would stand out.
    std = np.where(known, np.maximum(filtered[1], noise / 4), np.nan)
    return Background(
        mean=_over_neighbours(filtered[0], np.nanmedian),
        std=_over_neighbours(std, np.nanmedian),
        pixel_std=float(np.median(raw[1][np.isfinite(raw[1])])),
    )


def _over_neighbours(nodes: NDArray[np.float64], how: Callable[..., np.float64]) -> NDArray[np.float64]:
    """Return a statistic of each node and its eight neighbours, wider where none of them is known."""
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
    """Median, and the standard deviation by the median absolute deviation."""
    middle = float(np.median(values))
    return middle, MAD_TO_STD * float(np.median(np.abs(values - middle)))


def smooth(enhancement: Image) -> Image:
    """Return the 3 x 3 median of what is known, NaN where the pixel itself is not known.

    Args:
        enhancement: (H, W), NaN where not known; unknown neighbours count as the pixel itself.
    """
    known = np.isfinite(enhancement)
    filled = np.where(known, enhancement, np.float32(0)).astype(np.float32)
    out = ndimage.median_filter(filled, MEDIAN, mode="nearest")
    inside = np.pad(known, 1)
    alone = known & ~ndimage.minimum_filter(inside, MEDIAN)[1:-1, 1:-1]
    rows, cols = np.nonzero(alone)
    padded = np.pad(np.where(known, enhancement, np.float32(np.nan)), 1, constant_values=np.nan)
    near = np.stack([padded[rows + down, cols + right] for down in range(3) for right in range(3)])
    own = enhancement[rows, cols]
    out[rows, cols] = np.median(np.where(np.isfinite(near), near, own), axis=0)
    out[~known] = np.nan
    return np.asarray(out, np.float32)


def spots(filtered: Image, threshold: Image | float) -> Mask:
    """Say where the filtered enhancement is above a threshold and not only along threads of one pixel.

    The opening with a 3 x 3 cross takes away what is nowhere three pixels wide.
    """
    above = np.asarray(filtered > threshold)
    opened = ndimage.binary_opening(above, CROSS)
    return np.asarray(ndimage.binary_closing(opened, CROSS, iterations=GAPS))


def strength(excess_sigmas: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how strong spots are: mean excess over the background in its deviations, times sqrt(pixels)."""
    return np.asarray(excess_sigmas * np.sqrt(pixels))


@dataclass(frozen=True, kw_only=True, eq=False)
class FalseAlarms:
    """How many spots a scene shows by chance, by their strength."""

    strengths: NDArray[np.float64]
    """Of the spots of the map turned upside down, descending."""
    least: float
    """Strength of the weakest spot that could be found."""

    def expected(self, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many false spots of each strength or more the scene should show.

        A power law through the strongest `TAIL` ones (Hill 1975, doi:10.1214/aos/1176343247), its exponent
        drawn towards `PRIOR_INDEX` where they are few; weaker spots are counted.
        """
        base, index, top = self._tail()
        # One more than seen: that none was seen does not say that none can be.
        tail = (top + 1) * np.maximum(strengths / base, 1.0) ** -index
        count = len(self.strengths)
        above = count - np.searchsorted(self.strengths[::-1], strengths, side="left")
        return np.asarray(np.where(strengths >= base, tail, above + 1.0))

    def needed(self, expected: float) -> float:
        """Return the strength beyond which so few false spots are expected; within the tail."""
        base, index, top = self._tail()
        return float(base * max((top + 1) / expected, 1.0) ** (1 / index))

    def _tail(self) -> tuple[float, float, int]:
        """Where the tail begins, its exponent, and how many spots it holds."""
        count = len(self.strengths)
        top = self.strengths[: min(count, TAIL)]
        base = float(top[-1]) if count else self.least
        logs = float(np.log(top / base).sum()) if count else 0.0
        index = (max(len(top) - 1, 0) + PRIOR_WEIGHT) / (logs + PRIOR_WEIGHT / PRIOR_INDEX)
        return base, index, len(top)
