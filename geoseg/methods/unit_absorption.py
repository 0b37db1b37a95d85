"""Unit absorption spectrum of the bands of a spectrometer: slope of ln(radiance) over the enhancement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.methods.matched_filter import UNIT
from geoseg.methods.methane_column import Transmittance

Matrix = NDArray[np.float64]

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a normal distribution in standard deviations."""


def unit_absorption(table: Transmittance, centres: Matrix, fwhm: Matrix) -> Matrix:
    """Return the change of ln(radiance) per 1e5 ppm·m in each band, (B,), 0 or less.

    The table is weighted by a Gaussian spectral response; the slope is that of a linear fit to all
    enhancements.

    Args:
        table: transmittance of methane.
        centres: (B,) centre wavelengths in nm.
        fwhm: (B,) full widths at half maximum in nm.

    Raises:
        SceneError: a band lies outside the table.
    """
    slopes = []
    for centre, width in zip(centres, fwhm, strict=True):
        weight = np.exp(-0.5 * ((table.wavelength - centre) * FWHM / width) ** 2)
        near = np.abs(table.wavelength - centre) <= width
        if near.sum() < 3:
            raise SceneError(f"the band at {centre:g} nm lies outside the methane absorption table")
        light = np.trapezoid(weight * table.radiance * table.ratio, table.wavelength, axis=1)
        slopes.append(np.polyfit(table.ppm_m, np.log(light / light[0]), 1)[0] * UNIT)
    return np.asarray(slopes)


def convolved(wavelength: Matrix, slope: Matrix, centres: Matrix, fwhm: Matrix) -> Matrix:
    """Return a tabulated slope of ln(radiance) in each band, (B,), in the unit of the table.

    Samples closer than half the width of a band are weighted by a Gaussian of that width; else the table,
    which is then for similar bands, is interpolated linearly.

    Args:
        wavelength: (n,) wavelengths in nm, ascending.
        slope: (n,) slopes.
        centres: (B,) centre wavelengths in nm, within the table.
        fwhm: (B,) full widths at half maximum in nm.
    """
    slopes = np.interp(centres, wavelength, slope)
    spacing = np.gradient(wavelength)
    for band, (centre, width) in enumerate(zip(centres, fwhm, strict=True)):
        inside = np.abs(wavelength - centre) <= width
        if inside.sum() >= 5:
            weight = np.exp(-0.5 * ((wavelength - centre) * FWHM / width) ** 2) * spacing * inside
            slopes[band] = (weight @ slope) / weight.sum()
    return np.asarray(slopes)
