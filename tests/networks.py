"""Small ONNX networks of every form that others export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, from_graph, to_graph

Size = int | str | None


def save_form(
    path: Path,
    *,
    bands: int = 3,
    planes: int = 2,
    order: Sequence[Axis] = CHANNELS_FIRST,
    side: Size = "side",
    batch: Size = "n",
    channels: Size = -1,
    end: Sequence[str] = (),
    dtype: int = TensorProto.FLOAT,
    stride: int = 1,
) -> Path:
    """Write a 1 x 1 convolution.

    Args:
        path: the file.
        bands: channels of the input.
        planes: channels of the output.
        order: axes of input and output.
        side: rows and columns in the graph; a text: any.
        batch: batch in the graph; a text: any.
        channels: channels that the graph states; -1: `bands`; a text: any.
        end: operators after the convolution.
        dtype: of input and output.
        stride: of the convolution; 4: the output has a quarter of the size.
    """
    weight = np.random.default_rng(1).normal(0, 2, (planes, bands, 1, 1)).astype(np.float32)
    bias = np.linspace(-2, 2, planes).astype(np.float32)
    nodes = [helper.make_node("Transpose", ["image"], ["first"], perm=from_graph(order))]
    nodes.append(helper.make_node("Cast", ["first"], ["x"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("Conv", ["x", "w", "b"], ["y0"], strides=[stride, stride]))
    last = "y0"
    for number, kind in enumerate(end, start=1):
        axis: dict[str, Any] = {"axis": 1} if kind in {"Softmax", "LogSoftmax", "ArgMax"} else {}
        nodes.append(helper.make_node(kind, [last], [f"y{number}"], **axis))
        last = f"y{number}"
    if end and end[-1] in {"ArgMax", "GlobalAveragePool"}:
        nodes.append(helper.make_node("Identity", [last], ["scores"]))
    else:
        nodes.append(helper.make_node("Transpose", [last], ["ordered"], perm=to_graph(order)))
        nodes.append(helper.make_node("Cast", ["ordered"], ["scores"], to=dtype))
    stated = bands if channels == -1 else channels
    result = TensorProto.INT64 if "ArgMax" in end else dtype
    shape = None if end or stride > 1 else [*as_ordered((batch, planes, side, side), order)]
    graph = helper.make_graph(
        nodes,
        "form",
        [helper.make_tensor_value_info("image", dtype, [*as_ordered((batch, stated, side, side), order)])],
        [helper.make_tensor_value_info("scores", result, shape)],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def save_ranks(path: Path, inputs: Sequence[Sequence[Size]], outputs: Sequence[Sequence[Size]]) -> Path:
    """Write a graph with inputs and outputs of these shapes, which is never run."""
    ports = [
        helper.make_tensor_value_info(f"in{index}", TensorProto.FLOAT, shape)
        for index, shape in enumerate(inputs)
    ]
    results = [
        helper.make_tensor_value_info(f"out{index}", TensorProto.FLOAT, shape)
        for index, shape in enumerate(outputs)
    ]
    nodes = [helper.make_node("Identity", ["in0"], [f"out{index}"]) for index in range(len(outputs))]
    graph = helper.make_graph(nodes, "ranks", ports, results)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path
