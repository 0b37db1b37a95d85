"""Calibrate bands: find scale, offset, units and nodata of each band from product, tags or sensor."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.messages import note, warn
from geoseg.scenes.bands import Band, nodata_as_stored
from geoseg.scenes.cubes import CubeCalibration, is_cube_name
from geoseg.scenes.naming import NamedCandidate
from geoseg.scenes.product import FILE_TAGS, Gain, Product
from geoseg.scenes.providers import names_of, provider_of
from geoseg.scenes.radar_values import FAINTEST_DB
from geoseg.scenes.raster import Raster
from geoseg.scenes.reflectance_check import AS_FLOATS, ASSUMED, UNSCALED, check_reflectance
from geoseg.scenes.untagged_nodata import GREAT, SENTINELS, isolated_value, untagged_nodata
from geoseg.spec import SarUnits, SensorSpec, Units

LOG = logging.getLogger(__name__)

_SAME = 1e-6
"""Difference of reflectance below which a value is the scaled nodata value."""


@dataclass(frozen=True, kw_only=True)
class CalibrationContext:
    """Values that all bands of a scene share."""

    sensor: SensorSpec | None
    product: Product
    time: datetime | None
    sar_units: SarUnits
    """Value of `--sar-units`."""
    confirmed: bool = False
    """Whether `--sensor`, metadata or the name of a product state the sensor."""
    named: Sequence[NamedCandidate] = ()
    """All bands of the scene."""
    cubes: dict[Raster, CubeCalibration] = field(default_factory=dict)
    """Gain and nodata of files of imaging spectrometers."""

    @cached_property
    def brightest(self) -> float:
        """The 99th percentile of the brightest float band: at most 2 for reflectance, above for others.

        All bands count, because a single dark band of digital numbers may look like reflectance.
        """
        high = 0.0
        for item in self.named:
            raster, index = item.candidate.raster, item.candidate.index
            if raster.dtypes[index - 1].kind == "f" and not item.name.startswith("lwir"):
                values = raster.sample(index)
                values = values[np.isfinite(values) & (values > -9000) & (values < GREAT)]
                values = values[values != isolated_value(values)]
                high = max(high, float(np.percentile(values, 99)) if values.size else 0.0)
        return high


def calibrate(named: Sequence[NamedCandidate], context: CalibrationContext) -> tuple[Band, ...]:
    """Return bands with scale, offset, units and nodata; notes list what was guessed.

    Raises:
        SceneError: offset or units in the metadata contradict each other or the values; or these cannot be
            reflectance.
        SceneReadError: a file is damaged.
    """
    context = replace(context, named=named)
    sensor = context.sensor
    if sensor is not None and sensor.kind == "embedding":
        return tuple(_axis(item, sensor) for item in named)
    bands = [_band(item, context) for item in named]
    if sensor is None:
        return tuple(_shared_zeros(bands))
    if sensor.kind == "sar":
        from geoseg.scenes.radar_fill import with_fill  # noqa: PLC0415 - for radar only
        from geoseg.scenes.radar_units import settle_units  # noqa: PLC0415

        bands = settle_units(
            with_fill(bands), sensor=sensor, product=context.product, requested=context.sar_units
        )
        return tuple(_zeros(band, bands) for band in bands)
    bands = _shared_zeros(bands)
    if sensor.name.startswith("sentinel-2"):
        from geoseg.scenes.sentinel2_offset import settle_offset  # noqa: PLC0415 - for Sentinel-2 only

        bands = settle_offset(bands, sensor=sensor, product=context.product, time=context.time)
    elif sensor.name.startswith("hls"):
        from geoseg.scenes.sentinel2_offset import doubt_absence  # noqa: PLC0415 - for HLS only

        doubt_absence(bands, sensor)
    check_reflectance(bands, sensor=sensor.name, offset=sensor.offset, confirmed=context.confirmed)
    return tuple(bands)


def _band(item: NamedCandidate, context: CalibrationContext) -> Band:
    """Return a band calibrated by the most reliable source: the product, the file's tags, the sensor."""
    candidate, sensor = item.candidate, context.sensor
    raster, index = candidate.raster, candidate.index
    dtype = raster.dtypes[index - 1]
    gains = candidate.asset.gains
    gain = gains[index - 1] if index <= len(gains) else None
    if gain is None and (raster.scales[index - 1], raster.offsets[index - 1]) != (1.0, 0.0):
        gain = Gain(scale=raster.scales[index - 1], offset=raster.offsets[index - 1], source=FILE_TAGS)
    gain = gain or _of_envi(item, context) or _from_sensor(item, context)
    units: Units = gain.units or (sensor.units if sensor else "dn")
    if (
        gain.units is None
        and units == "dn"
        # Masking turns integers into floats, and keeps their scale.
        and (dtype.kind in "iu" or gain.source == FILE_TAGS)
        and gain.scale <= 0.01
        and (sensor is None or sensor.kind == "optical")
    ):
        units = "reflectance"
    nodata = raster.nodata[index - 1]
    if nodata is None:
        nodata = gain.nodata if gain.nodata is not None else _usual_nodata(item, context)
    band = Band(
        name=item.name,
        raster=raster,
        index=index,
        scale=gain.scale,
        offset=gain.offset,
        units=units,
        nodata=nodata_as_stored(nodata, dtype),
        wavelength=candidate.wavelength,
        fwhm=candidate.fwhm,
        origin=item.origin,
        scaling=gain.source,
    )
    if dtype.kind not in "fi" and (dtype.kind != "u" or band.nodata is not None or raster.masked):
        return band
    stated = raster.nodata[index - 1]
    if stated is None and is_cube_name(band.name):
        return replace(band, nodata=_cube(raster, context).nodata) if band.nodata is None else band
    scaled = _scaled_fill(band, sensor)
    if stated is None:
        several = sensor is not None and sensor.kind == "sar" and len(context.named) > 1
        return _with_untagged_nodata(band, scaled, together=several)
    kept = np.isnan(stated) or (sensor is not None and stated == sensor.nodata)
    return _with_scaled_nodata(band, scaled, raster.sample(index)) if kept and scaled else band


