"""Find the threshold of a water method in a sample of the scene."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from geoseg.messages import note, warn
from geoseg.methods.sar_water import BlockThreshold, bmax_otsu, edge_otsu, hsba
from geoseg.methods.thresholds import (
    Histogram,
    Unimodal,
    bmax,
    fit_two_gaussians,
    histogram,
    kittler_illingworth,
    otsu,
)
from geoseg.tasks.flood.method import Image, Threshold, WaterMethod

LOG = logging.getLogger(__name__)

LEAST_SIDE = 256
"""Pixels a side of the smallest tile in which two modes are sought."""
MINOR = 0.1
"""Least share of the smaller mode in a tile."""
TWO_CLASSES = 0.71
"""Share of variance between Otsu's classes at which his threshold is kept. It is 0.64 for one normal
distribution, whose threshold lies in the middle of land."""

SEPARATE = 2.0
"""Ashman's D from which two modes are separate."""
UNCLEAR = 0.4
"""Pixels within a scale of the threshold, as a share of those on the water side, from which the area of a map
depends on the threshold."""


@dataclass(frozen=True, kw_only=True)
class SceneThreshold:
    """The threshold for one scene."""

    threshold: float
    """In the unit of the measure."""
    scale: float
    """Distance from the threshold at which the score is 0.73."""
    strict: float | None = None
    """Threshold that a region must pass somewhere; None: no such rule."""
    shore: float | None = None
    """Threshold of pixels next to open water; None: as elsewhere."""
    two_classes: bool = True
    """False: the sample shows one class only, and the threshold is that of the literature."""


def find_threshold(
    method: WaterMethod, blocks: Sequence[Image], thresholding: str, pixel_m: float
) -> SceneThreshold:
    """Find the threshold of a method's measure.

    `auto` is the algorithm of the method, mostly this: it looks for tiles with two normal modes (Chini
    2017), splits their pooled histogram by minimum error and limits the result to the method's guard. Where
    no tile has two modes, the fixed threshold of the method is used: a scene of land alone then has no
    water, and a scene of water alone is all water.

    Args:
        method: the method that computed the measure.
        blocks: (H, W) arrays of the measure, NaN where unknown.
        thresholding: `auto`, `otsu`, `ki`, `bmax-otsu`, `edge-otsu` or `hsba`.
        pixel_m: pixel size in m; NaN where unknown.
    """
    rule = method.threshold
    automatic = thresholding == "auto"
    if automatic:
        thresholding = rule.algorithm
    pooled = reduce(add, [histogram(block, rule.limits) for block in blocks])
    if thresholding == "auto":
        found = hsba(
            blocks,
            limits=rule.limits,
            minor=MINOR,
            least_side=LEAST_SIDE,
            plausible=lambda _modes, cut: rule.guard[0] <= cut <= rule.guard[1],
        )
        name = "two modes, minimum error"
    else:
        found = _by_name(rule, blocks, pooled, thresholding, pixel_m)
        name = thresholding
    if isinstance(found, Unimodal):
        return _fixed(method, pooled, name, found.reason)
    low, high = rule.guard
    threshold = found.threshold
    if automatic and rule.shift:
        shift = rule.shift * (bmax(pooled) - TWO_CLASSES) * (1 if rule.water_below else -1)
        threshold += shift
        name += f", shifted by {shift:+.2g}"
    if thresholding == "auto":
        threshold = min(max(threshold, low), high)
    elif not low <= threshold <= high:
        reason = f"{threshold:.3g} lies outside {low:.3g} to {high:.3g}, the range for water and land"
        return _fixed(method, pooled, name, reason)
    scale, evidence = _spread(rule, found)
    if automatic and rule.shift:
        remedy = "give both dates in dB, map a larger area with land and water, or set `--threshold`"
        if not warn_of_one_class(method.measured, pooled, remedy):
            _warn_of_unclear_edge(method, pooled, threshold, remedy)
    share = _share(rule, pooled, threshold)
    text = f"threshold {threshold:.4g} ({method.measured}) by {name}: {evidence}; {share}"
    strict = None
    if thresholding == "auto" and rule.grow:
        threshold, strict = _tolerant_and_strict(rule, threshold)
        text += f"; regions grow to {threshold:.4g} from cores beyond {strict:.4g}"
    note(LOG, text)
    return SceneThreshold(threshold=threshold, scale=scale, strict=strict)


