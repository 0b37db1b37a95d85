"""What describes a scene classifier: the classes that a footprint on the ground holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import ClassSpec, Spec
from geoseg.spec.models import InputSpec, ModelSpec

WHOLE = 1e-6
"""Pixels by which a footprint's side may miss a whole number."""


class SensorInput(InputSpec):
    """What a classifier is given of one sensor; `name` is that of the graph's input."""

    statistics: Literal["training"] = "training"
    """Footprints are normalised alike, never each by its own mean and spread."""
    resolution: Annotated[float, Field(gt=0)]
    """Pixel size in m; scenes are brought to it."""


class ClassifierSpec(Spec):
    """All that is needed to use a scene classifier rightly.

    It looks at a square of `footprint` m and gives one score a class; several may hold, or none.
    """

    name: str
    title: str = ""
    task: str = "scene-classification"
    inputs: Annotated[tuple[SensorInput, ...], Field(min_length=1)]
    """One a sensor, in the graph's order; a sensor that is missing is given as zeros."""
    footprint: Annotated[float, Field(gt=0)] = 720.0
    """Side in m of what it looks at."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    """In output order; there is no background."""
    activation: Literal["none", "sigmoid"] = "none"
    """What turns the graph's output into scores in 0..1."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of the score from which a class is told."""
    fixed_batch: int | None = None
    """Batch size baked into the graph, where there is one."""
    weights: Path
    """The ONNX file."""
    sha256: str = ""
    """Of the weights, hexadecimal; empty: computed on load, not checked."""
    output_name: str = ""
    """Graph output; empty: the first."""
    licence: str = "unknown"
    source: Literal["bundle", "onnx"] = "bundle"
    """Where this description was read: a bundle's JSON, or geoseg's key inside the file."""

    def side(self, given: SensorInput) -> int:
        """Return the pixels a side of a footprint in one input."""
        return round(self.footprint / given.resolution)

    @model_validator(mode="after")
    def _fits(self) -> ClassifierSpec:
        names = [given.name for given in self.inputs]
        if len(set(names)) < len(names):
            raise ValueError("two inputs have the same name")
        for given in self.inputs:
            side = self.footprint / given.resolution
            if self.side(given) % 4 or abs(side - self.side(given)) > WHOLE or side < 4:
                raise ValueError(
                    f"input {given.name}: a footprint has {side:g} pixels of {given.resolution:g} m a side; "
                    "windows overlap by halves, so that it must be a multiple of 4"
                )
        values = [entry.value for entry in self.classes]
        if len(set(values)) < len(values) or min(values) < 1:
            raise ValueError("the values of classes must differ, and be 1 or more")
        return self


AnyModel = ModelSpec | ClassifierSpec
"""What `--model` may name."""
