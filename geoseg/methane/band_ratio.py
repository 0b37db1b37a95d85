"""Methane columns from two short-wave infrared bands, computed where they are read.

A `Source` over the scene and its references: what it gives for a window is the slice of the whole, so that
plumes do not depend on how the scene is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.grid import Grid, Window
from geoseg.methane.method import STRONG, WEAK, TwoBandMethod, TwoBands, mean_known
from geoseg.methane.retrieval import (
    ALBEDO,
    CH4,
    CLOUD,
    GREENNESS,
    REFERENCE_CH4,
    SIGNAL,
    WATER,
)
from geoseg.methods.cloud import clouds
from geoseg.methods.methane_column import TABLE_AIR_MASS, enhancement, ratio_change
from geoseg.methods.methane_rate import MOL_PER_PPM_M
from geoseg.pixels import Pixels
from geoseg.scenes import Source

Image = NDArray[np.float32]

VISIBLE = ("blue", "green", "red")

DARK = 0.05
"""Reflectance at 1.6 µm below which ground is water or deep shadow: too dark for a methane column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What turns two bands into a column, found once for the whole scene."""

    method: TwoBandMethod
    c: float
    """Of `TwoBandMethod.slope`."""
    reference_c: tuple[float, ...]
    """Of each reference alone."""
    ppm_m: NDArray[np.float64]
    """(k,) amounts of the table."""
    response: NDArray[np.float64]
    """(k,) relative change that each makes, by the satellite's pass-bands."""
    air_mass: float
    """Of the scene; the table's is `TABLE_AIR_MASS`."""

    @property
    def most_ppm_m(self) -> float:
        """Where the table ends, for the scene's geometry."""
        return float(self.ppm_m[-1] * TABLE_AIR_MASS / self.air_mass)

    def signal(self, change: NDArray[np.float64]) -> Image:
        """Return a relative change in ppm·m as the table's first step counts it: linear, without an end."""
        step = self.ppm_m[1] / self.response[1] * TABLE_AIR_MASS / self.air_mass
        return np.asarray(change * step, np.float32)

    def amount(self, change: NDArray[np.float64]) -> Image:
        """Return the vertical enhancement in ppm·m that explains a relative change."""
        found = enhancement(change, self.ppm_m, self.response).mol_m2 / MOL_PER_PPM_M
        return np.asarray(found * (TABLE_AIR_MASS / self.air_mass), np.float32)


def reference_prefix(index: int) -> str:
    """Return what the bands of a reference begin with in the stack, before the colon."""
    return f"reference{index}"


def clear_ground(values: Mapping[str, Image], prefix: str = "") -> tuple[Image, Image]:
    """Return where there is water or shadow and where cloud, each (H, W): 1, 0, or NaN where not known.

    Args:
        values: reflectance by band name.
        prefix: of the date's bands.
    """
    weak = values[prefix + WEAK]
    water = np.where(np.isfinite(weak), (weak < DARK).astype(np.float32), np.float32(np.nan))
    names = [prefix + name for name in VISIBLE]
    nir = next((prefix + name for name in ("nir", "nir08") if prefix + name in values), None)
    if nir is None or not set(names) <= values.keys():
        return water, np.full(weak.shape, np.nan, np.float32)
    blue, green, red = (values[name] for name in names)
    found = clouds(blue, green, red, values[nir], values.get(f"{prefix}cirrus"), weak)
    known = np.isfinite(blue + green + red + values[nir] + weak)
    return water, np.where(known, found.astype(np.float32), np.float32(np.nan))


def clear_bands(values: Mapping[str, Image], water: Image, cloud: Image, prefix: str = "") -> TwoBands:
    """Return both bands of a date over clear land, NaN elsewhere.

    Args:
        values: reflectance by band name, (H, W) each.
        water: of `clear_ground`.
        cloud: likewise.
        prefix: of the date's bands.
    """
    here = (water != 1) & (cloud != 1)
    strong, weak = (np.where(here, values[prefix + name], np.float32(np.nan)) for name in (STRONG, WEAK))
    return TwoBands(strong=strong, weak=weak)


def greenness(values: Mapping[str, Image]) -> Image:
    """Return the normalised difference of near infrared and red (H, W), NaN where either is missing."""
    nir = next((name for name in ("nir", "nir08") if name in values), None)
    if nir is None or "red" not in values:
        return np.full(values[WEAK].shape, np.nan, np.float32)
    total = values[nir] + values["red"]
    return np.where(total > 0, (values[nir] - values["red"]) / np.where(total > 0, total, 1), np.nan).astype(
        np.float32
    )


class RatioColumns:
    """The source of methane columns, and of what screens look at."""

    def __init__(self, stack: Source, fit: Fit) -> None:
        """Read from a stack of the scene and its references, the latter named by `reference_prefix`."""
        self._stack, self._fit = stack, fit
        own = (CH4, SIGNAL, WATER, CLOUD, ALBEDO, GREENNESS)
        self.band_names: tuple[str, ...] = (*own, REFERENCE_CH4) if fit.reference_c else own

    @property
    def name(self) -> str:
        """That of the scene."""
        return self._stack.name

    @property
    def grid(self) -> Grid:
        """That of the short-wave infrared bands."""
        return self._stack.grid

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window: float32; valid where there is a column.

        `water` and `cloud` (1 or 0), `albedo` (reflectance), `ndvi` and `reference:ch4` hold also where there
        is none, NaN where they are not known.

        Raises:
            BandError: the bands are not all there.
            SceneReadError: a file is damaged.
        """
        pixels = self._stack.read(window, self._stack.band_names)
        values = dict(zip(pixels.bands, pixels.physical(), strict=True))
        found = self._columns(values)
        data = np.stack([found[name] for name in bands])
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=pixels.valid & np.isfinite(found[CH4]),
            scale=(1.0,) * len(bands),
            offset=(0.0,) * len(bands),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:  # noqa: ARG002 - a Source's signature
        """Bytes of decoded blocks to keep: of all bands that go in."""
        return self._stack.cache_bytes(self._stack.band_names)

    def describe(self) -> dict[str, JsonValue]:
        """Return the stack's description."""
        return self._stack.describe()

    def _columns(self, values: Mapping[str, Image]) -> dict[str, Image]:
        """Compute every band of a window from the bands that go in."""
        fit = self._fit
        water, cloud = clear_ground(values)
        found = {WATER: water, CLOUD: cloud, ALBEDO: values[WEAK], GREENNESS: greenness(values)}
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
            found[REFERENCE_CH4] = fit.signal(alone.astype(np.float64))
        change = fit.method.change(day, references, alone, fit.c)
        found[CH4], found[SIGNAL] = fit.amount(change), fit.signal(change)
        return found
