"""Wind for a scene's plumes: by place, and the effective wind of a satellite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geoseg.scenes.wind import Wind, read_wind
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.tasks.mapping import Ledger
from geoseg.tasks.methane.angles import acquired, centre
from geoseg.tasks.methane.judging import WindAt
from geoseg.tasks.methane.rates import EffectiveWind
from geoseg.tasks.methane.retrieved import Retrieved


def effective_wind(spec: PlumeSpec, satellite: SatelliteSpec) -> EffectiveWind:
    """The effective wind as said, or as calibrated for the satellite."""
    slope, offset = spec.effective_wind or (satellite.wind_slope, satellite.wind_offset)
    return EffectiveWind(slope=slope, offset=offset)


def wind_by_place(spec: PlumeSpec, retrieved: Retrieved, ledger: Ledger) -> WindAt:
    """Return the wind by longitude and latitude: one number, or read from a file at the scene's time.

    Raises:
        SceneError: the file does not hold the scene's time or place.
    """
    effective = effective_wind(spec, retrieved.satellite)
    cited = "as --effective-wind says" if spec.effective_wind else retrieved.satellite.wind_citation.strip()
    if spec.wind is None:
        ledger.warn(
            "no wind is known: plumes get masses and no rates; say --wind M/S, or a file of U10 and V10"
        )
        return lambda lon, lat: None  # noqa: ARG005 - unknown everywhere
    ledger.note(f"effective wind {effective.slope:g} x U10 {effective.offset:+g} m/s ({cited})")
    if not isinstance(spec.wind, Path):
        same = Wind(speed=spec.wind, direction_from=spec.wind_from, source="--wind")
        return lambda lon, lat: same  # noqa: ARG005 - the same everywhere
    path = spec.wind
    moment = acquired(retrieved.scene, retrieved.satellite)

    def read(lon: float, lat: float) -> Wind:
        wind = read_wind(path, None if moment is None else moment.time, lon, lat)
        return wind if spec.wind_from is None else replace(wind, direction_from=spec.wind_from)

    # At the scene's centre first: a file of another day or place is refused before anything is mapped.
    middle = centre(retrieved.scene)
    if middle is not None:
        wind = read(*middle)
        ledger.note(
            f"wind at the scene's centre: {wind.speed:.1f} m/s from {wind.direction_from or 0:.0f} degrees "
            f"({wind.source})"
        )
    return read
