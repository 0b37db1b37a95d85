"""Measurements of a plume: background, rate interval, direction, and measures for screening.

All images are windows (H, W) around one plume, in ppm·m, NaN where unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from geoseg.methods.methane_rate import (
    MOL_PER_PPM_M,
    MOLAR_MASS,
    SECONDS,
    EffectiveWind,
    along_wind,
    integrated_mass,
)
from geoseg.methods.plume_search import CROSS, centre_and_spread, spots

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

GAP, LEAST_REACH = 2, 6
"""Gap in pixels between a plume and the ring around it, and smallest width of the ring."""

LEVELS = np.linspace(0.8, 1.2, 9)
"""Alternative thresholds for the uncertainty of the mask, relative to the one used."""

CLEAR_SHARE = 0.9
"""Share of a patch that must be known for its mean to be used."""

DRAWS = 1000
"""Number of Monte Carlo draws. The seed is fixed, so that equal plumes have equal intervals."""

LOW, HIGH = 2.5, 97.5
"""Percentiles of a 95 % interval."""


def ring_around(mask: Mask, usable: Mask) -> Mask:
    """Return the usable pixels of a ring around a plume, from which its background is estimated.

    The width of the ring is the square root of the number of pixels of the plume, at least six.
    """
    reach = max(LEAST_REACH, int(np.sqrt(np.count_nonzero(mask))))
    near = ndimage.binary_dilation(mask, CROSS, iterations=GAP)
    far = ndimage.binary_dilation(near, CROSS, iterations=reach)
    return np.asarray(far & ~near & usable)


def grown_masks(filtered: Image, mask: Mask, threshold: float) -> list[Mask]:
    """Return the masks of the plume at each of `LEVELS` times the threshold.

    A mask has all regions that touch the plume. Empty masks are left out.
    """
    masks = []
    for level in LEVELS:
        labels, _ = ndimage.label(spots(np.nan_to_num(filtered, nan=-np.inf), level * threshold), CROSS)
        touching = np.unique(labels[mask])
        grown = np.isin(labels, touching[touching > 0])
        if grown.any():
            masks.append(grown)
    return masks or [mask]


def background_error(enhancement: Image, mask: Mask, usable: Mask) -> float:
    """Return the standard deviation of the mean over patches with the shape of the plume, outside plumes.

    The patch is moved over the window. The result includes the correlation of the noise of neighbouring
    pixels.

    Args:
        enhancement: ppm·m.
        mask: pixels of the plume.
        usable: clear pixels outside plumes.

    Returns:
        Standard deviation in ppm·m, from the median absolute deviation; where too few patches fit, that of
        single pixels divided by the square root of the number of plume pixels.
    """
    rows, cols = np.nonzero(mask)
    patch = mask[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1].astype(np.float64)
    good = usable & np.isfinite(enhancement)
    values = np.where(good, enhancement, 0.0).astype(np.float64)
    sums = _sums_of_patches(values, patch)
    counts = np.rint(_sums_of_patches(good.astype(np.float64), patch))
    fits = counts >= CLEAR_SHARE * patch.sum()
    if np.count_nonzero(fits) >= 20:
        return centre_and_spread(sums[fits] / counts[fits])[1]
    single = enhancement[good]
    return centre_and_spread(single)[1] / float(np.sqrt(patch.sum())) if single.size > 1 else float("nan")


def _sums_of_patches(values: NDArray[np.float64], patch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of values (H, W) times a patch (h, w) at each place within them.

    As `scipy.signal.fftconvolve`, whose module takes longer to import than most plumes to measure.
    """
    kernel = patch[::-1, ::-1]
    axes = [axis for axis, length in enumerate(kernel.shape) if length > 1]
    if not axes:
        return np.asarray(values * kernel)
    shape = [fft.next_fast_len(values.shape[axis] + kernel.shape[axis] - 1, True) for axis in axes]
    spectrum = fft.rfftn(values, shape, axes=axes) * fft.rfftn(kernel, shape, axes=axes)
    whole = fft.irfftn(spectrum, shape, axes=axes)
    return np.asarray(whole[tuple(map(slice, np.subtract(kernel.shape, 1), values.shape))])


