"""Conversion of descriptions of scene classifiers (`geoseg.bundles.mlm`) to and from `ClassifierSpec`.

Keys of MLM state the inputs, their bands and value_scaling; `geoseg:inputs` states units and pixel size,
`geoseg:footprint` the side of a footprint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from geoseg.bundles.description import class_of, input_bands, model_asset, port_name, read_extras, read_item
from geoseg.bundles.description_text import UNNAMED, from_class, item_text
from geoseg.bundles.external_data import stated_hashes
from geoseg.bundles.mlm import PREFIX, Input, first_problem
from geoseg.errors import ModelError
from geoseg.spec import Atmosphere, ClassifierSpec, SensorInput, Spec, Units
from geoseg.spec.layouts import as_ordered

TASKS = ("scene-classification",)


class InputExtras(Spec):
    """Properties of one input of a scene classifier, under `geoseg:inputs`."""

    units: Units
    resolution: Annotated[float, Field(gt=0)]
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    fill: float = 0.0
    statistics_known: bool | None = None
    atmosphere: Atmosphere | None = None


class ClassifierExtras(Spec):
    """Properties of a scene classifier with the prefix `geoseg:`; an unknown key is an error."""

    activation: Literal["none", "sigmoid"]
    footprint: float
    inputs: dict[str, InputExtras]
    multi_label: Literal[True] = True
    """Whether a footprint may have several classes or none: scores do not sum to 1."""
    threshold: float = 0.5
    task: str = "scene-classification"


def to_classifier(path: Path, weights: Path) -> ClassifierSpec:
    """Read the `model.json` of a scene classifier.

    Args:
        path: the `model.json`.
        weights: path of its ONNX file, which may not be downloaded yet.

    Raises:
        ModelError: the description is invalid, or geoseg does not support such a network.
    """
    item, own = read_item(path)
    needed = (
        f"{PREFIX}activation, {PREFIX}footprint and {PREFIX}inputs with units and resolution of each input"
    )
    extras = read_extras(path, own, ClassifierExtras, needed)
    properties, (result,) = item.properties, item.properties.output
    names = [given.name for given in properties.input]
    if set(extras.inputs) != set(names):
        raise ModelError(
            f"{path}: {PREFIX}inputs has {', '.join(extras.inputs)}, but mlm:input has {', '.join(names)}"
        )
    batch = properties.input[0].input.shape[0]
    try:
        return ClassifierSpec(
            name=properties.name,
            title=properties.title,
            task=extras.task,
            inputs=tuple(_input(path, given, extras.inputs[given.name]) for given in properties.input),
            footprint=extras.footprint,
            classes=tuple(class_of(index + 1, entry) for index, entry in enumerate(result.classes)),
            activation=extras.activation,
            threshold=extras.threshold,
            fixed_batch=batch if batch > 0 else None,
            weights=weights,
            sha256=model_asset(path, item).sha256,
            external=stated_hashes(item.assets),
            output_name=port_name(result.name),
            licence=properties.licence,
        )
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from error


def _input(path: Path, given: Input, extras: InputExtras) -> SensorInput:
    stated = given.value_scaling is not None and all(part.type == "z-score" for part in given.value_scaling)
    return SensorInput(
        name=given.name,
        bands=input_bands(path, given),
        units=extras.units,
        scale=extras.scale,
        clip=extras.clip,
        fill=extras.fill,
        statistics_known=stated if extras.statistics_known is None else extras.statistics_known,
        resolution=extras.resolution,
        atmosphere=extras.atmosphere,
        dim_order=given.order,
    )


def from_classifier(
    spec: ClassifierSpec,
    *,
    href: str,
    size: int,
    architecture: str,
    data_sizes: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Return the `model.json` that describes a scene classifier.

    Args:
        spec: the model, with its `sha256`.
        href: address of the ONNX file relative to the `model.json`.
        size: size of the ONNX file in bytes.
        architecture: its name in the literature.
        data_sizes: size in bytes of each file with external data, where known.
    """
    batch = spec.fixed_batch or -1
    inputs: list[JsonValue] = [
        {
            "name": given.name,
            "bands": [band.name for band in given.bands],
            "input": {
                "shape": [
                    *as_ordered(
                        (batch, len(given.bands), spec.side(given), spec.side(given)), given.dim_order
                    )
                ],
                "dim_order": [*given.dim_order],
                "data_type": "float32",
            },
            "value_scaling": [
                {"type": "z-score", "mean": band.mean, "stddev": band.std} for band in given.bands
            ],
        }
        for given in spec.inputs
    ]
    properties: dict[str, JsonValue] = {
        "mlm:tasks": [*TASKS],
        "mlm:input": inputs,
        "mlm:output": [
            {
                "name": spec.output_name or UNNAMED,
                "tasks": [*TASKS],
                "result": {
                    "shape": [batch, len(spec.classes)],
                    "dim_order": ["batch", "class"],
                    "data_type": "float32",
                },
                "classification:classes": [from_class(entry) for entry in spec.classes],
            }
        ],
    }
    extras = ClassifierExtras(
        activation=spec.activation,
        footprint=spec.footprint,
        inputs={given.name: _extras(given) for given in spec.inputs},
        threshold=spec.threshold,
        task=spec.task,
    )
    table = json.loads(extras.model_dump_json(exclude_none=True))
    properties |= {PREFIX + key: value for key, value in table.items()}
    return item_text(spec, properties, href=href, size=size, architecture=architecture, data_sizes=data_sizes)


def _extras(given: SensorInput) -> InputExtras:
    return InputExtras(
        units=given.units,
        resolution=given.resolution,
        scale=given.scale,
        clip=given.clip,
        fill=given.fill,
        statistics_known=given.statistics_known,
        atmosphere=given.atmosphere,
    )
