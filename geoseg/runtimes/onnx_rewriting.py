"""Changes of ONNX graphs: conversion of weights to another type, and half precision."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files import onnx_files
from geoseg.files.onnx_files import weight_bytes

HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that run in half precision because they take most of the time."""

WITHOUT_BF16 = frozenset({"ConvTranspose"})
"""Heavy operators without a bfloat16 kernel in TensorRT 11, which cannot build networks with one."""

FOLLOWING = frozenset(
    {
        *("Add", "AveragePool", "Clip", "Concat", "Expand", "Flatten", "Gather", "GlobalAveragePool"),
        *("HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "MaxPool", "Mul", "Pad", "Relu", "Reshape"),
        *("Resize", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
"""Operators that run in half precision if all their inputs are in it; all others run in float32."""

SHAPE_BYTES = 1024
"""Most bytes of a weight that may be a shape or an index, on which the shapes of other values depend."""

FLOAT, HALF = 1, {"fp16": 10, "bf16": 16}
"""Numbers of element types in ONNX."""


def onnx_package(what: str) -> ModuleType:
    """Import the package onnx.

    Args:
        what: the part of a network to convert, for the message.

    Raises:
        RuntimeMissingError: the package is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - optional
        import onnx.checker  # noqa: PLC0415
        import onnx.shape_inference  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeMissingError(
            f"{what}: the conversion needs the package onnx: pip install onnx, or use `--precision fp32`"
        ) from error
    module: ModuleType = onnx
    return module


def fold_casts(model: Any) -> int:
    """Replace weights and the `Cast` after them, as in files with fp16 weights, by converted weights.

    TensorRT requires the weights of convolutions as constants.

    Returns:
        Number of replaced weights.
    """
    onnx = onnx_package("weights stored in another type")
    graph = model.graph
    weights = {item.name: item for item in graph.initializer}
    casts = [node for node in graph.node if node.op_type == "Cast" and node.input[0] in weights]
    for node in casts:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
        values = onnx.numpy_helper.to_array(weights[node.input[0]]).astype(dtype)
        graph.initializer.append(onnx.numpy_helper.from_array(values, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input} | {port.name for port in graph.output}
    remaining = [item for item in graph.initializer if item.name in used]
    del graph.initializer[:]
    graph.initializer.extend(remaining)
    return len(casts)


def halve(model: Any, kind: int) -> Any:
    """Write half precision into a graph: heavy operators and the operators that follow them compute in it.

    Inputs, outputs and operators before the first heavy one stay in float32: ratios of bands are small
    differences of large numbers.

    Args:
        model: the network in float32.
        kind: number of the half-precision type in ONNX.

    Raises:
        ModelError: the graph contains other graphs.
    """
    return _Halving(model, kind).run()


class _Halving:
    """Converts the nodes of a graph; stores each value in the precisions that nodes need."""

    def __init__(self, model: Any, kind: int) -> None:
        self._onnx = onnx_package("half precision")
        self._model, self._kind = model, kind
        self._heavy = HEAVY - WITHOUT_BF16 if kind == HALF["bf16"] else HEAVY
        self._suffix = "/half"
        self._weights = {item.name: item for item in model.graph.initializer}
        self._floats = set(self._float_names())
        self._full = {port.name for port in model.graph.input} | set(self._weights)
        self._half: set[str] = set()
        self._nodes: list[Any] = []
        self._new_weights: list[Any] = []

    def run(self) -> Any:
        """Convert all nodes."""
        for node in self._model.graph.node:
            if any(item.HasField("g") for item in node.attribute):
                raise ModelError(f"a graph with {node.op_type} cannot be converted to half precision")
            self._convert(node)
        for port in self._model.graph.output:
            self._as_float(port.name)
        graph = self._model.graph
        del graph.node[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._new_weights)
        del graph.value_info[:]
        self._drop_unused()
        if weight_bytes(self._model) <= onnx_files.MOST_INSIDE:
            self._onnx.checker.check_model(self._model)
        return self._model

    def _convert(self, node: Any) -> None:
        """Convert a node to half precision if suitable, and note the precision of its outputs."""
        converted = self._onnx.NodeProto()
        converted.CopyFrom(node)
        pixels = [name for name in node.input if name in self._floats and name not in self._weights]
        halved = node.op_type in self._heavy or (
            node.op_type in FOLLOWING and bool(pixels) and all(name in self._half for name in pixels)
        )
        for index, name in enumerate(node.input):
            if name not in self._floats or (node.op_type == "Resize" and index > 0):
                continue
            converted.input[index] = self._as_half(name) if halved else self._as_float(name)
        for index, name in enumerate(node.output):
            if halved and name in self._floats:
                converted.output[index] = f"{name}{self._suffix}"
                self._half.add(name)
            else:
                self._full.add(name)
        self._nodes.append(converted)

    def _as_half(self, name: str) -> str:
        half = f"{name}{self._suffix}"
        if name not in self._half:
            self._half.add(name)
            if name in self._weights:
                self._new_weights.append(self._lowered(self._weights[name], half))
            else:
                self._cast(name, half, self._kind)
        return half

    def _as_float(self, name: str) -> str:
        if name not in self._full and name in self._half:
            self._full.add(name)
            self._cast(f"{name}{self._suffix}", name, FLOAT)
        return name

    def _cast(self, source: str, target: str, kind: int) -> None:
        self._nodes.append(self._onnx.helper.make_node("Cast", [source], [target], to=kind))

    def _lowered(self, weight: Any, name: str) -> Any:
        """Return a weight in half precision."""
        values = self._onnx.numpy_helper.to_array(weight)
        dtype = self._onnx.helper.tensor_dtype_to_np_dtype(self._kind)
        return self._onnx.numpy_helper.from_array(values.astype(dtype), name)

    def _float_names(self) -> Iterator[str]:
        """Yield the names of all values in float32."""
        inferred = self._onnx.shape_inference.infer_shapes(self._without_weights()).graph
        for port in (*inferred.input, *inferred.output, *inferred.value_info):
            if port.type.tensor_type.elem_type == FLOAT:
                yield port.name
        for weight in self._model.graph.initializer:
            if weight.data_type == FLOAT:
                yield weight.name

    def _without_weights(self) -> Any:
        """Return the model with large weights as inputs: shapes are inferred of messages below 2 GiB only."""
        model, graph = self._model, self._model.graph
        large = [item for item in graph.initializer if len(item.raw_data) > SHAPE_BYTES]
        made = self._onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
        made.graph.name = graph.name
        made.graph.node.extend(graph.node)
        made.graph.output.extend(graph.output)
        made.graph.value_info.extend(graph.value_info)
        names = {item.name for item in large}
        made.graph.initializer.extend(item for item in graph.initializer if item.name not in names)
        made.graph.input.extend(port for port in graph.input if port.name not in names)
        made.graph.input.extend(
            self._onnx.helper.make_tensor_value_info(item.name, item.data_type, item.dims) for item in large
        )
        return made

    def _drop_unused(self) -> None:
        """Remove weights that no node reads any more."""
        graph = self._model.graph
        used = {name for node in graph.node for name in node.input}
        remaining = [item for item in graph.initializer if item.name in used]
        del graph.initializer[:]
        graph.initializer.extend(remaining)
