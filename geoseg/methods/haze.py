"""The air's own light in images from above the atmosphere, by their darkest ground."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DARKEST = 1.0
"""Percent of the pixels that are taken for the darkest ground."""

LEFT = 0.01
"""Reflectance that the darkest ground has of its own (Chavez 1996: nothing is quite black)."""

MOST = 0.13
"""Greatest reflectance of air in blue: ground without anything dark, such as a desert, would give more."""


def air_reflectance(
    bands: Mapping[str, NDArray[np.floating]], wavelengths: Mapping[str, float]
) -> dict[str, float]:
    """Return the reflectance that the air adds, by band.

    The darkest ground of the shortest visible band tells how much there is; other bands have what Rayleigh's
    law leaves of it, (shortest / wavelength)⁴, at most their own darkest ground. Chavez 1988,
    doi:10.1016/0034-4257(88)90019-3, with the relative scattering of very clear air; and Chavez 1996, PE&RS
    62(9):1025.

    Args:
        bands: reflectance 0..1 at the top of the atmosphere, any shape, NaN where not observed.
        wavelengths: centre wavelength in µm, of bands that are known.

    Returns:
        Reflectance 0..1; zero for bands without a wavelength, and for all where none is as short as red.
    """
    found = dict.fromkeys(bands, 0.0)
    known = {name: wavelengths[name] for name in bands if name in wavelengths}
    shortest = min(known, key=lambda name: known[name], default="")
    if not shortest or known[shortest] > 0.7:
        return found
    dark = {name: _dark(bands[name]) for name in known}
    most = min(max(dark[shortest], 0.0), MOST)
    for name, wavelength in known.items():
        found[name] = min(max(dark[name], 0.0), most * (known[shortest] / wavelength) ** 4)
    return found


def _dark(values: NDArray[np.floating]) -> float:
    """How much brighter than it should be the darkest ground is."""
    seen = values[np.isfinite(values)]
    return float(np.percentile(seen, DARKEST)) - LEFT if seen.size else 0.0
