"""Attributes of one plume: background, mass, source rate with its interval, and screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Grid, Window
from geoseg.methods.methane_rate import (
    MOL_PER_PPM_M,
    EffectiveWind,
    cross_section_rate,
    ime_rate,
    integrated_mass,
    plume_length,
)
from geoseg.methods.plume_measure import (
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
from geoseg.tasks.methane.column_threshold import Search
from geoseg.tasks.methane.retrieval import (
    ALBEDO,
    CH4,
    CLOUD,
    GREENNESS,
    REFERENCE_CH4,
    WATER,
)

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

MAX_REFERENCE_SHARE = 0.5
"""Share of a plume's enhancement that the reference scenes alone may show."""

MAX_CORRELATION = 0.6
"""Correlation of the enhancement with the surface brightness above which a plume fails the screen."""

MAX_CONTRAST = 1.0
"""Difference in NDVI between a plume and its ring, in standard deviations of the ring, above which the plume
fails the screen."""

MAX_WATER, MAX_CLOUD = 0.25, 0.1
"""Share of a plume's rim that may be water or shadow, and cloud."""

MIN_RING = 10
"""Number of pixels that a ring must exceed; else the background of the scene is used."""

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlumeAttributes:
    """Attributes of a plume; NaN where unknown."""

    rate_kg_h: float = NAN
    """Source rate by the integrated mass enhancement."""
    rate_low: float = NAN
    """Lower end of the 95 % confidence interval of the rate, by Monte Carlo."""
    rate_high: float = NAN
    """Upper end; NaN where pixels are saturated: the rate is then a lower bound."""
    rate_flux_kg_h: float = NAN
    """Source rate by the flux through transects."""
    ime_kg: float = NAN
    """Integrated mass enhancement."""
    max_ppm_m: float = NAN
    """Largest column enhancement."""
    mean_ppm_m: float = NAN
    """Mean column enhancement above the ring."""
    noise_ppm_m: float = NAN
    """Standard deviation of single pixels in the ring around the plume."""
    length_m: float = NAN
    """Square root of the area."""
    wind_m_s: float = NAN
    """Wind speed at 10 m."""
    wind_from_deg: float = NAN
    """Direction from which the wind blows, degrees clockwise from north."""
    effective_wind_m_s: float = NAN
    saturated: int = 0
    """Number of pixels at the limit of the absorption table: rate and mass are then underestimated."""
    cut: int = 0
    """Number of pixels at the edge of the scene or of pixels without enhancement: the plume may go on
    there."""
    source_lon: float = NAN
    """Upwind end of the plume; its strongest pixel where the wind direction is unknown."""
    source_lat: float = NAN
    screens_passed: str = ""
    """Names of screens, separated by commas."""
    screens_failed: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlumeWindow:
    """A plume in its window, with its enhancement above the background of the ring; arrays are (H, W)."""

    window: Window
    region: Mask
    """Pixels of the plume."""
    mask: Mask
    """Pixels of the plume that have a column enhancement."""
    bands: Mapping[str, Image]
    """Bands by name; `ch4` is NaN where there is no enhancement."""
    search_band: str
    """Band in which the plume was found."""
    areas_m2: NDArray[np.float64]
    above: Image
    """Column enhancement minus the median of the ring, in ppm·m."""
    filtered: Image
    """Median-filtered search band, in standard deviations above the background."""
    usable: Mask
    """Pixels with an enhancement outside of any plume."""
    ring: Mask
    noise: float
    """Standard deviation of single pixels of the ring, in ppm·m."""

    def moles(self) -> Image:
        """Return the enhancement in mol/m², NaN outside the plume."""
        return np.where(self.mask, self.above * np.float32(MOL_PER_PPM_M), np.float32(np.nan))