def warn_of_one_class(measured: str, pooled: Histogram, remedy: str) -> bool:
    """Warn where values without a unit show one class only, and return whether they do.

    Water cannot be told from land by their level then.

    Args:
        measured: what was measured, for the message.
        pooled: histogram of the later date after a mean filter.
        remedy: what to do, for the message.
    """
    modes = fit_two_gaussians(pooled)
    separation = 0.0 if isinstance(modes, Unimodal) else modes.separation
    clarity = bmax(pooled)
    if clarity >= TWO_CLASSES or separation >= SEPARATE:
        return False
    warn(
        LOG,
        "water-method-doubtful",
        f"unimodal: {measured} of this scene has no two clear classes (share of variance "
        f"{clarity:.2f}, Ashman D {separation:.1f}). Without a unit, a scene that is nearly all flooded "
        "cannot be told from one that is nearly dry, and the map may hold a fraction of a large flood, or "
        f"dark land. Check it, {remedy}",
    )
    return True


def _warn_of_unclear_edge(method: WaterMethod, pooled: Histogram, threshold: float, remedy: str) -> None:
    """Warn where many values lie at the threshold, so that the area of the map depends on it."""
    scale = method.threshold.scale
    low, dark, high = (pooled.share_below(threshold + step) for step in (-scale, 0.0, scale))
    if high - low <= UNCLEAR * dark:
        return
    warn(
        LOG,
        "water-method-doubtful",
        f"dark ground of this scene has no clear edge: pixels within {scale:g} of the threshold "
        f"{threshold:.3g} ({method.measured}) are {(high - low) / max(dark, 1e-6):.0%} of those below it, "
        f"so that the map may hold a fraction of a large flood, or dark land. Check it, {remedy}",
    )


def _tolerant_and_strict(rule: Threshold, threshold: float) -> tuple[float, float]:
    """Return the thresholds of the rim of a water region, within the guard, and of its core."""
    low, high = rule.guard
    if rule.water_below:
        return min(threshold + rule.grow, high), threshold - rule.grow
    return max(threshold - rule.grow, low), threshold + rule.grow


def _by_name(
    rule: Threshold, blocks: Sequence[Image], pooled: Histogram, thresholding: str, pixel_m: float
) -> BlockThreshold | Unimodal:
    """Return the threshold by the algorithm of `--thresholding`."""
    if thresholding == "bmax-otsu":
        return bmax_otsu(blocks, limits=rule.limits)
    if thresholding == "hsba":
        return hsba(blocks, limits=rule.limits)
    if thresholding == "edge-otsu":
        return edge_otsu(blocks, rule.fixed, pixel_m, limits=rule.limits)
    cut = otsu(pooled) if thresholding == "otsu" else kittler_illingworth(pooled)
    if isinstance(cut, Unimodal):
        return cut
    return BlockThreshold(threshold=cut, pooled=pooled, used=len(blocks), seen=len(blocks))


def _fixed(method: WaterMethod, pooled: Histogram, name: str, reason: str) -> SceneThreshold:
    """Return the threshold of the literature, with a warning."""
    rule, measured = method.threshold, method.measured
    what = "change" if method.needs.scenes_before else "water"
    note(LOG, f"threshold {rule.fixed:.4g} ({measured}), fixed; {_share(rule, pooled, rule.fixed)}")
    warn(
        LOG,
        "water-method-doubtful",
        f"unimodal: this scene gives no reliable {what} threshold ({name}: {reason}); the fixed "
        f"{measured} {rule.side} {rule.fixed:.4g} is used ({method.citation}). "
        "Check the map, or set `--threshold`",
    )
    return SceneThreshold(threshold=rule.fixed, scale=rule.scale, two_classes=False)


def _spread(rule: Threshold, found: BlockThreshold) -> tuple[float, str]:
    """Return the scale of the score and a description of the modes of the chosen pixels.

    Between two normal classes of equal spread, the odds of one grow as exp(x |mu0 - mu1| / s²).
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


def _share(rule: Threshold, pooled: Histogram, threshold: float) -> str:
    """Return a text with the share of the sample on the water side."""
    below = pooled.share_below(threshold)
    return f"{(below if rule.water_below else 1 - below):.1%} of the sample is on the water side"


def warn_beyond_limits(method: WaterMethod, threshold: float) -> None:
    """Warn of a threshold that no value of the measure reaches: all or nothing would be water."""
    low, high = method.threshold.limits
    if low < threshold < high:
        return
    everything = (threshold >= high) == method.threshold.water_below
    warn(
        LOG,
        "threshold-beyond-values",
        f"the threshold {threshold:.4g} is beyond the values that {method.measured} has ({low:g} to "
        f"{high:g}): {'everything' if everything else 'nothing'} is mapped as water. Check `--threshold`",
    )
