"""What a plume's pixels say: its background, mass, rate with an interval, and what else could look like it.

All images are windows (H, W) around one plume, ppm·m, NaN where not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS, SECONDS, along_wind, integrated_mass
from geoseg.methods.plume_search import CROSS, centre_and_spread, spots

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

GAP, LEAST_REACH = 2, 6
"""Pixels between a plume and the ring around it, and width of the ring at least."""

LEVELS = np.linspace(0.8, 1.2, 9)
"""Thresholds, in parts of the one used, at which the mask might as well have been cut."""

CLEAR_SHARE = 0.9
"""Share of a patch that must be known for its mean to count."""

DRAWS = 1000
"""Of the Monte Carlo; the same for every plume, so that equal plumes have equal intervals."""

LOW, HIGH = 2.5, 97.5
"""Percentiles of an interval of 95 %."""


def ring_around(mask: Mask, usable: Mask) -> Mask:
    """Return the usable pixels around a plume, a gap away from it: what its background is told by.

    The ring is as wide as the square root of the plume's pixels, six at least.
    """
    reach = max(LEAST_REACH, int(np.sqrt(np.count_nonzero(mask))))
    near = ndimage.binary_dilation(mask, CROSS, iterations=GAP)
    far = ndimage.binary_dilation(near, CROSS, iterations=reach)
    return np.asarray(far & ~near & usable)


def grown_masks(filtered: Image, mask: Mask, threshold: float) -> list[Mask]:
    """Return the plume as it would be cut at each of `LEVELS` times the threshold.

    Of each cut, what touches the plume counts. Cuts at which nothing of it is left are left out.
    """
    found = []
    for level in LEVELS:
        labels, _ = ndimage.label(spots(np.nan_to_num(filtered, nan=-np.inf), level * threshold), CROSS)
        own = np.unique(labels[mask])
        cut = np.isin(labels, own[own > 0])
        if cut.any():
            found.append(cut)
    return found or [mask]


def background_error(enhancement: Image, mask: Mask, usable: Mask) -> float:
    """Return how far the mean over a patch of the plume's shape strays where there is no plume.

    The patch is moved over the window; neighbouring pixels stray together, which a single pixel's noise
    does not tell.

    Args:
        enhancement: ppm·m.
        mask: the plume.
        usable: clear pixels without any plume.

    Returns:
        Standard deviation in ppm·m, by the median absolute deviation; the pixels' own over the square root
        of their number where no patch fits.
    """
    rows, cols = np.nonzero(mask)
    patch = mask[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1].astype(np.float64)
    good = usable & np.isfinite(enhancement)
    values = np.where(good, enhancement, 0.0).astype(np.float64)
    turned = patch[::-1, ::-1]
    sums = signal.fftconvolve(values, turned, mode="valid")
    counts = np.rint(signal.fftconvolve(good.astype(np.float64), turned, mode="valid"))
    fits = counts >= CLEAR_SHARE * patch.sum()
    if np.count_nonzero(fits) >= 20:
        return centre_and_spread(sums[fits] / counts[fits])[1]
    own = enhancement[good]
    return centre_and_spread(own)[1] / float(np.sqrt(patch.sum())) if own.size > 1 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindDraws:
    """What the wind is drawn from."""

    wind_m_s: float
    """At 10 m above ground."""
    wind_error: float
    """Relative standard error."""
    slope: float
    offset: float
    """Effective wind = slope * U10 + offset."""


def rate_interval(
    enhancement: Image, areas_m2: NDArray[np.float64], masks: list[Mask], error_ppm_m: float, draws: WindDraws
) -> tuple[float, float]:
    """Return the 95 % interval of the rate in kg/h, by Monte Carlo over wind, mask and background.

    The wind is drawn from a log-normal distribution, the mask among `masks`, the background's level from a
    normal distribution; none of them below zero.

    Args:
        enhancement: ppm·m above the background.
        areas_m2: (H, W) of the pixels.
        masks: the plume as it might have been cut.
        error_ppm_m: standard error of the background's level.
        draws: of the wind.
    """
    rng = np.random.default_rng(0)
    moles = enhancement * np.float32(MOL_PER_PPM_M)
    mass = np.array([integrated_mass(np.where(mask, moles, np.nan), areas_m2) for mask in masks])
    area = np.array([areas_m2[mask].sum() for mask in masks])
    per_ppm = MOL_PER_PPM_M * MOLAR_MASS * area
    sigma = np.sqrt(np.log1p(draws.wind_error**2))
    wind = draws.wind_m_s * np.exp(rng.normal(-(sigma**2) / 2, sigma, DRAWS))
    effective = np.maximum(draws.slope * wind + draws.offset, 0)
    pick = rng.integers(len(masks), size=DRAWS)
    level = rng.normal(0, error_ppm_m, DRAWS)
    drawn = np.maximum(mass[pick] - level * per_ppm[pick], 0)
    rates = effective * drawn / np.sqrt(area[pick]) * SECONDS
    low, high = np.percentile(rates, (LOW, HIGH))
    return float(low), float(high)


def main_axis(weights: Image, mask: Mask, pixel_size_m: tuple[float, float]) -> float:
    """Return the direction of a plume's long axis, degrees clockwise from the top of the image, 0..180.

    By the second moments of the enhancement.
    """
    rows, cols = np.nonzero(mask)
    weight = np.maximum(np.nan_to_num(weights[mask]), 0).astype(np.float64)
    if not weight.sum() > 0:
        weight = np.ones(len(rows))
    up, right = -rows * pixel_size_m[0], cols * pixel_size_m[1]
    spread = np.cov(np.stack([right, up]), aweights=weight + 1e-12) if len(rows) > 1 else np.eye(2)
    _, vectors = np.linalg.eigh(spread)
    east, north = vectors[:, -1]
    return float(np.degrees(np.arctan2(east, north)) % 180)


def upwind_end(mask: Mask, towards: float, pixel_size_m: tuple[float, float]) -> tuple[int, int]:
    """Return the (row, column) of the plume's pixel that the wind meets first.

    Args:
        mask: the plume.
        towards: where the wind blows to, degrees clockwise from the top of the image.
        pixel_size_m: (row step, column step).
    """
    rows, cols = np.nonzero(mask)
    first = int(along_wind(rows, cols, towards, pixel_size_m).argmin())
    return int(rows[first]), int(cols[first])


def step_from_ring(values: Image, mask: Mask, ring: Mask) -> float:
    """Return how far the mean over the plume lies above the median of the ring; NaN where not known."""
    inside, around = values[mask & np.isfinite(values)], values[ring & np.isfinite(values)]
    if not inside.size or not around.size:
        return float("nan")
    return float(inside.mean() - np.median(around))


def contrast(values: Image, mask: Mask, ring: Mask) -> float:
    """Return how far the ground under a plume differs from the ring, in standard deviations of the ring.

    NaN where it is not known.
    """
    around = values[ring & np.isfinite(values)]
    step = step_from_ring(values, mask, ring)
    if around.size < 2:
        return float("nan")
    spread = centre_and_spread(around)[1]
    return abs(step) / spread if spread > 0 else float("nan")


def likeness(enhancement: Image, albedo: Image, where: Mask) -> float:
    """Return the absolute correlation of enhancement and ground brightness over a plume and its ring.

    A plume drifts over fields of any brightness; a field that looks like gas has its own. NaN where there
    are too few pixels or no variation.
    """
    both = where & np.isfinite(enhancement) & np.isfinite(albedo)
    if np.count_nonzero(both) < 10:
        return float("nan")
    first, second = enhancement[both].astype(np.float64), albedo[both].astype(np.float64)
    if not (first.std() > 0 and second.std() > 0):
        return float("nan")
    return float(abs(np.corrcoef(first, second)[0, 1]))


def share_near(mask: Mask, what: Mask) -> float:
    """Return how much of a plume's rim, two pixels wide, is something else: water, cloud."""
    rim = ndimage.binary_dilation(mask, CROSS, iterations=GAP) & ~mask
    count = int(np.count_nonzero(rim))
    return float(np.count_nonzero(rim & what) / count) if count else 0.0


def cut_pixels(mask: Mask, known: Mask) -> int:
    """Return how many of a plume's pixels lie within two pixels of where nothing is known.

    Args:
        mask: (H, W) the plume.
        known: (H, W) pixels that have a column; beyond the array nothing is known.
    """
    unknown = np.pad(~known, 1, constant_values=True)
    return int(np.count_nonzero(mask & ndimage.binary_dilation(unknown, CROSS, iterations=GAP)[1:-1, 1:-1]))
