"""`geoseg segment`: a map of a scene by a segmentation network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import SegmentSpec

    from .command import Command


def segment() -> Command[SegmentSpec]:
    """Map a scene with a segmentation network, or what resembles some places (--like).

    The bands, units and classes of the network are read from the model.json of its bundle, or from the
    metadata of its ONNX file (docs/models.md). If they do not fit the scene, an error or a warning says so.
    """
    from geoseg.spec import SegmentSpec

    return map_command(SegmentSpec, "segment.segmentation_map:map_segments")
