"""The document that describes a bundle: a STAC item with the MLM extension.

Source: github.com/stac-extensions/mlm, version 1.5. What MLM has no word for stands beside it under the
prefix `geoseg:`. `schemas/bundle.json` of `geoseg.configs` says the same as a JSON schema, for editors.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from geoseg.spec import Activation, Atmosphere, Evidence, Spec, Units
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, dim_order

PREFIX = "geoseg:"
EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.5.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
MODEL_ROLE = "mlm:model"
SHA256_MULTIHASH = "1220"
"""`file:checksum` is a multihash: 0x12 is SHA2-256, 0x20 its length in bytes."""

NAME = r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$"
"""What MLM allows as a name."""

CLASSIFICATION = frozenset({"scene-classification", "classification"})
"""MLM's words for networks that tell what a whole image shows."""

Tasks = Annotated[tuple[str, ...], Field(min_length=1)]


class Part(BaseModel):
    """Base of the parts of an item; keys that geoseg does not use are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Scaling(Part):
    """One `value_scaling` object."""

    type: str
    mean: float = 0.0
    stddev: Annotated[float, Field(gt=0)] = 1.0
    minimum: float = 0.0
    maximum: float = 1.0


class Structure(Part):
    """Shape of an array; -1 is free."""

    shape: tuple[int, ...]
    dim_order: tuple[str, ...]
    data_type: str

    @property
    def order(self) -> tuple[Axis, Axis, Axis, Axis] | None:
        """Order of its axes; None where they are not those of images."""
        return dim_order(self.dim_order) if len(self.shape) == 4 else None


class NamedBand(Part):
    """A band given as an object."""

    name: str
    expression: JsonValue = None


class Input(Part):
    """One graph input."""

    name: str
    bands: Annotated[tuple[str | NamedBand, ...], Field(min_length=1)]
    input: Structure
    value_scaling: tuple[Scaling, ...] | None = None

    @field_validator("input")
    @classmethod
    def _planes(cls, value: Structure) -> Structure:
        if value.order is None:
            raise ValueError(
                f"is {list(value.dim_order)}; geoseg feeds images: batch, then channel, height and width in "
                "any order"
            )
        return value

    @property
    def order(self) -> tuple[Axis, Axis, Axis, Axis]:
        """Order of its axes."""
        return self.input.order or CHANNELS_FIRST


class Class(Part):
    """One of `classification:classes`."""

    value: Annotated[int, Field(ge=0, le=254)]
    name: str = ""
    title: str = ""
    description: str = ""
    color_hint: Annotated[str, Field(pattern=r"^#?[0-9A-Fa-f]{6}$")] | None = None
    nodata: bool = False
    """Whether it stands for pixels that were not observed."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called: for people, then for programs."""
        return tuple(text for text in (self.title, self.name) if text) or (self.description,)


class Output(Part):
    """One graph output."""

    name: str
    tasks: Tasks
    result: Structure
    classes: Annotated[tuple[Class, ...], Field(min_length=1, alias="classification:classes")]


class Asset(Part):
    """A file of the bundle."""

    href: str
    roles: tuple[str, ...] = ()
    artifact_type: Annotated[str, Field(alias="mlm:artifact_type")] = ""
    checksum: Annotated[str, Field(alias="file:checksum")] = ""
    size: Annotated[int | None, Field(ge=0, alias="file:size")] = None
    """Bytes."""

    @property
    def is_onnx(self) -> bool:
        """Whether its name or type says that it is an ONNX file."""
        return self.href.lower().endswith(".onnx") or "onnx" in self.artifact_type.lower()

    @property
    def sha256(self) -> str:
        """Hexadecimal; empty where another hash or none is stated."""
        found = re.fullmatch(SHA256_MULTIHASH + "([0-9a-f]{64})", self.checksum.lower())
        return found[1] if found else ""


class Properties(Part):
    """Of the item: what MLM says of the model as a whole."""

    title: str = ""
    licence: Annotated[str, Field(alias="license")] = "unknown"
    gsd: float | None = None
    name: Annotated[str, Field(alias="mlm:name", pattern=NAME)]
    architecture: Annotated[str, Field(alias="mlm:architecture")]
    tasks: Annotated[Tasks, Field(alias="mlm:tasks")]
    input: Annotated[tuple[Input, ...], Field(alias="mlm:input", min_length=1)]
    output: Annotated[tuple[Output, ...], Field(alias="mlm:output", min_length=1, max_length=1)]


class InputExtras(Spec):
    """What stands under `geoseg:inputs` for one input of a scene classifier."""

    units: Units
    resolution: Annotated[float, Field(gt=0)]
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    fill: float = 0.0
    statistics_known: bool | None = None
    atmosphere: Atmosphere | None = None


class ClassifierExtras(Spec):
    """What stands under `geoseg:` of a scene classifier; an unknown key is an error."""

    activation: Literal["none", "sigmoid"]
    footprint: float
    inputs: dict[str, InputExtras]
    multi_label: Literal[True] = True
    """Whether a footprint may hold several classes, or none: scores do not sum to 1."""
    threshold: float = 0.5
    task: str = "scene-classification"


class Extras(Spec):
    """What stands under `geoseg:` of a segmentation network; an unknown key is an error."""

    units: Units
    activation: Activation
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    fill: float = 0.0
    statistics: Literal["training", "scene"] = "training"
    statistics_known: bool | None = None
    tile: int | None = None
    overlap: int | None = None
    multiple: int | None = None
    fixed_tile: bool | None = None
    resolution: float | None = None
    atmosphere: Atmosphere | None = None
    background: int | str | None = None
    """Value or name of a class; said to be null: all are mapped."""
    temperature: float = 1.0
    threshold: float = 0.5
    evidence: Evidence | None = None
    task: str = "segmentation"


class Item(Part):
    """The STAC item."""

    type: Literal["Feature"]
    stac_version: str
    stac_extensions: tuple[str, ...]
    id: str
    properties: Properties
    assets: Annotated[dict[str, Asset], Field(min_length=1)]

    @field_validator("stac_extensions")
    @classmethod
    def _has_mlm(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not any(re.search(r"/mlm/v1\.[4-9][0-9.]*/schema\.json$", entry) for entry in value):
            raise ValueError("names no MLM extension of version 1.4 or later 1.x")
        return value

    @property
    def classifies(self) -> bool:
        """Whether it is a scene classifier, not a network that maps pixels."""
        return bool(CLASSIFICATION & {*self.properties.tasks, *self.properties.output[0].tasks})
