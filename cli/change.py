"""`geoseg change`: a map of change between two dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import ChangeSpec

    from .options import Reporting


def change() -> Command[ChangeSpec]:
    """Map the change between two dates: location, class before and after, area and score.

    The dates may differ in sensor, CRS, pixel size and extent. A note reports the measured shift between
    them; a clear one is corrected. Two class rasters are compared pixel by pixel.
    """
    from geoseg.spec import ChangeSpec

    return Command(request=ChangeSpec, run=_run, reporting=MAP)


def _run(request: ChangeSpec, reporting: Reporting) -> None:
    from geoseg.tasks.change.change_map import map_change

    from .mapping import run

    run(lambda progress: map_change(request, progress, dry_run=reporting.dry_run), reporting)
