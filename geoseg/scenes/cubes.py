"""Cubes of imaging spectrometers: units and fill of all bands, found from the file and a few of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from geoseg.scenes.naming import wavelength_of
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.remarks import Remarks
from geoseg.spec import Units

SENTINELS = (-9999.0, -32768.0, -99999.0)
"""Values that mean "not observed" in float files whose authors forgot the nodata tag."""

_PER_SR = r"/\s*sr\b|\bsr\s*(\^|\*\*)?-1"
_SAYS: tuple[tuple[Units, re.Pattern[str]], ...] = (
    ("reflectance", re.compile(r"(?<![a-z])(rfl|refl|reflectance)(?![a-z])", re.IGNORECASE)),
    ("radiance", re.compile(rf"(?<![a-z])(rdn|rad|radiance)(?![a-z])|{_PER_SR}", re.IGNORECASE)),
)
"""What file names and tags say; units of radiance are per sr."""

_TOLD = ("data_units", "units", "description", "radiance_units", "tifftag_imagedescription")
"""Tags that may tell the units."""

BRIGHTEST = 2.0
"""Reflectance of visible light beyond this is none."""


@dataclass(frozen=True, kw_only=True)
class Cube:
    """What holds for all bands of a spectrometer's file."""

    units: Units
    nodata: float | None
    """A value that means "not observed" though no tag says so."""


def is_cube_name(band: str) -> bool:
    """Whether a band is named by its wavelength: `w2310`."""
    return re.match(r"w\d", band) is not None


def look_at(raster: Raster, remarks: Remarks) -> Cube:
    """Tell units and fill of a file of floats: by its tags and name, else by its values."""
    values = raster.sample(raster.count)
    nodata = next((value for value in SENTINELS if bool((values == value).any())), None)
    file = base_name(raster.path)
    if nodata is not None:
        remarks.note(f"{file}: {nodata:g} without a nodata tag, taken for not observed")
    tags = raster.tags()
    told = " ".join((file, *(tags.get(key, "") for key in _TOLD), raster.tags(1).get("units", "")))
    for units, pattern in _SAYS:
        found = pattern.search(told.replace("_", " "))
        if found:
            remarks.note(f"{file}: taken for {units} ({found[0]} in its name or tags)")
            return Cube(units=units, nodata=nodata)
    if _as_dark_as_reflectance(raster):
        remarks.note(f"{file}: float values of 0..1 in visible light are taken for reflectance as they are")
        return Cube(units="reflectance", nodata=nodata)
    return Cube(units="dn", nodata=nodata)


def _as_dark_as_reflectance(raster: Raster) -> bool:
    """Whether a band of visible light holds values of 0..1; infrared radiance may do so too."""
    centres = {index: wavelength_of(raster, index) for index in range(1, raster.count + 1)}
    visible = {index: centre for index, centre in centres.items() if centre and centre < 0.75}
    if not visible:
        return False
    values = raster.sample(min(visible, key=lambda index: abs(visible[index] - 0.56)))
    values = values[np.isfinite(values) & (values > -9000)]
    return bool(values.size) and 0 < float(np.percentile(values, 99)) <= BRIGHTEST
