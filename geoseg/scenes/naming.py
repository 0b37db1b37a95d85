"""Names of bands: what files, descriptions, tags and wavelengths say, matched to a sensor's common names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from geoseg.scenes.product import Asset
from geoseg.scenes.raster import Raster, base_name
from geoseg.spec import SensorSpec

CUBE = 30
"""A file with at least so many bands, all with wavelengths, is a spectrometer's cube."""

_WAVELENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(micrometers?|nanometers?|µm|um|nm)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One band of an open file, before it has a name."""

    asset: Asset
    raster: Raster
    index: int
    wavelength: float | None = None
    """Centre in µm, where the file says it."""
    fwhm: float | None = None
    """Full width at half maximum in µm, where the file says it."""

    @property
    def file(self) -> str:
        """The file's base name."""
        return base_name(self.raster.path)

    @property
    def where(self) -> str:
        """File and band for messages."""
        return f"{self.file} band {self.index}" if self.raster.count > 1 else self.file

    @property
    def labels(self) -> tuple[str, ...]:
        """What the product calls it, and its own description."""
        own = self.asset.labels[self.index - 1] if self.index <= len(self.asset.labels) else ()
        description = self.raster.descriptions[self.index - 1]
        return (*own, description) if description else own


def centre_of(asset: Asset, raster: Raster, index: int) -> float | None:
    """Return a band's centre wavelength in µm as its product says it, else its file."""
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
    """Return the full widths at half maximum of all bands in µm: of an ENVI header's list or bands' tags."""
    tags = raster.tags()
    shared, units = _listed(tags.get("fwhm", "")), tags.get("wavelength_units", "").lower()
    if len(shared) == raster.count:
        return [_micrometres(text, units, above=0.5) for text in shared]
    found = []
    for index in range(1, raster.count + 1):
        own = raster.tags(index)
        text, units = own.get("fwhm", ""), own.get("fwhm_units", own.get("wavelength_units", "")).lower()
        if not text and "fwhm_um" in own:
            text, units = own["fwhm_um"], "um"
        found.append(_micrometres(text, units, above=0.5))
    return found


def bad_bands(raster: Raster) -> set[int]:
    """Return 1-based indexes of bands that the file itself calls bad: 0 in an ENVI header's `bbl`."""
    listed = _listed(raster.tags().get("bbl", ""))
    flags = listed if len(listed) == raster.count else []
    return {index for index, flag in enumerate(flags, start=1) if flag in {"0", "0.0"}}


def _listed(text: str) -> list[str]:
    """Return the items of an ENVI header's list."""
    return [item.strip() for item in text.strip("{} \n").split(",") if item.strip()]


def _micrometres(text: str, units: str, *, above: float) -> float | None:
    """Return a length in µm, None for no number above 0; without units, numbers above a limit are nm."""
    try:
        value = float(text)
    except ValueError:
        return None
    nanometres = units.startswith("n") or (not units.startswith(("m", "u", "µ")) and value > above)
    return (value / 1000 if nanometres else value) if value > 0 else None


def vocabulary(sensor: SensorSpec, *, names: bool) -> dict[str, str]:
    """Return what a sensor's bands are called, in lower case, with their common names.

    Args:
        sensor: whose bands.
        names: whether common names themselves count, or aliases only.
    """
    words = {alias.lower(): band.name for band in sensor.bands for alias in band.aliases}
    return {**words, **{band.name.lower(): band.name for band in sensor.bands}} if names else words


def name_by_words(candidate: Candidate, words: Mapping[str, str], patterns: Iterable[str]) -> str | None:
    """Return the common name that labels, description or file name say, the surest first."""
    word = word_of(candidate, words, patterns)
    return None if word is None else words[word]


def word_of(candidate: Candidate, words: Collection[str], patterns: Iterable[str]) -> str | None:
    """Return which of some words (lower case) labels, description or file name hold, the surest first."""
    for label in candidate.labels:
        if label.strip().lower() in words:
            return label.strip().lower()
    for label in candidate.labels:
        found = _last_word(label, words)
        if found:
            return found
    if candidate.raster.count > 1:
        return None
    for pattern in patterns:
        match = re.search(pattern, candidate.file, re.IGNORECASE)
        label = (match.groupdict().get("band") or "").lower() if match else ""
        if label in words:
            return label
    return _last_word(PurePosixPath(candidate.file).stem, words)


def _last_word(text: str, words: Collection[str]) -> str | None:
    """Return the last whole word in a text that is known; of several there, the longest."""
    found = [match for word in words if (match := _finder(word).search(text))]
    if not found:
        return None
    best = max(found, key=lambda match: (match.end(1), len(match[1])))
    return best[1].lower().replace(" ", "_").replace("-", "_")


@lru_cache(maxsize=1024)
def _finder(word: str) -> re.Pattern[str]:
    """Return a pattern for the last whole occurrence of a word; `_`, `-` and blank are alike."""
    body = re.escape(word).replace("_", "[_ -]")
    return re.compile(
        rf"(?<![A-Za-z0-9])({body})(?![A-Za-z0-9])(?!.*(?<![A-Za-z0-9]){body}(?![A-Za-z0-9]))", re.I
    )


def name_by_wavelength(wavelength: float | None, sensor: SensorSpec) -> str | None:
    """Return the band of a sensor whose centre is nearest to a wavelength (µm), within 5 %."""
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
    """Return names of a cube's bands by wavelength (µm): `w2310` at 2310 nm, finer where two would be one."""
    for digits in (0, 1, 2, 3):
        names = [f"w{1000 * wavelength:.{digits}f}" for wavelength in wavelengths]
        if len(set(names)) == len(names):
            return names
    return [f"w{1000 * wavelength:.0f}_{index}" for index, wavelength in enumerate(wavelengths, start=1)]


def orders_of(sensor: SensorSpec, count: int) -> list[tuple[str, ...]]:
    """Return a sensor's usual orders of so many bands, the most usual first."""
    return [order for order in (sensor.order, *sensor.orders) if order and len(order) == count]
