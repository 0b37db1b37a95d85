"""`geoseg vectorize`: convert a class raster to polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command

if TYPE_CHECKING:
    from geoseg.spec.tools import VectorizeRequest

    from .options import Reporting


def vectorize() -> Command[VectorizeRequest]:
    """Convert a class raster to polygons with areas, in the colours of the raster."""
    from geoseg.spec.tools import VectorizeRequest

    return Command(request=VectorizeRequest, run=_run)


def _run(request: VectorizeRequest, reporting: Reporting) -> None:
    from geoseg.segment.vectorize_raster import vectorize as work
    from geoseg.spec import ClassSpec
    from geoseg.spec.palette import raster_colour

    from .mapping import run

    named = tuple(
        ClassSpec(value=value, label=label, colour=colour or raster_colour(value))
        for value, label, colour in sorted(request.classes)
    )
    run(lambda progress: work(request.mask, request.run, named or None, progress), reporting)
