"""Classification by spectral rules: indices, conditions on them, and the class of the first rule that fits.

Rules and thresholds are in `configs/spectral/`, with their sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.methods.water_index import FloatArray, reflectance_difference

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Index:
    """A spectral index."""

    bands: tuple[str, ...]
    """Common names, in the order of the arguments of `make`."""
    make: Callable[..., FloatArray]
    scale_free: bool
    """Whether the index does not depend on a common factor of all bands."""
    of_air: bool = False
    """Whether the index is for haze and cloud, computed from top-of-atmosphere reflectance."""


def burned_area_index(red: Image, nir: Image) -> Image:
    """Return 1 / ((0.1 - red)² + (0.06 - nir)²), which is large for charcoal.

    Chuvieco 2002, doi:10.1080/01431160210153129; reflectance 0..1.
    """
    distance = (np.float32(0.1) - red) ** 2 + (np.float32(0.06) - nir) ** 2
    return np.asarray(1 / np.maximum(distance, np.float32(1e-6)), np.float32)


def haze_optimised(blue: Image, red: Image) -> Image:
    """Return blue - 0.5 red, which rises with haze (Zhang 2002, doi:10.1016/S0034-4257(02)00034-2)."""
    return np.asarray(blue - np.float32(0.5) * red, np.float32)


def brightness(blue: Image, green: Image, red: Image) -> Image:
    """Return the mean of the visible bands."""
    return np.asarray((blue + green + red) / np.float32(3), np.float32)


def whiteness(blue: Image, green: Image, red: Image) -> Image:
    """Return the sum of deviations of the visible bands from their mean, relative to it; 0 is grey.

    Zhu & Woodcock 2012, doi:10.1016/j.rse.2011.10.028.
    """
    mean = brightness(blue, green, red)
    apart = np.abs(blue - mean) + np.abs(green - mean) + np.abs(red - mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(mean > 0, apart / mean, np.nan), np.float32)


INDICES: Mapping[str, Index] = {
    "ndvi": Index(bands=("nir", "red"), make=reflectance_difference, scale_free=True),
    "ndwi": Index(bands=("green", "nir"), make=reflectance_difference, scale_free=True),
    "mndwi": Index(bands=("green", "swir16"), make=reflectance_difference, scale_free=True),
    "ndsi": Index(bands=("green", "swir16"), make=reflectance_difference, scale_free=True),
    "nbr": Index(bands=("nir", "swir22"), make=reflectance_difference, scale_free=True),
    "ndbi": Index(bands=("swir16", "nir"), make=reflectance_difference, scale_free=True),
    "bai": Index(bands=("red", "nir"), make=burned_area_index, scale_free=False),
    "hot": Index(bands=("blue", "red"), make=haze_optimised, scale_free=False, of_air=True),
    "brightness": Index(bands=("blue", "green", "red"), make=brightness, scale_free=False, of_air=True),
    "whiteness": Index(bands=("blue", "green", "red"), make=whiteness, scale_free=True, of_air=True),
}
"""Indices that rules can use besides bands."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A threshold on a band or index."""

    name: str
    above: bool
    """Whether the value must be above the limit; else below."""
    limit: float

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the condition."""
        index = INDICES.get(self.name)
        return index.bands if index else (self.name,)

    @property
    def scale_free(self) -> bool:
        """Whether the condition applies to uncalibrated values."""
        index = INDICES.get(self.name)
        return index is not None and index.scale_free

    def holds(self, value: FloatArray) -> NDArray[np.bool_]:
        """Return where a value (H, W) of the band or index meets the condition; NaN does not."""
        return np.asarray(value > self.limit if self.above else value < self.limit)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A class with the conditions that must all be met."""

    value: int
    conditions: tuple[Condition, ...]

    @property
    def bands(self) -> frozenset[str]:
        """Bands of all conditions."""
        return frozenset(name for condition in self.conditions for name in condition.bands)

    @property
    def scale_free(self) -> bool:
        """Whether the rule applies to uncalibrated values."""
        return all(condition.scale_free for condition in self.conditions)


def parse_condition(text: str) -> Condition:
    """Parse `NAME > NUMBER` or `NAME < NUMBER`.

    Raises:
        UsageError: the text has another form.
    """
    found = re.fullmatch(r"\s*([a-z][a-z0-9]*)\s*([<>])\s*(-?\d+(?:\.\d+)?)\s*", text)
    if found is None:
        raise UsageError(f"condition {text!r} is not of the form NAME > NUMBER or NAME < NUMBER")
    return Condition(name=found[1], above=found[2] == ">", limit=float(found[3]))


def classify(
    rules: Sequence[Rule],
    bands: Mapping[str, Image],
    other: int,
    top: Mapping[str, Image] | None = None,
) -> NDArray[np.uint8]:
    """Return the class of the first rule that fits each pixel; `other` where none does.

    Args:
        rules: in order.
        bands: (H, W) values by common name, NaN where not observed.
        other: class value.
        top: top-of-atmosphere reflectance, where `bands` are after dark-object subtraction; None: `bands`.

    Returns:
        (H, W) class values.
    """
    shape = next(iter(bands.values())).shape
    classes = np.full(shape, other, np.uint8)
    free = np.ones(shape, np.bool_)
    values: dict[str, FloatArray] = {}
    for rule in rules:
        fits = free.copy()
        for condition in rule.conditions:
            name = condition.name
            if name not in values:
                values[name] = _value(name, bands, bands if top is None else top)
            fits &= condition.holds(values[name])
            if not fits.any():  # no index of a later condition is needed
                break
        np.copyto(classes, np.uint8(rule.value), where=fits)
        free ^= fits
    return classes


def _value(name: str, bands: Mapping[str, Image], top: Mapping[str, Image]) -> FloatArray:
    """Return a band or an index (H, W); indices for haze and cloud are computed from `top`."""
    index = INDICES.get(name)
    if index is None:
        return bands[name]
    source = top if index.of_air else bands
    return index.make(*(source[band] for band in index.bands))
