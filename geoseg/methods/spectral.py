"""Ground told by its spectrum, pixel by pixel: indices, conditions on them, and the class of the first rule.

Rules and thresholds are data (`configs/spectral/`), each with its source.
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
    """A number made of bands."""

    bands: tuple[str, ...]
    """Common names, in the order of the function's arguments."""
    make: Callable[..., FloatArray]
    scale_free: bool
    """Whether a common factor of all bands falls out of it."""
    of_air: bool = False
    """Whether it looks for what is in the air: clouds are told from above the atmosphere."""


def burned_area_index(red: Image, nir: Image) -> Image:
    """Return 1 / ((0.1 - red)² + (0.06 - nir)²): large where both are as dark as char.

    Chuvieco 2002, doi:10.1080/01431160210153129; reflectance 0..1.
    """
    distance = (np.float32(0.1) - red) ** 2 + (np.float32(0.06) - nir) ** 2
    return np.asarray(1 / np.maximum(distance, np.float32(1e-6)), np.float32)


def haze_optimised(blue: Image, red: Image) -> Image:
    """Return blue - 0.5 red, which haze and cloud raise (Zhang 2002, doi:10.1016/S0034-4257(02)00034-2)."""
    return np.asarray(blue - np.float32(0.5) * red, np.float32)


def brightness(blue: Image, green: Image, red: Image) -> Image:
    """Return the mean of the visible bands."""
    return np.asarray((blue + green + red) / np.float32(3), np.float32)


def whiteness(blue: Image, green: Image, red: Image) -> Image:
    """Return the visible bands' summed distance from their mean, relative to it: 0 is grey.

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
"""What rules may ask for besides bands."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A limit on a band or index."""

    name: str
    above: bool
    """Whether the value must be greater; else less."""
    limit: float

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that it needs."""
        index = INDICES.get(self.name)
        return index.bands if index else (self.name,)

    @property
    def scale_free(self) -> bool:
        """Whether it holds for uncalibrated values."""
        index = INDICES.get(self.name)
        return index is not None and index.scale_free

    def holds(self, bands: Mapping[str, Image], seen: Mapping[str, Image]) -> NDArray[np.bool_]:
        """Return where it holds, (H, W) from bands (H, W); nowhere where a band is NaN.

        Args:
            bands: light of the ground.
            seen: the same with that of the air.
        """
        index = INDICES.get(self.name)
        bands = seen if index and index.of_air else bands
        value = index.make(*(bands[name] for name in index.bands)) if index else bands[self.name]
        return np.asarray(value > self.limit if self.above else value < self.limit)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A class and the conditions that all must hold for it."""

    value: int
    conditions: tuple[Condition, ...]

    @property
    def bands(self) -> frozenset[str]:
        """Bands that it needs."""
        return frozenset(name for condition in self.conditions for name in condition.bands)

    @property
    def scale_free(self) -> bool:
        """Whether it serves for uncalibrated values."""
        return all(condition.scale_free for condition in self.conditions)


def parse_condition(text: str) -> Condition:
    """Read `NAME > NUMBER` or `NAME < NUMBER`.

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"\s*([a-z][a-z0-9]*)\s*([<>])\s*(-?\d+(?:\.\d+)?)\s*", text)
    if found is None:
        raise UsageError(f"condition {text!r} is not of the form NAME > NUMBER or NAME < NUMBER")
    return Condition(name=found[1], above=found[2] == ">", limit=float(found[3]))


def classify(
    rules: Sequence[Rule],
    bands: Mapping[str, Image],
    other: int,
    seen: Mapping[str, Image] | None = None,
) -> NDArray[np.uint8]:
    """Give each pixel the class of the first rule that fits, `other` where none does.

    Args:
        rules: in order.
        bands: (H, W) values by common name, NaN where not observed.
        other: class value.
        seen: the same with the light of the air, where it was taken off `bands`.

    Returns:
        (H, W) class values.
    """
    shape = next(iter(bands.values())).shape
    classes = np.full(shape, other, np.uint8)
    free = np.ones(shape, np.bool_)
    for rule in rules:
        fits = free.copy()
        for condition in rule.conditions:
            fits &= condition.holds(bands, bands if seen is None else seen)
        classes[fits] = rule.value
        free &= ~fits
    return classes
