"""Dark-object subtraction: path reflectance of top-of-atmosphere images, by their darkest ground."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DARKEST = 1.0
"""Percent of the pixels that are taken for the dark object."""

LEFT = 0.01
"""Reflectance that the dark object has of its own (Chavez 1996: nothing is quite black)."""

BLUE, INFRARED = 0.45, 0.7
"""Wavelengths in µm between which the band lies that tells how much path reflectance there is."""

MOST, USUAL = 0.12, 0.08
"""Greatest path reflectance in blue; and that of a clear atmosphere, which is taken where a scene without a
dark object, such as a desert, would give more."""


def dark_object(values: NDArray[np.floating]) -> float:
    """Return how much brighter than it should be the dark object of a band is; 0 where nothing was seen.

    Args:
        values: reflectance 0..1 at the top of the atmosphere, any shape, NaN where not observed.
    """
    seen = values[np.isfinite(values)]
    return max(0.0, float(np.percentile(seen, DARKEST)) - LEFT) if seen.size else 0.0


def path_reflectance(darkest: Mapping[str, float], wavelengths: Mapping[str, float]) -> dict[str, float]:
    """Return the path reflectance, which the atmosphere adds, by band.

    The dark object of the bluest band from 0.45 µm on tells how much there is; other bands have what
    Rayleigh's law leaves of it, (bluest / wavelength)⁴, at most their own dark object where that is known.
    Chavez 1988, doi:10.1016/0034-4257(88)90019-3, with the relative scattering of very clear air; and Chavez
    1996, PE&RS 62(9):1025.

    Args:
        darkest: as `dark_object` finds it: of the bluest band, and of any others.
        wavelengths: centre wavelength in µm, by band.

    Returns:
        Reflectance 0..1 of each band with a wavelength; zero for all where none of `darkest` is visible.
    """
    visible = {name: wavelengths[name] for name in darkest if BLUE <= wavelengths.get(name, 0) < INFRARED}
    if not visible:
        return dict.fromkeys(wavelengths, 0.0)
    bluest = min(visible, key=lambda name: visible[name])
    amount = darkest[bluest] if darkest[bluest] <= MOST else USUAL
    found = {}
    for name, wavelength in wavelengths.items():
        scattered = amount * (wavelengths[bluest] / wavelength) ** 4
        found[name] = min(scattered, darkest.get(name, scattered))
    return found
