"""Find a threshold in the sample of a scene, and say how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from geoseg.flood.method import Image, Threshold, WaterMethod
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

LEAST_SIDE = 256
"""Pixels of the side of the smallest tile that two modes are looked for in."""
MINOR = 0.1
"""Least share of the smaller mode in a tile."""


@dataclass(frozen=True, kw_only=True)
class FoundThreshold:
    """A threshold with its grounds."""

    threshold: float
    scale: float
    strict: float | None = None
    """Threshold that a region must pass somewhere; None: no such rule."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    found: bool = True
    """Whether the scene itself showed two classes (or the user gave the threshold)."""


def find_threshold(
    method: WaterMethod, blocks: Sequence[Image], thresholding: str, pixel_m: float
) -> FoundThreshold:
    """Find the threshold of a method's measure.

    `auto` looks for tiles in which two normal modes show (Chini 2017), cuts their pooled histogram by
    minimum error and keeps the result within the method's guard; where no tile has two modes, the method's
    fixed threshold is used: an all-land scene then has no water, and an all-water scene is all water.

    Args:
        method: whose measure it is.
        blocks: (H, W) arrays of the measure, NaN where unknown.
        thresholding: `auto`, `otsu`, `ki`, `bmax-otsu`, `edge-otsu` or `hsba`.
        pixel_m: pixel size in m; NaN where unknown.
    """
    rule = method.threshold
    whole = reduce(add, [histogram(block, rule.limits) for block in blocks])
    if thresholding == "auto":
        found = hsba(
            blocks,
            limits=rule.limits,
            minor=MINOR,
            least_side=LEAST_SIDE,
            plausible=lambda modes, cut: _water_and_land(rule, modes, cut),
        )
        name = "two modes, minimum error"
    else:
        found = _by_name(rule, blocks, whole, thresholding, pixel_m)
        name = thresholding
    if isinstance(found, Unimodal):
        return _fixed(method, whole, name, found.reason)
    low, high = rule.guard if thresholding == "auto" else rule.bounds or rule.guard
    threshold = found.threshold
    if thresholding == "auto":
        threshold = min(max(threshold, low), high)
    elif not low <= threshold <= high:
        reason = f"{threshold:.3g} lies outside {low:.3g} to {high:.3g}, where water and land can part"
        return _fixed(method, whole, name, reason)
    scale, evidence = _spread(rule, found)
    share = _share(rule, whole, threshold)
    note = f"threshold {threshold:.4g} ({method.measured}) by {name}: {evidence}; {share}"
    strict = None
    if thresholding == "auto" and rule.grow:
        threshold, strict = _tolerant_and_strict(rule, threshold)
        note += f"; regions grow to {threshold:.4g} from cores beyond {strict:.4g}"
    return FoundThreshold(threshold=threshold, scale=scale, strict=strict, notes=(note,))


def _water_and_land(rule: Threshold, modes: TwoGaussians, cut: float) -> bool:
    """Whether two modes can be water and land, and not two kinds of land or of water."""
    if rule.between is None:
        return rule.guard[0] <= cut <= rule.guard[1]
    return modes.means[0] < rule.between < modes.means[1]


def _tolerant_and_strict(rule: Threshold, threshold: float) -> tuple[float, float]:
    """Thresholds of the rim of a water region, kept within the guard, and of its core."""
    low, high = rule.guard
    if rule.water_below:
        return min(threshold + rule.grow, high), threshold - rule.grow
    return max(threshold - rule.grow, low), threshold + rule.grow


def _by_name(
    rule: Threshold, blocks: Sequence[Image], whole: Histogram, thresholding: str, pixel_m: float
) -> BlockThreshold | Unimodal:
    """The threshold by the algorithm that the user named."""
    if thresholding == "bmax-otsu":
        return bmax_otsu(blocks, limits=rule.limits)
    if thresholding == "hsba":
        return hsba(blocks, limits=rule.limits)
    if thresholding == "edge-otsu":
        return edge_otsu(blocks, rule.fixed, pixel_m, limits=rule.limits)
    cut = otsu(whole) if thresholding == "otsu" else kittler_illingworth(whole)
    if isinstance(cut, Unimodal):
        return cut
    return BlockThreshold(threshold=cut, pooled=whole, used=len(blocks), seen=len(blocks))


def _fixed(method: WaterMethod, whole: Histogram, name: str, reason: str) -> FoundThreshold:
    """Fall back to the threshold from the literature."""
    rule, measured = method.threshold, method.measured
    what = "change" if method.needs.scenes_before else "water"
    return FoundThreshold(
        threshold=rule.fixed,
        scale=rule.scale,
        notes=(f"threshold {rule.fixed:.4g} ({measured}), fixed; {_share(rule, whole, rule.fixed)}",),
        warnings=(
            f"unimodal: no reliable {what} threshold in this scene ({name}: {reason}); the fixed "
            f"{measured} {rule.side} {rule.fixed:.4g} is used ({method.citation}). "
            "Check the map, or set --threshold",
        ),
        found=False,
    )


def _spread(rule: Threshold, found: BlockThreshold) -> tuple[float, str]:
    """Scale of the score and the evidence in words, from the modes of the chosen pixels.

    Where two normal classes of equal spread meet, the odds of one grow as exp(x |mu0 - mu1| / s²).
    """
    modes = fit_two_gaussians(found.pooled)
    words = found.evidence
    if isinstance(modes, Unimodal):
        return rule.scale, words
    gap = max(modes.means[1] - modes.means[0], 1e-6)
    scale = (modes.sigmas[0] ** 2 + modes.sigmas[1] ** 2) / 2 / gap
    words += (
        f", Ashman D {modes.separation:.1f} between modes at {modes.means[0]:.3g} and {modes.means[1]:.3g}"
    )
    return float(np.clip(scale, rule.scale / 2, rule.scale * 2)), words


def _share(rule: Threshold, whole: Histogram, threshold: float) -> str:
    """How much of the sample lies on the water side."""
    below = whole.share_below(threshold)
    return f"{(below if rule.water_below else 1 - below):.1%} of the sample is on the water side"
