"""Option values that are more than a word or a number: text to what the specs hold."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from geoseg.errors import UsageError

_UNITS = {
    "": 2**20,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "m": 2**20,
    "g": 2**30,
}


def bbox(value: object) -> tuple[float, float, float, float]:
    """Read `W,S,E,N`, or a list of four numbers.

    Raises:
        ValueError: it is not four numbers in that order.
    """
    parts = value.split(",") if isinstance(value, str) else value
    try:
        if not isinstance(parts, list | tuple):
            raise TypeError
        west, south, east, north = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not four numbers W,S,E,N") from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise ValueError(f"{value!r} holds a number that is not finite")
    if west >= east:
        raise ValueError(f"west {west:g} is not less than east {east:g}")
    if south >= north:
        raise ValueError(f"south {south:g} is not less than north {north:g}")
    return west, south, east, north


def pair(value: object) -> tuple[float, float]:
    """Read `A,B`, or a list of two numbers.

    Raises:
        ValueError: it is not two finite numbers.
    """
    parts = value.split(",") if isinstance(value, str) else value
    try:
        if not isinstance(parts, list | tuple):
            raise TypeError
        first, second = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not two numbers with a comma between them") from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise ValueError(f"{value!r} holds a number that is not finite")
    return first, second


def numbers(value: object) -> tuple[float, ...]:
    """Read `A,B,…`, or a list of numbers.

    Raises:
        ValueError: it is no list of finite numbers.
    """
    parts = value.split(",") if isinstance(value, str) else value
    try:
        found = tuple(float(part) for part in (parts if isinstance(parts, list | tuple) else [str(parts)]))
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not numbers with commas between them, such as 80,90") from None
    if not found or not all(map(math.isfinite, found)):
        raise ValueError(f"{value!r} is not numbers with commas between them, such as 80,90")
    return found


def place(value: object) -> tuple[float, float]:
    """Read `LON,LAT` in degrees.

    Raises:
        ValueError: it is no place on the globe.
    """
    lon, lat = pair(value)
    if not (-180 <= lon <= 360 and -90 <= lat <= 90):
        raise ValueError(f"{value!r} is no longitude and latitude in degrees; the longitude comes first")
    return lon, lat


def wind(value: object) -> float | Path:
    """Read a speed in m/s, or the path of a file of winds.

    Raises:
        ValueError: the speed is not above 0.
    """
    try:
        speed = float(str(value))
    except ValueError:
        return Path(str(value))
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(f"{value!r}: without wind no plume is carried away, and there is no rate")
    return speed


def memory_mib(value: object) -> int:
    """Read a size as MiB: `2GB`, `512MB`, `1.5GiB`, or a bare number of MiB.

    Raises:
        ValueError: it is no size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(value), re.IGNORECASE)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{value!r} is no size; write 2GB, 512MB or a number of MiB")
    return int(float(found[1]) * unit / 2**20)


def batch_size(value: object) -> int | None:
    """Read `auto` (None) or a number of tiles.

    Raises:
        ValueError: it is neither.
    """
    if value == "auto":
        return None
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is neither auto nor a number of tiles") from None


def bands(value: object) -> dict[str, str]:
    """Read `NAME=PATH[:INDEX]` entries, or a mapping of names to paths.

    The index is left with its path: only the scene can tell `C:` from a file's end.

    Raises:
        ValueError: an entry has no name or path, or a name comes twice.
    """
    return _pairs(value, "band", "NAME=PATH[:INDEX]")


def named_paths(value: object) -> dict[str, str]:
    """Read `NAME=PATH` entries, or a mapping of names to paths.

    Raises:
        ValueError: an entry has no name or path, or a name comes twice.
    """
    return _pairs(value, "input", "NAME=PATH")


def _pairs(value: object, what: str, form: str) -> dict[str, str]:
    if isinstance(value, dict):
        pairs = [(str(name), str(path)) for name, path in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [_pair(str(entry), form) for entry in value]
    else:
        raise ValueError(f"{value!r} is not {form}")
    found: dict[str, str] = {}
    for name, path in pairs:
        if name in found:
            raise ValueError(f"{what} {name} is given twice: {found[name]} and {path}")
        found[name] = path
    return found


def _pair(entry: str, form: str) -> tuple[str, str]:
    name, equals, path = (part.strip() for part in entry.partition("="))
    if not (name and equals and path):
        raise ValueError(f"{entry!r} is not {form}")
    return name.lower(), path


def class_entry(entry: str) -> tuple[int, str, str | None]:
    """Read `VALUE=LABEL[:#rrggbb]`: value, label, colour.

    Raises:
        ValueError: it is not of that form.
    """
    found = re.fullmatch(r"\s*(\d+)\s*=\s*(.+?)\s*(?::\s*(#[0-9a-fA-F]{6}))?\s*", entry)
    if found is None or not 1 <= int(found[1]) <= 254:
        raise ValueError(f"{entry!r} is not VALUE=LABEL[:#rrggbb] with a value of 1 to 254")
    return int(found[1]), found[2], found[3].lower() if found[3] else None


def settings(entries: Sequence[str]) -> dict[str, object]:
    """Read `KEY=VALUE` entries; values are YAML.

    Raises:
        UsageError: an entry is not of that form.
    """
    import yaml

    found: dict[str, object] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not name or not equals:
            raise UsageError(f"--set {entry!r}: write KEY=VALUE, such as loop.epochs=20")
        try:
            found[name.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {entry!r}: the value is not valid YAML") from error
    return found
