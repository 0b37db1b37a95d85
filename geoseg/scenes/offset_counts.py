"""What the values of a Sentinel-2 scene say of the offset of baseline 04.00: a check on what is said of it.

With the offset a reflectance of 0 is stored as 1000, so that hardly any count is below that. Without it
shadows, vegetation in red and water in the infrared are. A desert or a cloud deck has nothing so dark: there
the values say nothing.

The limits were found on surface reflectance of 230 HLS chips and on 16 Sentinel-2 L1C scenes of eight cities,
with 1000 added and without: none was misjudged, whole or in crops of 40 x 40 pixels; half to four fifths of
the scenes of land and water were judged at all.
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
from geoseg.scenes.scene import Facts, Scene

Verdict = Literal["held", "none", "perhaps none", "mixed", "twice", "unknown"]
"""held: counts hold the offset; none: they do not; perhaps none: likely not; mixed: in a part of the scene;
twice: it was subtracted from values that did not hold it; unknown: the values do not tell."""

WITNESSES = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22", "cirrus")
"""Bands that are looked at, of each kind where the scene has it."""

SIZE, MOST = 128, 16
"""Windows that are looked at: side in pixels, and how many."""

OVERVIEW = 1024
"""Side in pixels of the overviews that they are taken from, where a file has any."""

Counts = NDArray[np.float32]

_LEAST = 50
"""Pixels that make a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the values say, and by what."""

    verdict: Verdict
    why: str = ""
    lowest: float = 0.0
    """Below it is one pixel in a thousand, in its darkest band, as a count."""


def look(bands: Sequence[Band]) -> Judgement:
    """Judge a sample of a scene.

    Args:
        bands: calibrated to reflectance but for the offset; at least one.

    Raises:
        SceneError: the files cannot be aligned.
        SceneReadError: a file is damaged.
    """
    chosen = [band for band in bands if band.name in WITNESSES] or list(bands)
    if any(band.name == "nir" for band in chosen):
        chosen = [band for band in chosen if band.name != "nir08"]
    with ExitStack() as stack:
        # JPEG 2000 takes long at full resolution.
        small: dict[Raster, Raster] = {}
        for raster in {band.raster for band in chosen}:
            overview = raster.overview(OVERVIEW)
            small[raster] = stack.enter_context(overview) if overview else raster
        # Values as counts of 1/10,000, whatever they are stored as.
        counts = tuple(
            replace(band, raster=small[band.raster], scale=band.scale * 1e4, offset=0.0) for band in chosen
        )
        scene = Scene(Facts(name="", centres={}), counts)
        parts = []
        for window in sample_windows(scene.grid, size=SIZE, most=MOST):
            pixels = scene.read(window, scene.band_names)
            parts.append(pixels.physical()[:, pixels.valid])
        values = np.concatenate(parts, axis=1)
        return judge(dict(zip(scene.band_names, values, strict=True)))


def judge(counts: Mapping[str, Counts]) -> Judgement:
    """Judge counts of 1/10,000 (n,) by band name, of the same pixels in all bands."""
    values = np.stack(list(counts.values()))
    # What no sensor gives, offset or not, is a fill value.
    values = values[:, np.isfinite(values).all(axis=0) & (values > -2000).all(axis=0)]
    if values.shape[1] < _LEAST:
        return Judgement(verdict="unknown", why="too few pixels are observed", lowest=0.0)
    named = dict(zip(counts, values, strict=True))
    low = values.min(axis=0)
    two, five, ten = np.percentile(low, [2, 5, 10])
    lowest = float(np.percentile(low, 0.1))
    if two < -400:
        return Judgement(verdict="twice", why=f"{_below(named, -400)}", lowest=lowest)
    parts = _parts(named)
    if parts:
        return Judgement(verdict="mixed", why=parts, lowest=lowest)
    # Atmospheric correction leaves reflectance down to -0.015 at the second percentile.
    if two < 600 or ten < 800:
        return Judgement(verdict="none", why=_below(named, 600 if two < 600 else 800), lowest=lowest)
    if five < 880:
        return Judgement(verdict="perhaps none", why=_below(named, 880), lowest=lowest)
    why = _held(named)
    return Judgement(verdict="held" if why else "unknown", why=why or _nothing_dark(lowest), lowest=lowest)


def _below(named: Mapping[str, Counts], limit: int) -> str:
    """Say in which band the most counts are below a limit, and what they would be with the offset."""
    shares = {name: float(np.mean(values < limit)) for name, values in named.items()}
    name = max(shares, key=lambda key: shares[key])
    share = f"{shares[name]:.0%}" if shares[name] >= 0.01 else f"{shares[name]:.1%}"
    return f"{share} of {name} is below {limit}"


def _nothing_dark(lowest: float) -> str:
    return f"nothing is dark enough to tell, hardly a count is below {lowest:.0f}"


def _held(named: Mapping[str, Counts]) -> str:
    """Say what shows that the offset is held: dark ground whose counts are just above 1000; else nothing.

    Dark ground is chosen by differences of bands, which the offset leaves alone.
    """
    count = next(iter(named.values())).size
    least = max(_LEAST, 0.005 * count)
    if "cirrus" in named and np.percentile(named["cirrus"], 5) >= 950:
        # Air absorbs nearly all light there: reflectance is 0.001 to 0.005 outside of high clouds.
        return f"the cirrus band is not below {np.percentile(named['cirrus'], 5):.0f}"
    band, water = _water(named)
    if (water.size >= least and band != "nir") or water.size >= max(least, 500):
        five, middle = np.percentile(water, [5, 50])
        if five >= 930 and middle <= 1350:
            return f"what looks like water is {five:.0f} or more in {band}"
    band, plants = _plants(named)
    if plants.size >= least:
        five, middle = np.percentile(plants, [5, 50])
        if five >= 1050 and middle >= 1100:
            return f"what looks like dense vegetation is {five:.0f} or more in {band}"
    return ""


def _water(named: Mapping[str, Counts]) -> tuple[str, Counts]:
    """Return counts (n,) of what looks like water or shadow, in the band where it is darkest."""
    green, nir = named.get("green"), named.get("nir", named.get("nir08"))
    short = [name for name in ("swir22", "swir16") if name in named]
    # Without near infrared, hazy streets look like water too.
    if green is None or nir is None:
        return "", np.empty(0, np.float32)
    looks = (green < 2600) & (green - nir >= (100 if short else 200))
    if not short:
        return "nir", nir[looks]
    dark = np.minimum.reduce([named[name] for name in short])
    return short[0], dark[looks & (green - dark >= 200)]


def _plants(named: Mapping[str, Counts]) -> tuple[str, Counts]:
    """Return counts (n,) of what looks like dense vegetation, in the band where it is darkest."""
    red, nir = named.get("red"), named.get("nir", named.get("nir08"))
    if red is None or nir is None:
        return "", np.empty(0, np.float32)
    dark = np.minimum(red, named["swir22"]) if "swir22" in named else red
    return "red", dark[nir - red >= 2500]


def _parts(named: Mapping[str, Counts]) -> str:
    """Say how water in the short-wave infrared is of two kinds, with the offset and without; else "".

    So it is in a mosaic of products of different baselines.
    """
    band, water = _water(named)
    if not band.startswith("swir") or water.size < 4 * _LEAST:
        return ""
    low, high = float(np.mean(water < 400)), float(np.mean((water >= 950) & (water < 1300)))
    if min(low, high) < 0.15 or low + high < 0.95:
        return ""
    return f"in {band} {low:.0%} of the water is below 400 and {high:.0%} above 950"
