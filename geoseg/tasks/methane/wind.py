"""The wind that carries a plume: asked for, or read at the source or the scene's centre when it was seen."""

from __future__ import annotations

from dataclasses import replace

from geoseg.errors import SceneError
from geoseg.methods.methane_rate import EffectiveWind
from geoseg.scenes import Scene
from geoseg.scenes.wind import Wind, read_wind
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.tasks.methane.angles import acquired, centre


def wind_of(spec: PlumeSpec, scene: Scene, satellite: SatelliteSpec) -> Wind | None:
    """Return the wind of a request, at the known source or else at the scene's centre.

    Args:
        spec: its `wind`, `wind_file`, `wind_from` and `source` count.
        scene: the scene that plumes are searched in.
        satellite: whose usual hour counts where only the day is known.

    Returns:
        None where the request says no wind: plumes then have no rate.

    Raises:
        SceneReadError: the wind file cannot be read.
        SceneError: it does not serve the scene's time and place, or the scene has no place.
    """
    if spec.wind is not None:
        return Wind(speed=spec.wind, direction_from=spec.wind_from, source="--wind")
    if spec.wind_file is None:
        return None
    place = spec.source or centre(scene)
    if place is None:
        raise SceneError(
            f"{scene.name} has no CRS, so that its place in {spec.wind_file} is not known; give the speed "
            "with --wind"
        )
    moment = acquired(scene, satellite)
    found = read_wind(spec.wind_file, moment.time if moment else None, *place)
    source = f"{found.source}, at {place[0]:.3f}, {place[1]:.3f}"
    if moment is not None:
        source += f", for {moment.source}"
    if spec.wind_from is None:
        return replace(found, source=source)
    return replace(found, direction_from=spec.wind_from, source=f"{source}; direction: --wind-from")


def effective_wind(spec: PlumeSpec, satellite: SatelliteSpec) -> EffectiveWind:
    """Return how wind at 10 m becomes the wind that carries a plume: as asked for, else the satellite's."""
    if spec.effective_wind is not None:
        slope, offset = spec.effective_wind
        return EffectiveWind(slope=slope, offset=offset, citation="--effective-wind")
    return EffectiveWind(
        slope=satellite.wind_slope, offset=satellite.wind_offset, citation=satellite.wind_citation
    )