def _of_envi(item: NamedCandidate, context: CalibrationContext) -> Gain | None:
    """Return the scale in an ENVI header that states what reflectance of 1 is stored as.

    Floats of 0..1 are reflectance already; those of cubes are scaled by their units.
    """
    raster = item.candidate.raster
    text = raster.tags().get("reflectance_scale_factor", "")
    if not re.fullmatch(r"\d+(\.\d*)?", text.strip()):
        return None
    integer = raster.dtypes[item.candidate.index - 1].kind in "iu"
    if not integer and (is_cube_name(item.name) or context.brightest <= 2):
        return None
    factor = float(text)
    return Gain(scale=1 / factor, offset=0.0, source=FILE_TAGS) if factor > 1 else None


def _scaled_fill(band: Band, sensor: SensorSpec | None) -> tuple[float, ...]:
    """Return what usual nodata values become where they were scaled as the reflectance of a band was.

    So -0.2 are the 0 of Landsat, -0.1 the 0 of Sentinel-2 with its offset, and -0.9999 is -9999. Values that
    the band cannot hold, or holds as its nodata, are left out.
    """
    if band.units != "reflectance" or sensor is None:
        return ()
    fills = {value * 1e-4 for value in SENTINELS if value > -1e5}
    if sensor.nodata is not None:
        fills.add(sensor.nodata * sensor.scale + sensor.offset)
    if sensor.name.startswith("sentinel-2"):
        fills.add(-0.1)
    least = band.offset - _SAME if band.dtype.kind == "u" else -np.inf
    known = np.nan
    if band.nodata is not None and band.dtype.kind in "iu":
        known = band.nodata * band.scale + band.offset
    return tuple(value for value in fills if least <= value < 0 and not abs(value - known) < _SAME)


def _usual_nodata(item: NamedCandidate, context: CalibrationContext) -> float | None:
    """Return the nodata value of the provider, else of the sensor; None: there is none."""
    if context.sensor is None:
        return None
    provider = provider_of(names_of(item.candidate.raster, context.product), context.sensor)
    return provider.nodata if provider and provider.nodata is not None else context.sensor.nodata


