"""Metadata of a product before its files are opened: values that each product kind fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from geoseg.spec import Units

STAC_ITEM, FILE_TAGS = "STAC item", "file tags"
"""Sources of gains besides a product's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Scale and offset of a band in its product's metadata: physical = scale * stored + offset."""

    scale: float
    offset: float
    source: str
    """Where the values were read, for messages."""
    units: Units | None = None
    """Units of the physical values; None: those of the sensor."""
    nodata: float | None = None
    """Stored value that means "not observed"; None: that of the file or sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFacts:
    """Metadata of a Sentinel-2 product about the radiometric offset of baseline 04.00."""

    baseline: float | None = None
    """Processing baseline, such as 5.09; None: not stated."""
    source: str
    """Where the baseline was read, for messages."""
    listed: bool = False
    """True if the product's XML lists the offsets of all bands; a list without entries means no offsets."""
    offset_removed: bool | None = None
    """True if the provider states that it subtracted the offset, False if not; None: not stated."""
    statement: str = ""
    """The provider's statement, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A raster file of a scene."""

    path: str
    labels: tuple[tuple[str, ...], ...] = ()
    """Labels of each band in the product's metadata, the most reliable first; empty: not labelled."""
    gains: tuple[Gain | None, ...] = ()
    """Gain of each band; None or missing: not stated."""
    wavelengths: tuple[float | None, ...] = ()
    """Centre wavelength of each band of an imaging spectrometer in µm, None for a band that was not acquired;
    empty: not stated by the product."""
    widths: tuple[float | None, ...] = ()
    """Full width at half maximum of each band in µm; empty: not stated by the product."""
    units: tuple[str, ...] = ()
    """Unit of each band in a catalogue; empty: not stated."""
    optional: bool = False
    """True for a file that was found in a folder: it is left out if its bands cannot be named."""
    unnamed: str = ""
    """Why its bands have no names and what to do, for messages; empty: no special reason."""
    time: datetime | None = None
    """Acquisition time in the product's metadata (UTC); None: not stated."""
    key: str = ""
    """Key of the asset in a STAC item."""
    offset: OffsetFacts | None = None
    """Radiometric offset in the metadata of a Sentinel-2 product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFile:
    """A file of a product that holds a quality layer."""

    path: str
    kinds: tuple[str, ...]
    """Kinds of quality layer (`configs/quality`) that fit its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file or band of a product that is not used for mapping."""

    name: str
    """Name of the file, with the band if only one band is left out."""
    why: str
    """Reason or content, for `geoseg info`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Sun and view angles in a product's metadata, in degrees."""

    sun_zenith: float | None = None
    """Solar zenith angle at the scene's centre, 0..180 degrees; None: not stated."""
    view_zeniths: Mapping[str, float] = field(default_factory=dict)
    """View zenith angle in degrees by band label (`B12`); an empty label stands for all bands."""
    source: str
    """Where the angles were read, for messages."""
    view_note: str = ""
    """Remark on the view angle, for messages."""

    def view_zenith(self, labels: Sequence[str]) -> float | None:
        """Return the mean view zenith angle of some bands, else of all bands; None if it is not stated."""
        found = [self.view_zeniths[label] for label in labels if label in self.view_zeniths]
        found = found or list(self.view_zeniths.values())
        return sum(found) / len(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The files of a scene and the metadata that they share."""

    name: str
    assets: tuple[Asset, ...]
    sensor: str | None = None
    """Name of the sensor in the metadata; None: not stated."""
    sensor_reason: str = ""
    """Source of the sensor, for messages."""
    time: datetime | None = None
    """Acquisition time in the metadata (UTC); None: not stated."""
    hints: tuple[str, ...] = field(default=())
    """Further names by which the sensor may be recognised: of the folder and the product."""
    platform: str | None = None
    """The satellite in the metadata, such as `sentinel-2a`; None: not stated."""
    geometry: Geometry | None = None
    """Sun and view angles; None: not stated."""
    quality: tuple[QualityFile, ...] = ()
    """Files with quality layers."""
    left_out: tuple[LeftOut, ...] = ()
    """Files that are not used for mapping."""


# ESA's own baselines: Sen2Cor run by users writes 99.99, which has no meaning; `_N48_12_` is a place.
_BASELINE = re.compile(r"_N(0[1-9])[._]?(\d{2})(?=[_./]|$)", re.IGNORECASE)


def iso_time(text: str) -> datetime | None:
    """Parse a time in ISO 8601, in UTC if it has no time zone; None if the text is not a time."""
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def baseline_in(path: str) -> float | None:
    """Return the processing baseline in a product's name (`_N0509_` is 5.09), None if it has none.

    The last baseline in the text counts: in a path it is that of the file.
    """
    found = _BASELINE.findall(path)
    return float(".".join(found[-1])) if found else None
