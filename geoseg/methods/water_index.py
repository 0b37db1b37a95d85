"""Optical water indices: open water is bright in green and dark from near infrared on.

All take float arrays of one shape and are pixel-wise; NaN in gives NaN out, and so does 0/0. The normalised
differences do not depend on a common scale factor, so digital numbers without offset serve as well as
reflectance. AWEI is a weighted sum: its zero is where it was fitted only for reflectance in 0..1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32] | NDArray[np.float64]


def normalised_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return (a - b) / (a + b), in -1..1 for non-negative input; NaN where a + b = 0."""
    total = a + b
    with np.errstate(divide="ignore", invalid="ignore"):
        index = (a - b) / total
    index[total == 0] = np.nan
    return index


def reflectance_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the normalised difference of two reflectances, -1..1.

    Atmospheric correction leaves dark ground slightly negative, which would turn the sign around: such values
    count as 0.
    """
    zero = a.dtype.type(0)
    return normalised_difference(np.maximum(a, zero), np.maximum(b, zero))


def ndwi(green: FloatArray, nir: FloatArray) -> FloatArray:
    """Return the normalised difference water index, -1..1, water above about 0.

    (G - NIR) / (G + NIR), McFeeters 1996, doi:10.1080/01431169608948714. Scale-free. Built-up ground is
    often positive too.
    """
    return normalised_difference(green, nir)


def mndwi(green: FloatArray, swir16: FloatArray) -> FloatArray:
    """Return the modified NDWI, -1..1, water above about 0.

    (G - SWIR1) / (G + SWIR1), Xu 2006, doi:10.1080/01431160600589179. Scale-free. It is the snow index
    too: snow is positive.
    """
    return normalised_difference(green, swir16)


def awei_nsh(green: FloatArray, nir: FloatArray, swir16: FloatArray, swir22: FloatArray) -> FloatArray:
    """Return the automated water extraction index for scenes without shadow, water above 0.

    4 (G - SWIR1) - (0.25 NIR + 2.75 SWIR2), Feyisa 2014, doi:10.1016/j.rse.2013.08.029. Not scale-free:
    reflectance 0..1 only.
    """
    return 4 * (green - swir16) - (0.25 * nir + 2.75 * swir22)


def awei_sh(
    blue: FloatArray, green: FloatArray, nir: FloatArray, swir16: FloatArray, swir22: FloatArray
) -> FloatArray:
    """Return the automated water extraction index for scenes with shadow, water above 0.

    B + 2.5 G - 1.5 (NIR + SWIR1) - 0.25 SWIR2, Feyisa 2014, doi:10.1016/j.rse.2013.08.029. Not
    scale-free: reflectance 0..1 only. Bright ground (snow, bare roofs) is positive too.
    """
    return blue + 2.5 * green - 1.5 * (nir + swir16) - 0.25 * swir22
