"""Which polarisations of a radar scene are compared, and whose levels of water and land are known."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from geoseg.messages import warn
from geoseg.tasks.flood.choice import WaterChoice
from geoseg.tasks.flood.uncalibrated import Uncalibrated

LOG = logging.getLogger(__name__)

VERTICAL, HORIZONTAL = ("vh", "vv"), ("hh", "hv")
"""Bands by the polarisation that was sent; usual levels are of vertical ones."""
POLARISATIONS = (*VERTICAL, *HORIZONTAL)
"""Bands that `--polarisation` chooses between."""


def compared(asked: str, available: Iterable[str]) -> list[str]:
    """Return the bands that `--polarisation` allows; by `auto`, HH and HV where there is no VV and no VH."""
    bands = list(available)
    if asked != "auto":
        return [band for band in bands if band == asked]
    vertical = not set(VERTICAL).isdisjoint(bands)
    return [band for band in bands if not (vertical and band in HORIZONTAL)]


def warn_of_borrowed_levels(choice: WaterChoice) -> None:
    """Warn where HH or HV in dB is compared with levels of water and land in VV or VH."""
    bands = [band.upper() for band in choice.measured if band in HORIZONTAL]
    if not bands or choice.method.needs.unitless or isinstance(choice.method, Uncalibrated):
        return
    warn(
        LOG,
        "levels-of-other-polarisation",
        f"{' and '.join(bands)}: compared with the usual levels of water and land in VV and VH of Sentinel-1 "
        "(C band). At L band (ALOS, SAOCOM, NISAR) bare and dry ground is darker and may be mapped as water; "
        "so may sea ice. Check the map, or set `--threshold`",
    )
