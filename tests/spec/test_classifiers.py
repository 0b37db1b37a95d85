"""Descriptions of scene classifiers: the short form, its sides, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from geoseg.spec import ModelSpec
from tests.classifiers import CLASSES, NAIP, SENTINEL_2


def described(*inputs: dict[str, Any], **changes: Any) -> ModelSpec:
    table = {"name": "two", "inputs": inputs, "classes": CLASSES, "weights": "m.onnx", **changes}
    return ModelSpec.model_validate(table)


def test_a_tile_is_the_footprint_in_pixels_of_the_first_input() -> None:
    model = described(SENTINEL_2, NAIP)
    assert model.classifies
    assert (model.tile, model.overlap, model.stride, model.fixed_tile) == (72, 36, 72, True)
    assert model.footprint == 720
    assert [(given.name, model.side(given)) for given in model.inputs] == [("sentinel-2", 72), ("naip", 720)]
    assert model.inputs[1] == model.others[0]
    assert described(SENTINEL_2, footprint=360).tile == 36
    assert ModelSpec.model_validate_json(model.model_dump_json()) == model


def test_a_segmentation_network_has_one_input() -> None:
    facts = {
        "name": "flood", "bands": [{"name": "green"}], "units": "reflectance", "classes": CLASSES,
        "weights": "m.onnx", "input_name": "image",
    }  # fmt: skip
    model = ModelSpec.model_validate(facts)
    (only,) = model.inputs
    assert (only.name, only.bands, model.side(only)) == ("image", model.bands, 512)
    with pytest.raises(ValidationError, match="only scene-classification has several inputs"):
        ModelSpec.model_validate({**facts, "others": [NAIP]})
    with pytest.raises(ValidationError, match="needs two classes or more"):
        ModelSpec.model_validate({**facts, "classes": CLASSES[:1]})


REFUSED: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Any], str]] = {
    "no input": ((), {}, "one or more"),
    "no pixel size": (({**SENTINEL_2, "resolution": None},), {}, "input sentinel-2 has no resolution"),
    "half a pixel": ((SENTINEL_2,), {"footprint": 725}, "72.5 pixels"),
    "half a pixel of another": (({**SENTINEL_2, "resolution": 12}, {**NAIP, "resolution": 7}), {}, "102.8"),
    "no multiple of 4": ((SENTINEL_2,), {"footprint": 740}, "74 pixels of 10 m wide; windows overlap"),
    "too small": ((SENTINEL_2,), {"footprint": 4}, "0.4 pixels"),
    "scene statistics": (({**SENTINEL_2, "statistics": "scene"},), {}, "statistics of each scene"),
    "class 0": ((SENTINEL_2,), {"classes": [{**CLASSES[0].model_dump(), "value": 0}]}, "be 1 or greater"),
    "softmax": ((SENTINEL_2,), {"activation": "softmax"}, "has none or sigmoid"),
    "temperature": ((SENTINEL_2,), {"temperature": 2.0}, "one score per class and tile"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(case: str) -> None:
    inputs, changes, told = REFUSED[case]
    with pytest.raises(ValidationError, match=told):
        described(*inputs, **changes)
