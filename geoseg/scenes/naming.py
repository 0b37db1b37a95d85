"""Find the common names of bands from labels, descriptions, file names, tags and wavelengths."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from geoseg.scenes import name_patterns
from geoseg.scenes.product import Asset
from geoseg.scenes.raster import Raster, base_name
from geoseg.spec import SensorSpec

CUBE = 30
"""Least number of bands, all with wavelengths, of the cube of an imaging spectrometer."""

_POLARISATION = re.compile(r"(?<![a-z])(?:vv|vh|hh|hv)(?![a-z])")
_WAVELENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(micrometers?|nanometers?|µm|um|nm)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One band of an open file, before it has a name."""

    asset: Asset
    raster: Raster
    index: int
    wavelength: float | None = None
    """Centre wavelength in µm; None: not stated."""
    fwhm: float | None = None
    """Full width at half maximum in µm; None: not stated."""

    @property
    def file(self) -> str:
        """Base name of the file."""
        return base_name(self.raster.path)

    @property
    def where(self) -> str:
        """File and band, for messages."""
        return f"{self.file} band {self.index}" if self.raster.count > 1 else self.file

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the product's metadata, and the band description of the file."""
        labels = self.asset.labels[self.index - 1] if self.index <= len(self.asset.labels) else ()
        description = self.raster.descriptions[self.index - 1]
        return (*labels, description) if description else labels


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedCandidate:
    """A candidate band with its name."""

    name: str
    candidate: Candidate
    origin: str
    """How the name was found, for messages and `geoseg info`."""


def centre_of(asset: Asset, raster: Raster, index: int) -> float | None:
    """Return a band's centre wavelength in µm from its product's metadata, else from its file."""
    return asset.wavelengths[index - 1] if asset.wavelengths else wavelength_of(raster, index)


def wavelength_of(raster: Raster, index: int) -> float | None:
    """Return a band's centre wavelength in µm from its tags or description."""
    tags = raster.tags(index)
    text = tags.get("wavelength") or tags.get("central_wavelength_um")
    units = tags.get("wavelength_units", "micrometers" if "central_wavelength_um" in tags else "").lower()
    if not text:
        found = _WAVELENGTH.search(raster.descriptions[index - 1] or "")
        if not found:
            return None
        text, units = found[1], found[2].lower()
    return _micrometres(text, units, above=100)


def fwhm_of(raster: Raster) -> list[float | None]:
    """Return the full widths at half maximum of all bands in µm, from an ENVI header or the tags of bands."""
    tags = raster.tags()
    shared, units = _listed(tags.get("fwhm", "")), tags.get("wavelength_units", "").lower()
    if len(shared) == raster.count:
        return [_micrometres(text, units, above=0.5) for text in shared]
    widths = []
    for index in range(1, raster.count + 1):
        tags = raster.tags(index)
        text, units = tags.get("fwhm", ""), tags.get("fwhm_units", tags.get("wavelength_units", "")).lower()
        if not text and "fwhm_um" in tags:
            text, units = tags["fwhm_um"], "um"
        widths.append(_micrometres(text, units, above=0.5))
    return widths


def bad_bands(raster: Raster) -> set[int]:
    """Return the 1-based indexes of bands that an ENVI header marks as bad: 0 in the list `bbl`."""
    listed = _listed(raster.tags().get("bbl", ""))
    flags = listed if len(listed) == raster.count else []
    return {index for index, flag in enumerate(flags, start=1) if flag in {"0", "0.0"}}


def _listed(text: str) -> list[str]:
    """Return the items of a list in an ENVI header."""
    return [item.strip() for item in text.strip("{} \n").split(",") if item.strip()]


def _micrometres(text: str, units: str, *, above: float) -> float | None:
    """Return a length in µm, None for no number above 0; without units, numbers above `above` are nm."""
    try:
        value = float(text)
    except ValueError:
        return None
    nanometres = units.startswith("n") or (not units.startswith(("m", "u", "µ")) and value > above)
    return (value / 1000 if nanometres else value) if value > 0 else None


def vocabulary(sensor: SensorSpec, *, names: bool) -> dict[str, str]:
    """Return the aliases of a sensor's bands in lower case, with their common names.

    Args:
        sensor: the sensor.
        names: True includes the common names themselves.
    """
    words = {alias.lower(): band.name for band in sensor.bands for alias in band.aliases}
    return {**words, **{band.name.lower(): band.name for band in sensor.bands}} if names else words


