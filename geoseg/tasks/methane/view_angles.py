"""Zenith angles of sun and satellite, from the product or computed from time and place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from geoseg.errors import SceneError
from geoseg.methods.sun import air_mass_factor, at_local_hour, local_hour, solar_zenith
from geoseg.scenes import Scene
from geoseg.scenes.name_time import has_clock
from geoseg.spec import SatelliteSpec

SHORT_WAVE = ("B11", "B12")
"""Short-wave infrared bands of Sentinel-2, whose products have view angles by band."""

MAX_SUN_ZENITH = 85.0
"""Solar zenith angle in degrees from which a plane-parallel atmosphere is not a valid model."""


@dataclass(frozen=True, kw_only=True)
class Angles:
    """Zenith angles of sun and satellite at the centre of a scene."""

    sun_zenith: float
    """Degrees, below 85."""
    view_zenith: float
    """Degrees."""
    source: str
    """Both angles with their sources, in words."""

    @property
    def air_mass_factor(self) -> float:
        """Length of the light path relative to the vertical: 1/cos(sun zenith) + 1/cos(view zenith)."""
        return air_mass_factor(self.sun_zenith, self.view_zenith)


def angles_of(
    scene: Scene,
    satellite: SatelliteSpec,
    *,
    sun_zenith: float | None = None,
    view_zenith: float | None = None,
) -> Angles:
    """Return the zenith angles at the centre of a scene.

    Args:
        scene: the scene.
        satellite: its satellite, for the overpass time where only the date is known.
        sun_zenith: degrees, of `--sun-zenith`; None: of the product, else computed from time and place.
        view_zenith: degrees, of `--view-zenith`; None: of the product, else 0.

    Raises:
        SceneError: the solar zenith angle is unknown and cannot be computed, or the sun is too low.
    """
    sun, sun_source = _sun(scene, satellite, sun_zenith)
    view, view_source = _view(scene, view_zenith)
    if sun >= MAX_SUN_ZENITH:
        raise SceneError(
            f"{scene.name}: the solar zenith angle is {sun:.1f} degrees ({sun_source}), and the methane "
            f"retrieval needs less than {MAX_SUN_ZENITH:g}; check the time of the scene, or give "
            "`--sun-zenith`"
        )
    return Angles(
        sun_zenith=sun,
        view_zenith=view,
        source=f"solar zenith angle {sun:.2f} degrees ({sun_source}), view zenith angle {view:.2f} degrees "
        f"({view_source})",
    )


def acquisition_time(scene: Scene, satellite: SatelliteSpec) -> tuple[datetime, str] | None:
    """Return the acquisition time of a scene, and how it was found, in words.

    Where only the date is known, the time is the usual overpass time of the satellite. None where the date is
    unknown, or where only the date is known and the satellite has no fixed overpass time or the scene no CRS.
    """
    if scene.time is None:
        return None
    if has_clock(scene.time):
        return scene.time, f"{scene.time:%Y-%m-%d %H:%M} UTC"
    place = scene.centre
    if satellite.node_hour is None or satellite.inclination is None or place is None:
        return None
    lon, lat = place
    hour = local_hour(satellite.node_hour, satellite.inclination, lat)
    moment = at_local_hour(scene.time, hour, lon)
    minutes = round(hour * 60)
    usual = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return moment, (
        f"{moment:%Y-%m-%d %H:%M} UTC (only the date is known; {satellite.title} passes at {usual} mean "
        "local solar time)"
    )


def _sun(scene: Scene, satellite: SatelliteSpec, option: float | None) -> tuple[float, str]:
    """Return the solar zenith angle and its source."""
    if option is not None:
        return option, "--sun-zenith"
    geometry = scene.geometry
    if geometry is not None and geometry.sun_zenith is not None:
        return geometry.sun_zenith, geometry.source
    place, acquired = scene.centre, acquisition_time(scene, satellite)
    if place is None or acquired is None:
        missing = "its location" if place is None else "its time of day" if scene.time else "its date"
        raise SceneError(
            f"{scene.name}: the product has no solar zenith angle, and it cannot be computed because "
            f"{missing} is unknown; give it with `--sun-zenith DEGREES`"
        )
    return solar_zenith(acquired[0], *place), f"computed for {acquired[1]}"


def _view(scene: Scene, option: float | None) -> tuple[float, str]:
    """Return the view zenith angle and its source."""
    if option is not None:
        return option, "--view-zenith"
    geometry = scene.geometry
    zenith = None if geometry is None else geometry.view_zenith(SHORT_WAVE)
    if geometry is None or zenith is None:
        return 0.0, "not in the product, assumed nadir; `--view-zenith` sets it"
    return zenith, ", ".join(filter(None, (geometry.source, geometry.view_note)))
