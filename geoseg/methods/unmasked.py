"""MAD that no large change hides from: what differs beyond doubt does not bend its statistics.

MAD divides differences by their variance over the whole scene. A uniform change of a share p of the pixels
makes most of that variance itself, so that its Z stays below about 1 / p: a clearing on a tenth of a scene
falls below any chi-square limit (masking, Rousseeuw & Leroy 1987, doi:10.1002/0471725382).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.methods.change_statistics import robust_spread
from geoseg.methods.mad import FLOOR, Mad, Matrix, fit_mad
from geoseg.methods.relative import fit_lines

BEYOND_DOUBT = 8.0
"""Robust standard deviations, of all bands and of each, from which a pixel changed."""
SIGMAS = 4.0
"""Robust standard deviations above the median from which MAD's own measure takes a pixel for changed."""
EDGE = 0.6
"""Share of a window of 5 x 5 pixels that lies inside of what changed, around a pixel at its edge."""
MAY_MISS = 0.55
"""Share of clear change that may be too weak to be found at its edges: on eight city pairs with harvest and
seasons it was 0 to 0.5, where a uniform change hides itself 0.85 to 1."""
LEAST_SHARE = 5e-4
"""Share of such pixels below which nothing is bent."""
LINE_PIXELS = 100_000
"""Pixels that the dates are brought to one radiometry by."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Unmasked:
    """A fit of MAD, and what it was made without."""

    mad: Mad
    left_out: float = 0.0
    """Share of the pixels."""


def fit_unmasked(before: Matrix, after: Matrix, plain: Mad) -> Unmasked:
    """Fit plain MAD again without what changed beyond doubt, if it would not be found.

    Args:
        before: (N, n) float64, all finite.
        after: (N, n).
        plain: fitted to all of them.

    Raises:
        SceneError: too few pixels, or a band without variation.
    """
    changed = beyond_doubt(before, after)
    share = float(changed.mean())
    rest = ~changed
    if not LEAST_SHARE < share < 0.5 or rest.sum() < 10 * len(before) ** 2:
        return Unmasked(mad=plain)
    measure = np.sqrt(plain.z(before, after))
    spread = robust_spread(measure)
    limit = max(spread.mean + SIGMAS * spread.std, float(np.sqrt(chdtri(len(before), 0.05))))
    # Averaged over a window, the measure at an edge is part of that inside.
    needed = (limit - (1 - EDGE) * spread.mean) / EDGE
    if (measure[changed] <= needed).mean() <= MAY_MISS:
        return Unmasked(mad=plain)
    return Unmasked(mad=fit_mad(before[:, rest], after[:, rest], rounds=0), left_out=share)


def beyond_doubt(before: Matrix, after: Matrix) -> NDArray[np.bool_]:
    """Return which pixels (n,) of two dates (N, n) changed, whatever else is true of the scene.

    Differences are taken in one radiometry, in units of their robust spread in each band, but of no less than
    a tenth of the band's own.
    """
    step = -(-before.shape[1] // LINE_PIXELS)
    difference = fit_lines(before[:, ::step], after[:, ::step])(after.astype(np.float32)) - before
    middle = np.median(difference, axis=1, keepdims=True)
    robust = 1.4826 * np.median(np.abs(difference - middle), axis=1, keepdims=True)
    scale = np.maximum(robust, FLOOR * before.std(axis=1, keepdims=True))
    length = np.sqrt((((difference - middle) / scale) ** 2).mean(axis=0))
    spread = robust_spread(length)
    return np.asarray(length > max(spread.mean + BEYOND_DOUBT * spread.std, BEYOND_DOUBT))
