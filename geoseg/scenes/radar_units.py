"""How radar backscatter is stored: dB, power or amplitude, decided once for all bands of a scene."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.scenes.bands import FLOOR_DB, Band
from geoseg.scenes.product import Product
from geoseg.scenes.radar_said import Said, units_said
from geoseg.scenes.radar_values import Spread, db_divisor, looks_like, plausible, spread_of
from geoseg.scenes.raster import base_name
from geoseg.spec import RadarUnits, SarUnits, SensorSpec

LOG = logging.getLogger(__name__)

_TITLES: Mapping[RadarUnits, str] = {
    "db": "dB",
    "power": "linear power, turned into dB",
    "amplitude": "amplitude, turned into dB as 20 log10",
}
_FACTORS: Mapping[RadarUnits, Literal[0, 10, 20]] = {"db": 0, "power": 10, "amplitude": 20}
_ASK = "say --sar-units db, power or amplitude"


def settle_units(
    bands: Sequence[Band], *, sensor: SensorSpec, product: Product, asked: SarUnits
) -> list[Band]:
    """Return the bands with units, alike for all: dB, or bare counts where they are not calibrated.

    Args:
        bands: polarisations, scaled by what product or file say.
        sensor: the scene's.
        product: the scene's files.
        asked: `--sar-units`.

    Raises:
        SceneError: values are none that backscatter has, or the bands are in different units.
        SceneReadError: a file is damaged.
    """
    most = max(2, 32 // max(len(bands), 1))
    spreads = [spread for band in bands if (spread := spread_of(band, most))]
    if asked != "auto":
        return _as_asked(bands, spreads, asked)
    if not spreads:
        raise SceneError(
            f"{_listed(bands)}: nothing but 0 and nodata in a sample, so the units cannot be told; check the "
            f"files, or {_ASK}"
        )
    look = looks_like(spreads)
    if look == "both":
        raise SceneError(
            f"{_listed(bands)}: {_ranges(spreads)} are not of the same units; give all in dB, or all in power"
        )
    if look == "linear" and (bare := _bare(bands)):
        warn(
            LOG,
            "sar-not-calibrated",
            f"{', '.join(band.name for band in bare)}: whole numbers without a scale are not calibrated; "
            "they are taken as bare counts (say --sar-units power, amplitude or db if they are that)",
        )
        return [replace(band, units="dn") for band in bands]
    said = _said(bands, sensor, product)
    fitting = next((item for item in said if (item.units == "db") == (look == "db")), None)
    units: RadarUnits = fitting.units if fitting else ("db" if look == "db" else "power")
    if not plausible(spreads, units):
        raise SceneError(
            f"{_listed(bands)}: {_ranges(spreads)} is no calibrated backscatter; calibrate it first (SNAP, "
            f"pyroSAR or an RTC service), or {_ASK}"
        )
    _tell(units, fitting, said, spreads)
    return _converted(bands, spreads, units)


def _as_asked(bands: Sequence[Band], spreads: Sequence[Spread], units: RadarUnits) -> list[Band]:
    """Take the units that `--sar-units` says, and warn where values speak against them."""
    if spreads and units != "db" and looks_like(spreads) == "db" and plausible(spreads, "db"):
        raise SceneError(
            f"{_ranges(spreads)} is dB, and --sar-units says {units}, which is never below 0; leave it out, "
            "or say --sar-units db"
        )
    note(LOG, f"SAR units: {_TITLES[units]}, as --sar-units says")
    if spreads and not (_alike(spreads, units) and plausible(spreads, units)):
        warn(
            LOG,
            "sar-units-unlikely",
            f"{_ranges(spreads)} does not look like calibrated {_short(units)}, as --sar-units says; "
            "thresholds in dB may mislead",
        )
    return _converted(bands, spreads, units)


def _alike(spreads: Sequence[Spread], units: RadarUnits) -> bool:
    """Whether values look like units of a kind: decibels, or power and amplitude."""
    return looks_like(spreads) == ("db" if units == "db" else "linear")


def _bare(bands: Sequence[Band]) -> list[Band]:
    """Return bands of whole numbers that nothing scales."""
    return [band for band in bands if band.dtype.kind in "iu" and (band.scale, band.offset) == (1.0, 0.0)]


def _said(bands: Sequence[Band], sensor: SensorSpec, product: Product) -> list[Said]:
    """Return what is said of the units of all bands, the most trusted first.

    Raises:
        SceneError: bands are said to be in different units.
    """
    found = []
    for words in units_said(bands, sensor, product):
        if len({said.units for said in words}) > 1:
            both = "; ".join(f"{_short(said.units)}, {said.why}" for said in words)
            raise SceneError(f"{_listed(bands)} are said to be in different units ({both}); {_ASK}")
        found += words[:1]
    return found


def _tell(units: RadarUnits, fitting: Said | None, said: Sequence[Said], spreads: Sequence[Spread]) -> None:
    """Say which units were chosen and why."""
    what = f"SAR units: {_TITLES[units]}"
    if fitting is not None:
        note(LOG, f"{what} ({fitting.why}); --sar-units says otherwise")
    elif said:
        warn(
            LOG,
            "sar-units-contradict",
            f"{what}, for {_ranges(spreads)} is no {_short(said[0].units)} ({said[0].why}); if that is "
            f"wrong, say --sar-units {said[0].units}",
        )
    elif units == "db":
        note(LOG, f"{what} ({_ranges(spreads)}); --sar-units says otherwise")
    else:
        note(
            LOG,
            f"{what} ({_ranges(spreads)}); amplitude looks alike: say --sar-units amplitude if it is that",
        )


def _converted(bands: Sequence[Band], spreads: Sequence[Spread], units: RadarUnits) -> list[Band]:
    """Return the bands in dB, or turned into it as they are read."""
    if units != "db":
        for spread in spreads:
            if spread.negative >= 0.01:
                note(
                    LOG,
                    f"{spread.band}: {spread.negative:.0%} of the values is below 0, as where noise was "
                    f"subtracted: taken for {FLOOR_DB:g} dB",
                )
        return [replace(band, units="db", db_factor=_FACTORS[units]) for band in bands]
    divisor = db_divisor(spreads) or 1
    if divisor > 1:
        note(LOG, f"SAR values are dB x {divisor}, and are divided by it")
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


def _ranges(spreads: Sequence[Spread]) -> str:
    """Return where most values of bands lie, for messages."""
    first = {item.band: item for item in reversed(spreads)}
    return ", ".join(f"{item.band} {item.five:.3g} to {item.most:.3g}" for item in reversed(first.values()))
