"""`geoseg methane plume`: a map of methane plumes with source rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import PlumeSpec

    from .options import Reporting


def plume() -> Command[PlumeSpec]:
    """Map methane plumes with their mass, source rate and uncertainty.

    For top-of-atmosphere scenes of Sentinel-2 and Landsat, methane is retrieved from the ratio of two
    short-wave infrared bands; for radiance of imaging spectrometers (EMIT, PRISMA, EnMAP, AVIRIS), by a
    matched filter.
    """
    from geoseg.spec import PlumeSpec

    return Command(request=PlumeSpec, run=_run, reporting=MAP)


def _run(request: PlumeSpec, reporting: Reporting) -> None:
    from geoseg.tasks.methane.plume_map import map_plumes

    from .mapping import run

    run(lambda progress: map_plumes(request, progress, dry_run=reporting.dry_run), reporting)
