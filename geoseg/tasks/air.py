"""Scenes from above the atmosphere as they would be on the ground: the air's own light is taken off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geoseg.methods.haze import air_reflectance
from geoseg.scenes import Scene
from geoseg.scenes.bands import TWINS
from geoseg.scenes.sample import sample
from geoseg.tasks.mapping import Ledger

LEAST = 0.0005
"""Reflectance of air that is worth taking off."""


def wavelengths_from_above(scene: Scene, bands: Sequence[str]) -> dict[str, float]:
    """Return the wavelengths (µm) of a scene's bands if it holds the air's light; none of any other scene."""
    sensor = scene.sensor
    if sensor is None or sensor.kind != "optical" or sensor.surface or sensor.units != "reflectance":
        return {}
    names = {band: band if band in scene.band_names else TWINS.get(band, band) for band in bands}
    waves = {band.name: band.wavelength for band in sensor.bands if band.wavelength is not None}
    # Thermal bands have wavelengths too.
    return {
        band: waves[name]
        for band, name in names.items()
        if name in waves and name in scene.band_names and scene.units(name) == "reflectance"
    }


def without_air(scene: Scene, ledger: Ledger) -> Scene:
    """Return a view of a scene without the light that the air adds; any other scene as it is.

    Args:
        scene: of any kind.
        ledger: is told what was taken off.
    """
    waves = wavelengths_from_above(scene, scene.band_names)
    if not waves:
        return scene
    blocks = sample(scene, tuple(waves))
    values = {
        band: np.concatenate([block.physical()[i].ravel() for block in blocks])
        for i, band in enumerate(waves)
    }
    air = {band: value for band, value in air_reflectance(values, waves).items() if value >= LEAST}
    if not air:
        return scene
    told = ", ".join(f"{band} {value:.3f}" for band, value in air.items())
    ledger.note(f"{scene.name}: from above the atmosphere; the air's light is taken off ({told})")
    return scene.darker(air)
