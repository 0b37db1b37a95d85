"""Description of a scene classifier, a network that gives one score per class for a whole footprint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import ClassSpec, Spec
from geoseg.spec.models import InputSpec, ModelSpec

WHOLE = 1e-6
"""Tolerance, in pixels, of the side of a footprint being a whole number."""


class SensorInput(InputSpec):
    """Input of a classifier from one sensor; `name` is the name of the graph input."""

    statistics: Literal["training"] = "training"
    """All footprints are normalised with the statistics of the training data."""
    resolution: Annotated[float, Field(gt=0)]
    """Pixel size in m; scenes are resampled to it."""


class ClassifierSpec(Spec):
    """Description of a scene classifier.

    It reads a square of `footprint` m and gives one score per class. Several classes may apply, or none.
    """

    name: str
    title: str = ""
    task: str = "scene-classification"
    inputs: Annotated[tuple[SensorInput, ...], Field(min_length=1)]
    """One input per sensor, in the order of the graph; a missing sensor is filled with zeros."""
    footprint: Annotated[float, Field(gt=0)] = 720.0
    """Side of the footprint in m."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    """Classes in output order, without background."""
    activation: Literal["none", "sigmoid"] = "none"
    """Activation that converts the output of the graph to scores in 0..1."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Least score of a class that is mapped."""
    fixed_batch: int | None = None
    """Fixed batch size of the graph, if it has one."""
    weights: Path
    """The ONNX file."""
    sha256: str = ""
    """SHA-256 of the weights, hexadecimal; empty: computed on load, not checked."""
    external: dict[str, str] = {}
    """SHA-256 of each file with external data, by its path relative to the weights."""
    output_name: str = ""
    """Name of the graph output; empty: the first."""
    licence: str = "unknown"
    source: Literal["bundle", "onnx"] = "bundle"
    """Source of this description: JSON of a bundle, or metadata of the ONNX file."""

    def side(self, sensor_input: SensorInput) -> int:
        """Return the side of a footprint in pixels of one input."""
        return round(self.footprint / sensor_input.resolution)

    @model_validator(mode="after")
    def _fits(self) -> ClassifierSpec:
        names = [given.name for given in self.inputs]
        if len(set(names)) < len(names):
            raise ValueError("two inputs have the same name")
        for given in self.inputs:
            side = self.footprint / given.resolution
            if self.side(given) % 4 or abs(side - self.side(given)) > WHOLE or side < 4:
                raise ValueError(
                    f"input {given.name}: the footprint is {side:g} pixels of {given.resolution:g} m wide; "
                    "windows overlap by half, so the width must be a multiple of 4"
                )
        values = [entry.value for entry in self.classes]
        if len(set(values)) < len(values) or min(values) < 1:
            raise ValueError("the values of the classes must differ, and be 1 or greater")
        return self


AnyModel = ModelSpec | ClassifierSpec
"""A model that `--model` may name."""
