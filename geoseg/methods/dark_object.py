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


class DarkestValues:
    """The dark object of a band that is read in parts; holds one percent of the values."""

    def __init__(self, most: int) -> None:
        """Expect at most `most` values."""
        self._keep = int(most * DARKEST / 100) + 2
        self._lowest = np.empty(0, np.float32)
        self._limit = np.float32(np.inf)
        self._count = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Add top-of-atmosphere reflectance 0..1, any shape, NaN where not observed."""
        observed = np.isfinite(values)
        self._count += int(np.count_nonzero(observed))
        observed &= values < self._limit
        self._lowest = np.append(self._lowest, values[observed])
        if len(self._lowest) > self._keep:
            self._lowest = np.partition(self._lowest, self._keep - 1)[: self._keep]
            self._limit = self._lowest[-1]

    @property
    def reflectance(self) -> float:
        """Return the dark object above its surface reflectance, by the arithmetic of `numpy.percentile`.

        0 without values.
        """
        if not self._count:
            return 0.0
        lowest = np.sort(self._lowest)
        position = (self._count - 1) * (DARKEST / 100)
        first = int(position)
        below, above = lowest[first], lowest[min(first + 1, len(lowest) - 1)]
        share = position - first
        step = above - below
        value = below + step * share if share < 0.5 else above - step * (1 - share)
        return max(0.0, float(value) - LEFT)


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
