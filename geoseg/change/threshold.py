"""Fix the threshold of a comparison on what it measures in a sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.change.choose import Choice
from geoseg.methods.change_statistics import robust_spread
from geoseg.methods.thresholds import Unimodal, histogram, kittler_illingworth, otsu
from geoseg.spec import ChangeSpec, Units


def with_threshold(
    choice: Choice, spec: ChangeSpec, values: NDArray[np.floating], units: set[Units]
) -> Choice:
    """Find the threshold by the algorithm asked for, else by the default of the method.

    Args:
        choice: with its method fitted.
        spec: the request.
        values: (n,) what the method measures in the sample, all finite.
        units: of the bands.
    """
    method, spread, warnings = choice.method, robust_spread(values), list(choice.warnings)
    way = method.thresholding[0] if spec.thresholding == "auto" else spec.thresholding
    low, high = method.threshold_limits(len(choice.inputs), units)
    if spec.threshold is not None:
        threshold, words = spec.threshold, "as given"
    elif way == "chi2":
        freedom = len(choice.inputs)
        threshold = float(np.sqrt(chdtri(freedom, spec.alpha)))
        words = f"chi-square with {freedom} degrees of freedom at {spec.alpha:g}"
        low = 0.0
    elif way == "robust":
        threshold, words = method.robust_threshold(values)
    else:
        # The far tail of a few bright pixels would leave the rest of the histogram in one bin.
        whole = histogram(values, (float(values.min()), float(np.quantile(values, 0.999))))
        found = kittler_illingworth(whole) if way == "ki" else otsu(whole)
        if isinstance(found, Unimodal):
            threshold = method.unimodal_threshold(spread)
            words = f"no second mode ({found.reason}), so a fixed limit"
            warnings.append(
                "the histogram of change shows one mode only: little changed, or it cannot be told from "
                f"noise. The threshold {threshold:.3g} is used; look at the map, or set --threshold"
            )
        else:
            threshold, words = float(found), {"ki": "minimum error", "otsu": "Otsu"}[way]
    if spec.threshold is None and not low <= threshold <= high:
        kept = min(max(threshold, low), high)
        words += f" ({threshold:.3g}) kept within {low:.3g} to {high:.3g}"
        threshold = kept
    share = float((values > threshold).mean())
    note = f"threshold {threshold:.4g} ({method.measured}), {words}; {share:.1%} of the sample is above"
    if share > 0.5:
        warnings.append(
            f"{share:.0%} of the sample is above the threshold: seasons, haze or clouds change the whole "
            "scene. Compare dates of one season, or set --threshold"
        )
    return replace(
        choice,
        method=method.with_threshold(threshold, spread),
        threshold=threshold,
        scale=max(spread.std, abs(threshold) / 20, 1e-6),
        notes=(*choice.notes, note),
        warnings=tuple(warnings),
    )
