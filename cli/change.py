"""`geoseg change`: what changed between two dates, from what to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import ChangeSpec

    from .options import Reporting


def change() -> Command[ChangeSpec]:
    """Map what changed between two dates: where, from what to what, how much, how sure.

    The dates may differ in sensor, CRS, resolution and extent. The shift between them is measured and said;
    --coregister undoes it. Two maps of classes are compared pixel by pixel.
    """
    from geoseg.spec import ChangeSpec

    return Command(request=ChangeSpec, run=_run, reporting=MAP)


def _run(request: ChangeSpec, reporting: Reporting) -> None:
    from geoseg.change.change_map import map_change

    from .mapping import run

    run(lambda progress: map_change(request, progress, dry_run=reporting.dry_run), reporting)