def name_by_alias(candidate: Candidate, sensor: SensorSpec) -> str | None:
    """Return the common name of a band whose label is an alias in the same letters, capital or small.

    FORCE's `NIR` is `nir08`, because its broad near infrared has a label of its own, and `nir` is the
    common name.
    """
    exact = {alias: band.name for band in sensor.bands for alias in band.aliases}
    return next((exact[label.strip()] for label in candidate.labels if label.strip() in exact), None)


def name_by_words(candidate: Candidate, words: Mapping[str, str], patterns: Iterable[str]) -> str | None:
    """Return the common name of a band from its labels, its description or its file name, in this order."""
    word = word_of(candidate, words, patterns)
    return None if word is None else words[word]


def word_of(candidate: Candidate, words: Collection[str], patterns: Iterable[str]) -> str | None:
    """Return the first of some words (lower case) in labels, description or file name, in this order."""
    for label in candidate.labels:
        if label.strip().lower() in words:
            return label.strip().lower()
    for label in candidate.labels:
        found = None if _of_two_polarisations(label) else _last_word(label, words)
        if found:
            return found
    if candidate.raster.count > 1:
        return None
    for pattern in patterns:
        match = name_patterns.search(pattern, candidate.file)
        label = (match.groupdict().get("band") or "").lower() if match else ""
        if label in words:
            return label
    stem = PurePosixPath(candidate.file).stem
    return None if _of_two_polarisations(stem) else _last_word(stem, words)


def _of_two_polarisations(name: str) -> bool:
    """Return whether a label or name names two polarisations, as that of their ratio does (`VV_VH`).

    After the name of a product of two (`S1A_IW_VV_VH`), that of the band is there twice (`S1A_IW_VV_VH_VH`).
    """
    found = _POLARISATION.findall(name.lower())
    return len(set(found)) > 1 and found.count(found[-1]) == 1


def _last_word(text: str, words: Collection[str]) -> str | None:
    """Return the known word that ends last in a text; of several that end there, the longest."""
    plain = _plain(text)
    # Patterns are made only for words that occur: there are many words, and few in a text.
    found = [match for word in words if _plain(word) in plain and (match := _finder(word).search(text))]
    if not found:
        return None
    best = max(found, key=lambda match: (match.end(1), len(match[1])))
    return best[1].lower().replace(" ", "_").replace("-", "_")


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Return a text in lower case, in which `-` and space are `_`."""
    return text.lower().replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=1024)
def _finder(word: str) -> re.Pattern[str]:
    """Return a pattern for the last occurrence of a whole word; `_`, `-` and space are equivalent."""
    body = re.escape(word).replace("_", "[_ -]")
    return re.compile(
        rf"(?<![A-Za-z0-9])({body})(?![A-Za-z0-9])(?!.*(?<![A-Za-z0-9]){body}(?![A-Za-z0-9]))", re.I
    )


def name_by_wavelength(wavelength: float | None, sensor: SensorSpec) -> str | None:
    """Return the sensor's band with the centre nearest to a wavelength (µm); None if none is within 5 %."""
    known = (
        [(abs(band.wavelength - wavelength), band) for band in sensor.bands if band.wavelength]
        if wavelength
        else []
    )
    if not known or wavelength is None:
        return None
    distance, band = min(known, key=lambda item: item[0])
    return band.name if distance <= 0.05 * wavelength else None


def cube_names(wavelengths: Sequence[float]) -> list[str]:
    """Return names of bands by wavelength (µm): `w2310` at 2310 nm, with decimals if names repeat."""
    for digits in (0, 1, 2, 3):
        names = [f"w{1000 * wavelength:.{digits}f}" for wavelength in wavelengths]
        if len(set(names)) == len(names):
            return names
    return [f"w{1000 * wavelength:.0f}_{index}" for index, wavelength in enumerate(wavelengths, start=1)]


def orders_of(sensor: SensorSpec, count: int) -> list[tuple[str, ...]]:
    """Return a sensor's usual orders of `count` bands, the most usual first."""
    return [order for order in (sensor.order, *sensor.orders) if order and len(order) == count]
