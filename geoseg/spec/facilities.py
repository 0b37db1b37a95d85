"""The request for a map of facilities that may emit methane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import NO_MODEL, THRESHOLD
from geoseg.spec.option import INPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec

UNUSED = ("raster", "min_area", "fill_holes", "simplify", "tile", "overlap", "tta")
"""Options of other maps that mean nothing for windows of a fixed size."""


class FacilitiesSpec(Spec):
    """A request for a map of facilities, by a scene classifier."""

    scene: SceneSpec
    run: Annotated[RunSpec, Offer(without=UNUSED)]
    model: Annotated[
        str,
        Option(
            "A scene classifier: a bundle's name or folder, or an ONNX file that says what it needs.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
            missing=NO_MODEL,
        ),
    ]
    sensor_input: Annotated[
        str | None,
        Option("Which of the model's inputs SCENE is.", metavar="NAME", panel=INPUT, default="its first"),
    ] = None
    also: Annotated[
        dict[str, str],
        text.reads(text.named_paths),
        Option(
            "A scene of another input of the model: naip=FILE. Repeatable; inputs without a scene are given "
            "as zeros.",
            metavar="NAME=PATH",
            panel=INPUT,
        ),
    ] = {}
    threshold: Annotated[float | None, Field(gt=0, lt=1), THRESHOLD] = None
