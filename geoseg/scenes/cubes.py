"""Cubes of imaging spectrometers: units and nodata value of all bands, from tags and a few bands."""

from __future__ import annotations

import logging
import re
from functools import cached_property
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.messages import note
from geoseg.scenes.naming import wavelength_of
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.untagged_nodata import usual_nodata
from geoseg.spec import Units

LOG = logging.getLogger(__name__)

_REFLECTANCE = re.compile(r"(?<![a-z])(rfl|refl|reflectance)(?![a-z])", re.IGNORECASE)
_RADIANCE = re.compile(r"(?<![a-z])(rdn|rad|radiance)(?![a-z])", re.IGNORECASE)
_WATTS = re.compile(r"(?<![a-z])([uµμm]?)W(?![a-z])(?=.*(?<![a-z])sr(?![a-z]))", re.IGNORECASE)
"""Words in file names and tags; radiance is power per sr."""

_POWER = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6}

_UNIT_TAGS = ("data_units", "units", "description", "radiance_units", "tifftag_imagedescription")
"""Tags that may state the units."""

SAMPLE_CACHE = 32 * 2**20
"""Size of the block cache while a band is sampled, bytes."""

BRIGHTEST = 2.0
"""Visible reflectance; larger values are not reflectance."""


class CubeCalibration:
    """Units and nodata value of all bands of a float file of a spectrometer, found once."""

    def __init__(self, raster: Raster) -> None:
        """Take an open file."""
        self._raster = raster
        self._file = base_name(raster.path)

    @cached_property
    def nodata(self) -> float | None:
        """The nodata value of a file without a nodata tag; None: there is none."""
        values = _sample(self._raster, self._raster.count)
        nodata = usual_nodata(values)
        if nodata is not None:
            note(LOG, f"{self._file}: {nodata:g} without a nodata tag is treated as nodata")
        return nodata

    @cached_property
    def gain(self) -> tuple[float, Units]:
        """Scale and units from tags and name, else from the values of a visible band.

        Radiance without units is digital numbers: its scale is not known.
        """
        tags = self._raster.tags()
        units = " ".join([*(tags.get(key, "") for key in _UNIT_TAGS), self._raster.tags(1).get("units", "")])
        text = f"{self._file} {units}".replace("_", " ")
        if found := _REFLECTANCE.search(text):
            note(LOG, f"{self._file}: read as reflectance ({found[0]} in its name or tags)")
            return 1.0, "reflectance"
        if found := _WATTS.search(units):
            scale = _POWER[found[1].lower()] * (1e4 if "cm" in units else 1) * (1e3 if "nm" in units else 1)
            note(LOG, f"{self._file}: radiance in {units.strip()}, x {scale:g} in W m-2 sr-1 um-1")
            return scale, "radiance"
        if found := _RADIANCE.search(text):
            note(LOG, f"{self._file}: read as radiance of unknown scale ({found[0]} in its name)")
            return 1.0, "dn"
        if _as_dark_as_reflectance(self._raster):
            note(
                LOG,
                f"{self._file}: visible bands have float values of 0..1; read as reflectance",
            )
            return 1.0, "reflectance"
        return 1.0, "dn"


def is_cube_name(band: str) -> bool:
    """Return whether a band is named by its wavelength, as `w2310`."""
    return re.match(r"w\d", band) is not None


def _as_dark_as_reflectance(raster: Raster) -> bool:
    """Return whether a visible band holds values of 0..1; infrared radiance may do so too."""
    centres = {index: wavelength_of(raster, index) for index in range(1, raster.count + 1)}
    visible = {index: centre for index, centre in centres.items() if centre and centre < 0.75}
    if not visible:
        return False
    values = _sample(raster, min(visible, key=lambda index: abs(visible[index] - 0.56)))
    values = values[np.isfinite(values) & (values > -9000)]
    return bool(values.size) and 0 < float(np.percentile(values, 99)) <= BRIGHTEST


def _sample(raster: Raster, index: int) -> NDArray[Any]:
    """Return values of one band; few, since all bands are decoded where they are interleaved by pixel."""
    with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
        return raster.sample(index, size=128)
