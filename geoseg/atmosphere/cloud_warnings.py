"""Warn of clouds, cloud shadow and a low sun in optical scenes, and note what quality layers mask."""

from __future__ import annotations

import logging

import numpy as np

from geoseg.grid import sample_windows
from geoseg.messages import note, warn
from geoseg.methods.cloud import clouds, shadow_candidates
from geoseg.methods.sun import at_local_hour, solar_zenith
from geoseg.methods.water_index import ndwi
from geoseg.scenes import Scene
from geoseg.scenes.sensor_kind import kind_of
from geoseg.spec import Condition

LOG = logging.getLogger(__name__)

VISIBLE = ("blue", "green", "red")
BLOCKS = 16
"""Number of blocks of 512² pixels in the sample."""

REACH_M = 1000.0
"""m: distance from a cloud within which its shadow is sought."""

LOW_SUN = 30.0
"""Degrees: sun elevation below which shadows of houses are nearly twice as long as their height."""

USUAL_HOUR = 10.5
"""Approximate mean local solar time of overpass of Sentinel-2 and Landsat."""

NOTABLE_SHARE = 0.01
"""Share of the sample from which clouds and shadows are reported."""


COVERED = 0.99
"""Share of a scene that a quality layer must cover; below, a warning is given."""


def report_masked(scene: Scene) -> None:
    """Note the shares that quality layers mask; without them, warn of clouds in an optical scene.

    Args:
        scene: of any kind, clipped to the mapped area.
    """
    if scene.quality.layers:
        note(LOG, masked_text(scene))
        covered = scene.quality.coverage()
        if covered < COVERED:
            titles = ", ".join(dict.fromkeys(layer.title for layer in scene.quality.layers))
            warn(
                LOG,
                "quality-layer-incomplete",
                f"{scene.name}: {titles}: a layer covers only {covered:.0%} of the scene; beyond it nothing "
                "is masked. Check that it belongs to this scene",
            )
    if "cloud" not in scene.quality.conditions and kind_of(scene) not in {"sar", "embedding"}:
        warning = cloud_warning(scene)
        if warning is not None:
            warn(LOG, "clouds-not-masked", warning)


def masked_text(scene: Scene) -> str:
    """Return a text with the shares of a scene by condition, and the quality layers."""
    shares, whole = scene.quality.shares(scene.band_names)
    titles = ", ".join(dict.fromkeys(layer.title for layer in scene.quality.layers))
    conditions = [
        (sum(shares.get(name, 0.0) for name in names), names, words) for names, words in _CONDITIONS
    ]
    parts = [
        f"{share:.0%} {words}"
        for share, names, words in conditions
        # That a quality layer flags no cloud is reported too.
        if share >= 0.005 or ({"cloud", "layover"} & {*names} & scene.quality.conditions)
    ]
    of = "" if whole else " of the sample"
    return f"{scene.name}: {', '.join(parts) or 'nothing masked'}{of} ({titles})"


_CONDITIONS: tuple[tuple[tuple[Condition, ...], str], ...] = (
    (("cloud", "shadow"), "cloud or cloud shadow, not mapped"),
    (("saturated",), "saturated, not mapped"),
    (("layover",), "layover or radar shadow, not mapped"),
    (("masked",), "inside --mask, not mapped"),
    (("snow",), "snow or ice, mapped"),
    (("haze",), "thin haze, mapped"),
    (("fill",), "without data"),
)


def cloud_warning(scene: Scene) -> str | None:
    """Return a warning of clouds and shadows in a sample of a scene; None: few, or bands are missing.

    The test is simple (`geoseg.methods.cloud`): nothing is masked by it, and it misses thin cloud.

    Args:
        scene: any optical scene; blue, green, red and near infrared must be reflectance.
    """
    nir = next((name for name in ("nir", "nir08") if name in scene.band_names), None)
    if nir is None or not set(VISIBLE) <= set(scene.band_names):
        return None
    names = (*VISIBLE, nir, *(("cirrus",) if "cirrus" in scene.band_names else ()))
    if {scene.units(name) for name in names} != {"reflectance"}:
        return None
    view = scene.select(names)
    size = view.grid.pixel_size_m[0]
    reach = min(100, max(1, round(REACH_M / size))) if np.isfinite(size) else 30
    seen = cloudy = shaded = 0
    for window in sample_windows(view.grid, size=512, most=BLOCKS):
        pixels = view.read(window, names)
        bands = dict(zip(names, pixels.physical(), strict=True))
        cloud = clouds(bands["blue"], bands["green"], bands["red"], bands[nir], bands.get("cirrus"))
        index = np.asarray(ndwi(bands["green"], bands[nir]), np.float32)
        shadow = shadow_candidates(cloud, bands[nir], index, reach)
        seen += int(np.count_nonzero(pixels.valid))
        cloudy += int(np.count_nonzero(cloud & pixels.valid))
        shaded += int(np.count_nonzero(shadow & pixels.valid))
    if not seen or cloudy / seen < NOTABLE_SHARE:
        return None
    dark = f", and {shaded / seen:.0%} like its shadow" if shaded / seen >= NOTABLE_SHARE else ""
    return (
        f"{scene.name}: {cloudy / seen:.0%} of the sample looks like cloud or snow{dark}, and no quality "
        "layer masks it: the ground is not visible there, and shadow looks like water. Mask it with "
        "`--mask FILE:VALUES` or `--clouds network`, or check the map against the scene"
    )


def low_sun(scene: Scene) -> float | None:
    """Return the sun elevation in degrees where shadows look like water; None: it is higher, or unknown.

    It is that of the product at the centre of the scene, else computed for time and place. The time in a file
    name may be that of processing, so the usual hour of overpass is used where the sun is higher then.
    """
    geometry, place = scene.geometry, scene.centre
    if geometry is not None and geometry.sun_zenith is not None:
        elevation = 90 - geometry.sun_zenith
    elif scene.time is None or place is None:
        return None
    else:
        moments = scene.time, at_local_hour(scene.time, USUAL_HOUR, place[0])
        elevation = max(90 - solar_zenith(moment, *place) for moment in moments)
    return None if elevation >= LOW_SUN else elevation


def warn_of_low_sun(scene: Scene) -> None:
    """Warn of long shadows in an optical scene of a low sun."""
    elevation = low_sun(scene) if kind_of(scene) not in {"sar", "embedding"} else None
    if elevation is not None:
        warn(
            LOG,
            "low-sun",
            f"{scene.name}: the sun elevation was {elevation:.0f} degrees: shadows of buildings, trees and "
            "slopes are long and look like water. Check towns and hillsides, or take a scene of another "
            "season",
        )
