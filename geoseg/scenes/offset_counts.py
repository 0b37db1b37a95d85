"""Check the digital numbers of a Sentinel-2 scene for the radiometric offset of baseline 04.00.

With the offset a reflectance of 0 is stored as 1000, so that hardly any digital number is below that.
Without it shadows, vegetation in red and water in infrared are below. A desert or a cloud deck has no ground
that dark: the result is unknown there.

The limits were found on surface reflectance of 230 HLS chips and on 16 Sentinel-2 L1C scenes of eight cities,
with 1000 added and without: no result was wrong, for whole scenes and for crops of 40 x 40 pixels; half to
four fifths of the scenes of land and water gave a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import sample_windows
from geoseg.scenes.bands import Band
from geoseg.scenes.raster import Raster
from geoseg.scenes.scene import Scene, SceneMetadata

OffsetInCounts = Literal["present", "absent", "probably absent", "mixed", "subtracted twice", "unknown"]
"""present: digital numbers contain the offset; absent: they do not; probably absent: likely not; mixed: a
part of the scene contains it; subtracted twice: it was subtracted from values without it; unknown: no
evidence."""

CHECKED_BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22", "cirrus")
"""Bands that are checked, if the scene has them."""

SIZE, MOST = 128, 16
"""Side of the checked windows in pixels, and their greatest number."""

OVERVIEW = 1024
"""Side in pixels of the overviews that are read, if a file has any."""

Counts = NDArray[np.float32]

_LEAST = 50
"""Least number of pixels for a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsCheck:
    """Result of the check of digital numbers."""

    result: OffsetInCounts
    why: str = ""
    """Reason, for messages."""
    lowest: float = 0.0
    """Digital number of the darkest band that one pixel in a thousand is below."""


def check_counts(bands: Sequence[Band]) -> CountsCheck:
    """Check a sample of a scene for the offset.

    Args:
        bands: at least one, calibrated to reflectance except for the offset.

    Raises:
        SceneError: the files cannot be aligned.
        SceneReadError: a file is damaged.
    """
    chosen = [band for band in bands if band.name in CHECKED_BANDS] or list(bands)
    if any(band.name == "nir" for band in chosen):
        chosen = [band for band in chosen if band.name != "nir08"]
    with ExitStack() as stack:
        # JPEG 2000 is slow to decode at full resolution.
        small: dict[Raster, Raster] = {}
        for raster in {band.raster for band in chosen}:
            overview = raster.overview(OVERVIEW)
            small[raster] = stack.enter_context(overview) if overview else raster
        # Values as digital numbers of 1/10,000, however they are stored.
        counts = tuple(
            replace(band, raster=small[band.raster], scale=band.scale * 1e4, offset=0.0) for band in chosen
        )
        scene = Scene(SceneMetadata(name="", centres={}), counts)
        parts = []
        for window in sample_windows(scene.grid, size=SIZE, most=MOST):
            pixels = scene.read(window, scene.band_names)
            parts.append(pixels.physical()[:, pixels.valid])
        values = np.concatenate(parts, axis=1)
        return classify_counts(dict(zip(scene.band_names, values, strict=True)))


def classify_counts(counts: Mapping[str, Counts]) -> CountsCheck:
    """Check digital numbers of 1/10,000 (n,) by band name, of the same pixels in all bands."""
    values = np.stack(list(counts.values()))
    # Values that no sensor delivers, with or without the offset, are nodata.
    delivered = np.isfinite(values).all(axis=0) & (values > -2000).all(axis=0)
    if not delivered.all():
        values = np.compress(delivered, values, axis=1)  # in rows; values[:, delivered] would be in columns
    if values.shape[1] < _LEAST:
        return CountsCheck(result="unknown", why="too few pixels are valid", lowest=0.0)
    named = dict(zip(counts, values, strict=True))
    low = values.min(axis=0)
    two, five, ten = np.percentile(low, [2, 5, 10])
    lowest = float(np.percentile(low, 0.1))
    if two < -400:
        return CountsCheck(result="subtracted twice", why=_below(named, -400), lowest=lowest)
    parts = _mixed(named)
    if parts:
        return CountsCheck(result="mixed", why=parts, lowest=lowest)
    # Atmospheric correction gives reflectance down to -0.015 at the second percentile.
    if two < 600 or ten < 800:
        return CountsCheck(result="absent", why=_below(named, 600 if two < 600 else 800), lowest=lowest)
    if five < 880:
        return CountsCheck(result="probably absent", why=_below(named, 880), lowest=lowest)
    why = _dark_ground(named)
    if why:
        return CountsCheck(result="present", why=why, lowest=lowest)
    why = f"no ground is dark enough to show it, hardly a digital number is below {lowest:.0f}"
    return CountsCheck(result="unknown", why=why, lowest=lowest)


