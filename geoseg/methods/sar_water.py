"""Thresholds of backscatter for scenes with little water.

Otsu's threshold is biased where one class is rare. These methods first select pixels: tiles with both classes
(`bmax_otsu`, `hsba`), or neighbourhoods of edges (`edge_otsu`). Inputs are blocks of one scene at full
resolution, (H, W) with NaN where not observed, of any quantity with two modes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.thresholds import (
    Histogram,
    TwoGaussians,
    Unimodal,
    bmax,
    fit_two_gaussians,
    histogram,
    kittler_illingworth,
    otsu,
)

Image = NDArray[np.float32]

DB_LIMITS = (-45.0, 5.0)
"""Limits of histograms in dB, with bins of 0.195 dB."""
GUARD = {"vv": (-24.0, -12.0), "vh": (-30.0, -18.0), "hh": (-24.0, -12.0), "hv": (-30.0, -18.0)}
"""Range in dB of plausible thresholds between water and land at C band; HH and HV have those of VV and VH."""
INITIAL = {"vv": -16.0, "vh": -20.0, "hh": -16.0, "hv": -20.0}
"""Usual threshold in dB between water and land at C band, to find edges and as a fallback."""


@dataclass(frozen=True, kw_only=True)
class BlockThreshold:
    """A threshold with the pixels it was found from."""

    threshold: float
    pooled: Histogram
    """Histogram of the selected pixels."""
    used: int
    """Number of selected tiles or edges."""
    seen: int
    """Number of tiles or edges to select from."""

    @property
    def evidence(self) -> str:
        """Basis of the threshold in words."""
        return f"{self.used} of {self.seen} selected, Bmax {bmax(self.pooled):.2f} among their pixels"


def bmax_otsu(
    blocks: Sequence[Image],
    *,
    limits: tuple[float, float] = DB_LIMITS,
    least: float = 0.75,
    most: int = 100,
) -> BlockThreshold | Unimodal:
    """Return Otsu's threshold of the most bimodal blocks.

    Cao 2019, doi:10.3390/w11040786; Markert 2020, doi:10.3390/rs12152469. The `most` blocks with the largest
    Bmax above `least` are pooled.
    """
    histograms = [histogram(block, limits) for block in blocks if np.isfinite(block).sum() >= 100]
    ranked = sorted(histograms, key=bmax, reverse=True)
    chosen = [item for item in ranked if bmax(item) > least][:most]
    if not chosen:
        best = f", the best {bmax(ranked[0]):.2f}" if ranked else ""
        return Unimodal(reason=f"no block has Bmax above {least:g}{best}")
    pooled = _pool(chosen)
    return BlockThreshold(threshold=otsu(pooled), pooled=pooled, used=len(chosen), seen=len(blocks))


def hsba(
    blocks: Sequence[Image],
    *,
    limits: tuple[float, float] = DB_LIMITS,
    least_side: int = 128,
    separation: float = 2.0,
    minor: float = 0.1,
    plausible: Callable[[TwoGaussians, float], bool] = lambda _modes, _cut: True,
) -> BlockThreshold | Unimodal:
    """Return the threshold of bimodal tiles from a hierarchical split of blocks.

    Chini 2017, doi:10.1109/TGRS.2017.2737664: a tile is selected if the two normal distributions fitted to it
    have Ashman's D above `separation` and the smaller one has at least the share `minor`; otherwise its
    quarters are tested, down to `least_side` pixels. Selected tiles are pooled, and the threshold is that of
    minimum error (Kittler-Illingworth), or Otsu's where there is no minimum. `plausible` gets the modes and
    the threshold of a tile and rejects modes that are not water and land, such as forest and fields; the tile
    is then split.
    """
    tiles: list[Histogram] = []
    seen = 0
    queue = list(blocks)
    while queue:
        tile = queue.pop()
        counted = histogram(tile, limits)
        if counted.total < 100:
            continue
        seen += 1
        modes = fit_two_gaussians(counted, rounds=50)
        apart = (
            isinstance(modes, TwoGaussians)
            and modes.separation > separation
            and min(modes.shares) >= minor
            and plausible(modes, _minimum_error(counted))
        )
        if apart:
            tiles.append(counted)
        elif min(tile.shape) >= 2 * least_side:
            row, col = tile.shape[0] // 2, tile.shape[1] // 2
            queue += [tile[:row, :col], tile[:row, col:], tile[row:, :col], tile[row:, col:]]
    if not tiles:
        return Unimodal(reason=f"none of {seen} tiles holds two modes")
    pooled = _pool(tiles)
    return BlockThreshold(threshold=_minimum_error(pooled), pooled=pooled, used=len(tiles), seen=seen)


def _minimum_error(counted: Histogram) -> float:
    """Return the threshold of Kittler and Illingworth, or Otsu's where it has no minimum."""
    cut = kittler_illingworth(counted)
    return otsu(counted) if isinstance(cut, Unimodal) else cut