def _axis(item: NamedCandidate, sensor: SensorSpec) -> Band:
    """Return an axis of an embedding; integers have the scale of the file, or that of the sensor."""
    raster, index = item.candidate.raster, item.candidate.index
    dtype, stated = raster.dtypes[index - 1], raster.scales[index - 1]
    integer = dtype.kind in "iu"
    nodata = raster.nodata[index - 1]
    return Band(
        name=item.name,
        raster=raster,
        index=index,
        scale=stated if stated != 1.0 or not integer else sensor.scale,
        units=sensor.units,
        nodata=nodata_as_stored(sensor.nodata if nodata is None else nodata, dtype),
        square=sensor.square and integer,
        origin=item.origin,
        scaling=FILE_TAGS if stated != 1.0 else f"{ASSUMED}{sensor.name}",
    )


def _cube(raster: Raster, context: CalibrationContext) -> CubeCalibration:
    """Return gain and nodata of a file of an imaging spectrometer, measured once for all its bands."""
    if raster not in context.cubes:
        context.cubes[raster] = CubeCalibration(raster)
    return context.cubes[raster]


def _from_sensor(item: NamedCandidate, context: CalibrationContext) -> Gain:
    """Return the sensor's scale and offset if the stored values have its usual dtype."""
    sensor, raster, index = context.sensor, item.candidate.raster, item.candidate.index
    dtype = raster.dtypes[index - 1]
    provider = provider_of(names_of(raster, context.product), sensor) if sensor else None
    if provider is not None and provider.scale is not None and dtype.kind in "iu" and dtype.itemsize > 1:
        return Gain(scale=provider.scale, offset=0.0, source=f"{provider.title}, by its name")
    if sensor is None or sensor.kind == "sar":
        return Gain(scale=1.0, offset=0.0, source="stored values")
    if dtype.kind == "f":
        return _of_floats(item, context)
    if sensor.units == "reflectance" and (dtype.itemsize == 1 or sensor.scale == 1.0):
        why = "no MTL file with gains" if sensor.scale == 1.0 else "stored in 8 bits"
        warn(
            LOG,
            "bare-counts",
            f"{item.candidate.file}: {why}, so its values are digital numbers and not reflectance; "
            "fixed thresholds of indices may be wrong",
        )
        return Gain(scale=1.0, offset=0.0, units="dn", source=why)
    if sensor.kind == "hyperspectral" and sensor.units == "radiance" and sensor.scale == 1.0:
        why = "no metadata with gains"
        note(LOG, f"{item.candidate.file}: {why}, so its integers are digital numbers")
        return Gain(scale=1.0, offset=0.0, units="dn", source=why)
    if item.name.startswith("lwir"):
        return Gain(scale=1.0, offset=0.0, units="dn", source="thermal band, digital numbers")
    if sensor.name.startswith("landsat") and sensor.name.endswith("-l1"):
        warn(
            LOG,
            "no-sun-correction",
            "there is no MTL file with the bands: reflectance is not corrected for sun elevation",
        )
    return Gain(scale=sensor.scale, offset=sensor.offset, source=f"{ASSUMED}{sensor.name}")


def _of_floats(item: NamedCandidate, context: CalibrationContext) -> Gain:
    """Return the scale of float values: those of a reflectance sensor may be reflectance already."""
    sensor, raster = context.sensor, item.candidate.raster
    if sensor is not None and sensor.kind == "hyperspectral" and sensor.units != "reflectance":
        return Gain(scale=sensor.scale, offset=0.0, source=f"{ASSUMED}{sensor.name}, {AS_FLOATS}")
    if is_cube_name(item.name) and not (sensor and sensor.kind == "hyperspectral"):
        scale, units = _cube(raster, context).gain
        return Gain(scale=scale, offset=0.0, units=units, source="units of the file")
    if sensor is not None and sensor.units in {"reflectance", "dn"} and sensor.kind != "sar":
        if 0 < context.brightest <= 2:
            note(LOG, "float values of 0..1 are read as reflectance without scaling")
            return Gain(scale=1.0, offset=0.0, units="reflectance", source=UNSCALED)
        if sensor.units == "reflectance":
            return Gain(
                scale=sensor.scale, offset=sensor.offset, source=f"{ASSUMED}{sensor.name}, {AS_FLOATS}"
            )
    return Gain(scale=sensor.scale if sensor else 1.0, offset=0.0, source="stored values")


