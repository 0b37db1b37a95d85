"""`geoseg methane plume`: plumes of methane with their emission rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import PlumeSpec

    from .options import Reporting


def plume() -> Command[PlumeSpec]:
    """Map methane plumes: where, how much gas, how much an hour, how sure.

    Of Sentinel-2 and Landsat top-of-atmosphere scenes by the ratio of two short-wave infrared bands, of
    imaging spectrometers (EMIT, PRISMA, EnMAP, AVIRIS radiance) by a matched filter.
    """
    from geoseg.spec import PlumeSpec

    return Command(request=PlumeSpec, run=_run, reporting=MAP)


def _run(request: PlumeSpec, reporting: Reporting) -> None:
    from geoseg.methane.plume_map import map_plumes

    from .mapping import run

    run(lambda progress: map_plumes(request, progress, dry_run=reporting.dry_run), reporting)
