"""`geoseg methane facilities`: a map of facilities that may emit methane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import FacilitiesSpec

    from .options import Reporting


def facilities() -> Command[FacilitiesSpec]:
    """Map facilities that may emit methane, with a scene classifier.

    The classifier scores windows of its footprint (720 m for METER-ML) that overlap by half. For each class,
    the window with the highest score within a footprint becomes a point of the layer facilities and a square
    of the layer footprints, with the scores of all classes. geoseg contains no trained classifier; see
    docs/facilities.md for training one.
    """
    from geoseg.spec import FacilitiesSpec

    return Command(request=FacilitiesSpec, run=_run, reporting=MAP)


def _run(request: FacilitiesSpec, reporting: Reporting) -> None:
    from geoseg.tasks.methane.facility_map import map_facilities

    from .mapping import run

    run(lambda progress: map_facilities(request, progress, dry_run=reporting.dry_run), reporting)
