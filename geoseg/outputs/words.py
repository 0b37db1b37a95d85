"""A run record in words that a person would write: title, dates, place, credits, citation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from pydantic import JsonValue

from geoseg.run_record import RunRecord

MOST_LABELS = 3
"""Largest number of classes that a title names."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_SENSORS = {
    "sentinel-1": "Sentinel-1",
    "sentinel-2": "Sentinel-2",
    "landsat-5": "Landsat 5",
    "landsat-7": "Landsat 7",
    "landsat-8": "Landsat 8",
    "landsat-9": "Landsat 9",
    "hls": "HLS",
    "planetscope": "PlanetScope",
    "skysat": "SkySat",
    "rapideye": "RapidEye",
    "modis": "MODIS",
    "viirs": "VIIRS",
    "naip": "NAIP",
    "enmap": "EnMAP",
    "prisma": "PRISMA",
    "emit": "EMIT",
    "aviris": "AVIRIS",
}
"""Name of an instrument by the first part of the name of a sensor."""

_CREDITS = {
    "Sentinel": "Contains modified Copernicus Sentinel data",
    "Landsat": "Landsat data courtesy of the U.S. Geological Survey",
    "HLS": "HLS data courtesy of NASA and the U.S. Geological Survey",
    "PlanetScope": "Imagery © Planet Labs PBC",
    "SkySat": "Imagery © Planet Labs PBC",
    "RapidEye": "Imagery © Planet Labs PBC",
    "MODIS": "MODIS data courtesy of NASA",
    "VIIRS": "VIIRS data courtesy of NASA",
    "NAIP": "NAIP imagery courtesy of the U.S. Department of Agriculture",
    "EnMAP": "Contains modified EnMAP data © DLR",
    "PRISMA": "PRISMA product © Italian Space Agency (ASI)",
    "EMIT": "EMIT data courtesy of NASA/JPL-Caltech",
    "AVIRIS": "AVIRIS data courtesy of NASA/JPL-Caltech",
}
"""Credit that the provider asks for, by the first word of the instrument."""

_ISO_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def map_title(record: RunRecord) -> str:
    """Return a title of one line: what is mapped, when, and by which instrument."""
    parts = [subject(record), when(record), " and ".join(instruments(record))]
    return ", ".join(part for part in parts if part)


def subject(record: RunRecord) -> str:
    """Return what a map shows, with a capital letter."""
    labels = [item.label for item in record.classes]
    fixed = {"change": "Change", "methane plume": "Methane plumes", "facilities": "Facilities"}
    if record.task in fixed:
        return fixed[record.task]
    if labels and len(labels) <= MOST_LABELS:
        *first, last = labels
        listed = f"{', '.join(first)} and {last}" if first else last
        return listed[:1].upper() + listed[1:]
    name = _text(record.model or {}, "name")
    if name:
        return f"Classes by {name}"
    return f"Classes of {scene_names(record)[0]}" if scene_names(record) else "Classes"


def scene_names(record: RunRecord) -> list[str]:
    """Return the names of the scenes, or of their first files."""
    names = []
    for scene in record.inputs:
        paths = scene.get("paths")
        first = Path(str(paths[0])).name if isinstance(paths, list) and paths else ""
        names.append(_text(scene, "name") or first)
    return [name for name in names if name]


def dates_of(record: RunRecord) -> tuple[str, ...]:
    """Return the known dates of a map in ISO 8601: one, or the first and the last.

    Change has two dates, and classes of a series the first and the last. The water of a series is that of its
    last date. The merged map of a batch has the first and last date of its scenes.
    """
    times = [_text(scene, "time") for scene in record.inputs]
    if record.command.get("merge"):
        known = sorted(filter(None, times))
        return tuple(dict.fromkeys([*known[:1], *known[-1:]]))
    if record.task == "segment" and len(times) > 1:
        return tuple(dict.fromkeys(time for time in (times[0], times[-1]) if time))
    if record.task == "flood" and len(times) > 1 and not record.command.get("before"):
        times = times[-1:]
    if record.task != "change":
        return tuple(time for time in times[:1] if time)
    given = [_text(record.command, name) for name in ("date_before", "date_after")]
    times = [*times, "", ""][:2]
    return tuple(date for date in (one or other for one, other in zip(given, times, strict=True)) if date)


def when(record: RunRecord) -> str:
    """Return the dates of a map in words; empty if unknown."""
    return " to ".join(day_text(value) for value in dates_of(record))


def day_text(iso: str) -> str:
    """Return a date in words: `28 May 2024`, `May 2024` or `2024`; texts in another form as they are."""
    found = _ISO_DATE.match(iso)
    if found is None:
        return iso
    year, month, day = found.groups()
    if month is None or not 1 <= int(month) <= len(_MONTHS):
        return year
    named = f"{_MONTHS[int(month) - 1]} {year}"
    return named if day is None else f"{int(day)} {named}"


def day_of(iso: str | None) -> date | None:
    """Return the day of an ISO 8601 text, the first day of a year or month; None: unknown."""
    found = _ISO_DATE.match(iso or "")
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        return date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None


