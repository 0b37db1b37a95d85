"""Methane columns from two short-wave infrared bands, computed for each window that is read.

A window has the same values as that part of the whole scene, so plumes do not depend on the tiling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.grid import Window
from geoseg.methods.cloud import clouds
from geoseg.methods.methane_column import TABLE_AIR_MASS, enhancement, ratio_change
from geoseg.methods.methane_rate import MOL_PER_PPM_M
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.tasks.methane.method import STRONG, WEAK, TwoBandMethod, TwoBands, mean_known
from geoseg.tasks.methane.retrieval import (
    ALBEDO,
    CH4,
    CLOUD,
    GREENNESS,
    GREENNESS_CHANGE,
    REFERENCE_CH4,
    SIGNAL,
    WATER,
)

Image = NDArray[np.float32]

VISIBLE = ("blue", "green", "red")

DARK = 0.05
"""Reflectance at 1.6 µm below which a pixel is water or deep shadow, too dark for a retrieval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BandRatioFit:
    """Parameters of the retrieval, fitted once for the whole scene."""

    method: TwoBandMethod
    c: float
    """Slope c of `TwoBandMethod.slope`."""
    reference_c: tuple[float, ...]
    """Slope c between the bands of each reference."""
    ppm_m: NDArray[np.float64]
    """(k,) column enhancements of the absorption table."""
    response: NDArray[np.float64]
    """(k,) relative change of the bands at each enhancement."""
    air_mass: float
    """Air-mass factor of the scene; that of the table is `TABLE_AIR_MASS`."""

    @property
    def table_limit_ppm_m(self) -> float:
        """Largest enhancement of the table at the air-mass factor of the scene."""
        return float(self.ppm_m[-1] * TABLE_AIR_MASS / self.air_mass)

    def signal(self, change: NDArray[np.float64]) -> Image:
        """Return a relative change in ppm·m, linearly by the first step of the table, without limit."""
        step = self.ppm_m[1] / self.response[1] * TABLE_AIR_MASS / self.air_mass
        return np.asarray(change * step, np.float32)

    def enhancement(self, change: NDArray[np.float64]) -> Image:
        """Return the vertical column enhancement in ppm·m of a relative change, limited by the table."""
        slant = enhancement(change, self.ppm_m, self.response) / MOL_PER_PPM_M
        return np.asarray(slant * (TABLE_AIR_MASS / self.air_mass), np.float32)


def reference_prefix(index: int) -> str:
    """Return the prefix of the bands of a reference in the stack, without the colon."""
    return f"reference{index}"


def clear_ground(values: Mapping[str, Image], prefix: str = "") -> tuple[Image, Image]:
    """Return water or shadow, and cloud, each (H, W): 1, 0, or NaN where unknown.

    Args:
        values: reflectance by band name.
        prefix: of the bands of the date.
    """
    weak = values[prefix + WEAK]
    water = np.where(np.isfinite(weak), (weak < DARK).astype(np.float32), np.float32(np.nan))
    names = [prefix + name for name in VISIBLE]
    nir = next((prefix + name for name in ("nir", "nir08") if prefix + name in values), None)
    if nir is None or not set(names) <= values.keys():
        return water, np.full(weak.shape, np.nan, np.float32)
    blue, green, red = (values[name] for name in names)
    cloud = clouds(blue, green, red, values[nir], values.get(f"{prefix}cirrus"), weak)
    known = np.isfinite(blue + green + red + values[nir] + weak)
    return water, np.where(known, cloud.astype(np.float32), np.float32(np.nan))


def clear_bands(values: Mapping[str, Image], water: Image, cloud: Image, prefix: str = "") -> TwoBands:
    """Return both bands of a date over clear land, NaN elsewhere.

    Args:
        values: reflectance by band name, (H, W) each.
        water: (H, W) of `clear_ground`.
        cloud: (H, W) of `clear_ground`.
        prefix: of the bands of the date.
    """
    clear = (water != 1) & (cloud != 1)
    strong, weak = (np.where(clear, values[prefix + name], np.float32(np.nan)) for name in (STRONG, WEAK))
    return TwoBands(strong=strong, weak=weak)


def greenness(values: Mapping[str, Image], prefix: str = "") -> Image:
    """Return the normalised difference of near infrared and red (H, W), NaN where either is missing.

    Args:
        values: reflectance by band name.
        prefix: of the bands of the date.
    """
    name = next((prefix + name for name in ("nir", "nir08") if prefix + name in values), None)
    if name is None or f"{prefix}red" not in values:
        return np.full(values[prefix + WEAK].shape, np.nan, np.float32)
    nir, red = values[name], values[f"{prefix}red"]
    total = nir + red
    return np.where(total > 0, (nir - red) / np.where(total > 0, total, 1), np.nan).astype(np.float32)


class RatioColumns:
    """A source of column enhancements and of the bands that screens use."""

    def __init__(self, stack: Source, fit: BandRatioFit) -> None:
        """Read from a stack of the scene and its references, whose bands have `reference_prefix`."""
        self._stack, self._fit = stack, fit
        names = (CH4, SIGNAL, WATER, CLOUD, ALBEDO, GREENNESS)
        self.band_names: tuple[str, ...] = (
            (*names, REFERENCE_CH4, GREENNESS_CHANGE) if fit.reference_c else names
        )
        self.name, self.grid = stack.name, stack.grid

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window as float32; pixels are valid where there is a column enhancement.

        `water` and `cloud` (1 or 0), `albedo` (reflectance), `ndvi`, its change and `reference:ch4` have
        values also elsewhere, and NaN where unknown.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """
        pixels = self._stack.read(window, self._stack.band_names)
        values = dict(zip(pixels.bands, pixels.physical(), strict=True))
        computed = self._compute(values)
        data = np.stack([computed[name] for name in bands])
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=pixels.valid & np.isfinite(computed[CH4]),
            scale=(1.0,) * len(bands),
            offset=(0.0,) * len(bands),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:  # noqa: ARG002 - a Source's signature
        """Return the size of the block cache for all bands of the stack."""
        return self._stack.cache_bytes(self._stack.band_names)

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the stack."""
        return self._stack.describe()

    def _compute(self, values: Mapping[str, Image]) -> dict[str, Image]:
        """Compute all bands of a window from the bands of the stack."""
        fit = self._fit
        water, cloud = clear_ground(values)
        computed = {WATER: water, CLOUD: cloud, ALBEDO: values[WEAK], GREENNESS: greenness(values)}
        day = clear_bands(values, water, cloud)
        prefixes = [f"{reference_prefix(index)}:" for index in range(len(fit.reference_c))]
        references = [clear_bands(values, *clear_ground(values, prefix), prefix) for prefix in prefixes]
        alone = None
        if references:
            changes = [
                ratio_change(item.strong, item.weak, c).astype(np.float32)
                for item, c in zip(references, fit.reference_c, strict=True)
            ]
            alone = mean_known(changes)
            before = mean_known([greenness(values, prefix) for prefix in prefixes])
            computed[GREENNESS_CHANGE] = computed[GREENNESS] - before
            computed[REFERENCE_CH4] = fit.signal(alone.astype(np.float64))
        change = fit.method.change(day, references, alone, fit.c)
        computed[CH4], computed[SIGNAL] = fit.enhancement(change), fit.signal(change)
        return computed
