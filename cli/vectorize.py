"""`geoseg vectorize`: convert a class raster to polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MANY, Command

if TYPE_CHECKING:
    from geoseg.spec.tools import VectorizeRequest

    from .options import Reporting


def vectorize() -> Command[VectorizeRequest]:
    """Convert a class raster to polygons with areas, in the colours of the raster."""
    from geoseg.spec.tools import VectorizeRequest

    return Command(request=VectorizeRequest, run=_run, reporting=MANY)


def _run(request: VectorizeRequest, reporting: Reporting) -> None:
    from geoseg.tasks.segment.vectorize_raster import vectorize_request

    from .mapping import run

    run(lambda progress: vectorize_request(request, progress), reporting)
