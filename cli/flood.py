"""`geoseg flood`: a map of surface water and flood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import FloodSpec

    from .command import Command


def flood() -> Command[FloodSpec]:
    """Map flood and surface water from an optical or SAR scene.

    Flood is surface water that is not permanent water: give an earlier scene (--before) or a reference layer
    (--permanent-water). Without either, all surface water is mapped as one class.
    """
    from geoseg.spec import FloodSpec

    return map_command(FloodSpec, "flood.flood_map:map_flood")
