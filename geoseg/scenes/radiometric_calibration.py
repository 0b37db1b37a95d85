"""From stored to physical values: which scale, offset, units and nodata each band has, and why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from geoseg.messages import note, warn
from geoseg.scenes.assembly import Named
from geoseg.scenes.bands import Band, nodata_as_stored
from geoseg.scenes.cubes import SENTINELS, Cube, is_cube_name
from geoseg.scenes.product import FILE_TAGS, Gain, Product
from geoseg.scenes.radar_units import settle_units
from geoseg.scenes.raster import Raster
from geoseg.scenes.sentinel2_offset import settle_offset
from geoseg.spec import SarUnits, SensorSpec, Units

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all bands of a scene share."""

    sensor: SensorSpec | None
    product: Product
    time: datetime | None
    sar_units: SarUnits
    named: Sequence[Named] = ()
    """All bands."""
    cubes: dict[Raster, Cube] = field(default_factory=dict)
    """What was found out of a spectrometer's file, for all its bands."""

    @cached_property
    def brightest(self) -> float:
        """The 99th percentile of the brightest band of floats, which tells counts from reflectance.

        A single band may be dark enough to look like either.
        """
        high = 0.0
        for item in self.named:
            raster, index = item.candidate.raster, item.candidate.index
            if raster.dtypes[index - 1].kind == "f" and not item.name.startswith("lwir"):
                values = raster.sample(index)
                values = values[np.isfinite(values) & (values > -9000)]
                high = max(high, float(np.percentile(values, 99)) if values.size else 0.0)
        return high


def calibrate(named: Sequence[Named], context: Context) -> tuple[Band, ...]:
    """Return bands with scale, offset, units and nodata; guesses are logged.

    Raises:
        SceneError: what is said of offset or units contradicts itself or the values.
        SceneReadError: a file is damaged.
    """
    context = replace(context, named=named)
    sensor = context.sensor
    bands = [_band(item, context) for item in named]
    if sensor is None:
        return tuple(_eight_bit(band, bands) for band in bands)
    if sensor.kind == "sar":
        asked = context.sar_units
        bands = settle_units(bands, sensor=sensor, product=context.product, asked=asked)
        return tuple(_zeros(band, bands) for band in bands)
    bands = [_eight_bit(band, bands) for band in bands]
    return tuple(settle_offset(bands, sensor=sensor, product=context.product, time=context.time))


def _band(item: Named, context: Context) -> Band:
    """Return one band by the surest source: the product, the file's tags, the sensor."""
    candidate, sensor = item.candidate, context.sensor
    raster, index = candidate.raster, candidate.index
    dtype = raster.dtypes[index - 1]
    gains = candidate.asset.gains
    said = gains[index - 1] if index <= len(gains) else None
    gain = said or _from_tags(raster, index) or _from_sensor(item, context)
    units: Units = gain.units or (sensor.units if sensor else "dn")
    if (
        gain.units is None
        and units == "dn"
        and dtype.kind in "iu"
        and gain.scale <= 0.01
        and (sensor is None or sensor.kind == "optical")
    ):
        units = "reflectance"
    nodata = raster.nodata[index - 1]
    if nodata is None:
        nodata = gain.nodata if gain.nodata is not None else (sensor.nodata if sensor else None)
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
    if dtype.kind not in "fi" or raster.nodata[index - 1] is not None:
        return band
    if is_cube_name(band.name):
        return replace(band, nodata=_cube(raster, context).nodata) if band.nodata is None else band
    return _forgotten_nodata(band)


def _cube(raster: Raster, context: Context) -> Cube:
    """Return what is found out of a spectrometer's file, once for all its bands."""
    if raster not in context.cubes:
        context.cubes[raster] = Cube(raster)
    return context.cubes[raster]


def _from_tags(raster: Raster, index: int) -> Gain | None:
    """Return the scale and offset that the file's own tags say."""
    scale, offset = raster.scales[index - 1], raster.offsets[index - 1]
    return None if (scale, offset) == (1.0, 0.0) else Gain(scale=scale, offset=offset, source=FILE_TAGS)


