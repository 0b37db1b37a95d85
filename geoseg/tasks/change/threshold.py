"""Find the threshold of a comparison from its measure in a sample."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.errors import UsageError
from geoseg.messages import note, warn
from geoseg.methods.change_statistics import robust_spread
from geoseg.methods.thresholds import Unimodal, histogram, kittler_illingworth, otsu
from geoseg.spec import ChangeSpec, Units
from geoseg.tasks.change.choose import Comparison

LOG = logging.getLogger(__name__)

BEYOND = 2.0
"""Ratio of a given threshold to the greatest value of the sample, above which the unit may be another."""

SEED_SCORE = 0.9
"""Score of a pixel at the seed threshold; that at the threshold is 0.5."""


def with_threshold(
    comparison: Comparison, spec: ChangeSpec, values: NDArray[np.floating], units: set[Units]
) -> Comparison:
    """Return the comparison with the threshold of the user, of `--thresholding`, or of its method.

    Args:
        comparison: with its method fitted.
        spec: the request.
        values: (n,) measure of the sample, all finite.
        units: of the bands.

    Raises:
        UsageError: the seed threshold is below the threshold.
    """
    method, spread = comparison.method, robust_spread(values)
    algorithm = method.thresholding[0] if spec.thresholding == "auto" else spec.thresholding
    low, high = method.threshold_limits(len(comparison.inputs), units)
    if spec.threshold is not None:
        threshold, words = spec.threshold, "as given"
    elif algorithm == "chi2":
        freedom = len(comparison.inputs)
        threshold = float(np.sqrt(chdtri(freedom, spec.alpha)))
        words = f"chi-square with {freedom} degrees of freedom at {spec.alpha:g}"
        low = 0.0
    elif algorithm == "robust":
        threshold, words = method.robust_threshold(values)
    else:
        # With a few very bright pixels, all others would lie in one bin of the histogram.
        pooled = histogram(values, (float(values.min()), float(np.quantile(values, 0.999))))
        found = kittler_illingworth(pooled) if algorithm == "ki" else otsu(pooled)
        if isinstance(found, Unimodal):
            threshold = method.unimodal_threshold(spread)
            words = f"no second mode ({found.reason}), so a fixed limit"
            warn(
                LOG,
                "change-method-doubtful",
                "the histogram of change has one mode only: there is little change, or it is not separate "
                f"from noise. The threshold {threshold:.3g} is used; check the map, or set `--threshold`",
            )
        else:
            threshold, words = float(found), {"ki": "minimum error", "otsu": "Otsu"}[algorithm]
    if spec.threshold is None and not low <= threshold <= high:
        words += f" ({threshold:.3g}), limited to {low:.3g} to {high:.3g}"
        threshold = min(max(threshold, low), high)
    method = method.with_threshold(threshold, spread)
    seed = spec.seed_threshold or None
    growth = method.growth if algorithm == "robust" and spec.threshold is None else None
    if growth is not None and spec.seed_threshold != 0:
        seed = seed or growth.seed * threshold
        threshold, words = growth.grow * threshold, f"{growth.grow:g} times {words}"
    if seed is not None and seed < threshold:
        raise UsageError(
            f"`--seed-threshold {seed:g}` is below the threshold {threshold:.4g}, from which places are "
            "mapped"
        )
    share = float((values > threshold).mean())
    seeds = "" if seed is None else f"; places are mapped that exceed {seed:.4g} somewhere"
    note(
        LOG,
        f"threshold {threshold:.4g} ({method.measured}), {words}; {share:.1%} of the sample is above{seeds}",
    )
    greatest = float(values.max())
    if spec.threshold is not None and threshold > BEYOND * greatest:
        warn(
            LOG,
            "threshold-beyond-values",
            f"the threshold {threshold:.4g} is far above the greatest value of the sample ({greatest:.3g}, "
            f"{method.measured}): nothing is mapped as change. Check `--threshold`",
        )
    if share > 0.5:
        warn(
            LOG,
            "change-method-doubtful",
            f"{share:.0%} of the sample is above the threshold: seasons, haze or clouds change the whole "
            "scene. Compare dates of one season, or set `--threshold`",
        )
    scale = spread.std if seed is None else (seed - threshold) / math.log(SEED_SCORE / (1 - SEED_SCORE))
    return replace(
        comparison,
        method=method,
        threshold=threshold,
        seed=seed,
        scale=max(scale, abs(threshold) / 20 if seed is None else 0.0, 1e-6),
    )
