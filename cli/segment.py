"""`geoseg segment`: a map of a scene by a segmentation network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import SegmentSpec

    from .options import Reporting


def segment() -> Command[SegmentSpec]:
    """Map a scene with a segmentation network, or what resembles some places (--like).

    The bands, units and classes of the network are read from the model.json of its bundle, or from the
    metadata of its ONNX file (docs/models.md). If they do not fit the scene, an error or a warning says so.
    """
    from geoseg.spec import SegmentSpec

    return Command(request=SegmentSpec, run=_run, reporting=MAP)


def _run(request: SegmentSpec, reporting: Reporting) -> None:
    from geoseg.tasks.segment.segmentation_map import map_segments

    from .mapping import run

    run(lambda progress: map_segments(request, progress, dry_run=reporting.dry_run), reporting)
