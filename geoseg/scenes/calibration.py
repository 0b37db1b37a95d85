"""From stored to physical values: which scale, offset, units and nodata each band has, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np

from geoseg.scenes.assembly import Named
from geoseg.scenes.bands import Band, nodata_as_stored
from geoseg.scenes.cubes import SENTINELS, Cube, is_cube_name
from geoseg.scenes.product import Gain, Product
from geoseg.scenes.raster import Raster
from geoseg.scenes.remarks import Remarks
from geoseg.scenes.sentinel2 import OffsetGuess, guess_offset
from geoseg.spec import SensorSpec, Units

SarUnits = Literal["auto", "db", "linear"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all bands of a scene share."""

    sensor: SensorSpec | None
    product: Product
    time: datetime | None
    sar_units: SarUnits
    remarks: Remarks
    cubes: dict[Raster, Cube] = field(default_factory=dict)
    """What was found out of a spectrometer's file, for all its bands."""
    guesses: dict[OffsetGuess, list[Named]] = field(default_factory=dict)
    """What was guessed of the offset of Sentinel-2, and of which bands."""


def calibrate(named: Sequence[Named], context: Context) -> tuple[Band, ...]:
    """Return bands with scale, offset, units and nodata; guesses are noted in `context.remarks`."""
    radar = context.sensor is not None and context.sensor.kind == "sar"
    bands = [_band(item, context) for item in named]
    _tell_offsets(context)
    bands = _radar(bands, context) if radar else [_eight_bit(band, bands, context.remarks) for band in bands]
    return tuple(bands)


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
    if dtype.kind != "f" or raster.nodata[index - 1] is not None:
        return band
    if is_cube_name(band.name):
        return replace(band, nodata=_cube(raster, context).nodata) if band.nodata is None else band
    return _forgotten_nodata(band, context.remarks)


def _cube(raster: Raster, context: Context) -> Cube:
    """Return what is found out of a spectrometer's file, once for all its bands."""
    if raster not in context.cubes:
        context.cubes[raster] = Cube(raster, context.remarks)
    return context.cubes[raster]


def _from_tags(raster: Raster, index: int) -> Gain | None:
    """Return the scale and offset that the file's own tags say."""
    scale, offset = raster.scales[index - 1], raster.offsets[index - 1]
    return None if (scale, offset) == (1.0, 0.0) else Gain(scale=scale, offset=offset, source="file tags")


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
        context.remarks.warn(
            f"{item.candidate.file}: {why}, so its values are bare counts, no reflectance; "
            "indices with fixed thresholds may mislead"
        )
        return Gain(scale=1.0, offset=0.0, units="dn", source=why)
    if item.name.startswith("lwir"):
        return Gain(scale=1.0, offset=0.0, units="dn", source="thermal band, bare counts")
    offset = sensor.offset
    if sensor.name in {"sentinel-2-l1c", "sentinel-2-l2a"} and not context.product.offset_known:
        offset = _sentinel2_offset(item, context)
    if sensor.name.startswith("landsat") and sensor.name.endswith("-l1"):
        context.remarks.warn(
            "no MTL file beside the bands: reflectance is not corrected for the sun's elevation"
        )
    return Gain(scale=sensor.scale, offset=offset, source=f"sensor {sensor.name}")


def _of_floats(item: Named, context: Context) -> Gain:
    """Return the scale of floats: a reflectance sensor's are reflectance already if they look like it."""
    sensor, raster, index = context.sensor, item.candidate.raster, item.candidate.index
    if sensor is not None and sensor.kind == "hyperspectral":
        return Gain(scale=sensor.scale, offset=0.0, source=f"sensor {sensor.name}, stored as floats")
    if is_cube_name(item.name):
        scale, units = _cube(raster, context).gain
        return Gain(scale=scale, offset=0.0, units=units, source="units of the file")
    values = raster.sample(index)
    values = values[np.isfinite(values) & (values > -9000)]
    high = float(np.percentile(values, 99)) if values.size else 0.0
    if sensor is not None and sensor.units in {"reflectance", "dn"} and sensor.kind == "optical":
        if 0 < high <= 2:
            context.remarks.note("float values of 0..1 are taken for reflectance as they are")
            return Gain(scale=1.0, offset=0.0, units="reflectance", source="values are reflectance")
        if sensor.units == "reflectance":
            return Gain(
                scale=sensor.scale, offset=sensor.offset, source=f"sensor {sensor.name}, stored as floats"
            )
    return Gain(scale=sensor.scale if sensor else 1.0, offset=0.0, source="stored values")


def _sentinel2_offset(item: Named, context: Context) -> float:
    """Decide the offset of baseline 04.00 for files without product metadata."""
    # Of STAC items the last hint but one carries the baseline, of folders the path does.
    names = "/".join((*context.product.hints, item.candidate.raster.path))
    guess = guess_offset(names, context.time)
    context.guesses.setdefault(guess, []).append(item)
    return guess.offset