def rate_interval(
    enhancement: Image,
    areas_m2: NDArray[np.float64],
    masks: list[Mask],
    error_ppm_m: float,
    wind_m_s: float,
    wind_error: float,
    effective: EffectiveWind,
) -> tuple[float, float]:
    """Return the 95 % interval of the source rate in kg/h, by Monte Carlo over wind, mask and background.

    The wind speed has a log-normal distribution, the mask is one of `masks`, and the level of the background
    has a normal distribution. Wind and mass are at least 0.

    Args:
        enhancement: ppm·m above the background.
        areas_m2: (H, W) pixel areas.
        masks: alternative masks of the plume.
        error_ppm_m: standard error of the level of the background.
        wind_m_s: wind speed at 10 m above ground.
        wind_error: relative standard error of the wind speed.
        effective: relation of effective wind to wind at 10 m.
    """
    rng = np.random.default_rng(0)
    moles = enhancement * np.float32(MOL_PER_PPM_M)
    mass = np.array([integrated_mass(np.where(mask, moles, np.nan), areas_m2) for mask in masks])
    area = np.array([areas_m2[mask].sum() for mask in masks])
    per_ppm = MOL_PER_PPM_M * MOLAR_MASS * area
    sigma = np.sqrt(np.log1p(wind_error**2))
    wind = wind_m_s * np.exp(rng.normal(-(sigma**2) / 2, sigma, DRAWS))
    effective_winds = np.maximum(effective(wind), 0)
    pick = rng.integers(len(masks), size=DRAWS)
    level = rng.normal(0, error_ppm_m, DRAWS)
    drawn = np.maximum(mass[pick] - level * per_ppm[pick], 0)
    rates = effective_winds * drawn / np.sqrt(area[pick]) * SECONDS
    low, high = np.percentile(rates, (LOW, HIGH))
    return float(low), float(high)


def main_axis(weights: Image, mask: Mask, pixel_size_m: tuple[float, float]) -> float:
    """Return the direction of the long axis of a plume, degrees clockwise from the top of the image, 0..180.

    It is computed from the second moments of the enhancement.
    """
    rows, cols = np.nonzero(mask)
    weight = np.maximum(np.nan_to_num(weights[mask]), 0).astype(np.float64)
    if not weight.sum() > 0:
        weight = np.ones(len(rows))
    up, right = -rows * pixel_size_m[0], cols * pixel_size_m[1]
    # Not divided by the degrees of freedom, of which there are none where one pixel holds all enhancement.
    places = np.stack([right, up])
    spread = np.cov(places, aweights=weight + 1e-12, ddof=0) if len(rows) > 1 else np.eye(2)
    _, vectors = np.linalg.eigh(spread)
    east, north = vectors[:, -1]
    return float(np.degrees(np.arctan2(east, north)) % 180)


def upwind_end(mask: Mask, towards: float, pixel_size_m: tuple[float, float]) -> tuple[int, int]:
    """Return the (row, column) of the upwind pixel of a plume.

    Args:
        mask: pixels of the plume.
        towards: direction towards which the wind blows, degrees clockwise from the top of the image.
        pixel_size_m: (row step, column step).
    """
    rows, cols = np.nonzero(mask)
    first = int(along_wind(rows, cols, towards, pixel_size_m).argmin())
    return int(rows[first]), int(cols[first])


def step_from_ring(values: Image, mask: Mask, ring: Mask) -> float:
    """Return the mean over the plume minus the median of the ring; NaN where unknown."""
    inside, around = values[mask & np.isfinite(values)], values[ring & np.isfinite(values)]
    if not inside.size or not around.size:
        return float("nan")
    return float(inside.mean() - np.median(around))


def contrast(values: Image, mask: Mask, ring: Mask) -> float:
    """Return the difference of plume and ring in standard deviations of the ring; NaN where unknown."""
    around = values[ring & np.isfinite(values)]
    step = step_from_ring(values, mask, ring)
    if around.size < 2:
        return float("nan")
    spread = centre_and_spread(around)[1]
    return abs(step) / spread if spread > 0 else float("nan")


def likeness(enhancement: Image, albedo: Image, where: Mask) -> float:
    """Return the absolute correlation of enhancement and surface brightness over a plume and its ring.

    Methane does not depend on the surface brightness; artefacts of the surface do. NaN where there are too
    few pixels or no variation.
    """
    both = where & np.isfinite(enhancement) & np.isfinite(albedo)
    if np.count_nonzero(both) < 10:
        return float("nan")
    first, second = enhancement[both].astype(np.float64), albedo[both].astype(np.float64)
    if not (first.std() > 0 and second.std() > 0):
        return float("nan")
    return float(abs(np.corrcoef(first, second)[0, 1]))


def share_near(mask: Mask, what: Mask) -> float:
    """Return the share of the rim of a plume, two pixels wide, that is in a mask such as water or cloud."""
    rim = ndimage.binary_dilation(mask, CROSS, iterations=GAP) & ~mask
    count = int(np.count_nonzero(rim))
    return float(np.count_nonzero(rim & what) / count) if count else 0.0


def cut_pixels(mask: Mask, known: Mask) -> int:
    """Return the number of pixels of a plume that lie within two pixels of unknown pixels.

    Args:
        mask: (H, W) pixels of the plume.
        known: (H, W) pixels with an enhancement; pixels outside the array are unknown.
    """
    unknown = np.pad(~known, 1, constant_values=True)
    return int(np.count_nonzero(mask & ndimage.binary_dilation(unknown, CROSS, iterations=GAP)[1:-1, 1:-1]))
