"""How strongly each band of a spectrometer sees a gas: the slope of ln(radiance) against its amount."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.methods.matched_filter import UNIT
from geoseg.methods.methane_column import Transmittance

Matrix = NDArray[np.float64]

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a normal distribution, in its standard deviations."""


def unit_absorption(table: Transmittance, centres: Matrix, fwhm: Matrix) -> Matrix:
    """Return the change of ln(radiance) per 1e5 ppm·m in each band, (B,), 0 or less.

    The table is weighted by Gaussians of the bands' widths; the slope is that of a line over all amounts.

    Args:
        table: of the gas.
        centres: (B,) nm.
        fwhm: (B,) nm.

    Raises:
        SceneError: a band lies beyond the table.
    """
    slopes = []
    for centre, width in zip(centres, fwhm, strict=True):
        weight = np.exp(-0.5 * ((table.wavelength - centre) * FWHM / width) ** 2)
        near = np.abs(table.wavelength - centre) <= width
        if near.sum() < 3:
            raise SceneError(f"a band at {centre:g} nm lies beyond the table of methane's absorption")
        light = np.trapezoid(weight * table.radiance * table.ratio, table.wavelength, axis=1)
        slopes.append(np.polyfit(table.ppm_m, np.log(light / light[0]), 1)[0] * UNIT)
    return np.asarray(slopes)


def convolved(wavelength: Matrix, slope: Matrix, centres: Matrix, fwhm: Matrix) -> Matrix:
    """Return a measured or modelled slope of ln(radiance) in each band, (B,), in its own unit.

    Where the samples lie closer than half a band's width they are weighted by a Gaussian of that width, else
    (the table was made for such bands) interpolated linearly.

    Args:
        wavelength: (n,) nm, rising.
        slope: (n,).
        centres: (B,) nm, between the first and the last wavelength.
        fwhm: (B,) nm.
    """
    found = np.interp(centres, wavelength, slope)
    spacing = np.gradient(wavelength)
    for band, (centre, width) in enumerate(zip(centres, fwhm, strict=True)):
        inside = np.abs(wavelength - centre) <= width
        if inside.sum() >= 5:
            weight = np.exp(-0.5 * ((wavelength - centre) * FWHM / width) ** 2) * spacing * inside
            found[band] = (weight @ slope) / weight.sum()
    return np.asarray(found)
