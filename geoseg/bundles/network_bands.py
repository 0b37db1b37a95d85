"""Names of a network's bands: common names from the names that users and products write."""

from __future__ import annotations

from collections.abc import Iterable

from geoseg.errors import UsageError
from geoseg.spec import SensorSpec
from geoseg.spec.band_names import date_of, plain_name
from geoseg.spec.presets import sensors


def common_names(names: Iterable[str], sensor: SensorSpec | None) -> tuple[str, ...]:
    """Return the common name of each band; a name that no sensor has stays, for `--band NAME=PATH`.

    Args:
        names: common names, or names in products of the sensor, with the prefix of a date, if any.
        sensor: of the training data; None: not stated.

    Raises:
        UsageError: a name is one of products, and its sensor is not stated.
    """
    found = tuple(_with_date(name, _common(plain_name(name), sensor)) for name in names)
    if len(set(found)) < len(found):
        raise UsageError(f"`--bands`: two names mean the same band: {', '.join(found)}")
    return found


def unknown_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are of no sensor."""
    known = {band for sensor in sensors().values() for band in sensor.band_names}
    return tuple(name for name in names if plain_name(name) not in known)


def _with_date(name: str, common: str) -> str:
    return f"{date_of(name)}:{common}" if date_of(name) else common


def _common(name: str, sensor: SensorSpec | None) -> str:
    if sensor is not None:
        for band in sensor.bands:
            if name.lower() in {band.name.lower(), *(alias.lower() for alias in band.aliases)}:
                return band.name
    known = {band: other.name for other in sensors().values() for band in other.band_names}
    if name in known:
        return name
    owners = [
        other.name
        for other in sensors().values()
        if any(name.lower() in {alias.lower() for alias in band.aliases} for band in other.bands)
    ]
    if owners and sensor is None:
        raise UsageError(
            f"`--bands`: {name} is a name in products ({', '.join(owners[:3])}, …); add `--sensor`, or write "
            "the common name, such as red"
        )
    if owners:
        raise UsageError(
            f"`--bands`: {sensor.name if sensor else ''} has no band {name}; it has "
            f"{', '.join(sensor.band_names) if sensor else ''}"
        )
    return name
