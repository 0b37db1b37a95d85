"""The request for a map by a segmentation network, or of places that resemble named ones."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.embed import ENCODER, Patch, Weights
from geoseg.spec.fields import NO_MODEL, THRESHOLD, Layers
from geoseg.spec.option import Option
from geoseg.spec.runs import RunSpec, SceneSpec

Place = Annotated[tuple[float, float], text.reads(text.pair)]


class SegmentSpec(Spec):
    """A request for a map by a segmentation network, or of places that resemble named ones."""

    scene: SceneSpec
    run: RunSpec
    model: Annotated[
        str,
        Option(
            "Name or folder of a bundle, or an ONNX file with a description in its metadata.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = ""
    like: Annotated[
        tuple[Place, ...],
        Option(
            "In place of --model: map what resembles this place, by the features of an encoder or of an "
            "embedding. Longitude and latitude, or a position in the CRS of the scene. Repeatable.",
            metavar="X,Y",
            common=True,
        ),
    ] = ()
    layer: Layers = {}
    threshold: Annotated[float | None, Field(ge=-1, lt=1), THRESHOLD] = None
    """With `like`: the cosine similarity."""
    encoder: Annotated[str | None, ENCODER] = None
    """With `like`; None: the default, or none where the scene is an embedding."""
    weights: Weights = "auto"
    patch: Patch = None

    @model_validator(mode="after")
    def _model_or_places(self) -> SegmentSpec:
        if self.model and self.like:
            raise ValueError("`--model` and `--like` exclude each other: give one of them")
        if not self.model and not self.like:
            raise ValueError(f"{NO_MODEL}, or `--like X,Y`")
        further = {
            "threshold": self.threshold is not None,
            "encoder": self.encoder is not None,
            "weights": self.weights != "auto",
            "patch": self.patch is not None,
        }
        given = [name for name, is_given in further.items() if is_given]
        if self.like and self.layer:
            raise ValueError("`--layer` goes with `--model` only, not with `--like`")
        if self.model and given:
            raise ValueError(
                f"{', '.join(f'`--{name}`' for name in given)} goes with `--like` only, not with `--model`"
            )
        return self
