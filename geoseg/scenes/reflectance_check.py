"""Check that reflectance is possible: a product with another scale than that of its sensor is not.

Reflectance of land, water, cloud and snow is 0..1, of bright cloud and of slopes in low sun up to about 1.5,
of dark water after atmospheric correction a little below 0 in some bands, but not in all. The limits are far
outside of that, because scenes of water only and of cloud only are common.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.errors import SceneError
from geoseg.grid import sample_windows
from geoseg.messages import warn
from geoseg.scenes.bands import Band, observed
from geoseg.scenes.cubes import is_cube_name
from geoseg.scenes.raster import base_name

LOG = logging.getLogger(__name__)

ASSUMED = "sensor "
"""Beginning of the source of a scale that no metadata state: it is the sensor's usual one."""
UNSCALED = "values are reflectance"
"""Source of the scale of floats of 0..1."""
AS_FLOATS = "stored as floats"
"""Part of the source of a scale that is the sensor's for its digital numbers, taken for floats too."""

CHECKED_BANDS = ("green", "nir", "nir08", "red", "blue", "swir16")
"""Bands that are checked, the first ones that a scene has."""
MOST_BANDS = 3

SIZE, MOST = 128, 8
"""Side of the windows in pixels, and their greatest number in a band."""
OVERVIEW = 1024
"""Side in pixels of the overviews that are read, if a file has any."""

HIGHEST_MEDIAN, HIGHEST = 2.0, 1.8
"""The median above which values are not reflectance, and the 95th percentile above which that is doubtful."""
LOWEST, DARKEST = 0.0, 0.008
"""95th percentile of the brightest band below which values are not reflectance, and below which that is
doubtful. Floats without a stated scale are refused there: digital numbers that low are rare even over
deep water, and reflectance in percent is that low."""

DARK_LAND = 0.05
"""95th percentile of near or short-wave infrared below which a scene of land, where these are brighter than
visible light, is doubtful, and is refused where the scale is assumed: reflectance x 1000 and in percent are
that low. In 218 such chips of Landsat and Sentinel-2 (HLS) it is 0.14 or more."""
GREAT_OFFSET = -0.2
"""Offset, that of Landsat, without which reflectance has no value near 0 anywhere."""
INFRARED = frozenset({"nir", "nir08", "swir16"})

LAND_RATIO, NO_CLOUD_RATIO = 1.3, 1.1
"""Infrared to visible light, of the same percentile, above which a scene has land, and above which that part
of it is no cloud, which is white."""
CLOUD = 0.14
"""99.5th percentile of all bands below which there is neither cloud nor bright land: bright cloud x 1000
reaches 0.12. Land darker than `DARK_LAND` is refused there, whatever the share of cloud. In 227 of 230 chips
of HLS it is 0.24 or more, and in the others no part is land by `LAND_RATIO`."""

_LEAST = 50
"""Least number of valid pixels for a result."""

