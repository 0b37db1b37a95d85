"""`geoseg change`: a map of change between two dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import ChangeSpec

    from .command import Command


def change() -> Command[ChangeSpec]:
    """Map the change between two dates: location, class before and after, area and score.

    The dates may differ in sensor, CRS, pixel size and extent. A note reports the measured shift between
    them; a clear one is corrected. Two class rasters are compared pixel by pixel.
    """
    from geoseg.spec import ChangeSpec

    return map_command(ChangeSpec, "change.change_map:map_change")