@dataclass(frozen=True, kw_only=True)
class PlumeMeasurer:
    """Measures the plumes of one scene."""

    grid: Grid
    search: Search
    effective: EffectiveWind
    wind_error: float
    """Relative standard error of the wind speed."""
    table_limit_ppm_m: float
    """Largest enhancement in the absorption table."""

    def __call__(
        self, window: Window, region: Mask, bands: Mapping[str, Image], search_band: str, wind: Wind | None
    ) -> PlumeAttributes:
        """Return the attributes of a plume.

        Args:
            window: window around the plume.
            region: (H, W) pixels of the plume.
            bands: (H, W) bands by name.
            search_band: band in which the plume was found.
            wind: wind at the plume.
        """
        plume = self._above_background(window, region, bands, search_band)
        ch4, above, mask = bands[CH4], plume.above, plume.mask
        # Direction of drift, degrees clockwise from the top of the image: of the wind, else of the shape.
        direction = None if wind is None else wind.direction_from
        if direction is not None:
            towards = (direction + 180) % 360
        else:
            towards = main_axis(above, mask, self.grid.pixel_size_m)
        lon, lat = self._source(plume, None if direction is None else towards)
        passed, failed = screens(plume)
        # Beyond the table every column is that of its end: masses and rates would be those of the table.
        quantified = self.search.quantifies(self.table_limit_ppm_m)
        attributes = PlumeAttributes(
            ime_kg=integrated_mass(plume.moles(), plume.areas_m2) if quantified else NAN,
            max_ppm_m=float(ch4[mask].max()) if quantified else NAN,
            mean_ppm_m=float(above[mask].mean()) if quantified else NAN,
            noise_ppm_m=plume.noise,
            length_m=plume_length(float(plume.areas_m2[mask].sum())),
            saturated=int(np.count_nonzero(ch4[mask] >= np.float32(self.table_limit_ppm_m * (1 - 1e-5)))),
            cut=cut_pixels(mask, np.isfinite(ch4)),
            source_lon=lon,
            source_lat=lat,
            screens_passed=",".join(passed),
            screens_failed=",".join(failed),
        )
        if wind is None or not attributes.ime_kg > 0:
            return attributes
        speed = float(self.effective(wind.speed))
        if not (wind.speed > 0 and speed > 0):
            return attributes
        low, high = self._rate_interval(plume, wind)
        return replace(
            attributes,
            rate_kg_h=ime_rate(attributes.ime_kg, attributes.length_m, speed),
            rate_low=low,
            # Saturated pixels may hold any larger enhancement: the interval has no upper end.
            rate_high=NAN if attributes.saturated else high,
            rate_flux_kg_h=cross_section_rate(plume.moles(), self.grid.pixel_size_m, towards, speed),
            wind_m_s=wind.speed,
            wind_from_deg=NAN if direction is None else direction,
            effective_wind_m_s=speed,
        )

    def _above_background(
        self, window: Window, region: Mask, bands: Mapping[str, Image], search_band: str
    ) -> PlumeWindow:
        """Subtract the background that the ring around the plume shows."""
        ch4 = bands[CH4]
        filtered = self.search.standardised(bands[search_band], window)
        other = np.nan_to_num(filtered, nan=np.inf) > self.search.sigmas
        usable = np.isfinite(ch4) & ~other & ~region
        ring = ring_around(region, usable)
        # Sparse enhancements are 0 in the background: the noise is that of the search band.
        signal = bands[search_band][ring]
        enough = signal.size > MIN_RING
        level = centre_and_spread(ch4[ring])[0] if enough else self.search.background.level
        return PlumeWindow(
            window=window,
            region=region,
            mask=region & np.isfinite(ch4),
            bands=bands,
            search_band=search_band,
            areas_m2=self.grid.window_areas(window),
            above=(ch4 - np.float32(level)).astype(np.float32),
            filtered=filtered,
            usable=usable,
            ring=ring,
            noise=centre_and_spread(signal)[1] if enough else NAN,
        )

    def _rate_interval(self, plume: PlumeWindow, wind: Wind) -> tuple[float, float]:
        """Return the 95 % confidence interval of the source rate."""
        masks = grown_masks(plume.filtered, plume.region, self.search.sigmas)
        error = background_error(plume.above, plume.region, plume.usable)
        known = [mask & np.isfinite(plume.above) for mask in masks]
        return rate_interval(
            plume.above,
            plume.areas_m2,
            known,
            np.nan_to_num(error),
            wind.speed,
            self.wind_error,
            self.effective,
        )

    def _source(self, plume: PlumeWindow, towards: float | None) -> tuple[float, float]:
        """Return longitude and latitude of the upwind end, or of the strongest pixel without a direction."""
        if towards is not None:
            row, col = upwind_end(plume.mask, towards, self.grid.pixel_size_m)
        else:
            strongest = int(np.argmax(np.where(plume.mask, plume.above, -np.inf)))
            row, col = divmod(strongest, plume.mask.shape[1])
        at = plume.window
        lon, lat = self.grid.lonlat(np.array([row + at.row + 0.5]), np.array([col + at.col + 0.5]))
        return float(lon[0]), float(lat[0])


def screens(plume: PlumeWindow) -> tuple[list[str], list[str]]:
    """Return the names of the screens that a plume passes and fails; screens without data are in neither.

    `surface`: with a reference, the reference alone must not show half of the enhancement (of either sign:
    the surface may have been darker or brighter on that day). Without one, the enhancement must not correlate
    with the surface brightness, and NDVI must be similar to that of the ring, because vegetation is darker at
    2.2 than at 1.6 µm. `water`, `cloud`: the rim of the plume must not lie along either.
    """
    passed: list[str] = []
    failed: list[str] = []

    def screen(name: str, value: float, limit: float) -> None:
        if np.isfinite(value):
            (passed if value <= limit else failed).append(name)

    bands, mask = plume.bands, plume.mask
    if REFERENCE_CH4 in bands:
        # Both as signals: enhancements end with the absorption table, the signal of the reference does not.
        enhancement = step_from_ring(bands[plume.search_band], mask, plume.ring)
        before = step_from_ring(bands[REFERENCE_CH4], mask, plume.ring)
        screen("surface", abs(before) / enhancement if enhancement > 0 else NAN, MAX_REFERENCE_SHARE)
    else:
        similar = likeness(plume.above, bands[ALBEDO], mask | plume.ring) / MAX_CORRELATION
        apart = contrast(bands[GREENNESS], mask, plume.ring) / MAX_CONTRAST if GREENNESS in bands else NAN
        screen("surface", float(np.fmax(similar, apart)), 1.0)
    screen("water", share_near(mask, bands[WATER] == 1), MAX_WATER)
    if np.isfinite(bands[CLOUD]).any():
        screen("cloud", share_near(mask, bands[CLOUD] == 1), MAX_CLOUD)
    return passed, failed
