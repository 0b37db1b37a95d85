"""Wind at a plume: of the request, or of a file at the time of the scene and the place of the source."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.methods.methane_rate import EffectiveWind
from geoseg.scenes import Scene
from geoseg.scenes.wind_fields import Wind, WindFile
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.tasks.methane.view_angles import acquisition_time

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlumeWind:
    """The wind of a request."""

    spec: PlumeSpec
    """The request: `wind`, `wind_from` and `source`."""
    file: WindFile | None
    """The open file that `wind` names; None: it names none."""
    scene: Scene
    """The scene that is searched for plumes."""
    satellite: SatelliteSpec
    """Its overpass time is used where only the date of the scene is known."""

    def at(self, place: tuple[float, float] | None = None) -> Wind | None:
        """Return the wind at a place.

        Args:
            place: longitude and latitude; None: those of `--source`, else the centre of the scene.

        Returns:
            None where the request gives no wind; plumes then have no source rate.

        Raises:
            SceneReadError: the wind file cannot be read.
            SceneError: the file does not cover the time or the place, or the scene has no CRS.
        """
        spec = self.spec
        if self.file is None:
            if not isinstance(spec.wind, float):
                return None
            return Wind(speed=spec.wind, direction_from=spec.wind_from, source="--wind")
        place = place or spec.source or self.scene.centre
        if place is None:
            raise SceneError(
                f"{self.scene.name} has no CRS, so its location in {spec.wind} is unknown; give the wind "
                "speed with `--wind`"
            )
        acquired = acquisition_time(self.scene, self.satellite)
        wind = self.file.at(acquired[0] if acquired else None, *place)
        source = f"{wind.source}, at {place[0]:.3f}, {place[1]:.3f}"
        if acquired is not None:
            source += f", for {acquired[1]}"
        if spec.wind_from is None:
            return replace(wind, source=source)
        return replace(wind, direction_from=spec.wind_from, source=f"{source}; direction: --wind-from")


def report_wind(winds: PlumeWind) -> None:
    """Report the wind at the source or at the centre of the scene, before the map is made.

    Raises:
        SceneError: the wind file does not cover the time or the place of the scene.
    """
    wind = winds.at()
    if wind is None:
        warn(
            LOG,
            "no-wind",
            "no wind speed is given: plumes get a mass but no source rate; give `--wind M/S`, or a file with "
            "the wind components at 10 m (U10 and V10)",
        )
        return
    if wind.warning:
        warn(LOG, "wind-doubtful", wind.warning)
    effective = effective_wind(winds.spec, winds.satellite)
    direction = "" if wind.direction_from is None else f" from {wind.direction_from:.0f} degrees"
    citation = " ".join(effective.citation.split())
    note(
        LOG,
        f"wind speed at 10 m (U10) {wind.speed:.1f} m/s{direction} ({wind.source}); effective wind speed "
        f"{float(effective(wind.speed)):.2f} m/s = {effective.slope:g} x U10 {effective.offset:+g} "
        f"({citation})",
    )


def effective_wind(spec: PlumeSpec, satellite: SatelliteSpec) -> EffectiveWind:
    """Return the relation of effective wind to wind at 10 m, of `--effective-wind` or of the satellite."""
    if spec.effective_wind is not None:
        slope, offset = spec.effective_wind
        return EffectiveWind(slope=slope, offset=offset, citation="--effective-wind")
    return EffectiveWind(
        slope=satellite.wind_slope, offset=satellite.wind_offset, citation=satellite.wind_citation
    )
