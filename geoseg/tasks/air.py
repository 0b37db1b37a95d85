"""Scenes from above the atmosphere as they would be on the ground: the air's own light is taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from geoseg.methods.haze import air_reflectance, darkest_of
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
    waves = {band.name: band.wavelength for band in sensor.bands if band.wavelength is not None}
    names = {band: band if band in waves else TWINS.get(band, band) for band in bands}
    # Thermal bands have wavelengths too.
    return {
        band: waves[name]
        for band, name in names.items()
        if name in waves and scene.has(band) and scene.units(band) == "reflectance"
    }


def air_above(darkest: Mapping[str, float], wavelengths: Mapping[str, float]) -> dict[str, float]:
    """Return what `air_reflectance` finds, of bands where it is worth taking off."""
    found = air_reflectance(darkest, wavelengths)
    return {band: value for band, value in found.items() if value >= LEAST}


def tell_air(ledger: Ledger, name: str, air: Mapping[str, float], done: str) -> None:
    """Say what was found of a scene's air, and what is done of it."""
    told = ", ".join(f"{band} {value:.3f}" for band, value in air.items())
    ledger.note(f"{name}: from above the atmosphere; {done} ({told})")


def cleared(scene: Scene, ledger: Ledger) -> Scene:
    """Return a view of a scene without the light that the air adds; any other scene as it is.

    Args:
        scene: of any kind.
        ledger: is told what was taken off.
    """
    wavelengths = wavelengths_from_above(scene, scene.band_names)
    # Band by band: all at once would be hundreds of megabytes.
    darkest = {band: _darkest(scene, band) for band in wavelengths}
    air = air_above(darkest, wavelengths)
    if not air:
        return scene
    tell_air(ledger, scene.name, air, "the air's light is taken off")
    return scene.darker(air)


def _darkest(scene: Scene, band: str) -> float:
    blocks = sample(scene, (band,))
    return darkest_of(np.concatenate([block.physical().ravel() for block in blocks]))
