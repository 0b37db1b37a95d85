"""Acquisition times in the names of files and products, and in tags."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

_STAMP = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<dash>-?)(?P<month>0[1-9]|1[0-2])(?P=dash)(?P<day>[0-2]\d|3[01])"
    r"(?:[Tt_-]?(?P<clock>(?:[01]\d|2[0-3])[0-5]\d[0-5]\d))?(?!\d)"
)
_DAY_OF_YEAR = re.compile(
    # AppEEARS writes the clock after the day without `T`, or only the day.
    r"(?<!\d)((?:19|20)\d{2})([0-3]\d{2})(?:[Tt]|(?<=doy\d{7}))(\d{6})(?!\d)"
)
_DAYS_OF_YEAR = (
    # Landsat before the collections.
    re.compile(r"^L[A-Z]\d\d{6}((?:19|20)\d{2})([0-3]\d{2})", re.IGNORECASE),
    re.compile(r"^HLS\.[LS]30\.T\w{5}\.((?:19|20)\d{2})([0-3]\d{2})\.", re.IGNORECASE),
    re.compile(r"\.[Aa]((?:19|20)\d{2})([0-3]\d{2})\."),  # MODIS and VIIRS; the second time is of production
    re.compile(r"_doy((?:19|20)\d{2})([0-3]\d{2})(?!\d)"),  # AppEEARS
)
_RUN_TOGETHER = re.compile(r"^L[COTEM]0[4-9]\d{6}((?:19|20)\d{6})(?=\d\d(?:T\d|RT))", re.IGNORECASE)
"""Name of a Landsat order: path, row and day without separators."""
_ASTER = re.compile(
    r"^AST_\w{3,5}_\d{3}(?P<month>\d\d)(?P<day>\d\d)(?P<year>\d{4})(?P<clock>\d{6})_", re.IGNORECASE
)

# The first time in Sentinel-2 names of this kind is that of processing (ESA, Sentinel-2 Products
# Specification Document, sections 3.4 and 4.1.1: creation date). The acquisition is the part V (start of
# the validity) of a product or S (sensing start) of a datastrip. A granule has only the absolute orbit.
_ORDER_NAME = re.compile(r"S2[A-D]_(?:OPER|USER)_", re.IGNORECASE)
_SENSING = re.compile(r"_[VS](?P<stamp>(?:19|20)\d{6}T\d{6})(?=[_.]|$)", re.IGNORECASE)
_ORBIT = re.compile(r"S2A_(?:OPER|USER)_\w*_A(?P<orbit>\d{6})_", re.IGNORECASE)
# What was made from a product later: an order of the USGS (LC08…-SC20200101123456).
_ORDERED = re.compile(r"-SC(?:19|20)\d{12}", re.IGNORECASE)

ORBIT_0 = datetime(2015, 6, 23, 2, 34, tzinfo=UTC)
"""Time at which the descending pass of absolute orbit 0 of Sentinel-2A would have been.

From the sensing times and orbit numbers of two products of 2021 and 2023, in which it is 02:26 and 02:41: the
pass is later in the orbit at southern latitudes. The days of eight granules of 2015 and 2016 agree."""
ORBIT = timedelta(days=10) / 143
"""Period of an orbit of Sentinel-2: it repeats its track after 10 days and 143 orbits."""
_YEAR = re.compile(r"(19|20)\d\d")
_ORBIT_ERROR = timedelta(minutes=30)


def time_in_name(name: str) -> datetime | None:
    """Return the acquisition time (UTC) in a file or product name; midnight if the name has only a day.

    None if the name has no time, or only a time of processing.
    """
    if _ORDER_NAME.search(name):
        return _sentinel2_order(name)
    name = _ORDERED.sub("", name)
    for pattern in (_ASTER, _STAMP):
        found = pattern.search(name)
        if found:
            return _parsed("".join(found.group("year", "month", "day")), found["clock"] or "000000")
    found = _RUN_TOGETHER.search(name)
    if found:
        return _parsed(found[1], "000000")
    found = _DAY_OF_YEAR.search(name)
    if found:
        return _of_year(found[1], found[2], found[3])
    days = (pattern.search(name) for pattern in _DAYS_OF_YEAR)
    return next((_of_year(found[1], found[2], "000000") for found in days if found), None)


def times_in_tag(text: str) -> list[datetime]:
    """Return the times (UTC) in a tag: ISO 8601, separated by commas, or a year, which is its first day.

    What is neither is left out.
    """
    times = []
    for part in text.split(","):
        try:
            moment = datetime.fromisoformat(f"{part}-01-01" if _YEAR.fullmatch(part) else part)
        except ValueError:
            continue
        times.append(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    return times


def has_processing_time(name: str) -> bool:
    """Return whether a name has a time of processing where other names have that of the acquisition."""
    return _ORDER_NAME.search(name) is not None and _STAMP.search(name) is not None


def has_clock(moment: datetime) -> bool:
    """Return whether a time is more than a day: names with a day only give midnight."""
    return moment.timetz().replace(tzinfo=None) != time(0)


def _sentinel2_order(name: str) -> datetime | None:
    """Return the acquisition in a Sentinel-2 name that begins with the time of processing.

    An absolute orbit gives the day, not the time of day; None where the pass may be on either side of
    midnight.
    """
    found = _SENSING.search(name)
    if found:
        day, _, clock = found["stamp"].upper().partition("T")
        return _parsed(day, clock)
    found = _ORBIT.search(name)
    if not found:
        return None
    moment = ORBIT_0 + int(found["orbit"]) * ORBIT
    days = {(moment + sign * _ORBIT_ERROR).date() for sign in (-1, 1)}
    return datetime.combine(days.pop(), time(0), UTC) if len(days) == 1 else None


def _parsed(day: str, clock: str) -> datetime | None:
    """Return a time of `YYYYMMDD` and `HHMMSS`; None if there is no such time."""
    try:
        return datetime.strptime(day + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _of_year(year: str, day: str, clock: str) -> datetime | None:
    """Return a time of a year, the day of the year and `HHMMSS`; None if there is no such time."""
    try:
        return datetime.strptime(year + day + clock, "%Y%j%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
