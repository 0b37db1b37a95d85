"""A scene as a map needs it: surface or top-of-atmosphere reflectance, and what haze and a low sun spoil."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from geoseg.atmosphere.cloud_warnings import low_sun_warning, optical
from geoseg.messages import note, warn
from geoseg.scenes import Scene
from geoseg.scenes.dark_object_scene import as_trained, corrected, level_of, measured_path
from geoseg.spec import InputSpec

LOG = logging.getLogger(__name__)


def for_model(scene: Scene, model: InputSpec) -> Scene:
    """Return a view of a scene as a model knows it, and tell what was done; all commands map with this one.

    A model trained on surface reflectance is given top-of-atmosphere reflectance after dark-object
    subtraction. One trained at the top of the atmosphere is given surface reflectance with a warning: nothing
    can be put back. Where the model does not say what it was trained on, the scene stays as it is.

    Args:
        scene: with all its bands, before any are selected.
        model: what the network needs.

    Raises:
        SceneReadError: a file is damaged.
    """
    tell_low_sun(scene)
    level = level_of(scene)
    if model.units != "reflectance" or level is None:
        return scene
    if level == "toa" and model.atmosphere == "surface":
        _tell(scene)
    if level == "toa" and model.atmosphere is None and model.statistics == "training":
        note(
            LOG,
            f"model {model.name} does not say whether it was trained on surface or top-of-atmosphere "
            f"reflectance (geoseg:atmosphere); {scene.name}, top of atmosphere, is used as it is",
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
    """Return a view of a scene as a method without weights knows it: after dark-object subtraction.

    Args:
        scene: of any kind; anything but top-of-atmosphere reflectance stays as it is.

    Raises:
        SceneReadError: a file is damaged.
    """
    tell_low_sun(scene)
    _tell(scene)
    return corrected(scene)


def tell_low_sun(scene: Scene) -> None:
    """Warn of shadows where the sun stood low over an optical scene."""
    warning = low_sun_warning(scene) if optical(scene) else None
    if warning is not None:
        warn(LOG, "low-sun", warning)


def tell_path(name: str, path: Mapping[str, float], what: str = "") -> None:
    """Say which path reflectance was subtracted from a scene, and for what; without any nothing is said."""
    if path:
        values = ", ".join(f"{band} {value:.3f}" for band, value in path.items())
        note(
            LOG,
            f"{name}: top-of-atmosphere reflectance, dark-object subtraction{what} (Chavez 1988): {values}",
        )


def _tell(scene: Scene) -> None:
    tell_path(scene.name, measured_path(scene))
