"""MAD without masking by large changes: pixels with clear change are left out of its statistics.

MAD divides differences by their variance over the scene. A uniform change of a share p of the pixels
dominates that variance, so that its Z stays below about 1 / p: a clearing on a tenth of a scene does not
exceed a chi-square threshold (masking, Rousseeuw & Leroy 1987, doi:10.1002/0471725382).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.methods.change_statistics import robust_spread
from geoseg.methods.mad import FLOOR, MadTransform, Matrix, fit_mad
from geoseg.methods.relative import fit_lines

CLEAR_CHANGE = 8.0
"""Robust standard deviations of clear change, over all bands and of each band."""
SIGMAS = 4.0
"""Robust standard deviations above the median from which sqrt(Z) shows change."""
EDGE = 0.6
"""Share of a window of 5 x 5 pixels that has changed, for a window at the edge of a change."""
MAX_MISSED = 0.55
"""Share of clear change that plain MAD may miss. It was 0 to 0.5 for eight pairs of cities with harvest and
seasons, and 0.85 to 1 for a uniform change."""
MIN_SHARE = 5e-4
"""Share of clear change below which the statistics are not affected."""
LINE_PIXELS = 100_000
"""Number of pixels for the radiometric normalization."""


def fit_unmasked(before: Matrix, after: Matrix, plain: MadTransform) -> tuple[MadTransform, float]:
    """Fit plain MAD again without clear change, if it misses most of that change.

    Args:
        before: (N, n) float64, all finite.
        after: (N, n).
        plain: the fit to all pixels.

    Returns:
        The fit, and the share of the pixels that were left out of it; 0: the fit is `plain`.

    Raises:
        SceneError: there are too few pixels, or a band is constant.
    """
    changed = clear_change(before, after)
    share = float(changed.mean())
    rest = ~changed
    if not MIN_SHARE < share < 0.5 or rest.sum() < 10 * len(before) ** 2:
        return plain, 0.0
    measure = np.sqrt(plain.z(before, after))
    spread = robust_spread(measure)
    limit = max(spread.mean + SIGMAS * spread.std, float(np.sqrt(chdtri(len(before), 0.05))))
    # The mean over a window at the edge of a change is a mixture of both sides.
    needed = (limit - (1 - EDGE) * spread.mean) / EDGE
    if (measure[changed] <= needed).mean() <= MAX_MISSED:
        return plain, 0.0
    return fit_mad(before[:, rest], after[:, rest], rounds=0), share


def clear_change(before: Matrix, after: Matrix) -> NDArray[np.bool_]:
    """Return which pixels (n,) of two dates (N, n) have clearly changed.

    Differences are computed after radiometric normalization, in robust standard deviations of each band,
    which are at least a tenth of the standard deviation of the band.
    """
    step = -(-before.shape[1] // LINE_PIXELS)
    difference = fit_lines(before[:, ::step], after[:, ::step])(after.astype(np.float32)) - before
    middle = np.median(difference, axis=1, keepdims=True)
    robust = 1.4826 * np.median(np.abs(difference - middle), axis=1, keepdims=True)
    scale = np.maximum(robust, FLOOR * before.std(axis=1, keepdims=True))
    length = np.sqrt((((difference - middle) / scale) ** 2).mean(axis=0))
    spread = robust_spread(length)
    return np.asarray(length > max(spread.mean + CLEAR_CHANGE * spread.std, CLEAR_CHANGE))
