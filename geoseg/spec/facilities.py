"""The request for a map of facilities that may emit methane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import NO_MODEL, THRESHOLD
from geoseg.spec.option import INPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec

UNUSED = (
    "raster", "raster_styles", "style", "attributes", "min_area", "fill_holes", "simplify", "smooth_outlines",
    "tile", "overlap", "tta", "checkpoint",
)  # fmt: skip
"""Options of other maps that have no meaning for windows of fixed size."""


class FacilitiesSpec(Spec):
    """A request for a map of facilities, by a scene classifier."""

    scene: SceneSpec
    run: Annotated[RunSpec, Offer(without=UNUSED)]
    model: Annotated[
        str,
        Option(
            "A scene classifier: name or folder of a bundle, or an ONNX file with a description in its "
            "metadata.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
            missing=NO_MODEL,
        ),
    ]
    sensor_input: Annotated[
        str | None,
        Option(
            "Input of the model that SCENE is used for.", metavar="NAME", panel=INPUT, default="the first"
        ),
    ] = None
    also: Annotated[
        dict[str, str],
        text.reads(text.named_paths),
        Option(
            "A scene for another input of the model: naip=FILE. Repeatable. Inputs without a scene are "
            "filled with zeros.",
            metavar="NAME=PATH",
            panel=INPUT,
        ),
    ] = {}
    threshold: Annotated[float | None, Field(gt=0, lt=1), THRESHOLD] = None