def _from_sensor(item: Named, context: Context) -> Gain:
    """Return the sensor's scale and offset where the stored values are of its usual kind."""
    sensor, raster, index = context.sensor, item.candidate.raster, item.candidate.index
    dtype = raster.dtypes[index - 1]
    if sensor is None or sensor.kind == "sar":
        return Gain(scale=1.0, offset=0.0, source="stored values")
    if dtype.kind == "f":
        return _of_floats(item, context)
    if sensor.units == "reflectance" and (dtype.itemsize == 1 or sensor.scale == 1.0):
        why = "no MTL file says the gains" if sensor.scale == 1.0 else "stored in 8 bits"
        warn(
            LOG,
            "bare-counts",
            f"{item.candidate.file}: {why}, so its values are bare counts, no reflectance; "
            "indices with fixed thresholds may mislead",
        )
        return Gain(scale=1.0, offset=0.0, units="dn", source=why)
    if sensor.kind == "hyperspectral" and sensor.units == "radiance" and sensor.scale == 1.0:
        why = "no metadata say the gains"
        note(LOG, f"{item.candidate.file}: {why}, so its whole numbers are bare counts")
        return Gain(scale=1.0, offset=0.0, units="dn", source=why)
    if item.name.startswith("lwir"):
        return Gain(scale=1.0, offset=0.0, units="dn", source="thermal band, bare counts")
    if sensor.name.startswith("landsat") and sensor.name.endswith("-l1"):
        warn(
            LOG,
            "no-sun-correction",
            "no MTL file beside the bands: reflectance is not corrected for the sun's elevation",
        )
    return Gain(scale=sensor.scale, offset=sensor.offset, source=f"sensor {sensor.name}")


def _of_floats(item: Named, context: Context) -> Gain:
    """Return the scale of floats: a reflectance sensor's are reflectance already if they look like it."""
    sensor, raster = context.sensor, item.candidate.raster
    if sensor is not None and sensor.kind == "hyperspectral" and sensor.units != "reflectance":
        return Gain(scale=sensor.scale, offset=0.0, source=f"sensor {sensor.name}, stored as floats")
    if is_cube_name(item.name) and not (sensor and sensor.kind == "hyperspectral"):
        scale, units = _cube(raster, context).gain
        return Gain(scale=scale, offset=0.0, units=units, source="units of the file")
    if sensor is not None and sensor.units in {"reflectance", "dn"} and sensor.kind != "sar":
        if 0 < context.brightest <= 2:
            note(LOG, "float values of 0..1 are taken for reflectance as they are")
            return Gain(scale=1.0, offset=0.0, units="reflectance", source="values are reflectance")
        if sensor.units == "reflectance":
            return Gain(
                scale=sensor.scale, offset=sensor.offset, source=f"sensor {sensor.name}, stored as floats"
            )
    return Gain(scale=sensor.scale if sensor else 1.0, offset=0.0, source="stored values")


def _forgotten_nodata(band: Band) -> Band:
    """Mask a value that means "not observed" by custom, where floats hold it and no tag says so."""
    values = band.raster.sample(band.index)
    for value in SENTINELS:
        if bool((values == value).any()):
            note(LOG, f"{band.name}: {value:g} without a nodata tag, taken for not observed")
            return replace(band, nodata=value)
    return band


def _eight_bit(band: Band, bands: Sequence[Band]) -> Band:
    """Let 0 in 8-bit pictures mean "not observed" only where all bands of the file are 0.

    One dark band is 0 often there: near infrared over water is.
    """
    if band.dtype.itemsize > 1 or band.nodata != 0:
        return band
    together = tuple((other.raster, other.index) for other in bands if other.raster is band.raster)
    if len(together) > 1:
        note(LOG, "8-bit values: 0 means not observed only where all bands of the file are 0")
    return replace(band, nodata=None, zero_with=together)


def _zeros(band: Band, bands: Sequence[Band]) -> Band:
    """Let 0 mean "not observed" only where all bands on the same pixels are 0."""
    if band.nodata not in {None, 0}:
        return band
    grid = band.raster.grid
    together = tuple((other.raster, other.index) for other in bands if other.raster.grid == grid)
    return replace(band, nodata=None, zero_with=together)
