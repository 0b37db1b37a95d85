"""How far sun and satellite stood from the vertical: of the product, else from time and place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from geoseg.errors import SceneError
from geoseg.methods.sun import air_mass_factor, at_local_hour, local_hour, solar_zenith
from geoseg.scenes import Scene
from geoseg.spec import SatelliteSpec

SHORT_WAVE = ("B11", "B12")
"""What Sentinel-2, the one that says angles per band, calls the bands that methane shows in."""

LOWEST_SUN = 85.0
"""Degrees from the vertical beyond which a flat atmosphere describes no light path."""


@dataclass(frozen=True, kw_only=True)
class Angles:
    """Directions of sun and satellite at a scene's centre."""

    sun_zenith: float
    """Degrees from the vertical, below 85."""
    view_zenith: float
    """Degrees from the vertical."""
    source: str
    """Where both were found, for people."""

    @property
    def air_mass_factor(self) -> float:
        """How often light passes the column: 1/cos(sun zenith) + 1/cos(view zenith)."""
        return air_mass_factor(self.sun_zenith, self.view_zenith)


@dataclass(frozen=True, kw_only=True)
class Acquired:
    """When a scene was seen."""

    time: datetime
    source: str
    """How the hour was found, for people."""


def angles_of(
    scene: Scene,
    satellite: SatelliteSpec,
    *,
    sun_zenith: float | None = None,
    view_zenith: float | None = None,
) -> Angles:
    """Return the angles of a scene, at its centre.

    Args:
        scene: the scene.
        satellite: its satellite, whose hour of passing counts where only the day is known.
        sun_zenith: degrees, as `--sun-zenith` says; None: of the product, else from time and place.
        view_zenith: degrees, as `--view-zenith` says; None: of the product, else 0.

    Raises:
        SceneError: where the sun stood is not told and time or place is not known; or it stood too low.
    """
    sun, sun_source = _sun(scene, satellite, sun_zenith)
    view, view_source = _view(scene, view_zenith)
    if sun >= LOWEST_SUN:
        raise SceneError(
            f"{scene.name}: the sun stood {sun:.1f} degrees from the vertical ({sun_source}), too low for "
            f"methane columns (below {LOWEST_SUN:g}); check the time, or say --sun-zenith"
        )
    return Angles(
        sun_zenith=sun,
        view_zenith=view,
        source=f"sun {sun:.2f} degrees from the vertical ({sun_source}), view {view:.2f} ({view_source})",
    )


def acquired(scene: Scene, satellite: SatelliteSpec) -> Acquired | None:
    """Return when a scene was seen; where only the day is known, at the satellite's usual hour there.

    None where no time is known, or only the day and either satellite keeps no hour or the scene has no place.
    """
    if scene.time is None:
        return None
    if scene.time.timetz().replace(tzinfo=None) != time(0):
        return Acquired(time=scene.time, source=f"{scene.time:%Y-%m-%d %H:%M} UTC")
    place = scene.centre
    if satellite.node_hour is None or satellite.inclination is None or place is None:
        return None
    lon, lat = place
    hour = local_hour(satellite.node_hour, satellite.inclination, lat)
    moment = at_local_hour(scene.time, hour, lon)
    minutes = round(hour * 60)
    usual = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return Acquired(
        time=moment,
        source=f"{moment:%Y-%m-%d %H:%M} UTC: only the day is known, {satellite.title} passes at {usual} "
        "mean local solar time",
    )


def _sun(scene: Scene, satellite: SatelliteSpec, asked: float | None) -> tuple[float, str]:
    """Return the sun's zenith angle and where it was found."""
    if asked is not None:
        return asked, "--sun-zenith"
    geometry = scene.geometry
    if geometry is not None and geometry.sun_zenith is not None:
        return geometry.sun_zenith, geometry.source
    place, moment = scene.centre, acquired(scene, satellite)
    if place is None or moment is None:
        lacks = "its place" if place is None else "its time of day" if scene.time else "its time"
        raise SceneError(
            f"{scene.name}: the product does not tell where the sun stood, and {lacks} is not known to "
            "compute it; say the sun's angle from the vertical with --sun-zenith DEGREES"
        )
    return solar_zenith(moment.time, *place), f"computed for {moment.source}"


def _view(scene: Scene, asked: float | None) -> tuple[float, str]:
    """Return the view's zenith angle and where it was found."""
    if asked is not None:
        return asked, "--view-zenith"
    geometry = scene.geometry
    found = None if geometry is None else geometry.view_zenith(SHORT_WAVE)
    if geometry is None or found is None:
        return 0.0, "not told, taken for straight down; --view-zenith says otherwise"
    return found, ", ".join(filter(None, (geometry.source, geometry.view_note)))
