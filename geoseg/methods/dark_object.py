"""Dark-object subtraction: path reflectance of top-of-atmosphere images from their darkest pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DARKEST = 1.0
"""Percentile of the values that is the dark object."""

LEFT = 0.01
"""Surface reflectance of the dark object (Chavez 1996)."""

BLUE, INFRARED = 0.45, 0.7
"""Wavelengths in µm between which the reference band for the path reflectance lies."""

MOST, USUAL = 0.12, 0.08
"""Largest plausible path reflectance in blue, and that of a clear atmosphere. The latter is used where the
estimate is larger, as for deserts without a dark object."""


def dark_object(values: NDArray[np.floating]) -> float:
    """Return the reflectance of the dark object of a band above its surface reflectance; 0 without pixels.

    Args:
        values: top-of-atmosphere reflectance 0..1, any shape, NaN where not observed.
    """
    observed = values[np.isfinite(values)]
    return max(0.0, float(np.percentile(observed, DARKEST)) - LEFT) if observed.size else 0.0


def path_reflectance(darkest: Mapping[str, float], wavelengths: Mapping[str, float]) -> dict[str, float]:
    """Return the path reflectance by band.

    The path reflectance of the bluest band from 0.45 µm on is its dark object. For other bands it is scaled
    by Rayleigh scattering, (bluest / wavelength)⁴, and is at most the dark object of the band where known.
    Chavez 1988, doi:10.1016/0034-4257(88)90019-3, with the relative scattering of a very clear atmosphere;
    and Chavez 1996, PE&RS 62(9):1025.

    Args:
        darkest: result of `dark_object` of the bluest band, and of any others.
        wavelengths: centre wavelength in µm, by band.

    Returns:
        Reflectance 0..1 of each band with a wavelength; 0 for all where no band of `darkest` is visible.
    """
    visible = {name: wavelengths[name] for name in darkest if BLUE <= wavelengths.get(name, 0) < INFRARED}
    if not visible:
        return dict.fromkeys(wavelengths, 0.0)
    bluest = min(visible, key=lambda name: visible[name])
    amount = darkest[bluest] if darkest[bluest] <= MOST else USUAL
    path = {}
    for name, wavelength in wavelengths.items():
        scattered = amount * (wavelengths[bluest] / wavelength) ** 4
        path[name] = min(scattered, darkest.get(name, scattered))
    return path
