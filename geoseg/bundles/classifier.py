"""Read the descriptions of scene classifiers (`geoseg.bundles.mlm`), with the properties that only they have.

Keys of MLM state the inputs, their bands and value_scaling; `geoseg:inputs` states units and pixel size,
`geoseg:footprint` the side of a footprint.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from geoseg.bundles.description import class_of, input_bands, model_asset, port_name, read_extras, read_item
from geoseg.bundles.external_data import stated_hashes
from geoseg.bundles.mlm import PREFIX, Input, first_problem
from geoseg.errors import ModelError
from geoseg.spec import Atmosphere, InputSpec, ModelSpec, Spec, Units
from geoseg.spec.classifiers import SCENE_CLASSIFICATION


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
    task: str = SCENE_CLASSIFICATION


def to_classifier(path: Path, weights: Path) -> ModelSpec:
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
        return ModelSpec.model_validate(
            {
                "name": properties.name,
                "title": properties.title,
                "inputs": [_input(path, given, extras.inputs[given.name]) for given in properties.input],
                "footprint": extras.footprint,
                "classes": [class_of(index + 1, entry) for index, entry in enumerate(result.classes)],
                "activation": extras.activation,
                "threshold": extras.threshold,
                "fixed_batch": batch if batch > 0 else None,
                "weights": weights,
                "sha256": model_asset(path, item).sha256,
                "external": stated_hashes(item.assets),
                "output_name": port_name(result.name),
                "licence": properties.licence,
            }
        )
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from error


def _input(path: Path, given: Input, extras: InputExtras) -> InputSpec:
    stated = given.value_scaling is not None and all(part.type == "z-score" for part in given.value_scaling)
    facts = extras.model_dump(exclude={"statistics_known"})
    return InputSpec(
        **facts,
        name=given.name,
        bands=input_bands(path, given),
        statistics_known=stated if extras.statistics_known is None else extras.statistics_known,
        dim_order=given.order,
    )


def classifier_properties(spec: ModelSpec) -> dict[str, JsonValue]:
    """Return what MLM has no word for of a scene classifier."""
    extras = ClassifierExtras(
        activation="sigmoid" if spec.activation == "sigmoid" else "none",
        footprint=spec.footprint,
        inputs={
            given.name: InputExtras.model_validate(given.model_dump(include=set(InputExtras.model_fields)))
            for given in spec.inputs
        },
        threshold=spec.threshold,
    )
    table = json.loads(extras.model_dump_json(exclude_none=True))
    return {PREFIX + key: value for key, value in table.items()}
