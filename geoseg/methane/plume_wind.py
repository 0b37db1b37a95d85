"""The wind that carries a plume: asked for, or read at the source or the scene's centre when it was seen."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.methane.view_angles import acquired
from geoseg.methods.methane_rate import EffectiveWind
from geoseg.scenes import Scene
from geoseg.scenes.wind_fields import Wind, WindFile
from geoseg.spec import PlumeSpec, SatelliteSpec

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Winds:
    """The wind of a request, wherever it is asked for."""

    spec: PlumeSpec
    """Its `wind`, `wind_from` and `source` count."""
    file: WindFile | None
    """That `wind` names, open; None: it names none."""
    scene: Scene
    """That plumes are searched in."""
    satellite: SatelliteSpec
    """Its usual hour counts where only the day is known."""

    def at(self, place: tuple[float, float] | None = None) -> Wind | None:
        """Return the wind at a place.

        Args:
            place: longitude and latitude; None: of the known source, or of the scene's centre.

        Returns:
            None where the request says no wind: plumes then have no rate.

        Raises:
            SceneReadError: the wind file cannot be read.
            SceneError: it does not serve the scene's time and place, or the scene has no place.
        """
        spec = self.spec
        if self.file is None:
            if not isinstance(spec.wind, float):
                return None
            return Wind(speed=spec.wind, direction_from=spec.wind_from, source="--wind")
        place = place or spec.source or self.scene.centre
        if place is None:
            raise SceneError(
                f"{self.scene.name} has no CRS, so that its place in {spec.wind} is not known; give the "
                "speed with --wind"
            )
        moment = acquired(self.scene, self.satellite)
        found = self.file.at(moment.time if moment else None, *place)
        source = f"{found.source}, at {place[0]:.3f}, {place[1]:.3f}"
        if moment is not None:
            source += f", for {moment.source}"
        if spec.wind_from is None:
            return replace(found, source=source)
        return replace(found, direction_from=spec.wind_from, source=f"{source}; direction: --wind-from")


def open_wind(spec: PlumeSpec, stack: ExitStack) -> WindFile | None:
    """Open the file that a request names as wind; None where it names none.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: it holds no wind.
    """
    return stack.enter_context(WindFile(spec.wind)) if isinstance(spec.wind, Path) else None


def tell_wind(winds: Winds) -> None:
    """Say what wind plumes will be given; a file of another day or place is refused before mapping.

    Raises:
        SceneError: the file does not serve the scene's time and place.
    """
    wind = winds.at()
    if wind is None:
        warn(
            LOG,
            "no-wind",
            "no wind is known: plumes get masses and no rates; say --wind M/S, or a file of U10 and V10",
        )
        return
    if wind.warning:
        warn(LOG, "wind-doubtful", wind.warning)
    effective = effective_wind(winds.spec, winds.satellite)
    towards = "" if wind.direction_from is None else f" from {wind.direction_from:.0f} degrees"
    cited = " ".join(effective.citation.split())
    note(
        LOG,
        f"wind {wind.speed:.1f} m/s{towards} ({wind.source}), effective "
        f"{float(effective(wind.speed)):.2f} m/s: {effective.slope:g} x U10 {effective.offset:+g} ({cited})",
    )


def effective_wind(spec: PlumeSpec, satellite: SatelliteSpec) -> EffectiveWind:
    """Return how wind at 10 m becomes the wind that carries a plume: as asked for, else the satellite's."""
    if spec.effective_wind is not None:
        slope, offset = spec.effective_wind
        return EffectiveWind(slope=slope, offset=offset, citation="--effective-wind")
    return EffectiveWind(
        slope=satellite.wind_slope, offset=satellite.wind_offset, citation=satellite.wind_citation
    )
