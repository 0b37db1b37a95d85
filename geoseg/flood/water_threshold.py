"""Find a threshold in the sample of a scene, and say how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from geoseg.flood.water_choice import Method
from geoseg.methods.sar_water import BlockThreshold, bmax_otsu, edge_otsu, hsba
from geoseg.methods.thresholds import (
    Histogram,
    TwoGaussians,
    Unimodal,
    fit_two_gaussians,
    histogram,
    kittler_illingworth,
    otsu,
)

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A threshold with its grounds."""

    threshold: float
    scale: float
    strict: float | None = None
    """Threshold that a region must pass somewhere; None: no such rule."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    found: bool = True
    """Whether the scene itself showed two classes (or the user said)."""


def find_cut(method: Method, blocks: Sequence[Image], thresholding: str, pixel_m: float) -> Cut:
    """Find where to cut the measure of a method.

    `auto` looks for tiles in which two normal modes show (Chini 2017), cuts their pooled histogram by
    minimum error and keeps the result within the method's guard; where no tile has two modes, the method's
    fixed threshold is used: an all-land scene then has no water, and an all-water scene is all water.

    Args:
        method: whose measure it is.
        blocks: (H, W) arrays of the measure, NaN where unknown.
        thresholding: `auto`, `otsu`, `ki`, `bmax-otsu`, `edge-otsu` or `hsba`.
        pixel_m: pixel size in m; NaN where unknown.
    """
    whole = reduce(add, [histogram(block, method.limits) for block in blocks])
    if thresholding == "auto":
        found = hsba(
            blocks,
            limits=method.limits,
            minor=MINOR,
            least_side=LEAST_SIDE,
            plausible=lambda modes, cut: _water_and_land(method, modes, cut),
        )
        name = "two modes, minimum error"
    else:
        found = _explicit(method, blocks, whole, thresholding, pixel_m)
        name = thresholding
    if isinstance(found, Unimodal):
        return _fixed(method, whole, name, found.reason)
    low, high = method.guard if thresholding == "auto" else method.bounds
    threshold = found.threshold
    if thresholding == "auto":
        threshold = min(max(threshold, low), high)
    elif not low <= threshold <= high:
        reason = f"{threshold:.3g} lies outside {low:.3g} to {high:.3g}, where water and land can part"
        return _fixed(method, whole, name, reason)
    scale, evidence = _spread(method, found)
    share = _share(method, whole, threshold)
    note = f"threshold {threshold:.4g} ({method.measure}) by {name}: {evidence}; {share}"
    strict = None
    if thresholding == "auto" and method.kind == "sar" and not method.needs_before:
        threshold, strict = _grow(method, threshold)
        note += f"; regions grow to {threshold:.4g} from cores beyond {strict:.4g}"
    return Cut(threshold=threshold, scale=scale, strict=strict, notes=(note,))


def _water_and_land(method: Method, modes: TwoGaussians, cut: float) -> bool:
    """Whether two modes can be water and land, and not two kinds of land or of water.

    Backscatter and its changes are calibrated, so the cut itself says. Indices of water spread widely and
    pull the cut about, but zero, where both bands are equal, lies between water and land.
    """
    if method.water_below:
        return method.guard[0] <= cut <= method.guard[1]
    return modes.means[0] < method.fallback < modes.means[1]


LEAST_SIDE = 256
"""Pixels of the smallest tile that may speak for a scene."""
MINOR = 0.1
"""Least share of the smaller mode in a tile."""
GROW_DB = 1.0
"""dB around the minimum-error threshold between the core of a water region and its rim."""


def _grow(method: Method, threshold: float) -> tuple[float, float]:
    """Tolerant and strict thresholds around one of backscatter."""
    return min(threshold + GROW_DB, method.guard[1]), threshold - GROW_DB


def _explicit(
    method: Method, blocks: Sequence[Image], whole: Histogram, thresholding: str, pixel_m: float
) -> BlockThreshold | Unimodal:
    """The thresholding that the user named."""
    if thresholding == "bmax-otsu":
        return bmax_otsu(blocks, limits=method.limits)
    if thresholding == "hsba":
        return hsba(blocks, limits=method.limits)
    if thresholding == "edge-otsu":
        return edge_otsu(blocks, method.fallback, pixel_m, limits=method.limits)
    cut = otsu(whole) if thresholding == "otsu" else kittler_illingworth(whole)
    if isinstance(cut, Unimodal):
        return cut
    return BlockThreshold(threshold=cut, pooled=whole, used=len(blocks), seen=len(blocks))


def _fixed(method: Method, whole: Histogram, name: str, reason: str) -> Cut:
    """Fall back to the threshold from the literature."""
    threshold = method.fallback
    what = "change" if method.needs_before else "water"
    return Cut(
        threshold=threshold,
        scale=method.scale,
        notes=(f"threshold {threshold:.4g} ({method.measure}), fixed; {_share(method, whole, threshold)}",),
        warnings=(
            f"unimodal: no reliable {what} threshold in this scene ({name}: {reason}); the fixed "
            f"{method.measure} {'<' if method.water_below else '>'} {threshold:.4g} is used "
            f"({method.citation}). Check the map, or set --threshold",
        ),
        found=False,
    )


def _spread(method: Method, found: BlockThreshold) -> tuple[float, str]:
    """Scale of the score and the evidence in words, from the modes of the chosen pixels.

    Where two normal classes of equal spread meet, the odds of one grow as exp(x |mu0 - mu1| / s²).
    """
    modes = fit_two_gaussians(found.pooled)
    words = found.evidence
    if isinstance(modes, Unimodal):
        return method.scale, words
    gap = max(modes.means[1] - modes.means[0], 1e-6)
    scale = (modes.sigmas[0] ** 2 + modes.sigmas[1] ** 2) / 2 / gap
    words += (
        f", Ashman D {modes.separation:.1f} between modes at {modes.means[0]:.3g} and {modes.means[1]:.3g}"
    )
    return float(np.clip(scale, method.scale / 2, method.scale * 2)), words


def _share(method: Method, whole: Histogram, threshold: float) -> str:
    """How much of the sample lies on the water side."""
    below = whole.share_below(threshold)
    return f"{(below if method.water_below else 1 - below):.1%} of the sample is on the water side"
