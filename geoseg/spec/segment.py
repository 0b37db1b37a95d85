"""The request for a map by a segmentation network."""

from __future__ import annotations

from typing import Annotated

from geoseg.spec.base import Spec
from geoseg.spec.fields import NO_MODEL
from geoseg.spec.option import Option
from geoseg.spec.runs import RunSpec, SceneSpec


class SegmentSpec(Spec):
    """A request for a map by a segmentation network."""

    scene: SceneSpec
    run: RunSpec
    model: Annotated[
        str,
        Option(
            "Name or folder of a bundle, or an ONNX file with a description in its metadata.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
            missing=NO_MODEL,
        ),
    ]
