"""Optical water indices.

Inputs are float arrays of one shape; the result of NaN and of 0/0 is NaN. Normalised differences do not
depend on a common scale factor, so they can be computed from digital numbers without offset. AWEI and WI2015
are weighted sums whose threshold of 0 is valid only for reflectance in 0..1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32] | NDArray[np.float64]


def normalised_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return (a - b) / (a + b), in -1..1 for non-negative input; NaN where a + b = 0."""
    total = a + b
    index = a - b
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(index, total, out=index)
    np.copyto(index, np.nan, where=total == 0)
    return index


def reflectance_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the normalised difference of two reflectances, -1..1.

    Negative values, which atmospheric correction produces for dark surfaces, are set to 0, because they would
    invert the sign.
    """
    zero = a.dtype.type(0)
    return normalised_difference(np.maximum(a, zero), np.maximum(b, zero))


def ndwi(green: FloatArray, nir: FloatArray) -> FloatArray:
    """Return the normalised difference water index, -1..1, water above about 0.

    (G - NIR) / (G + NIR), McFeeters 1996, doi:10.1080/01431169608948714. It does not depend on a
    scale factor. Built-up areas are often positive, too.
    """
    return normalised_difference(green, nir)


def mndwi(green: FloatArray, swir16: FloatArray) -> FloatArray:
    """Return the modified NDWI, -1..1, water above about 0.

    (G - SWIR1) / (G + SWIR1), Xu 2006, doi:10.1080/01431160600589179. It does not depend on a
    scale factor. Snow is positive, too.
    """
    return normalised_difference(green, swir16)


def awei_nsh(green: FloatArray, nir: FloatArray, swir16: FloatArray, swir22: FloatArray) -> FloatArray:
    """Return the automated water extraction index for scenes without shadow, water above 0.

    4 (G - SWIR1) - (0.25 NIR + 2.75 SWIR2), Feyisa 2014, doi:10.1016/j.rse.2013.08.029. For reflectance
    0..1 only.
    """
    return 4 * (green - swir16) - (0.25 * nir + 2.75 * swir22)


def awei_sh(
    blue: FloatArray, green: FloatArray, nir: FloatArray, swir16: FloatArray, swir22: FloatArray
) -> FloatArray:
    """Return the automated water extraction index for scenes with shadow, water above 0.

    B + 2.5 G - 1.5 (NIR + SWIR1) - 0.25 SWIR2, Feyisa 2014, doi:10.1016/j.rse.2013.08.029. For
    reflectance 0..1 only. Bright surfaces such as snow and roofs are positive, too.
    """
    return blue + 2.5 * green - 1.5 * (nir + swir16) - 0.25 * swir22


def wi2015(
    green: FloatArray, red: FloatArray, nir: FloatArray, swir16: FloatArray, swir22: FloatArray
) -> FloatArray:
    """Return the water index of 2015, water above 0.

    1.7204 + 171 G + 3 R - 70 NIR - 45 SWIR1 - 71 SWIR2, a linear discriminant of surface reflectance from
    Landsat, Fisher, Flood and Danaher 2016, doi:10.1016/j.rse.2015.12.055. For reflectance 0..1 only. Since
    it is a sum, the index of a mixed pixel is the mean of those of its parts by area.
    """
    return 1.7204 + 171 * green + 3 * red - 70 * nir - 45 * swir16 - 71 * swir22
