"""Times of the slices of a netCDF variable; GDAL reads a slice as a band, with its coordinates in tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import rasterio

from geoseg.errors import SceneError

_DIMENSION = "NETCDF_DIM_"
SINCE = re.compile(
    r"^(second|minute|hour|day)s? since (\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T ](.*))?$", re.IGNORECASE
)
_CLOCK = re.compile(
    r"^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?\s*(?:Z|UTC|[+-]?0{1,2}(?::?00)?)?$", re.IGNORECASE
)
_CALENDARS = {"", "standard", "gregorian", "proleptic_gregorian"}
_VERSIONS = "expver"
"""Dimension of ERA5 for final and preliminary values: each time has values in one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A two-dimensional slice of a variable."""

    band: int
    """1-based."""
    time: datetime | None
    """None: the variable has no time."""


def slices_of(file: rasterio.DatasetReader, name: str) -> list[Slice]:
    """Return the slices of an open netCDF variable, in the order of the file.

    Args:
        file: opened by GDAL's netCDF driver.
        name: for messages.

    Raises:
        SceneError: its times cannot be read, or another dimension has more than one value.
    """
    units = {key.removesuffix("#units"): text for key, text in file.tags().items() if key.endswith("#units")}
    places = [_places(file.tags(band)) for band in range(1, file.count + 1)]
    times = [key for key in places[0] if SINCE.match(units.get(key, ""))]
    for key in places[0].keys() - set(times[:1]) - {_VERSIONS}:
        values = {place.get(key) for place in places}
        if len(values) > 1:
            what = f", in units of {units[key]}" if key in units else ""
            raise SceneError(
                f"{name} has {len(values)} values of its dimension {key}{what}; give a file of one of them"
            )
    if not times:
        return [Slice(band=band, time=None) for band in range(1, file.count + 1)]
    calendar = file.tags().get(f"{times[0]}#calendar", "").lower()
    if calendar not in _CALENDARS:
        raise SceneError(f"{name} has times in the calendar {calendar}; give a file in the standard calendar")
    step, start = since(units[times[0]], name)
    return [
        Slice(band=band, time=start + float(place[times[0]]) * step)
        for band, place in enumerate(places, start=1)
    ]


def _places(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the coordinates of a band in each dimension other than rows and columns."""
    return {key.removeprefix(_DIMENSION): text for key, text in tags.items() if key.startswith(_DIMENSION)}


def since(units: str, name: str) -> tuple[timedelta, datetime]:
    """Return the step and the start of units such as `hours since 1900-01-01 00:00:00.0`.

    Raises:
        SceneError: the units are not of this form, or not in UTC.
    """
    found = SINCE.match(units)
    clock = _CLOCK.match((found[5] or "00:00").strip()) if found else None
    if found is None or clock is None:
        raise SceneError(
            f"{name}: the time units {units!r} are not supported; use hours since a date, in UTC"
        )
    year, month, day = (int(part) for part in found.group(2, 3, 4))
    hour, minute, second = (int(part or 0) for part in clock.groups())
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise SceneError(f"{name}: the date in the time units {units!r} is not valid ({error})") from error
    return timedelta(**{f"{found[1].lower()}s": 1}), start
