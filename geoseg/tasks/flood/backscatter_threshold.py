"""Find the threshold of absolute backscatter, and tell whether VH separates water from land in a scene."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from geoseg.messages import note, warn
from geoseg.methods.backscatter_classes import (
    USUAL_LEVELS,
    WEIGHT_ALONE,
    WEIGHT_BESIDE,
    UsualLevels,
    boundary,
    fit_levels,
    with_shares,
)
from geoseg.methods.sar_water import INITIAL, BlockThreshold, hsba
from geoseg.methods.thresholds import Histogram, TwoGaussians, Unimodal, fit_two_gaussians, histogram
from geoseg.tasks.flood.method import Image, Threshold, WaterMethod
from geoseg.tasks.flood.threshold import LEAST_SIDE, MINOR, SceneThreshold

LOG = logging.getLogger(__name__)

CORE_DB = 1.0
"""dB below the threshold that a region of water must reach in one pixel."""
RIM_DB = 0.5
"""dB above the threshold up to which such a region extends."""
MOSTLY = 0.5
"""Share of water from which a scene without visible land may as well be dark land."""
GREATEST_RATIO = 10.0
"""dB between VV and VH up to which bright ground in VV is land; rough water has a greater ratio."""


def find_backscatter_threshold(
    method: WaterMethod, blocks: Sequence[Image], usual: UsualLevels
) -> SceneThreshold:
    """Find the threshold of `--thresholding auto` for one polarisation.

    Water and land are fitted to the tiles that show two modes (Chini 2017), with little weight of their usual
    levels. Where no tile does, they are fitted to all values with more weight: the threshold then lies below
    the values of land, or above those of water.

    Args:
        method: the method that computed the measure.
        blocks: (H, W) arrays of dB after the speckle filter, NaN where not observed.
        usual: levels of the polarisation.
    """
    rule, measured = method.threshold, method.measured
    pooled = reduce(add, [histogram(block, rule.limits) for block in blocks])
    levels, found = _levels(rule, pooled, blocks, usual)
    threshold = boundary(levels, usual.doubtful if isinstance(found, Unimodal) else usual.threshold)
    water, land = levels.means
    text = f"levels of water {water:.3g} and land {land:.3g}"
    if isinstance(found, BlockThreshold):
        text += f", Ashman D {levels.separation:.1f}, {found.evidence}"
    rim, core = threshold + RIM_DB, threshold - CORE_DB
    note(
        LOG,
        f"threshold {threshold:.4g} ({measured}): {text}; {pooled.share_below(threshold):.1%} of the sample "
        f"is on the water side; regions grow to {rim:.4g} from cores below {core:.4g}",
    )
    if isinstance(found, Unimodal):
        dark = pooled.share_below(threshold) > MOSTLY
        like = "; dry sand and smooth bare ground can be as dark as this" if dark else ""
        warn(
            LOG,
            "water-method-doubtful",
            f"unimodal: no part of this scene shows water beside land ({found.reason}); {measured} "
            f"< {threshold:.4g} follows from usual levels and the values of the scene{like}. Check the map, "
            "or set `--threshold`",
        )
    scale = (levels.sigmas[0] ** 2 + levels.sigmas[1] ** 2) / 2 / max(land - water, 1e-6)
    scale = float(np.clip(scale, rule.scale / 2, rule.scale * 2))
    return SceneThreshold(threshold=rim, scale=scale, strict=core)


def open_water_level(blocks: Sequence[Image], rule: Threshold, usual: UsualLevels) -> float:
    """Return the dB below which ground is open water, the same for all dates.

    Args:
        blocks: (H, W) arrays of dB of all dates after a speckle filter, NaN where not observed.
        rule: threshold of the polarisation.
        usual: its levels.
    """
    pooled = reduce(add, [histogram(block, rule.limits) for block in blocks])
    levels, found = _levels(rule, pooled, blocks, usual)
    return boundary(levels, usual.doubtful if isinstance(found, Unimodal) else usual.threshold)


def blind_vh(vh: Sequence[Image], vv: Sequence[Image], rule: Threshold) -> str:
    """Return why VH does not separate water from land although VV does; empty: it may.

    Dry or bare smooth ground can be as dark in VH as water, near the noise of the sensor, where VV still has
    two modes. Rough water beside calm water also has two modes in VV; its ratio of VV to VH is greater.

    Args:
        vh: blocks of dB after the speckle filter, NaN where not observed.
        vv: the same blocks in VV.
        rule: threshold of VV.
    """
    usual = USUAL_LEVELS["vv"]
    pooled = reduce(add, [histogram(block, rule.limits) for block in vv])
    levels, found = _levels(rule, pooled, vv, usual)
    if isinstance(found, Unimodal):
        return ""
    bright = [image > boundary(levels, usual.threshold) for image in vv]
    ground = np.concatenate([image[mask] for image, mask in zip(vh, bright, strict=True)])
    ratio = np.concatenate([image[mask] for image, mask in zip(vv, bright, strict=True)]) - ground
    if not np.isfinite(ratio).any():
        return ""
    level = float(np.nanmedian(ground))
    if level > INITIAL["vh"] or np.nanmedian(ratio) > GREATEST_RATIO:
        return ""
    return f"shows land as dark as water ({level:.1f} dB)"


def _levels(
    rule: Threshold, pooled: Histogram, blocks: Sequence[Image], usual: UsualLevels
) -> tuple[TwoGaussians, BlockThreshold | Unimodal]:
    """Return the levels of water and land, and the tiles that they were found in."""

    def water_and_land(modes: TwoGaussians, cut: float) -> bool:
        """Return whether two modes are water and land, not two types of land or of water."""
        return modes.means[0] < rule.fixed and rule.guard[0] <= cut <= usual.threshold[1]

    found = hsba(blocks, limits=rule.limits, minor=MINOR, least_side=LEAST_SIDE, plausible=water_and_land)
    if isinstance(found, Unimodal):
        return fit_levels(pooled, usual, weight=WEIGHT_ALONE), found
    start = fit_two_gaussians(found.pooled)
    modes = start if isinstance(start, TwoGaussians) else None
    levels = fit_levels(found.pooled, usual, weight=WEIGHT_BESIDE, start=modes)
    # The tiles have more of the rarer class than the scene.
    return with_shares(levels, pooled), found
