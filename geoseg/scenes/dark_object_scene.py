"""Top-of-atmosphere reflectance brought near to that of the surface, by dark-object subtraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from geoseg.methods.dark_object import dark_object, path_reflectance
from geoseg.scenes.bands import TWINS
from geoseg.scenes.scene import Scene
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import Atmosphere

LEAST = 0.0005
"""Path reflectance that is worth subtracting."""

_KNOWN: WeakKeyDictionary[Scene, Mapping[str, float]] = WeakKeyDictionary()
"""What was measured of open scenes: each is read once, whoever asks."""


def level_of(scene: Scene) -> Literal["surface", "toa"] | None:
    """Say whether a scene holds reflectance of the surface or of the top of the atmosphere.

    None: of neither (radar, counts, radiance), or its sensor is not known.
    """
    sensor = scene.sensor
    if sensor is None or sensor.kind != "optical" or sensor.units != "reflectance":
        return None
    return "surface" if sensor.surface else "toa"


def toa_wavelengths(scene: Scene, bands: Sequence[str]) -> dict[str, float]:
    """Return the wavelengths (µm) of a scene's bands of top-of-atmosphere reflectance; of others none."""
    sensor = scene.sensor
    if sensor is None or level_of(scene) != "toa":
        return {}
    waves = {band.name: band.wavelength for band in sensor.bands if band.wavelength is not None}
    names = {band: band if band in waves else TWINS.get(band, band) for band in bands}
    # Thermal bands have wavelengths too.
    return {
        band: waves[name]
        for band, name in names.items()
        if name in waves and scene.has(band) and scene.units(band) == "reflectance"
    }


def worth_subtracting(darkest: Mapping[str, float], wavelengths: Mapping[str, float]) -> dict[str, float]:
    """Return what `path_reflectance` finds, of bands where it matters."""
    found = path_reflectance(darkest, wavelengths)
    return {band: value for band, value in found.items() if value >= LEAST}


def measured_path(scene: Scene) -> Mapping[str, float]:
    """Return the path reflectance by band of a scene at the top of the atmosphere; of any other none.

    It is that of the whole scene, whatever area is cropped, so that a pixel has one value in all maps.

    Raises:
        SceneReadError: a file is damaged.
    """
    if scene not in _KNOWN:
        whole = scene.whole()
        wavelengths = toa_wavelengths(whole, whole.band_names)
        # Band by band: all at once would be hundreds of megabytes.
        _KNOWN[scene] = worth_subtracting(
            {band: _dark_object(whole, band) for band in wavelengths}, wavelengths
        )
    return _KNOWN[scene]


def corrected(scene: Scene) -> Scene:
    """Return a view of a scene less its path reflectance (`measured_path`); one without it as it is.

    Raises:
        SceneReadError: a file is damaged.
    """
    path = measured_path(scene)
    return scene.darker(path) if path else scene


def as_trained(scene: Scene, atmosphere: Atmosphere | None) -> Scene:
    """Return a view of a scene as a model knows it: corrected, where it was trained on surface reflectance.

    Args:
        scene: with all its bands, since the bluest tells most.
        atmosphere: of the model's training; None: not said, so that the scene stays as it is.

    Raises:
        SceneReadError: a file is damaged.
    """
    return corrected(scene) if atmosphere == "surface" else scene


def _dark_object(scene: Scene, band: str) -> float:
    blocks = sample(scene, (band,))
    return dark_object(np.concatenate([block.physical().ravel() for block in blocks]))
