"""Say when clouds, or shadows of clouds and of a low sun, may have spoiled an optical water map."""

from __future__ import annotations

import logging

import numpy as np

from geoseg.grid import sample_windows
from geoseg.messages import note, warn
from geoseg.methods.cloud import clouds, shadow_candidates
from geoseg.methods.sun import at_local_hour, solar_zenith
from geoseg.methods.water_index import ndwi
from geoseg.scenes import Scene
from geoseg.spec import Condition

LOG = logging.getLogger(__name__)

VISIBLE = ("blue", "green", "red")
BLOCKS = 16
"""Blocks of 512² pixels that are looked at."""

REACH_M = 1000.0
"""Metres from a cloud within which its shadow is sought."""

LOW_SUN = 30.0
"""Degrees above the horizon below which a house throws a shadow of nearly twice its height."""

USUAL_HOUR = 10.5
"""Mean local solar time at which Sentinel-2 and Landsat pass, about."""

WORTH_SAYING = 0.01
"""Share of the sample from which clouds are told."""


COVERED = 0.99
"""Share of a scene that quality layers must cover, or it is warned of."""


def tell_hidden(scene: Scene) -> None:
    """Tell what quality layers hide of a scene; of an optical scene without them, what a screen finds.

    Args:
        scene: of any kind, clipped to what is mapped.
    """
    if scene.quality.layers:
        note(LOG, hidden_text(scene))
        covered = scene.quality.coverage()
        if covered < COVERED:
            titles = ", ".join(dict.fromkeys(layer.title for layer in scene.quality.layers))
            warn(
                LOG,
                "quality-layer-incomplete",
                f"{scene.name}: {titles}: a layer covers only {covered:.0%} of the scene; beyond it nothing "
                "is masked. Check that it belongs to this scene",
            )
    if "cloud" not in scene.quality.conditions and optical(scene):
        warning = cloud_warning(scene)
        if warning is not None:
            warn(LOG, "clouds-not-masked", warning)


def optical(scene: Scene) -> bool:
    """Whether clouds can hide anything in a scene; without a known sensor its bands tell."""
    if scene.sensor is not None and scene.sensor.name != "generic":
        return scene.sensor.kind != "sar"
    return not {"vv", "vh", "hh", "hv"} & set(scene.band_names)


def hidden_text(scene: Scene) -> str:
    """Say which share of a scene is not mapped, and by which quality layers."""
    shares, whole = scene.quality.shares(scene.band_names)
    titles = ", ".join(dict.fromkeys(layer.title for layer in scene.quality.layers))
    told = [(sum(shares.get(name, 0.0) for name in names), names, words) for names, words in _TOLD]
    parts = [
        f"{share:.0%} {words}"
        for share, names, words in told
        # A layer that looked for clouds and saw none says so.
        if share >= 0.005 or ({"cloud", "layover"} & {*names} & scene.quality.conditions)
    ]
    of = "" if whole else " of the sample"
    return f"{scene.name}: {', '.join(parts) or 'nothing hidden'}{of} ({titles})"


_TOLD: tuple[tuple[tuple[Condition, ...], str], ...] = (
    (("cloud", "shadow"), "cloud or cloud shadow, not mapped"),
    (("saturated",), "saturated, not mapped"),
    (("layover",), "layover or radar shadow, not mapped"),
    (("masked",), "inside --mask, not mapped"),
    (("snow",), "snow or ice, mapped"),
    (("haze",), "thin haze, mapped"),
    (("fill",), "without data"),
)


def cloud_warning(scene: Scene) -> str | None:
    """Look for clouds and shadows in a sample of a scene; None: too few, or it cannot be told.

    The screen is plain (`geoseg.methods.cloud`): nothing is masked by it, and thin cloud escapes it.

    Args:
        scene: any optical scene; without blue, green, red and near infrared in reflectance nothing is said.
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
    if not seen or cloudy / seen < WORTH_SAYING:
        return None
    dark = f", and {shaded / seen:.0%} like its shadow" if shaded / seen >= WORTH_SAYING else ""
    return (
        f"{scene.name}: {cloudy / seen:.0%} of the sample looks like cloud or snow{dark}, and no quality "
        "layer masks it: the ground is hidden there, and shadow looks like water. Mask it with --mask "
        "FILE:VALUES or --clouds network, or check the map against the scene"
    )


def sun_height(scene: Scene) -> float | None:
    """Return how high the sun stood at a scene's centre, in degrees; None where nobody knows.

    It is the product's own, else computed for time and place. Names of files may tell the hour of processing,
    so the hour at which satellites of land pass counts where the sun stands higher then.
    """
    geometry, place = scene.geometry, scene.centre
    if geometry is not None and geometry.sun_zenith is not None:
        return 90 - geometry.sun_zenith
    if scene.time is None or place is None:
        return None
    moments = scene.time, at_local_hour(scene.time, USUAL_HOUR, place[0])
    return max(90 - solar_zenith(moment, *place) for moment in moments)


def low_sun(scene: Scene) -> float | None:
    """Return the height of a sun whose shadows may be taken for water; None: higher, or not known."""
    height = sun_height(scene)
    return None if height is None or height >= LOW_SUN else height


def low_sun_warning(scene: Scene) -> str | None:
    """Say that shadows of a low sun may be taken for water; None: `low_sun` tells of none.

    Args:
        scene: any optical scene.
    """
    height = low_sun(scene)
    if height is None:
        return None
    return (
        f"{scene.name}: the sun stood {height:.0f} degrees high: shadows of buildings, trees and slopes are "
        "long and look like water. Check towns and hillsides, or take a scene of another season"
    )
