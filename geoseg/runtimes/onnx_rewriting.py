"""ONNX graphs rewritten: weights in the type that is wanted, and half precision where it pays."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from geoseg.errors import ModelError, RuntimeMissingError

HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that are worth half precision."""

WHOLE_IN_BF16 = frozenset({"ConvTranspose"})
"""Heavy operators for which TensorRT 11 has no kernel in bfloat16: a network that holds one is not built."""

FOLLOWING = frozenset(
    {
        *("Add", "AveragePool", "Clip", "Concat", "Expand", "Flatten", "Gather", "GlobalAveragePool"),
        *("HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "MaxPool", "Mul", "Pad", "Relu", "Reshape"),
        *("Resize", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
"""Operators that stay in half precision where all their pixels are in it; the others are back in float32."""

FLOAT, HALF = 1, {"fp16": 10, "bf16": 16}
"""ONNX's numbers of element types."""


def onnx_package(what: str) -> ModuleType:
    """Return the package onnx, which converts graphs.

    Args:
        what: has to be converted.

    Raises:
        RuntimeMissingError: it is not there.
    """
    try:
        import onnx  # noqa: PLC0415 - optional
        import onnx.checker  # noqa: PLC0415
        import onnx.shape_inference  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeMissingError(
            f"{what} has to be converted: pip install onnx, or say --runtime torch"
        ) from error
    found: ModuleType = onnx
    return found


def fold_casts(model: Any) -> int:
    """Turn weights that a `Cast` follows, as in files of half the size, into weights of the type wanted.

    TensorRT wants the weights of convolutions as they are, and not computed.

    Returns:
        How many were turned.
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
    kept = [item for item in graph.initializer if item.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return len(casts)


def halve(model: Any, kind: int) -> Any:
    """Write half precision into a graph: heavy operators, and what follows them, compute in it.

    Inputs and outputs stay in float32, and so does what comes before the first heavy operator: ratios of
    bands are small differences of large numbers.

    Args:
        model: in float32.
        kind: ONNX's number of the type.

    Raises:
        ModelError: it has graphs within the graph.
    """
    return _Halving(model, kind).run()


class _Halving:
    """Walks a graph and keeps each value in the forms that are asked of it."""

    def __init__(self, model: Any, kind: int) -> None:
        self._onnx = onnx_package("half precision")
        self._model, self._kind = model, kind
        self._heavy = HEAVY - WHOLE_IN_BF16 if kind == HALF["bf16"] else HEAVY
        self._suffix = "/half"
        self._weights = {item.name: item for item in model.graph.initializer}
        self._floats = set(self._float_names())
        self._whole = {port.name for port in model.graph.input} | set(self._weights)
        self._half: set[str] = set()
        self._nodes: list[Any] = []
        self._new_weights: list[Any] = []

    def run(self) -> Any:
        """Convert all nodes."""
        for node in self._model.graph.node:
            if any(item.HasField("g") for item in node.attribute):
                raise ModelError(f"half precision cannot be written into a graph with {node.op_type}")
            self._convert(node)
        for port in self._model.graph.output:
            self._as_whole(port.name)
        graph = self._model.graph
        del graph.node[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._new_weights)
        del graph.value_info[:]
        self._drop_unused()
        self._onnx.checker.check_model(self._model)
        return self._model

    def _convert(self, node: Any) -> None:
        """Run a node in half precision or not, and note in which form its outputs are."""
        done = self._onnx.NodeProto()
        done.CopyFrom(node)
        pixels = [name for name in node.input if name in self._floats and name not in self._weights]
        halved = node.op_type in self._heavy or (
            node.op_type in FOLLOWING and bool(pixels) and all(name in self._half for name in pixels)
        )
        for place, name in enumerate(node.input):
            if name not in self._floats or (node.op_type == "Resize" and place > 0):
                continue
            done.input[place] = self._as_half(name) if halved else self._as_whole(name)
        for place, name in enumerate(node.output):
            if halved and name in self._floats:
                done.output[place] = f"{name}{self._suffix}"
                self._half.add(name)
            else:
                self._whole.add(name)
        self._nodes.append(done)

    def _as_half(self, name: str) -> str:
        wanted = f"{name}{self._suffix}"
        if name not in self._half:
            self._half.add(name)
            if name in self._weights:
                self._new_weights.append(self._lowered(self._weights[name], wanted))
            else:
                self._cast(name, wanted, self._kind)
        return wanted

    def _as_whole(self, name: str) -> str:
        if name not in self._whole and name in self._half:
            self._whole.add(name)
            self._cast(f"{name}{self._suffix}", name, FLOAT)
        return name

    def _cast(self, source: str, target: str, kind: int) -> None:
        self._nodes.append(self._onnx.helper.make_node("Cast", [source], [target], to=kind))

    def _lowered(self, weight: Any, name: str) -> Any:
        """A weight in half precision."""
        values = self._onnx.numpy_helper.to_array(weight)
        dtype = self._onnx.helper.tensor_dtype_to_np_dtype(self._kind)
        return self._onnx.numpy_helper.from_array(values.astype(dtype), name)

    def _float_names(self) -> Iterator[str]:
        """Names of all values in float32."""
        inferred = self._onnx.shape_inference.infer_shapes(self._model).graph
        for port in (*inferred.input, *inferred.output, *inferred.value_info):
            if port.type.tensor_type.elem_type == FLOAT:
                yield port.name
        for weight in inferred.initializer:
            if weight.data_type == FLOAT:
                yield weight.name

    def _drop_unused(self) -> None:
        """Remove weights that are needed in half precision only."""
        graph = self._model.graph
        used = {name for node in graph.node for name in node.input}
        kept = [item for item in graph.initializer if item.name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)
