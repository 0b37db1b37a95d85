"""One plume in its window: background, mass, rate with an interval, and the screens it passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Grid, Window
from geoseg.methane.column_threshold import Search
from geoseg.methane.retrieval import (
    ALBEDO,
    CH4,
    CLOUD,
    GREENNESS,
    REFERENCE_CH4,
    WATER,
)
from geoseg.methods.methane_rate import (
    MOL_PER_PPM_M,
    EffectiveWind,
    cross_section_rate,
    ime_rate,
    integrated_mass,
    plume_length,
)
from geoseg.methods.plume_measure import (
    WindDraws,
    background_error,
    contrast,
    cut_pixels,
    grown_masks,
    likeness,
    main_axis,
    rate_interval,
    ring_around,
    share_near,
    step_from_ring,
    upwind_end,
)
from geoseg.methods.plume_search import centre_and_spread
from geoseg.scenes.wind_fields import Wind
from geoseg.spec import PlumeSpec

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

PERSISTS = 0.5
"""Part of a plume's enhancement from which on the reference alone explains it."""

ALIKE = 0.6
"""Correlation with the ground's brightness from which a plume is taken for ground."""

APART = 1.0
"""Standard deviations by which a plume's ground may be greener, or less green, than the ground around it."""

AT_WATER, AT_CLOUD = 0.25, 0.1
"""Share of a plume's rim that may be water or shadow, and cloud."""

LEAST_RING = 10
"""Pixels that a ring needs; else the scene's own background counts."""

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Columns of a plume; NaN where not known."""

    rate_kg_h: float = NAN
    """By the integrated mass enhancement."""
    rate_low: float = NAN
    """95 % interval of the rate, by Monte Carlo."""
    rate_high: float = NAN
    """NaN where pixels are saturated: the rate is then a lower bound."""
    rate_flux_kg_h: float = NAN
    """A second estimate: by the flux through transects."""
    ime_kg: float = NAN
    max_ppm_m: float = NAN
    mean_ppm_m: float = NAN
    noise_ppm_m: float = NAN
    """Standard deviation of single pixels in the ring around the plume."""
    length_m: float = NAN
    """Square root of the area."""
    wind_m_s: float = NAN
    wind_from_deg: float = NAN
    effective_wind_m_s: float = NAN
    saturated: int = 0
    """Pixels beyond the table of absorption: rate and mass are then too low."""
    cut: int = 0
    """Pixels at the scene's edge or at ground without columns: part of the plume may lie there."""
    source_lon: float = NAN
    """The upwind end; the strongest pixel where no wind direction is known."""
    source_lat: float = NAN
    screens_passed: str = ""
    screens_failed: str = ""

    @property
    def passes(self) -> bool:
        """Whether no screen speaks against it."""
        return not self.screens_failed


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """A plume in its window."""

    window: Window
    mask: Mask
    """(H, W) the plume."""
    searched: str
    """The band that it was found in."""
    bands: Mapping[str, Image]
    """(H, W) by name; `ch4` is NaN where there is no column."""
    areas_m2: NDArray[np.float64]
    """(H, W)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Levelled:
    """A plume's pixels above their background."""

    patch: Patch
    mask: Mask
    """The plume's pixels that have a column."""
    above: Image
    """Columns less the median of the ring."""
    filtered: Image
    """What was searched, after the median filter, in standard deviations above the background."""
    usable: Mask
    """Pixels without any plume."""
    ring: Mask
    noise: float


