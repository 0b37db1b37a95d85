"""Small networks and their bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from geoseg.spec import ClassSpec, ModelBand, ModelSpec

Edit = Callable[[dict[str, Any]], object]


def save_network(
    path: Path,
    *,
    bands: int = 3,
    planes: int = 2,
    shape: tuple[int | str, int | str, int | str] = ("n", "rows", "cols"),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a 1 x 1 convolution."""
    batch, rows, cols = shape
    weight = np.linspace(-1, 1, planes * bands).reshape(planes, bands, 1, 1).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, bands, rows, cols])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, planes, rows, cols])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def make_spec(weights: Path, **changes: object) -> ModelSpec:
    spec = ModelSpec(
        name="water-net",
        title="Water from three bands",
        bands=(
            ModelBand(name="green", mean=0.11, std=0.05),
            ModelBand(name="nir08", mean=0.25, std=0.1),
            ModelBand(name="swir16", mean=0.2, std=0.09),
        ),
        units="reflectance",
        tile=64,
        overlap=16,
        resolution=10,
        classes=(
            ClassSpec(value=0, label="land", colour="#d9d9d9"),
            ClassSpec(value=1, label="open water", colour="#1f78b4"),
        ),
        weights=weights,
        licence="CC-BY-4.0",
    )
    return spec.model_copy(update=changes)


def edited(bundle: Path, edit: Edit) -> dict[str, Any]:
    """Change a `model.json`; returns what it then says."""
    path = bundle / "model.json"
    item: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    edit(item)
    path.write_text(json.dumps(item), encoding="utf-8")
    return item


def first_input(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["properties"]["mlm:input"][0]
    return found
