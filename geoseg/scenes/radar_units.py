"""Decide the units of radar backscatter (dB, power or amplitude) once for all bands of a scene."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from geoseg.errors import NothingObservedError, SceneError
from geoseg.messages import note, warn
from geoseg.scenes.bands import FLOOR_DB, Band
from geoseg.scenes.product import Product
from geoseg.scenes.radar_metadata import StatedUnits, stated_units
from geoseg.scenes.radar_values import (
    BackscatterPercentiles,
    db_divisor,
    percentiles_of,
    plausible,
    too_bright,
    value_scale,
)
from geoseg.scenes.raster import base_name
from geoseg.spec import RadarUnits, SarUnits, SensorSpec

LOG = logging.getLogger(__name__)

_TITLES: Mapping[RadarUnits, str] = {
    "db": "dB",
    "power": "linear power, converted to dB",
    "amplitude": "amplitude, converted to dB as 20 log10",
}
_FACTORS: Mapping[RadarUnits, Literal[0, 10, 20]] = {"db": 0, "power": 10, "amplitude": 20}
_ASK = "set `--sar-units` to db, power or amplitude"


def settle_units(
    bands: Sequence[Band], *, sensor: SensorSpec, product: Product, requested: SarUnits
) -> list[Band]:
    """Return the bands with the same units: dB, or digital numbers if they are not calibrated.

    Args:
        bands: polarisations, scaled by product or file.
        sensor: the scene's sensor.
        product: the scene's files.
        requested: the value of `--sar-units`.

    Raises:
        SceneError: the values cannot be backscatter, or the bands have different units.
        SceneReadError: a file is damaged.
    """
    most = max(2, 32 // max(len(bands), 1))
    statistics = [spread for band in bands if (spread := percentiles_of(band, most))]
    if requested != "auto":
        return _as_requested(bands, statistics, requested)
    if not statistics:
        raise NothingObservedError(
            f"{_listed(bands)}: a sample has only 0 and nodata, so the units cannot be recognised; check the "
            f"files, or {_ASK}"
        )
    scale = value_scale(statistics)
    if scale == "both":
        raise SceneError(
            f"{_listed(bands)}: {_ranges(statistics)} have different units; give all in dB, or all in power"
        )
    uncalibrated = [
        band.name for band in bands if band.dtype.kind in "iu" and (band.scale, band.offset) == (1.0, 0.0)
    ]
    if scale == "linear" and uncalibrated:
        warn(
            LOG,
            "sar-not-calibrated",
            f"{', '.join(uncalibrated)}: integers without a scale are not calibrated and are read as digital "
            "numbers; if they are calibrated, set `--sar-units` to power, amplitude or db",
        )
        return [replace(band, units="dn") for band in bands]
    stated = _stated(bands, sensor, product)
    fitting = next((item for item in stated if (item.units == "db") == (scale == "db")), None)
    units: RadarUnits = fitting.units if fitting else ("db" if scale == "db" else "power")
    if not plausible(statistics, units):
        raise SceneError(
            f"{_listed(bands)}: {_ranges(statistics)} is not calibrated backscatter; calibrate it first "
            f"(SNAP, pyroSAR or an RTC service), or {_ASK}"
        )
    _report(units, fitting, stated, statistics)
    bright = too_bright(statistics) if units == "power" else None
    if bright is not None:
        warn(
            LOG,
            "sar-units-unlikely",
            f"half of {bright.band} is above {10 * np.log10(bright.middle):.1f} dB if the values are power, "
            "which few scenes are: use `--sar-units amplitude` if they are amplitude; coherence, and "
            "values that were stretched to 0..1 for display, are no backscatter",
        )
    return _converted(bands, statistics, units)


def _as_requested(
    bands: Sequence[Band], statistics: Sequence[BackscatterPercentiles], units: RadarUnits
) -> list[Band]:
    """Return the bands in the units of `--sar-units`, with a warning if the values contradict them.

    Raises:
        SceneError: the values are dB, and the option is another unit.
    """
    if statistics and units != "db" and value_scale(statistics) == "db" and plausible(statistics, "db"):
        raise SceneError(
            f"{_ranges(statistics)} is dB, but `--sar-units` is {units}, which is never below 0; leave the "
            "option out, or use `--sar-units db`"
        )
    note(LOG, f"SAR units: {_TITLES[units]}, set with `--sar-units`")
    scale = "db" if units == "db" else "linear"
    if statistics and not (value_scale(statistics) == scale and plausible(statistics, units)):
        warn(
            LOG,
            "sar-units-unlikely",
            f"{_ranges(statistics)} does not look like calibrated {_short(units)}, which `--sar-units` sets; "
            "thresholds in dB may be wrong",
        )
    return _converted(bands, statistics, units)


def _stated(bands: Sequence[Band], sensor: SensorSpec, product: Product) -> list[StatedUnits]:
    """Return the units that the metadata state for all bands, the most trusted source first.

    Raises:
        SceneError: a source states different units for the bands.
    """
    stated = []
    for source in stated_units(bands, sensor, product):
        if len({item.units for item in source}) > 1:
            both = "; ".join(f"{_short(item.units)}, {item.why}" for item in source)
            raise SceneError(f"{_listed(bands)} have different units in the metadata ({both}); {_ASK}")
        stated += source[:1]
    return stated


def _report(
    units: RadarUnits,
    fitting: StatedUnits | None,
    stated: Sequence[StatedUnits],
    statistics: Sequence[BackscatterPercentiles],
) -> None:
    """Note or warn which units are used, and why."""
    what = f"SAR units: {_TITLES[units]}"
    if fitting is not None:
        note(LOG, f"{what} ({fitting.why}); to change this, use `--sar-units`")
    elif stated:
        warn(
            LOG,
            "sar-units-contradict",
            f"{what}, because {_ranges(statistics)} is not {_short(stated[0].units)} ({stated[0].why}); if "
            f"this is wrong, use `--sar-units {stated[0].units}`",
        )
    elif units == "db":
        note(LOG, f"{what} ({_ranges(statistics)}); to change this, use `--sar-units`")
    else:
        note(
            LOG,
            f"{what} ({_ranges(statistics)}); amplitude has similar values: if the data are amplitude, use "
            "`--sar-units amplitude`",
        )


def _converted(
    bands: Sequence[Band], statistics: Sequence[BackscatterPercentiles], units: RadarUnits
) -> list[Band]:
    """Return the bands in dB, or with the factor that converts them to dB as they are read."""
    if units != "db":
        for item in statistics:
            if item.negative >= 0.01:
                note(
                    LOG,
                    f"{item.band}: {item.negative:.0%} of the values are below 0, as after noise "
                    f"subtraction; they are read as {FLOOR_DB:g} dB",
                )
        return [replace(band, units="db", db_factor=_FACTORS[units]) for band in bands]
    divisor = db_divisor(statistics) or 1
    if divisor > 1:
        note(LOG, f"SAR values are dB x {divisor} and are divided by it")
    return [
        replace(band, units="db", scale=band.scale / divisor, offset=band.offset / divisor) for band in bands
    ]


def _short(units: RadarUnits) -> str:
    return "dB" if units == "db" else units


def _listed(bands: Sequence[Band]) -> str:
    """Return names and files of bands, for messages."""
    files = list(dict.fromkeys(base_name(band.raster.path) for band in bands))
    more = " and others" if len(files) > 1 else ""
    return f"{', '.join(dict.fromkeys(band.name for band in bands))} of {files[0]}{more}"


def _ranges(statistics: Sequence[BackscatterPercentiles]) -> str:
    """Return the 5th and 95th percentiles of bands, for messages."""
    first = {item.band: item for item in reversed(statistics)}
    return ", ".join(f"{item.band} {item.five:.3g} to {item.most:.3g}" for item in reversed(first.values()))
