"""`geoseg flood`: a map of surface water and flood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import FloodSpec

    from .options import Reporting


def flood() -> Command[FloodSpec]:
    """Map flood and surface water from an optical or SAR scene.

    Flood is surface water that is not permanent water: give an earlier scene (--before) or a reference layer
    (--permanent-water). Without either, all surface water is mapped as one class.
    """
    from geoseg.spec import FloodSpec

    return Command(request=FloodSpec, run=_run, reporting=MAP)


def _run(request: FloodSpec, reporting: Reporting) -> None:
    from geoseg.tasks.flood.flood_map import map_flood

    from .mapping import run

    run(lambda progress: map_flood(request, progress, dry_run=reporting.dry_run), reporting)
