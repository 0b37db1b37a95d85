"""`geoseg segment`: any segmentation network over any scene that has its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import SegmentSpec

    from .options import Reporting


def segment() -> Command[SegmentSpec]:
    """Map a scene with a segmentation network.

    The network says which bands, units and classes it wants: a bundle in its model.json, a lone ONNX file
    in its metadata (docs/models.md). What does not fit the scene is refused or warned of.
    """
    from geoseg.spec import SegmentSpec

    return Command(request=SegmentSpec, run=_run, reporting=MAP)


def _run(request: SegmentSpec, reporting: Reporting) -> None:
    from geoseg.segment.segmentation_map import map_segments

    from .mapping import run

    run(lambda progress: map_segments(request, progress, dry_run=reporting.dry_run), reporting)
