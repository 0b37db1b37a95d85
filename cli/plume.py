"""`geoseg methane plume`: a map of methane plumes with source rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import PlumeSpec

    from .command import Command


def plume() -> Command[PlumeSpec]:
    """Map methane plumes with their mass, source rate and uncertainty.

    For top-of-atmosphere scenes of Sentinel-2 and Landsat, methane is retrieved from the ratio of two
    short-wave infrared bands; for radiance of imaging spectrometers (EMIT, PRISMA, EnMAP, AVIRIS), by a
    matched filter.
    """
    from geoseg.spec import PlumeSpec

    return map_command(PlumeSpec, "methane.plume_map:map_plumes")
