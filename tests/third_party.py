"""Networks as others describe them: a STAC item with the MLM extension, in any order of axes and classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, from_graph, to_graph
from tests.products.ground import REFLECTANCE

BANDS = ("green", "nir", "swir16")
SHARPNESS = 200.0
"""How far logits lie apart: scores of made ground are near 0 and 1."""

Order = tuple[Axis, Axis, Axis, Axis]


def write_pooled(path: Path, factor: int, *, enlarged: bool) -> Path:
    """Write a network of two planes that scores squares of pixels; `enlarged`: interpolates to pixels.

    Args:
        path: the file.
        factor: side of a square in pixels.
        enlarged: whether the graph ends in a bilinear `Resize`, as torch exports it.
    """
    weight = np.array([[0.0, 0.0, 0.0], [3.0, -2.0, 1.0]], np.float32)[..., None, None]
    nodes = [
        helper.make_node("AveragePool", ["image"], ["x"], kernel_shape=[factor] * 2, strides=[factor] * 2),
        helper.make_node("Conv", ["x", "w"], ["coarse"]),
    ]
    weights = [numpy_helper.from_array(weight, "w")]
    if enlarged:
        weights.append(numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), "scales"))
        nodes.append(
            helper.make_node(
                "Resize",
                ["coarse", "", "scales"],
                ["scores"],
                mode="linear",
                coordinate_transformation_mode="pytorch_half_pixel",
            )
        )
    else:
        nodes[-1].output[0] = "scores"
    graph = helper.make_graph(
        nodes,
        "pooled",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", len(BANDS), "side", "side"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def write_network(
    path: Path,
    kinds: Sequence[int | tuple[int, ...]],
    *,
    order: Order = CHANNELS_FIRST,
    output_order: Order | None = None,
    tile: int | None = None,
    bands: Sequence[str] = BANDS,
) -> Path:
    """Write a network that tells kinds of `tests.products.ground` apart: a plane is a kind, or several.

    Each plane is the logit of the nearest of the made ground's spectra; one kind gives one plane, its score
    as a logit against all other kinds.
    """
    output_order = output_order or order
    centres = np.array([REFLECTANCE[band] for band in bands]).T
    weight = 2 * SHARPNESS * centres
    bias = -SHARPNESS * (centres**2).sum(axis=1)
    groups = [(kind,) if isinstance(kind, int) else kind for kind in kinds]
    alone = len(groups) == 1
    if alone:
        groups.append(tuple(kind for kind in range(len(centres)) if kind not in groups[0]))
    side: int | str = tile or "side"
    nodes = [
        helper.make_node("Transpose", ["image"], ["x"], perm=from_graph(order)),
        helper.make_node("Conv", ["x", "w", "b"], ["logits"]),
    ]
    weights = [
        numpy_helper.from_array(weight.astype(np.float32)[..., None, None], "w"),
        numpy_helper.from_array(bias.astype(np.float32), "b"),
    ]
    for index, group in enumerate(groups):
        weights.append(numpy_helper.from_array(np.array(group, np.int64), f"at{index}"))
        nodes.append(helper.make_node("Gather", ["logits", f"at{index}"], [f"own{index}"], axis=1))
        nodes.append(helper.make_node("ReduceMax", [f"own{index}", "axis"], [f"plane{index}"], keepdims=1))
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    if alone:
        nodes.append(helper.make_node("Sub", ["plane0", "plane1"], ["planes"]))
    else:
        nodes.append(
            helper.make_node("Concat", [f"plane{i}" for i in range(len(groups))], ["planes"], axis=1)
        )
    nodes.append(helper.make_node("Transpose", ["planes"], ["scores"], perm=to_graph(output_order)))
    graph = helper.make_graph(
        nodes,
        "nearest",
        [
            helper.make_tensor_value_info(
                "image", TensorProto.FLOAT, as_ordered(("n", len(bands), side, side), order)
            )
        ],
        [
            helper.make_tensor_value_info(
                "scores",
                TensorProto.FLOAT,
                as_ordered(("n", 1 if alone else len(groups), side, side), output_order),
            )
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def write_item(
    folder: Path,
    kinds: Sequence[int | tuple[int, ...]],
    classes: Sequence[dict[str, Any]],
    *,
    order: Order = CHANNELS_FIRST,
    output_order: Order | None = None,
    tile: int | None = None,
    said: dict[str, Any] | None = None,
) -> Path:
    """Write a bundle: a network of `write_network` and the item that describes it.

    Args:
        folder: of the bundle.
        kinds: a plane each.
        classes: `classification:classes`, in the order of the planes.
        order: of the axes of the input.
        output_order: of those of the output; None: the same.
        tile: the only size that the graph takes; None: any.
        said: further properties, such as `geoseg:background`.
    """
    output_order = output_order or order
    write_network(folder / "network.onnx", kinds, order=order, output_order=output_order, tile=tile)
    side, one = tile or -1, len(kinds) == 1
    properties: dict[str, Any] = {
        "mlm:name": folder.name,
        "mlm:architecture": "nearest spectrum",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:input": [
            {
                "name": "image",
                "bands": [*BANDS],
                "input": {
                    "shape": [*as_ordered((-1, len(BANDS), side, side), order)],
                    "dim_order": [*order],
                    "data_type": "float32",
                },
                "value_scaling": None,
            }
        ],
        "mlm:output": [
            {
                "name": "scores",
                "tasks": ["semantic-segmentation"],
                "result": {
                    "shape": [*as_ordered((-1, len(kinds), side, side), output_order)],
                    # Channels of scores are classes.
                    "dim_order": ["class" if axis == "channel" else axis for axis in output_order],
                    "data_type": "float32",
                },
                "classification:classes": [*classes],
            }
        ],
        "geoseg:units": "reflectance",
        "geoseg:activation": "sigmoid" if one else "softmax",
        "geoseg:tile": tile or 64,
        "geoseg:overlap": 16,
        **(said or {}),
    }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/mlm/v1.5.0/schema.json",
            "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
        ],
        "id": folder.name,
        "geometry": None,
        "properties": properties,
        "links": [],
        "assets": {"weights": {"href": "./network.onnx", "roles": ["mlm:model", "mlm:weights"]}},
    }
    (folder / "model.json").write_text(json.dumps(item), encoding="utf-8")
    return folder