def _below(named: Mapping[str, Counts], limit: int) -> str:
    """Return the band with the largest share of digital numbers below a limit, for messages."""
    shares = {name: float(np.mean(values < limit)) for name, values in named.items()}
    name = max(shares, key=lambda key: shares[key])
    share = f"{shares[name]:.0%}" if shares[name] >= 0.01 else f"{shares[name]:.1%}"
    return f"{share} of {name} is below {limit}"


def _dark_ground(named: Mapping[str, Counts]) -> str:
    """Return the evidence that the offset is present: dark ground just above 1000; empty if there is none.

    Dark ground is selected by differences of bands, which do not depend on the offset.
    """
    count = next(iter(named.values())).size
    least = max(_LEAST, 0.005 * count)
    if "cirrus" in named and np.percentile(named["cirrus"], 5) >= 950:
        # Water vapour absorbs nearly all light there: reflectance is 0.001 to 0.005 outside of high clouds.
        return f"the cirrus band is not below {np.percentile(named['cirrus'], 5):.0f}"
    band, water = _water(named)
    if (water.size >= least and band != "nir") or water.size >= max(least, 500):
        five, middle = np.percentile(water, [5, 50])
        if five >= 930 and middle <= 1350:
            return f"pixels that look like water are {five:.0f} or more in {band}"
    band, plants = _plants(named)
    if plants.size >= least:
        five, middle = np.percentile(plants, [5, 50])
        if five >= 1050 and middle >= 1100:
            return f"pixels that look like dense vegetation are {five:.0f} or more in {band}"
    return ""


def _water(named: Mapping[str, Counts]) -> tuple[str, Counts]:
    """Return the digital numbers (n,) of pixels that look like water or shadow, in their darkest band."""
    green, nir = named.get("green"), named.get("nir", named.get("nir08"))
    short = [name for name in ("swir22", "swir16") if name in named]
    # Without near infrared, hazy streets check_counts like water too.
    if green is None or nir is None:
        return "", np.empty(0, np.float32)
    looks = (green < 2600) & (green - nir >= (100 if short else 200))
    if not short:
        return "nir", nir[looks]
    dark = np.minimum.reduce([named[name] for name in short])
    return short[0], dark[looks & (green - dark >= 200)]


def _plants(named: Mapping[str, Counts]) -> tuple[str, Counts]:
    """Return the digital numbers (n,) of pixels that look like dense vegetation, in their darkest band."""
    red, nir = named.get("red"), named.get("nir", named.get("nir08"))
    if red is None or nir is None:
        return "", np.empty(0, np.float32)
    dark = np.minimum(red, named["swir22"]) if "swir22" in named else red
    return "red", dark[nir - red >= 2500]


def _mixed(named: Mapping[str, Counts]) -> str:
    """Return the shares of water with and without the offset in short-wave infrared; empty if not mixed.

    Both occur in a mosaic of products of different baselines.
    """
    band, water = _water(named)
    if not band.startswith("swir") or water.size < 4 * _LEAST:
        return ""
    low, high = float(np.mean(water < 400)), float(np.mean((water >= 950) & (water < 1300)))
    if min(low, high) < 0.15 or low + high < 0.95:
        return ""
    return f"in {band} {low:.0%} of the water is below 400 and {high:.0%} above 950"
