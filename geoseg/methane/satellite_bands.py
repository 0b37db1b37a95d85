"""Whose pass-bands and effective wind count for a scene; surface reflectance is refused."""

from __future__ import annotations

import re

from geoseg.errors import SceneError
from geoseg.scenes import Scene
from geoseg.spec import SatelliteSpec
from geoseg.spec.presets import satellite, satellites

_SURFACE = re.compile(r"MSIL2A_|EMIT_L2|PRS_L2|ENMAP01-_*L2")
"""Names of products whose sensor preset does not say it."""


def satellite_of(scene: Scene, asked: str | None) -> SatelliteSpec:
    """Return the satellite of a scene: as its product tells, else as asked for.

    A satellite without a table of its own may be counted as another by asking for that; one with a table
    may not, for its bands differ and so do the columns.

    Args:
        scene: the scene.
        asked: what `--satellite` says.

    Raises:
        UsageError: no satellite is called as asked for.
        SceneError: the scene is no top-of-atmosphere product; its satellite is not known or has no table;
            or it is another one than asked for.
    """
    wanted = None if asked is None else satellite(asked)
    refuse_surface(scene)
    told = known_satellite(scene)
    if wanted is None:
        if told is None:
            raise _not_told(scene)
        return told
    if told is not None and told != wanted:
        raise SceneError(f"{scene.name} is of {told.title}, not of {wanted.title}; leave --satellite out")
    return wanted


def known_satellite(scene: Scene) -> SatelliteSpec | None:
    """Return the satellite that a scene's product tells; None where it tells none, or one without a table."""
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
    """Refuse reflectance of the ground, whose methane was taken out with the atmosphere.

    Raises:
        SceneError: the scene's sensor gives it.
    """
    sensor = scene.sensor
    surface = sensor is not None and sensor.surface
    if not surface and not _SURFACE.search(scene.name):
        return
    title = sensor.title if surface and sensor is not None else "as its name says"
    better = "L1C" if "sentinel-2" in (scene.platform or title.lower()) else "level 1"
    raise SceneError(
        f"{scene.name} is surface reflectance ({title}): the atmosphere was taken out, and methane with it; "
        f"give the {better} product"
    )


def _not_told(scene: Scene) -> SceneError:
    """Say that a satellite is not known, or that nothing is known of it."""
    names = ", ".join(satellites())
    if scene.platform is None:
        return SceneError(
            f"{scene.name}: neither product nor file names tell the satellite, whose bands methane "
            f"columns depend on; say it with --satellite NAME ({names})"
        )
    return SceneError(
        f"{scene.name} is of {scene.platform}, for which there is no table of methane absorption; to "
        f"count it as another say --satellite NAME ({names})"
    )