_REMEDY = (
    "state the scale in the files (`gdal_edit.py -a_scale SCALE -a_offset OFFSET FILE`) if it is another, "
    "and the value of pixels without data (`-a_nodata`); `--sensor generic` reads digital numbers"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """Percentiles of a band's valid physical values."""

    band: Band
    low: float
    """The 1st percentile."""
    middle: float
    high: float
    """The 95th percentile."""
    parts: tuple[float, ...]
    """The 5th, 25th, 50th, 75th and 95th percentiles."""
    top: float
    """The 99.5th percentile."""


def check_reflectance(
    bands: Sequence[Band], *, sensor: str, offset: float = 0.0, confirmed: bool = False
) -> None:
    """Check a sample of the reflectance bands of a scene; warn where values are doubtful.

    Args:
        bands: calibrated bands of a scene; cubes of spectrometers and bands in other units are not checked.
        sensor: its name, for messages.
        offset: of the sensor's digital numbers, which reflectance that is stored as floats may lack.
        confirmed: whether `--sensor`, metadata or the name of a product state the sensor, and so its scale:
            dark land is then a warning.

    Raises:
        SceneError: the values cannot be reflectance.
        SceneReadError: a file is damaged.
    """
    spreads = [spread for band in _chosen(bands) if (spread := _spread(band))]
    if not spreads:
        return
    brightest = max(spreads, key=lambda item: item.high)
    highest = max(spreads, key=lambda item: item.middle)
    if highest.middle > HIGHEST_MEDIAN:
        raise _error(highest, f"half of {highest.band.name} is above {highest.middle:.3g}")
    if brightest.high < LOWEST:
        raise _error(
            brightest, f"even {brightest.band.name}, the brightest band, is below {brightest.high:.3g}"
        )
    if brightest.high > HIGHEST:
        _warn(brightest, f"{brightest.band.name} reaches {brightest.high:.3g}")
    elif why := _dark(spreads, brightest):
        scaling = brightest.band.scaling
        floats = AS_FLOATS in scaling
        land = _is_land(spreads, brightest) or brightest.high >= DARKEST
        assumed = floats or (land and scaling.startswith(ASSUMED))
        if assumed and not (confirmed and brightest.high >= DARKEST):
            remedy = f"{_confirm(brightest, sensor)}; {_REMEDY}" if brightest.high >= DARKEST else _REMEDY
            raise _error(brightest, why, remedy)
        _warn(brightest, why)
    darkest = min(spreads, key=lambda item: item.low)
    if offset <= GREAT_OFFSET and darkest.band.scaling == UNSCALED and darkest.low >= -offset - 0.01:
        _warn(darkest, f"99 % of each band is above {darkest.low:.3g}, as if {offset:+g} had not been added")


def _dark(spreads: Sequence[_Spread], brightest: _Spread) -> str:
    """Return why a scene is too dark; empty where it is not."""
    names = [item.band.name for item in spreads]
    if brightest.high < (DARK_LAND if _is_land(spreads, brightest) else DARKEST):
        of = f", the brightest of {', '.join(names)}," if len(names) > 1 else ""
        return f"{brightest.band.name}{of} reaches only {brightest.high:.2g}"
    top = max(item.top for item in spreads)
    land = _land_level(spreads)
    if land is not None and land < DARK_LAND and top < CLOUD:
        pixels = f"the brightest pixels of {', '.join(names)} {top:.2g}"
        return f"infrared of land reaches only {land:.2g}, and {pixels}"
    return ""


def _land_level(spreads: Sequence[_Spread]) -> float | None:
    """Return the infrared of the brightest part of a scene that is land; None: no part is."""
    infrared = [item.parts for item in spreads if item.band.name in INFRARED]
    visible = [item.parts for item in spreads if item.band.name not in INFRARED]
    if not infrared or not visible:
        return None
    high, low = np.max(infrared, axis=0), np.max(visible, axis=0)
    if not (high > np.maximum(LAND_RATIO * low, DARKEST)).any():
        return None
    return float(high[high > NO_CLOUD_RATIO * low].max())


def _confirm(spread: _Spread, sensor: str) -> str:
    """Return how to say that a dark scene is right."""
    band = spread.band
    scale = f"{band.scale:.8f}".rstrip("0")
    offset = f" -a_offset {band.offset:g}" if band.offset else ""
    return (
        "if the scene is that dark (burnt ground, lava, low sun), confirm its scale with "
        f"`--sensor {sensor}` or `gdal_edit.py -a_scale {scale}{offset} FILE`"
    )


def _is_land(spreads: Sequence[_Spread], brightest: _Spread) -> bool:
    """Return whether infrared is brighter than visible light, as over land."""
    return brightest.band.name in INFRARED and any(item.band.name not in INFRARED for item in spreads)


def _chosen(bands: Sequence[Band]) -> list[Band]:
    """Return the bands to check."""
    fitting = [band for band in bands if band.units == "reflectance" and not is_cube_name(band.name)]
    by_name = {band.name: band for band in reversed(fitting)}
    return [by_name[name] for name in CHECKED_BANDS if name in by_name][:MOST_BANDS]


def _spread(band: Band) -> _Spread | None:
    """Return the percentiles of a band; None if too few pixels are valid."""
    # The mask of 8-bit bands is read from other bands, at full resolution.
    small = None if band.zero_with else band.raster.overview(OVERVIEW)
    raster = small or band.raster
    try:
        parts = []
        for window in sample_windows(raster.grid, size=SIZE, most=MOST):
            data = raster.read(window, [band.index])
            mask = observed([band], data, window)[0]
            parts.append((data[0] if mask is None else data[0][mask]).astype(np.float64).ravel())
    finally:
        if small is not None:
            small.close()
    values = np.concatenate(parts) * band.scale + band.offset
    values = values[np.isfinite(values)]
    if values.size < _LEAST:
        return None
    low, *parts, top = np.percentile(values, [1, 5, 25, 50, 75, 95, 99.5]).tolist()
    return _Spread(band=band, low=low, middle=parts[2], high=parts[-1], parts=tuple(parts), top=top)


def _what(spread: _Spread) -> str:
    """Return file, dtype and scaling of a band, for messages."""
    band = spread.band
    return (
        f"{base_name(band.raster.path)} ({band.dtype}) x {band.scale:.6g} {band.offset:+.4g} "
        f"({band.scaling.partition(';')[0]})"
    )


def _error(spread: _Spread, why: str, remedy: str = _REMEDY) -> SceneError:
    return SceneError(f"{_what(spread)} is not reflectance of 0..1: {why}; {remedy}")


def _warn(spread: _Spread, why: str) -> None:
    warn(LOG, "reflectance-unlikely", f"{_what(spread)} is hardly reflectance of 0..1: {why}; {_REMEDY}")