def _with_untagged_nodata(band: Band, scaled: Collection[float] = (), *, together: bool = False) -> Band:
    """Return a band with its fill value as nodata, if its values show one that no tag states.

    Args:
        band: calibrated.
        scaled: as in `_with_scaled_nodata`.
        together: whether all polarisations show which value of a possible backscatter is fill (`with_fill`):
            water below the noise is often set to one value in one of them.
    """
    values = band.raster.sample(band.index)
    value = untagged_nodata(values, reflectance=band.units == "reflectance")
    if value is not None and together and band.dtype.kind == "f" and FAINTEST_DB < value < 0:
        value = None
    if value is None:
        return _with_scaled_nodata(band, scaled, values)
    note(LOG, f"{band.name}: {value:g} without a nodata tag is read as nodata")
    return replace(band, nodata=value)


def _with_scaled_nodata(band: Band, scaled: Collection[float], values: NDArray[Any]) -> Band:
    """Return a band with its lowest value as nodata, if it is nodata that was scaled as the values were.

    A tag of the value before, or of NaN, may have stayed.

    Args:
        band: calibrated.
        scaled: physical values below 0 that nodata has where it was scaled too.
        values: (n,) a sample of the stored values.
    """
    values = values[np.isfinite(values)]
    if band.nodata is not None:
        values = values[values != band.nodata]
    lowest = float(values.min()) if values.size else 0.0
    if any(abs(lowest * band.scale + band.offset - value) < _SAME for value in scaled):
        note(LOG, f"{band.name}: {lowest:g}, nodata that was scaled as the values were, is read as nodata")
        return replace(band, nodata=lowest)
    return band


def _shared_zeros(bands: Sequence[Band]) -> list[Band]:
    """Return bands in which 0 means "not observed" only where all bands are 0.

    In 8 bits a single dark band is often 0, such as near infrared over water. Where no nodata value is
    known, 0 in all bands of the same grid is what mosaics and exports fill with.
    """
    filled = [band for band in bands if _may_be_filled(band)]
    return [_filled(band, filled) if band in filled else _eight_bit(band, bands) for band in bands]


def _filled(band: Band, bands: Sequence[Band]) -> Band:
    """Return a band without a known nodata value, which is not observed where all bands are 0."""
    own = band.raster
    together = tuple(
        (other.raster, other.index) for other in bands if other.raster is own or other.raster.grid == own.grid
    )
    return replace(band, zero_with=together) if len(together) > 1 else band


def _eight_bit(band: Band, bands: Sequence[Band]) -> Band:
    """Return a band of 8 bits whose nodata value 0 counts only where all bands of the file are 0."""
    if band.dtype.itemsize > 1 or band.nodata != 0:
        return band
    together = tuple((other.raster, other.index) for other in bands if other.raster is band.raster)
    if len(together) > 1:
        note(LOG, "8-bit values: 0 means not observed only where all bands of the file are 0")
    return replace(band, nodata=None, zero_with=together)


def _may_be_filled(band: Band) -> bool:
    """Return whether neither tag nor sensor states the nodata value of a band of an image."""
    raster = band.raster
    known = band.nodata is not None or raster.nodata[band.index - 1] is not None or raster.masked
    return not known and band.units in {"dn", "reflectance"} and not is_cube_name(band.name)


def _zeros(band: Band, bands: Sequence[Band]) -> Band:
    """Return a band in which 0 means "not observed" only where all bands of the same grid are 0."""
    if band.nodata not in {None, 0}:
        return band
    grid = band.raster.grid
    together = tuple((other.raster, other.index) for other in bands if other.raster.grid == grid)
    return replace(band, nodata=None, zero_with=together)