def _tell_offsets(context: Context) -> None:
    """Say what offset was guessed, once for all bands: they are of one product."""
    sensor = context.sensor.name if context.sensor else ""
    for guess, items in context.guesses.items():
        bands = "1 band" if len(items) == 1 else f"{len(items)} bands"
        what = f"Sentinel-2: {'offset -1000' if guess.offset else 'no offset'} applied to {bands}"
        other = f"--sensor {sensor}-{'harmonised' if guess.offset else 'offset'}"
        if guess.grounded:
            context.remarks.note(f"{what} ({guess.why}); {other} says otherwise")
            continue
        dark, name = max((_dark(item), item.name) for item in items)
        if dark > 0.05:
            why = f"{guess.why}; {dark:.0%} of {name} is below 1000"
            context.remarks.note(f"{what} ({why}); {other} says otherwise")
        else:
            context.remarks.warn(f"{what}, but {guess.why}; if it is of baseline 04.00 or later, say {other}")


def _dark(item: Named) -> float:
    """Return the share of counts below 1000, 0..1; with the offset they are rare: reflectance below 0."""
    values = item.candidate.raster.sample(item.candidate.index)
    counts = values[values != 0] if values.dtype.kind == "u" else values[:0]
    return float(np.mean(counts < 1000)) if counts.size else 0.0


def check_offset(bands: Sequence[Band], remarks: Remarks) -> None:
    """Warn where an offset of -0.1 makes much of the scene darker than nothing: it was taken off before."""
    for band in bands:
        if (
            band.units == "reflectance"
            and band.offset == -0.1
            and band.scale == 1e-4
            and band.dtype.kind == "u"
        ):
            values = band.raster.sample(band.index)
            values = values[values != 0]
            share = float(np.mean(values < 1000)) if values.size else 0.0
            if share > 0.5:
                remarks.warn(
                    f"{band.name}: with the offset {share:.0%} of the values are below 0; "
                    "was it taken off already? Say so with --sensor sentinel-2-l2a-harmonised"
                )
            return


def _forgotten_nodata(band: Band, remarks: Remarks) -> Band:
    """Mask a value that means "not observed" by custom, where floats hold it and no tag says so."""
    values = band.raster.sample(band.index)
    for value in SENTINELS:
        if bool((values == value).any()):
            remarks.note(f"{band.name}: {value:g} without a nodata tag, taken for not observed")
            return replace(band, nodata=value)
    return band


def _eight_bit(band: Band, bands: Sequence[Band], remarks: Remarks) -> Band:
    """Let 0 in 8-bit pictures mean "not observed" only where all bands of the file are 0.

    One dark band is 0 often there: near infrared over water is.
    """
    if band.dtype.itemsize > 1 or band.nodata != 0:
        return band
    together = tuple((other.raster, other.index) for other in bands if other.raster is band.raster)
    if len(together) > 1:
        remarks.note("8-bit values: 0 means not observed only where all bands of the file are 0")
    return replace(band, nodata=None, zero_with=together)


def _radar(bands: Sequence[Band], context: Context) -> list[Band]:
    """Settle units of backscatter, and what 0 means.

    Any negative value means dB. An exact 0 is a legal dB value, so it counts as not observed only where
    all polarisations are 0.
    """
    remarks, asked = context.remarks, context.sar_units
    whole = [band for band in bands if band.dtype.kind in "iu" and band.scale == 1.0]
    if whole and asked == "auto" and not any(_any_negative(band) for band in whole):
        remarks.warn(
            f"{', '.join(band.name for band in whole)}: whole numbers without a scale are not calibrated; "
            "they are taken as bare counts (say --sar-units linear or db if they are that)"
        )
        return [_zeros(replace(band, units="dn"), bands) for band in bands]
    if asked == "auto":
        decibels = any(_any_negative(band) for band in bands)
        why = "there are negative values" if decibels else "no value is negative"
        remarks.note(
            f"SAR units: {'dB' if decibels else 'linear power, turned into dB'} ({why}; --sar-units)"
        )
    else:
        decibels = asked == "db"
        remarks.note(
            f"SAR units: {'dB' if decibels else 'linear power, turned into dB'}, as --sar-units says"
        )
    return [_zeros(replace(band, units="db", to_db=not decibels), bands) for band in bands]


def _zeros(band: Band, bands: Sequence[Band]) -> Band:
    """Let 0 mean "not observed" only where all bands on the same pixels are 0."""
    if band.nodata not in {None, 0}:
        return band
    grid = band.raster.grid
    together = tuple((other.raster, other.index) for other in bands if other.raster.grid == grid)
    return replace(band, nodata=None, zero_with=together)


def _any_negative(band: Band) -> bool:
    """Whether a sample holds a negative value that was observed."""
    values = band.raster.sample(band.index)
    good = np.isfinite(values) & (values > -9000)
    if band.nodata is not None:
        good &= values != band.nodata
    return bool((values[good] * band.scale + band.offset < 0).any())