@dataclass(frozen=True, kw_only=True)
class Measurer:
    """Measures plumes of one scene."""

    grid: Grid
    search: Search
    effective: EffectiveWind
    spec: PlumeSpec
    """Says how sure the wind is."""
    most_ppm_m: float
    """Where the table of absorption ends."""

    def __call__(self, patch: Patch, wind: Wind | None) -> Measured:
        """Measure a plume; `wind` is that there and then."""
        plume = self._level(patch)
        ch4, above, mask = patch.bands[CH4], plume.above, plume.mask
        towards = self._towards(plume, wind)
        lon, lat = self._origin(plume, wind, towards)
        passed, failed = screens(plume)
        measured = Measured(
            ime_kg=integrated_mass(plume_moles(plume), patch.areas_m2),
            max_ppm_m=float(ch4[mask].max()),
            mean_ppm_m=float(above[mask].mean()),
            noise_ppm_m=plume.noise,
            length_m=plume_length(float(patch.areas_m2[mask].sum())),
            saturated=int(np.count_nonzero(ch4[mask] >= np.float32(self.most_ppm_m * (1 - 1e-5)))),
            cut=cut_pixels(mask, np.isfinite(ch4)),
            source_lon=lon,
            source_lat=lat,
            screens_passed=",".join(passed),
            screens_failed=",".join(failed),
        )
        if wind is None or not measured.ime_kg > 0:
            return measured
        speed = float(self.effective(wind.speed))
        if not (wind.speed > 0 and speed > 0):
            return measured
        low, high = self._interval(plume, wind)
        return replace(
            measured,
            rate_kg_h=ime_rate(measured.ime_kg, measured.length_m, speed),
            rate_low=low,
            # Beyond the table there may be any amount: the interval is then open upwards.
            rate_high=NAN if measured.saturated else high,
            rate_flux_kg_h=cross_section_rate(plume_moles(plume), self.grid.pixel_size_m, towards, speed),
            wind_m_s=wind.speed,
            wind_from_deg=NAN if wind.direction_from is None else wind.direction_from,
            effective_wind_m_s=speed,
        )

    def _level(self, patch: Patch) -> Levelled:
        """Take the background away that the ring around the plume shows."""
        ch4 = patch.bands[CH4]
        filtered = self.search.standardised(patch.bands[patch.searched], patch.window)
        other = np.nan_to_num(filtered, nan=np.inf) > self.search.sigmas
        usable = np.isfinite(ch4) & ~other & ~patch.mask
        ring = ring_around(patch.mask, usable)
        # Of columns that are 0 where nothing stands out the noise is that of what was searched.
        signal = patch.bands[patch.searched][ring]
        enough = signal.size > LEAST_RING
        level = centre_and_spread(ch4[ring])[0] if enough else self.search.background.level
        noise = centre_and_spread(signal)[1] if enough else NAN
        return Levelled(
            patch=patch,
            mask=patch.mask & np.isfinite(ch4),
            above=(ch4 - np.float32(level)).astype(np.float32),
            filtered=filtered,
            usable=usable,
            ring=ring,
            noise=noise,
        )

    def _interval(self, plume: Levelled, wind: Wind) -> tuple[float, float]:
        """95 % interval of the rate."""
        masks = grown_masks(plume.filtered, plume.patch.mask, self.search.sigmas)
        error = background_error(plume.above, plume.patch.mask, plume.usable)
        draws = WindDraws(
            wind_m_s=wind.speed,
            wind_error=self.spec.wind_error,
            slope=self.effective.slope,
            offset=self.effective.offset,
        )
        known = [cut & np.isfinite(plume.above) for cut in masks]
        return rate_interval(plume.above, plume.patch.areas_m2, known, np.nan_to_num(error), draws)

    def _towards(self, plume: Levelled, wind: Wind | None) -> float:
        """Where the plume drifts to, degrees clockwise from the image's top: by wind, else by its shape."""
        if wind is not None and wind.direction_from is not None:
            return (wind.direction_from + 180) % 360
        return main_axis(plume.above, plume.mask, self.grid.pixel_size_m)

    def _origin(self, plume: Levelled, wind: Wind | None, towards: float) -> tuple[float, float]:
        """Longitude and latitude of the upwind end, or of the strongest pixel without a direction."""
        if wind is not None and wind.direction_from is not None:
            row, col = upwind_end(plume.mask, towards, self.grid.pixel_size_m)
        else:
            strongest = int(np.argmax(np.where(plume.mask, plume.above, -np.inf)))
            row, col = divmod(strongest, plume.mask.shape[1])
        at = plume.patch.window
        lon, lat = self.grid.lonlat(np.array([row + at.row + 0.5]), np.array([col + at.col + 0.5]))
        return float(lon[0]), float(lat[0])


def plume_moles(plume: Levelled) -> Image:
    """Return the enhancement in mol/m², NaN outside the plume."""
    return np.where(plume.mask, plume.above * np.float32(MOL_PER_PPM_M), np.float32(np.nan))


def screens(plume: Levelled) -> tuple[list[str], list[str]]:
    """Return the names of the screens that a plume passes and fails; those that cannot be judged are in none.

    `surface`: with a reference, that alone must not explain half of the plume (of either sign: a spot that
    was dark or bright on the reference day); without, the columns must not follow the ground's brightness,
    and the ground must be about as green as around, for vegetation is darker at 2.2 than at 1.6 µm.
    `water`, `cloud`: the rim of the plume must not lie along either.
    """
    passed: list[str] = []
    failed: list[str] = []

    def tell(name: str, value: float, most: float) -> None:
        if np.isfinite(value):
            (passed if value <= most else failed).append(name)

    bands, mask = plume.patch.bands, plume.patch.mask
    if REFERENCE_CH4 in bands:
        # Both as they were searched: columns end with the table, and the reference's signal does not.
        own = step_from_ring(bands[plume.patch.searched], mask, plume.ring)
        before = step_from_ring(bands[REFERENCE_CH4], mask, plume.ring)
        tell("surface", abs(before) / own if own > 0 else NAN, PERSISTS)
    else:
        alike = likeness(plume.above, bands[ALBEDO], mask | plume.ring) / ALIKE
        apart = contrast(bands[GREENNESS], mask, plume.ring) / APART if GREENNESS in bands else NAN
        tell("surface", float(np.fmax(alike, apart)), 1.0)
    tell("water", share_near(mask, bands[WATER] == 1), AT_WATER)
    if np.isfinite(bands[CLOUD]).any():
        tell("cloud", share_near(mask, bands[CLOUD] == 1), AT_CLOUD)
    return passed, failed