def edge_otsu(
    blocks: Sequence[Image],
    initial: float,
    pixel_m: float,
    *,
    limits: tuple[float, float] = DB_LIMITS,
    least_edge: int = 50,
    buffer_m: float = 100.0,
) -> BlockThreshold | Unimodal:
    """Return Otsu's threshold around the edges of an initial water mask.

    Donchyts 2016, doi:10.3390/rs8050386: binarise at `initial`, find edges (Canny) of at least `least_edge`
    pixels, and select the pixels within `buffer_m` (a square) of them, which have about as much water as
    land.

    Args:
        blocks: blocks of the scene.
        initial: initial threshold in the unit of the blocks.
        pixel_m: pixel size in m; NaN: 10 m.
        limits: limits of the histogram.
        least_edge: number of pixels of the shortest edge.
        buffer_m: half the side of the square around an edge pixel.
    """
    from scipy import ndimage  # noqa: PLC0415 - slow to import

    reach = max(1, round(buffer_m / (10.0 if math.isnan(pixel_m) else pixel_m)))
    near: list[Histogram] = []
    edges = seen = 0
    for block in blocks:
        known = np.isfinite(block)
        found = canny((block < initial).astype(np.float32)) & known
        # The border of nodata is not a shoreline.
        found &= ~ndimage.binary_dilation(~known, np.ones((3, 3), np.bool_))
        labels, count = ndimage.label(found, np.ones((3, 3)))
        keep = np.bincount(labels.ravel(), minlength=count + 1) >= least_edge
        keep[0] = False
        seen += count
        if not keep.any():
            continue
        edges += int(keep.sum())
        buffered = ndimage.maximum_filter(keep[labels], 2 * reach + 1)
        near.append(histogram(block[buffered & known], limits))
    if not near:
        return Unimodal(reason=f"no edge of {least_edge} pixels at {initial:g}")
    pooled = _pool(near)
    return BlockThreshold(threshold=otsu(pooled), pooled=pooled, used=edges, seen=seen)


def canny(image: Image, *, sigma: float = 0.0, low: float = 0.05, high: float = 0.1) -> NDArray[np.bool_]:
    """Return the edges of an image by gradients, non-maximum suppression and hysteresis.

    Canny 1986, doi:10.1109/TPAMI.1986.4767851.

    Args:
        image: (H, W), finite.
        sigma: standard deviation in pixels of the Gaussian filter; 0: no filter.
        low: smallest gradient of an edge, in units of the image per pixel.
        high: gradient that an edge must reach in a pixel.
    """
    from scipy import ndimage  # noqa: PLC0415 - slow to import

    smooth = ndimage.gaussian_filter(image, sigma) if sigma > 0 else image
    down = ndimage.sobel(smooth, axis=0, mode="nearest") / 8
    right = ndimage.sobel(smooth, axis=1, mode="nearest") / 8
    size = np.hypot(down, right)
    # The direction across the edge, rounded to one of four.
    sector = np.round(np.arctan2(down, right) * (4 / np.pi)).astype(int) % 4
    padded = np.pad(size, 1)
    height, width = size.shape
    crest = np.zeros(size.shape, np.bool_)
    for index, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        crest |= (sector == index) & (size >= behind) & (size > ahead)
    weak = crest & (size >= low)
    labels, count = ndimage.label(weak, np.ones((3, 3)))
    strong = np.zeros(count + 1, np.bool_)
    strong[labels[weak & (size >= high)]] = True
    strong[0] = False
    return np.asarray(strong[labels], np.bool_)


def _pool(parts: Sequence[Histogram]) -> Histogram:
    """Return the sum of histograms with equal edges."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
