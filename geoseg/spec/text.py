"""Parsers of option values that are written as text on a command line or in a file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BeforeValidator

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


def reads(parse: Callable[[object], object]) -> BeforeValidator:
    """Return a validator that parses a value by a function; None stays None."""
    return BeforeValidator(lambda value: None if value is None else parse(value))


def bbox(value: object) -> tuple[float, float, float, float]:
    """Parse `W,S,E,N`, or four numbers.

    Raises:
        ValueError: the value is not four numbers in this order.
    """
    found = _floats(value, "four numbers W,S,E,N", 4)
    west, south, east, north = found
    if west >= east:
        raise ValueError(f"west {west:g} is not less than east {east:g}")
    if south >= north:
        raise ValueError(f"south {south:g} is not less than north {north:g}")
    return west, south, east, north


def pair(value: object) -> tuple[float, float]:
    """Parse `A,B`, or two numbers.

    Raises:
        ValueError: the value is not two finite numbers.
    """
    first, second = _floats(value, "two numbers separated by a comma", 2)
    return first, second


def numbers(value: object) -> tuple[float, ...]:
    """Parse `A,B,…`, one number or several.

    Raises:
        ValueError: the value is not a list of finite numbers.
    """
    wanted = "numbers separated by commas, such as 80,90"
    return _floats([value] if isinstance(value, int | float) else value, wanted)


def words(value: object) -> object:
    """Split `NAME,NAME,…` into lower-case names; return other types unchanged."""
    return value.lower().split(",") if isinstance(value, str) else value


def place(value: object) -> tuple[float, float]:
    """Parse `LON,LAT` in degrees.

    Raises:
        ValueError: the value is not a longitude and a latitude.
    """
    lon, lat = pair(value)
    if not (-180 <= lon <= 360 and -90 <= lat <= 90):
        raise ValueError(f"{value!r} is not LON,LAT in degrees; the longitude comes first")
    return lon, lat


def wind(value: object) -> float | Path:
    """Parse a wind speed in m/s, or the path of a wind file.

    Raises:
        ValueError: the speed is not above 0.
    """
    try:
        speed = float(str(value))
    except ValueError:
        return Path(str(value))
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(f"the wind speed {value!r} is not above 0 m/s; a source rate needs wind")
    return speed


def memory_mib(value: object) -> int:
    """Parse a size, such as `2GB`, `512MB`, `1.5GiB` or a number of MiB, and return MiB.

    Raises:
        ValueError: the value is not a size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(value), re.IGNORECASE)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{value!r} is not a size; write 2GB, 512MB or a number of MiB")
    return int(float(found[1]) * unit / 2**20)


def batch_size(value: object) -> int | None:
    """Parse `auto` (None) or a number of tiles.

    Raises:
        ValueError: the value is neither.
    """
    if value == "auto":
        return None
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is neither auto nor a number of tiles") from None


def named_paths(value: object, remedy: str = "") -> dict[str, str]:
    """Parse `NAME=PATH`, several of them, or a mapping of names to paths; names become lower case.

    An index in `PATH:INDEX` is not parsed here: only opening the file distinguishes it from a drive `C:`.

    Args:
        value: of an option.
        remedy: end of the message for a repeated name.

    Raises:
        ValueError: an entry has no name or path, or a name is repeated.
    """
    if isinstance(value, dict):
        entries = [(str(name), str(path)) for name, path in value.items()]
    elif isinstance(value, list | tuple | str):
        listed = [value] if isinstance(value, str) else value
        entries = [_named_path(str(entry)) for entry in listed]
    else:
        raise ValueError(f"{value!r} is not NAME=PATH")
    found: dict[str, str] = {}
    for name, path in entries:
        if name in found:
            raise ValueError(f"{name} is given twice: {found[name]} and {path}{remedy}")
        found[name] = path
    return found


def band_paths(value: object) -> dict[str, str]:
    """Parse as `named_paths`; the error for a repeated name says how to name a band of two dates.

    Raises:
        ValueError: as `named_paths`.
    """
    return named_paths(value, "; `:1` without a path is band 1 of the scene, in a pair of each date")


def class_entry(value: object) -> object:
    """Parse `VALUE=LABEL[:#rrggbb]` into (value, label, colour); return other types unchanged.

    Raises:
        ValueError: the text has another form.
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+)\s*=\s*(.+?)\s*(?::\s*(#[0-9a-fA-F]{6}))?\s*", value)
    if found is None or not 1 <= int(found[1]) <= 254:
        raise ValueError(f"{value!r} is not VALUE=LABEL[:#rrggbb] with a value of 1 to 254")
    return int(found[1]), found[2], found[3].lower() if found[3] else None


def settings(value: object) -> dict[str, object]:
    """Parse `KEY=VALUE` entries with YAML values, or a mapping.

    Raises:
        ValueError: an entry has another form.
    """
    from geoseg.spec.yaml_text import parse_yaml  # noqa: PLC0415 - requests for maps do not need it

    if isinstance(value, dict):
        return dict(value)
    found: dict[str, object] = {}
    for entry in value if isinstance(value, list | tuple) else [value]:
        name, equals, text = str(entry).partition("=")
        if not name or not equals:
            raise ValueError(f"{entry!r} is not KEY=VALUE, such as loop.epochs=20")
        try:
            _, found[name.strip()] = parse_yaml(text, str(name))
        except UsageError as error:
            raise ValueError(f"{entry!r}: the value is not valid YAML") from error
    return found


def _floats(value: object, wanted: str, count: int | None = None) -> tuple[float, ...]:
    """Parse finite numbers separated by commas, or a sequence of numbers."""
    parts: Sequence[object] = value.split(",") if isinstance(value, str) else ()
    if isinstance(value, list | tuple):
        parts = value
    try:
        found = tuple(float(str(part)) for part in parts)
    except ValueError:
        raise ValueError(f"{value!r} is not {wanted}") from None
    if not found or (count is not None and len(found) != count):
        raise ValueError(f"{value!r} is not {wanted}")
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{value!r} is not {wanted}: a number is not finite")
    return found


def _named_path(entry: str) -> tuple[str, str]:
    name, equals, path = (part.strip() for part in entry.partition("="))
    if not (name and equals and path):
        raise ValueError(f"{entry!r} is not NAME=PATH")
    return name.lower(), path
