"""The document that describes a bundle: a STAC item with the MLM extension.

Source: github.com/stac-extensions/mlm, version 1.5. Properties that MLM lacks have the prefix `geoseg:`.
`schemas/bundle.json` of `geoseg.configs` is the same as a JSON schema, for editors.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from geoseg.files.web import is_web
from geoseg.spec import Activation, Atmosphere, Coverage, Evidence, Spec, Statistics, Units
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, dim_order

DESCRIPTION = "model.json"
"""Name of the file in the folder of a bundle."""

PREFIX = "geoseg:"
LICENCE = f"{PREFIX}licence"
"""Property with a licence that STAC's `license` cannot hold."""
EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.5.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
MODEL_ROLE = "mlm:model"
EXTERNAL_ROLE = "geoseg:external-data"
"""Role of an asset with external data of the ONNX file."""
SHA256_MULTIHASH = "1220"
"""`file:checksum` is a multihash: 0x12 is SHA2-256, 0x20 its length in bytes."""

NAME = r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$"
"""Pattern of a name in MLM."""

CLASSIFICATION = frozenset({"scene-classification", "classification"})
"""Tasks in MLM of networks that classify a whole image."""

SEARCH = "similarity-search"
"""Task in MLM of encoders, whose output planes are features in place of classes."""

MOST_VALUE = 254
"""Greatest value of a class; 255 is nodata."""

Tasks = Annotated[tuple[str, ...], Field(min_length=1)]


class Part(BaseModel):
    """Base of the parts of an item; keys that geoseg does not use are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Scaling(Part):
    """One `value_scaling` object."""

    type: str
    mean: float = 0.0
    stddev: Annotated[float, Field(gt=0)] = 1.0
    minimum: float = 0.0
    maximum: float = 1.0


class Structure(Part):
    """Shape of an array; -1 for a variable size."""

    shape: tuple[int, ...]
    dim_order: tuple[str, ...]
    data_type: str

    @property
    def order(self) -> tuple[Axis, Axis, Axis, Axis] | None:
        """Order of the axes; None if they are not the axes of an image."""
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
                f"is {list(value.dim_order)}; geoseg passes images: batch, then channel, height and width in "
                "any order"
            )
        return value

    @property
    def order(self) -> tuple[Axis, Axis, Axis, Axis]:
        """Order of the axes."""
        return self.input.order or CHANNELS_FIRST


class Class(Part):
    """An entry of `classification:classes`."""

    value: Annotated[int, Field(ge=0, le=65_534)]
    name: str = ""
    title: str = ""
    description: str = ""
    color_hint: Annotated[str, Field(pattern=r"^#?[0-9A-Fa-f]{6}$")] | None = None
    nodata: bool = False
    """Whether the class means pixels that were not observed."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the class: title, then name."""
        return tuple(text for text in (self.title, self.name) if text) or (self.description,)


class Output(Part):
    """One graph output."""

    name: str
    tasks: Tasks
    result: Structure
    classes: Annotated[tuple[Class, ...], Field(min_length=1, alias="classification:classes")]


class ModelAsset(Part):
    """A file of the bundle."""

    href: str
    roles: tuple[str, ...] = ()
    artifact_type: Annotated[str, Field(alias="mlm:artifact_type")] = ""
    checksum: Annotated[str, Field(alias="file:checksum")] = ""
    size: Annotated[int | None, Field(ge=0, alias="file:size")] = None
    """Bytes."""

    @field_validator("href")
    @classmethod
    def _check_href(cls, href: str) -> str:
        # `models pull` names the file of an address itself.
        if not is_web(href) and not unquote(href).isprintable():
            raise ValueError("has letters that no name of a file has, such as zeros or line ends")
        return href

    @property
    def is_onnx(self) -> bool:
        """Whether the file is ONNX by its name or type."""
        return self.href.lower().endswith(".onnx") or "onnx" in self.artifact_type.lower()

    @property
    def sha256(self) -> str:
        """SHA-256 in hexadecimal digits; empty if the item states another hash or none."""
        match = re.fullmatch(SHA256_MULTIHASH + "([0-9a-f]{64})", self.checksum.lower())
        return match[1] if match else ""


class Properties(Part):
    """Properties of the item in MLM."""

    title: str = ""
    license: str = "unknown"
    """SPDX identifier, or `other`."""
    own_licence: Annotated[str, Field(alias=LICENCE)] = ""
    """Licence that is no SPDX identifier."""
    gsd: float | None = None
    name: Annotated[str, Field(alias="mlm:name", pattern=NAME)]
    architecture: Annotated[str, Field(alias="mlm:architecture")]
    tasks: Annotated[Tasks, Field(alias="mlm:tasks")]
    input: Annotated[tuple[Input, ...], Field(alias="mlm:input", min_length=1)]
    output: Annotated[tuple[Output, ...], Field(alias="mlm:output", min_length=1, max_length=1)]

    @property
    def licence(self) -> str:
        """Licence of the weights; `unknown` if it is not stated."""
        return self.own_licence or self.license

    @model_validator(mode="after")
    def _values_of_classes_fit(self) -> Properties:
        greatest = max(entry.value for entry in self.output[0].classes)
        if SEARCH not in self.tasks and greatest > MOST_VALUE:
            raise ValueError(f"mlm:output: class value {greatest} is above {MOST_VALUE}")
        return self


class SegmentationExtras(Spec):
    """Properties of a segmentation network with the prefix `geoseg:`; an unknown key is an error."""

    units: Units
    activation: Activation
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    fill: float = 0.0
    statistics: Statistics = "training"
    statistics_known: bool | None = None
    tile: int | None = None
    overlap: int | None = None
    multiple: int | None = None
    stride: int = 1
    """Side in pixels of the square of the input that a pixel of the output stands for."""
    fixed_tile: bool | None = None
    resolution: float | None = None
    atmosphere: Atmosphere | None = None
    background: int | str | None = None
    """Value or name of the background; an explicit null: every class is mapped."""
    temperature: float = 1.0
    threshold: float = 0.5
    training_scenes: Coverage | None = None
    evidence: Evidence | None = None
    task: str = "segmentation"
    metadata: tuple[str, ...] | None = None
    """Channels behind the bands that hold facts: `month`, `t2:month`, `year`, `day`, `lat`, `lon`."""
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    """Month, 1 to 12, of dates that are unknown; None: June."""
    encoder: str | None = None
    """Pretrained encoder that the network started from, and the licence of its weights."""
    features_of: dict[str, str] = {}
    """Tags of the embeddings that the network reads, which tell their model or release."""


class Item(Part):
    """The STAC item."""

    type: Literal["Feature"]
    stac_version: str
    stac_extensions: tuple[str, ...]
    id: str
    properties: Properties
    assets: Annotated[dict[str, ModelAsset], Field(min_length=1)]

    @field_validator("stac_extensions")
    @classmethod
    def _has_mlm(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not any(re.search(r"/mlm/v1\.[4-9][0-9.]*/schema\.json$", entry) for entry in value):
            raise ValueError("has no MLM extension of version 1.4 or a later 1.x")
        return value

    @property
    def classifies(self) -> bool:
        """Whether the model is a scene classifier, not a segmentation network."""
        return bool(CLASSIFICATION & {*self.properties.tasks, *self.properties.output[0].tasks})


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a document with its place, and the number of further problems."""
    problems = error.errors(include_url=False)
    where = ".".join(str(part) for part in problems[0]["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where + ': ' if where else ''}{problems[0]['msg'].removeprefix('Value error, ')}{more}"
