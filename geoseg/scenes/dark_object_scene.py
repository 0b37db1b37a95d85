"""Dark-object subtraction: correct top-of-atmosphere reflectance of a scene for path reflectance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from weakref import WeakKeyDictionary

from geoseg.methods.dark_object import DarkestValues, path_reflectance
from geoseg.scenes.bands import TWINS, Band
from geoseg.scenes.scene import Scene
from geoseg.scenes.threshold_sample import most_sampled, sampled
from geoseg.spec import Atmosphere

LEAST = 0.0005
"""Least path reflectance that is subtracted."""

_CACHE: WeakKeyDictionary[Scene, Mapping[str, float]] = WeakKeyDictionary()
"""Path reflectance of open scenes by band: each scene is measured once."""


def level_of(scene: Scene) -> Literal["surface", "toa"] | None:
    """Return the level of a scene's reflectance: at the surface or at the top of the atmosphere.

    None for other values (radar, digital numbers, radiance), and if the sensor is not known.
    """
    sensor = scene.sensor
    if sensor is None or sensor.kind != "optical" or sensor.units != "reflectance":
        return None
    return "surface" if sensor.surface else "toa"


def toa_wavelengths(scene: Scene, bands: Sequence[str]) -> dict[str, float]:
    """Return the wavelengths (µm) of a scene's top-of-atmosphere bands; empty for other scenes."""
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
    """Return the path reflectance of the bands where it is at least `LEAST`."""
    path = path_reflectance(darkest, wavelengths)
    return {band: value for band, value in path.items() if value >= LEAST}


def measured_path(scene: Scene) -> Mapping[str, float]:
    """Return the path reflectance by band of top-of-atmosphere reflectance; empty for other scenes.

    It is measured on the whole scene, also if an area is cropped, so that a pixel has one value in all maps.

    Raises:
        SceneReadError: a file is damaged.
    """
    if scene not in _CACHE:
        uncropped = scene.uncropped()
        wavelengths = toa_wavelengths(uncropped, uncropped.band_names)
        _CACHE[scene] = worth_subtracting(_darkest(uncropped, wavelengths), wavelengths)
    return _CACHE[scene]


def _darkest(scene: Scene, names: Iterable[str]) -> dict[str, float]:
    """Return the dark object of bands, each where it is valid itself."""
    darkest = {name: DarkestValues(most_sampled(scene)) for name in names}
    for together in _decoded_together([band for band in scene.bands if band.name in darkest]):
        for pixels in sampled(scene, [(name,) for name in together]):
            darkest[pixels.bands[0]].add(pixels.physical())
    return {name: values.reflectance for name, values in darkest.items()}


def _decoded_together(bands: Sequence[Band]) -> list[list[str]]:
    """Return the names of bands in groups: those that GDAL decodes together, and each other band alone."""
    groups: dict[object, list[str]] = {}
    for band in bands:
        interleaved = band.raster.decoded([band.index]) > band.dtype.itemsize
        groups.setdefault(band.raster if interleaved else band.name, []).append(band.name)
    return list(groups.values())


def corrected(scene: Scene) -> Scene:
    """Return a view of a scene minus its path reflectance (`measured_path`); the scene itself without any.

    Raises:
        SceneReadError: a file is damaged.
    """
    path = measured_path(scene)
    return scene.subtract(path) if path else scene


def as_trained(scene: Scene, atmosphere: Atmosphere | None) -> Scene:
    """Return a view of a scene with the reflectance that a model was trained on.

    Args:
        scene: with all its bands, since the bluest band has most path reflectance.
        atmosphere: of the model's training data; `surface` corrects the scene; None leaves it unchanged.

    Raises:
        SceneReadError: a file is damaged.
    """
    return corrected(scene) if atmosphere == "surface" else scene
