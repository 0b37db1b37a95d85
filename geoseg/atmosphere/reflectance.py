"""Bring scenes to the reflectance that a network or method needs: surface or top of atmosphere."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from geoseg.atmosphere.cloud_warnings import warn_of_low_sun
from geoseg.messages import note, warn
from geoseg.scenes import Scene
from geoseg.scenes.dark_object_scene import as_trained, corrected, level_of, measured_path
from geoseg.spec import InputSpec

LOG = logging.getLogger(__name__)


def for_model(scene: Scene, model: InputSpec) -> Scene:
    """Return a view of a scene in the reflectance on which a model was trained; all commands use it.

    For a model trained on surface reflectance, dark-object subtraction is applied to top-of-atmosphere
    reflectance. For a model trained on top-of-atmosphere reflectance, a warning is given of surface
    reflectance, since the atmosphere cannot be added. Where the training is unknown, the scene is not
    changed.

    Args:
        scene: with all bands, before any are selected.
        model: description of the network.

    Raises:
        SceneReadError: a file is damaged.
    """
    warn_of_low_sun(scene)
    level = level_of(scene)
    if model.units != "reflectance" or level is None:
        return scene
    if level == "toa" and model.atmosphere == "surface":
        note_path_reflectance(scene.name, measured_path(scene))
    if level == "toa" and model.atmosphere is None and model.statistics == "training":
        note(
            LOG,
            f"model {model.name} does not say whether it was trained on surface or top-of-atmosphere "
            f"reflectance (geoseg:atmosphere); {scene.name}, top of atmosphere, is not changed",
        )
    if level == "surface" and model.atmosphere == "toa":
        warn(
            LOG,
            "model-expects-top-of-atmosphere",
            f"{scene.name} is surface reflectance, and model {model.name} was trained on top-of-atmosphere "
            "reflectance: give the level-1 product, or check the map by eye",
        )
    return as_trained(scene, model.atmosphere)


def for_method(scene: Scene) -> Scene:
    """Return a view of a scene for a method: after dark-object subtraction.

    Args:
        scene: of any kind; only top-of-atmosphere reflectance is changed.

    Raises:
        SceneReadError: a file is damaged.
    """
    warn_of_low_sun(scene)
    note_path_reflectance(scene.name, measured_path(scene))
    return corrected(scene)


def note_path_reflectance(name: str, path: Mapping[str, float], what: str = "") -> None:
    """Note the path reflectance that is subtracted from a scene, and its purpose; none: no note."""
    if path:
        values = ", ".join(f"{band} {value:.3f}" for band, value in path.items())
        note(
            LOG,
            f"{name}: top-of-atmosphere reflectance, dark-object subtraction{what} (Chavez 1988): {values}",
        )
