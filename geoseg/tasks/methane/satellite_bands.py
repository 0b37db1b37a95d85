"""Satellite of a scene, which gives its bands and effective wind; surface reflectance is rejected."""

from __future__ import annotations

import re

from geoseg.errors import SceneError
from geoseg.scenes import Scene
from geoseg.scenes.recognition import instrument_of
from geoseg.spec import SatelliteSpec
from geoseg.spec.presets import satellite, satellites

_SURFACE = re.compile(r"MSIL2A_|EMIT_L2|PRS_L2|ENMAP01-_*L2")
"""Names of surface reflectance products whose sensor preset does not mark them."""


def satellite_of(scene: Scene, asked: str | None) -> SatelliteSpec:
    """Return the satellite of a scene: that of its product, else that of `--satellite`.

    A scene of a satellite without an absorption table can be treated as one of another satellite. A scene of
    a satellite with a table cannot, because the bands differ.

    Args:
        scene: the scene.
        asked: value of `--satellite`.

    Raises:
        UsageError: `--satellite` is unknown.
        SceneError: the scene is not a top-of-atmosphere product; its satellite is unknown or has no table; or
            it is not that of `--satellite`.
    """
    requested = None if asked is None else satellite(asked)
    refuse_surface(scene)
    known = known_satellite(scene)
    if requested is None:
        if known is None:
            raise _unknown(scene)
        return known
    if known is not None and known != requested:
        raise SceneError(
            f"{scene.name} is from {known.title}, not from {requested.title}; leave `--satellite` out"
        )
    # A product may name its instrument and not the satellite: T22LHH_20171015T133221_B12 is of Sentinel-2.
    sensor = scene.sensor
    if known is None and scene.platform is None and sensor is not None and sensor.name != "generic":
        instrument = instrument_of(sensor.name)
        if not requested.name.startswith(instrument):
            raise SceneError(
                f"{scene.name} is of {sensor.title}, not from {requested.title}; give `--satellite` with a "
                f"satellite of {instrument}"
            )
    return requested


def known_satellite(scene: Scene) -> SatelliteSpec | None:
    """Return the satellite of a product; None where it is unknown or has no absorption table."""
    if scene.platform is not None:
        return _named(scene.platform)
    sensor = None if scene.sensor is None else _named(scene.sensor.name)
    return sensor or _named(scene.name)


def _named(name: str) -> SatelliteSpec | None:
    return next(
        (spec for spec in satellites().values() if any(re.search(pattern, name) for pattern in spec.names)),
        None,
    )


def refuse_surface(scene: Scene) -> None:
    """Raise an error for surface reflectance: atmospheric correction removes the absorption of methane.

    Raises:
        SceneError: the scene is surface reflectance.
    """
    sensor = scene.sensor
    surface = sensor is not None and sensor.surface
    if not surface and not _SURFACE.search(scene.name):
        return
    title = sensor.title if surface and sensor is not None else "by its name"
    better = "L1C" if "sentinel-2" in (scene.platform or title.lower()) else "level 1"
    raise SceneError(
        f"{scene.name} is surface reflectance ({title}): atmospheric correction has removed the absorption "
        f"of methane; give the {better} product"
    )


def _unknown(scene: Scene) -> SceneError:
    """Return the error for a satellite that is unknown or has no absorption table."""
    names = ", ".join(satellites())
    if scene.platform is None:
        return SceneError(
            f"{scene.name}: the satellite is not named by the product or its file names, and the retrieval "
            f"depends on its bands; give it with `--satellite NAME` ({names})"
        )
    return SceneError(
        f"{scene.name} is from {scene.platform}, for which there is no methane absorption table; to treat it "
        f"as another satellite give `--satellite NAME` ({names})"
    )
