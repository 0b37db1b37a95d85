"""`geoseg methane facilities`: a map of facilities that may emit methane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import FacilitiesSpec

    from .command import Command


def facilities() -> Command[FacilitiesSpec]:
    """Map facilities that may emit methane, with a scene classifier.

    The classifier scores windows of its footprint (720 m for METER-ML) that overlap by half. For each class,
    the window with the highest score within a footprint becomes a point of the layer facilities and a square
    of the layer footprints, with the scores of all classes. geoseg contains no trained classifier; see
    docs/facilities.md for training one.
    """
    from geoseg.spec import FacilitiesSpec

    return map_command(FacilitiesSpec, "methane.facility_map:map_facilities")
