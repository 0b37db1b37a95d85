"""Metadata of GRIB messages: element, level, times, and the direction of wind components.

GDAL reads a message as a band with tags `GRIB_*`, which a copy to GeoTIFF has too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import rasterio

from geoseg.errors import SceneError
from geoseg.scenes.cube_time import Slice

_ELEMENTS = ({"UGRD", "10U", "U"}, {"VGRD", "10V", "V"})
"""GRIB 2 and NCEP; ECMWF's table 128 of GRIB 1; ECMWF's component at any level."""

_NAMES_LEVEL = {"10U", "10V"}
"""Elements at 10 m above ground, at any level in the message (ECMWF writes the surface)."""

_TEN_METRES = re.compile(r"10-HTGL(?![\w-])")
_NUMBER = re.compile(r"-?\d+")

_TO_GRID = 0x08
"""Flag table 3.3 of GRIB 2, table 7 of GRIB 1: components are along the grid, not east and north."""

_FLAGS_AT = {0: 54, 10: 46, 20: 46, 30: 46, 40: 54}
"""Offset of that flag in section 3 of GRIB 2, by grid definition template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GribMessage:
    """Metadata of a band of a GRIB file."""

    band: int
    """1-based."""
    element: str
    level: str
    """Such as `10-HTGL`, 10 m above ground."""
    time: datetime | None
    """Valid time; None: not known."""
    ahead: float
    """Seconds from the start of the forecast to `time`; 0 of an analysis."""


def messages(file: rasterio.DatasetReader) -> list[GribMessage]:
    """Return the messages of an open raster that have GRIB tags, in the order of the file."""
    found = []
    for band in range(1, file.count + 1):
        tags = file.tags(band)
        if "GRIB_ELEMENT" not in tags:
            continue
        start = _seconds(tags.get("GRIB_REF_TIME"))
        ahead = _seconds(tags.get("GRIB_FORECAST_SECONDS"))
        valid = _seconds(tags.get("GRIB_VALID_TIME"))
        if valid is None and start is not None:
            valid = start + (ahead or 0.0)
        found.append(
            GribMessage(
                band=band,
                element=tags["GRIB_ELEMENT"].upper(),
                level=tags.get("GRIB_SHORT_NAME", "").upper(),
                time=None if valid is None else datetime.fromtimestamp(valid, UTC),
                ahead=ahead or 0.0,
            )
        )
    return found


def _seconds(text: str | None) -> float | None:
    """Return the number that a tag such as `1579046400` or `1579046400 sec UTC` starts with."""
    found = _NUMBER.match(text.strip()) if text else None
    return float(found[0]) if found else None


def winds_at_ten_metres(found: Sequence[GribMessage], name: str) -> list[list[Slice]]:
    """Return the slices of the eastward and northward wind, 10 m above ground.

    Of several forecasts for one time, the latest is used.

    Args:
        found: messages of one file.
        name: of the file, for errors.

    Raises:
        SceneError: the file has no such messages, or several that cannot be distinguished (an ensemble).
    """
    parts = [
        [item for item in found if item.element in elements and _at_ten_metres(item)]
        for elements in _ELEMENTS
    ]
    if not all(parts):
        held = ", ".join(dict.fromkeys(f"{item.element} {item.level}".strip() for item in found))
        raise SceneError(
            f"{name} has no U and V of wind 10 m above ground (GRIB_ELEMENT UGRD and VGRD at 10-HTGL, or 10U "
            f"and 10V); it has {_short(held)}. Give a file with both, or the speed with `--wind`"
        )
    return [_by_time(part, name) for part in parts]


def _at_ten_metres(item: GribMessage) -> bool:
    return item.element in _NAMES_LEVEL or _TEN_METRES.match(item.level) is not None


def _by_time(part: Sequence[GribMessage], name: str) -> list[Slice]:
    """Return one slice for each time."""
    best: dict[datetime | None, list[GribMessage]] = {}
    for item in part:
        best.setdefault(item.time, []).append(item)
    slices = []
    for time, items in best.items():
        least = min(item.ahead for item in items)
        latest = [item for item in items if item.ahead == least]
        if len(latest) > 1:
            when = "" if time is None else f" of {time:%Y-%m-%d %H:%M} UTC"
            raise SceneError(
                f"{name} holds {len(latest)} messages {latest[0].element}{when}, as an ensemble; give a "
                "file of one member"
            )
        slices.append(Slice(band=latest[0].band, time=time))
    return slices


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


def points_along_grid(path: str) -> bool:
    """Return whether the wind components of the first message are along its grid, not east and north.

    False where the file is not GRIB, or its grid definition has no such flag.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(1024)
    except OSError:
        return False
    start = head.find(b"GRIB")
    if start < 0 or len(head) < start + 8:
        return False
    head = head[start:]
    flags = _flags_1(head) if head[7] == 1 else _flags_2(head)
    return bool(flags & _TO_GRID)


def _flags_1(head: bytes) -> int:
    """Return the flags in section 2 of GRIB 1; 0 where there are none."""
    product = int.from_bytes(head[8:11])
    at = 8 + product + 16
    has_grid = len(head) > 15 and head[15] & 0x80
    return head[at] if has_grid and at < len(head) else 0


def _flags_2(head: bytes) -> int:
    """Return the flags in section 3 of GRIB 2; 0 where the template has none."""
    at = 16
    while at + 14 < len(head):
        length, number = int.from_bytes(head[at : at + 4]), head[at + 4]
        if number == 3:
            offset = _FLAGS_AT.get(int.from_bytes(head[at + 12 : at + 14]))
            return 0 if offset is None or at + offset >= len(head) else head[at + offset]
        if length < 5:
            return 0
        at += length
    return 0