def instant_of(iso: str | None) -> datetime | None:
    """Return the time of an ISO 8601 text, midnight of a day without a time; None: unknown."""
    try:
        return datetime.fromisoformat(iso or "")
    except ValueError:
        day = day_of(iso)
        return None if day is None else datetime(day.year, day.month, day.day)


def instruments(record: RunRecord) -> list[str]:
    """Return the names of the instruments, each once."""
    found: dict[str, None] = {}
    for scene in record.inputs:
        sensor = _text(scene, "sensor")
        for prefix, name in _SENSORS.items():
            if sensor.startswith(prefix):
                found[name] = None
    return list(found)


def credits_of(record: RunRecord) -> list[str]:
    """Return the credits that the providers of the scenes ask for."""
    # Also those of scenes that give the map no date, such as earlier ones.
    times = (*dates_of(record), *(_text(scene, "time") for scene in record.inputs))
    years = sorted({time[:4] for time in times if time})
    year = f" {', '.join(years) if len(years) < 4 else f'{years[0]} to {years[-1]}'}" if years else ""
    found: dict[str, None] = {}
    for name in instruments(record):
        text = _CREDITS.get(re.split(r"[- ]", name)[0], "")
        if text:
            found[f"{text}{year}" if "Copernicus" in text else text] = None
    return list(found)


def licences(record: RunRecord) -> list[str]:
    """Return what is known about the licence of a map: of its model; otherwise that of its inputs."""
    licence = _text(record.model or {}, "licence")
    model = [f"model {_text(record.model or {}, 'name')}: {licence}"] if licence else []
    return [*model, "the licences of the input scenes apply"]


def lineage(record: RunRecord) -> str:
    """Return how a map was made, in one paragraph."""
    names = scene_names(record)
    scenes = f" from {', '.join(names)}" if names else ""
    return (
        f"Made by geoseg {record.geoseg} on {record.created[:10]}{scenes}. Method: {record.method}. "
        f"{100 * record.valid_share:.3g} % of the area was observed."
    )


def citation(record: RunRecord) -> list[str]:
    """Return what a publication that uses a map cites."""
    model = record.model or {}
    own = (
        f"geoseg maintainers: geoseg, from satellite and aerial rasters to maps, version {record.geoseg}. "
        f"Map made on {day_text(record.created)}: {map_title(record)}."
    )
    by = [f"Method: {record.citation}"] if record.citation else []
    if _text(model, "name"):
        by.append(f"Model: {model['name']}, SHA-256 {_text(model, 'sha256')[:12]}…, {_text(model, 'source')}")
    return [own, *by, *credits_of(record)]


def place_text(lon: float, lat: float, span: float) -> str:
    """Return a position in words.

    Args:
        lon: longitude in degrees, also beyond ±180.
        lat: latitude in degrees.
        span: degrees that the map spans, for the number of digits.
    """
    digits = 2 if span > 0.5 else 3
    lon = (lon + 180) % 360 - 180
    north_south, east_west = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    return f"{abs(lat):.{digits}f}° {north_south}, {abs(lon):.{digits}f}° {east_west}"


def _text(values: Mapping[str, JsonValue], name: str) -> str:
    """Return a text of a record; empty if it is missing."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


_HOW = {
    "flood": "Each observed pixel is tested for water by its own values",
    "change": "Both dates are compared pixel by pixel",
    "methane plume": (
        "Methane is retrieved from the light that it absorbs, and connected pixels above the noise are "
        "searched and screened"
    ),
    "facilities": "A network scores overlapping windows of the scene",
    "vectorize": "The classes of a given raster are traced",
}


def method_words(record: RunRecord) -> list[str]:
    """Return how the map was made, as paragraphs for people who do not know the method."""
    by_network = record.model is not None and record.task != "facilities"
    how = _HOW.get(record.task, "Each pixel gets a class")
    if by_network:
        how = "A trained network scores each pixel for each class; the class of the highest score is mapped"
    source = f" Source: {record.citation}." if record.citation else ""
    shapes = (
        ""
        if record.task == "facilities"
        else " Touching pixels of one class form a polygon. Areas are geodesic: they do not depend on the "
        "map projection."
    )
    return [
        f"{how}: {record.method}.{source}",
        f"{100 * record.valid_share:.3g} % of the area was observed; the rest (clouds, shadow, missing data) "
        f"is not mapped.{shapes}{_cleaning_words(record)}",
    ]


def _cleaning_words(record: RunRecord) -> str:
    """Return what was done to the polygons, as sentences."""
    run = record.command.get("run")
    options = run if isinstance(run, dict) else {}
    texts = {
        "min_area": "Polygons smaller than {:g} m² are left out.",
        "fill_holes": "Holes up to {:g} m² are filled.",
        "simplify": "Outlines are simplified by {:g} m.",
        "smooth_outlines": "Outlines are smoothed by {:g} m.",
    }
    values = [(text, options.get(name)) for name, text in texts.items()]
    return "".join(
        f" {text.format(value)}" for text, value in values if isinstance(value, int | float) and value
    )
