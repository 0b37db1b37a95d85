"""Scene classifiers: networks with one score per class for the whole of a tile, which is their footprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geoseg.spec.models import InputSpec, ModelSpec

SCENE_CLASSIFICATION = "scene-classification"
"""Task of such a network. Several classes may apply to a footprint, or none."""

FOOTPRINT = 720.0
"""Side of the footprint in m where a description states none, as in METER-ML."""

WHOLE = 1e-6
"""Tolerance, in pixels, of the side of a footprint being a whole number."""


def classifier_fields(table: Mapping[str, Any], first: InputSpec) -> dict[str, Any]:
    """Return the fields of a model from the short form of a scene classifier.

    Args:
        table: fields of every model, `inputs`, and `footprint` in m.
        first: the first of the inputs.

    Raises:
        ValueError: the footprint is no possible number of its pixels.
    """
    side = whole_side(first, float(table.get("footprint", FOOTPRINT)))
    return {
        "activation": "none",
        **{key: value for key, value in table.items() if key not in {"inputs", "footprint"}},
        "task": SCENE_CLASSIFICATION,
        "tile": side,
        "overlap": side // 2,
        "multiple": 1,
        "stride": side,
        "fixed_tile": True,
        "background": None,
    }


def check_classifier(model: ModelSpec) -> None:
    """Check what holds for scene classifiers only.

    Raises:
        ValueError: two inputs have one name, a footprint or a class is not possible, or the output is not one
            score per class.
    """
    names = [given.name for given in model.inputs]
    if len(set(names)) < len(names):
        raise ValueError("two inputs have the same name")
    for given in model.inputs:
        whole_side(given, model.footprint)
        if given.statistics != "training":
            raise ValueError(f"input {given.name}: statistics of each scene are for segmentation networks")
    values = [entry.value for entry in model.classes]
    if len(set(values)) < len(values) or min(values) < 1:
        raise ValueError("the values of the classes must differ, and be 1 or greater")
    if model.activation not in {"none", "sigmoid"}:
        raise ValueError(f"activation {model.activation}: a scene classifier has none or sigmoid")
    if model.stride != model.tile or model.temperature != 1 or model.planes:
        raise ValueError("a scene classifier has one score per class and tile, in the order of the classes")


def whole_side(given: InputSpec, footprint: float) -> int:
    """Return the side of a footprint in pixels of an input.

    Raises:
        ValueError: it is no multiple of 4 pixels.
    """
    side = footprint / given.pixel_m
    whole = round(side)
    if whole % 4 or abs(side - whole) > WHOLE or whole < 4:
        raise ValueError(
            f"input {given.name}: the footprint is {side:g} pixels of {given.pixel_m:g} m wide; windows "
            "overlap by half, so the width must be a multiple of 4"
        )
    return whole
