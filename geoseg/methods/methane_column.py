"""Methane columns from two short-wave infrared bands of Sentinel-2 and Landsat.

Methane absorbs more at 2.3 µm than at 1.6 µm, so a plume darkens one band more than the other. Varon 2021,
doi:10.5194/amt-14-2771-2021. The methods differ in what `fit_ratio` and `ratio_change` compare: the band at
2.3 µm with the same band of a reference scene (single-band, multi-pass: SBMP), with the band at 1.6 µm of the
same scene (multi-band, single-pass: MBSP), or the latter minus the same of a reference scene (multi-band,
multi-pass: MBMP). Inputs are top-of-atmosphere reflectance (H, W), NaN where not observed or not clear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, UsageError
from geoseg.methods.methane_rate import MOL_PER_PPM_M

Image = NDArray[np.float32] | NDArray[np.float64]

TABLE_AIR_MASS = 2.0
"""Air-mass factor of the transmittance table. Its source gives one geometry without angles; sun and sensor at
zenith are assumed."""

EXCLUDED_SIGMAS = 2.0
"""Standard deviations beyond which a pixel is left out of the second fit, because it may be plume."""


def slope_through_origin(x: Image, y: Image, use: NDArray[np.bool_]) -> float:
    """Return c of y = c x by least squares: sum(x y) / sum(x²).

    Raises:
        SceneError: no pixel is usable.
    """
    usable = use & np.isfinite(x) & np.isfinite(y)
    first, second = np.asarray(x[usable], np.float64), np.asarray(y[usable], np.float64)
    squares = float((first * first).sum())
    if not squares > 0:
        raise SceneError(
            "no clear pixel is left to compare the short-wave infrared bands; use scenes with less cloud"
        )
    return float((first * second).sum() / squares)


def fit_ratio(strong: Image, weak: Image) -> float:
    """Return c of weak = c strong, fitted without bias by plumes.

    The fit is repeated without pixels that deviate by more than two standard deviations.

    Args:
        strong: the image with the stronger absorption, any shape; NaN where not usable.
        weak: the image to compare with: the other band, or the same band of another date.

    Raises:
        SceneError: no pixel is usable.
    """
    first = slope_through_origin(strong, weak, _comparable(strong, weak))
    change = ratio_change(strong, weak, first)
    known = np.isfinite(change)
    near = known & (np.abs(change) <= EXCLUDED_SIGMAS * change[known].std())
    return slope_through_origin(strong, weak, near)


def ratio_change(strong: Image, weak: Image, c: float) -> NDArray[np.float64]:
    """Return the relative change (c strong - weak) / weak, negative in a plume; NaN where unknown."""
    known = _comparable(strong, weak)
    change = np.full(strong.shape, np.nan)
    change[known] = (c * strong[known].astype(np.float64) - weak[known]) / weak[known]
    return change


def _comparable(strong: Image, weak: Image) -> NDArray[np.bool_]:
    """Return where both images are finite and the divisor is above 0."""
    return np.asarray(np.isfinite(strong) & np.isfinite(weak) & (weak > 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Transmittance:
    """Table of the radiance at the sensor with added methane, by wavelength."""

    wavelength: NDArray[np.float64]
    """(n,) nm, ascending."""
    radiance: NDArray[np.float64]
    """(n,) radiance without added methane, any unit."""
    ppm_m: NDArray[np.float64]
    """(k,) column enhancements, ascending from 0."""
    ratio: NDArray[np.float64]
    """(k, n) radiance with each enhancement divided by that without."""

    def in_band(self, low: float, high: float) -> NDArray[np.float64]:
        """Return the ratios (k,) integrated over a rectangular spectral response from `low` to `high` nm.

        Raises:
            UsageError: the table does not cover the band.
        """
        inside = (self.wavelength >= low) & (self.wavelength <= high)
        x = self.wavelength[inside]
        if x.size < 2 or np.diff(x).max() > 5:
            raise UsageError(f"the methane absorption table does not cover {low:g} to {high:g} nm")
        without = np.trapezoid(self.radiance[inside], x)
        return np.asarray(np.trapezoid(self.radiance[inside] * self.ratio[:, inside], x, axis=1) / without)


def response(
    table: Transmittance, strong: tuple[float, float], weak: tuple[float, float] | None
) -> NDArray[np.float64]:
    """Return the relative change (k,) of the bands at each enhancement of the table.

    Args:
        table: transmittance of methane.
        strong: limits in nm of the band with the stronger absorption.
        weak: limits in nm of the other band; None: for one band alone.
    """
    ratio = table.in_band(*strong)
    return ratio - 1 if weak is None else ratio / table.in_band(*weak) - 1


def enhancement(
    change: NDArray[np.float64], ppm_m: NDArray[np.float64], response: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the column enhancement (H, W) in mol/m² of a relative change, interpolated in the table.

    Beyond the table it is that of the last entry.

    Args:
        change: (H, W) relative change, negative in a plume. Where it is positive, the enhancement is
            negative by the mirrored table, so that noise stays symmetric about zero.
        ppm_m: (k,) enhancements of the table, from 0.
        response: (k,) relative change at each, descending from 0.

    Raises:
        UsageError: the response is not monotone.
    """
    if abs(response[0]) > 1e-9 or not (np.diff(response) < 0).all():
        raise UsageError("the response of the bands to methane does not fall from 0; check their limits")
    # Limited by the last entry on both sides, so that noise stays symmetric.
    column = np.sign(-change) * np.interp(np.abs(change), -response, ppm_m)
    column[np.isnan(change)] = np.nan
    return np.asarray(column * MOL_PER_PPM_M)
