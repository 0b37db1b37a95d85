"""What a product says of its files before any is opened: values that every product kind fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from geoseg.spec import Units

STAC_ITEM, FILE_TAGS = "STAC item", "file tags"
"""Sources of gains that are no product's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A band's way from stored to physical values, as its product says it."""

    scale: float
    offset: float
    source: str
    """Where it was read, for people."""
    units: Units | None = None
    """None: those of the sensor."""
    nodata: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFacts:
    """What the metadata of a Sentinel-2 product say of the offset that came with baseline 04.00."""

    baseline: float | None = None
    """Processing baseline, such as 5.09."""
    source: str
    """Where that was read, for people."""
    listed: bool = False
    """Whether the product's XML lists the offsets of all bands, or none because there are none."""
    taken_off: bool | None = None
    """Whether the provider says that it subtracted the offset; None: it does not say."""
    statement: str = ""
    """The provider's statement, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A raster file of a scene."""

    path: str
    labels: tuple[tuple[str, ...], ...] = ()
    """Per band what the product calls it, the surest first; empty: names must tell."""
    gains: tuple[Gain | None, ...] = ()
    """Per band."""
    wavelengths: tuple[float | None, ...] = ()
    """Per band of an imaging spectrometer its centre in µm, None where it was not acquired; empty: the file
    must tell."""
    widths: tuple[float | None, ...] = ()
    """Per band the full width at half maximum in µm; empty: the file must tell."""
    units: tuple[str, ...] = ()
    """Per band the unit as a catalogue states it; empty where it does not."""
    spare: bool = False
    """Whether it may be left out when its bands are unknown: it was found, not named."""
    unnamed: str = ""
    """Why its bands have no names and what to do, for people; empty: nothing is known."""
    time: datetime | None = None
    """When it was acquired, as its product says it; None: names must tell."""
    key: str = ""
    """What a STAC item calls it."""
    offset: OffsetFacts | None = None
    """Of Sentinel-2 products with metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFile:
    """A file of a product that says what hides the ground."""

    path: str
    kinds: tuple[str, ...]
    """Names of the kinds of quality layer (`configs/quality`) that it may be, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file or band of a product that is not mapped from."""

    name: str
    """Of the file, with its band where only one is left out."""
    why: str
    """What it is, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where the sun stood and from where a scene was seen, as its product says it, in degrees."""

    sun_zenith: float | None = None
    """At the scene's centre, from the vertical."""
    view_zeniths: Mapping[str, float] = field(default_factory=dict)
    """By what the product calls its bands (`B12`); an empty name: of all."""
    source: str
    """Where it was read, for people."""
    view_note: str = ""
    """What else people should know of the view."""

    def view_zenith(self, labels: Sequence[str]) -> float | None:
        """Return the mean over some bands, over all where none of them is known; None: not known."""
        found = [self.view_zeniths[label] for label in labels if label in self.view_zeniths]
        found = found or list(self.view_zeniths.values())
        return sum(found) / len(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The files of a scene and what is known of them together."""

    name: str
    assets: tuple[Asset, ...]
    sensor: str | None = None
    because: str = ""
    """Why this sensor."""
    time: datetime | None = None
    hints: tuple[str, ...] = field(default=())
    """Further names that may give the sensor away: the folder's, the product's."""
    platform: str | None = None
    """The satellite as metadata state it, such as `sentinel-2a`; None: names must tell."""
    geometry: Geometry | None = None
    quality: tuple[QualityFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


_STAMP = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<dash>-?)(?P<month>0[1-9]|1[0-2])(?P=dash)(?P<day>[0-2]\d|3[01])"
    r"(?:[T_]?(?P<clock>(?:[01]\d|2[0-3])[0-5]\d[0-5]\d))?(?!\d)"
)
_DAY_OF_YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})([0-3]\d{2})T(\d{6})(?!\d)")
_LANDSAT_OLD = re.compile(r"^L[A-Z]\d\d{6}((?:19|20)\d{2})([0-3]\d{2})")
_BASELINE = re.compile(r"_N(\d{2})[._]?(\d{2})(?=[_./]|$)")
_OWN_BASELINES = (1.0, 90.0)
"""Between them lie ESA's own; Sen2Cor by users writes 99.99, which tells nothing."""
_HLS_DAY = re.compile(r"^HLS\.[LS]30\.T\w{5}\.((?:19|20)\d{2})([0-3]\d{2})\.")


def iso_time(text: str) -> datetime | None:
    """Return a time in ISO 8601 in UTC, which is meant where no zone is said; None for what is none."""
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def time_in_name(name: str) -> datetime | None:
    """Return the first time (UTC) in a file or product name; midnight where only a day is said."""
    found = _STAMP.search(name)
    if found:
        clock = found["clock"] or "000000"
        try:
            return datetime.strptime(
                "".join(found.group("year", "month", "day")) + clock, "%Y%m%d%H%M%S"
            ).replace(tzinfo=UTC)
        except ValueError:
            return None
    found = _DAY_OF_YEAR.search(name) or _LANDSAT_OLD.search(name) or _HLS_DAY.search(name)
    if found and 1 <= int(found[2]) <= 366:
        day = datetime(int(found[1]), 1, 1, tzinfo=UTC) + timedelta(days=int(found[2]) - 1)
        clock = found[3] if found.re is _DAY_OF_YEAR else "000000"
        return day + timedelta(hours=int(clock[:2]), minutes=int(clock[2:4]), seconds=int(clock[4:]))
    return None


def baseline_in(path: str) -> float | None:
    """Return the processing baseline in a product's name (`_N0509_` is 5.09), None where it has none.

    The last one counts, which in a path is that of the file.
    """
    found = [float(f"{major}.{minor}") for major, minor in _BASELINE.findall(path)]
    found = [value for value in found if _OWN_BASELINES[0] < value < _OWN_BASELINES[1]]
    return found[-1] if found else None
