"""An ONNX graph as a torch module: each node calls a torch function, in the order of the file.

No converter is available: onnx2torch 1.5 supports neither `Resize` of opset 18 nor weights behind a `Cast`,
and so reads none of geoseg's bundles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from geoseg.errors import ModelError
from geoseg.files.doors import loading
from geoseg.runtimes.torch.torch_operators import HOST_INPUTS, OPERATORS, Operator

Described = tuple[str, str, tuple[int | None, ...] | None]
"""An input or output: name, element type, shape with None for variable sizes (None: variable rank)."""

ONNX_DOMAINS = frozenset({"", "ai.onnx"})
"""Domains of the operators of ONNX."""

SIZES = frozenset({"Shape", "Size"})
"""Operators whose output depends only on the shape of the input."""

HEAVY = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
"""Operators that autocast runs in half precision."""

LAST = frozenset({"Sigmoid", "Softmax", "Add", "Sub", "Div", "Mul", "Clip"})
"""Operators that run in float32, in every precision, if they compute the output of the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A node with its function."""

    kind: str
    run: Operator
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    """Names; empty: omitted input."""
    outputs: tuple[str, ...]
    on_host: bool
    """Whether it computes only sizes and indices, and so runs once for each shape of the input."""


class OnnxModule(nn.Module):
    """The graph of an ONNX file with its weights, for inference.

    Values that depend only on weights are computed on loading. Values that depend only on the shape of the
    input are computed on the host, once for each shape: no device waits for them, and CUDA graphs can be
    captured.
    """

    def __init__(self, path: Path, output: str = "") -> None:
        """Read a file.

        Args:
            path: the file.
            output: name of the output; empty: the first one.

        Raises:
            ModelError: the file is not ONNX, or has operators that the torch runtime does not support.
        """
        super().__init__()
        model = read_model(path)
        graph = model.graph
        refuse_unknown(path, model)
        self.path = path
        weights = {item.name for item in graph.initializer}
        self.input = next(port.name for port in graph.input if port.name not in weights)
        self.output = output or graph.output[0].name
        self._constants: dict[str, str] = {}
        self._host: dict[tuple[int, ...], dict[str, Any]] = {}
        self._moved: dict[tuple[int, ...], dict[str, Any]] = {}
        self._fixed_host: dict[str, Any] = {}
        self.waits = False
        for item in graph.initializer:
            self._add_constant(item.name, to_tensor(item))
        self._plan = self._make_plan(model)
        self._drop_unused()

    waits: bool
    """Whether a run waited for a size that is computed from pixels, which a CUDA graph cannot do."""

    def _add_constant(self, name: str, value: Any) -> None:
        """Store a constant on the device, and sizes also on the host."""
        if not value.is_floating_point() or value.numel() <= 16:
            self._fixed_host[name] = value
        key = f"constant{len(self._buffers)}"
        self.register_buffer(key, value)
        self._constants[name] = key

    def _make_plan(self, model: Any) -> list[_Node]:
        """Fold constants; mark nodes that depend only on shapes."""
        plan: list[_Node] = []
        of_shape: set[str] = set()
        for proto in model.graph.node:
            attributes = {item.name: _attribute(item) for item in proto.attribute}
            if proto.op_type == "Constant":
                self._add_constant(proto.output[0], _constant(attributes))
                continue
            given = [name for name in proto.input if name]
            fixed = all(name in self._constants for name in given)
            known = all(name in self._fixed_host or name in of_shape for name in given)
            node = _Node(
                kind=proto.op_type,
                run=OPERATORS[proto.op_type],
                attributes={**attributes, "outputs": len(proto.output)},
                inputs=tuple(proto.input),
                outputs=tuple(proto.output),
                on_host=known or proto.op_type in SIZES,
            )
            if fixed and proto.op_type not in SIZES:
                values = [getattr(self, self._constants[name]) if name else None for name in node.inputs]
                for name, value in zip(node.outputs, self._call(node, values), strict=False):
                    self._add_constant(name, value)
                continue
            if node.on_host:
                of_shape |= set(node.outputs)
            plan.append(node)
        return plan

    def _drop_unused(self) -> None:
        """Drop values that only folded nodes read, such as weights before their cast."""
        used = {name for node in self._plan for name in node.inputs} | {self.output}
        for name in [name for name in self._constants if name not in used]:
            delattr(self, self._constants.pop(name))
            self._fixed_host.pop(name, None)

    def lower(self, dtype: Any) -> None:
        """Store the weights of heavy operators in half precision, which spares autocast the conversion.

        Weights that other operators read stay in float32.
        """
        uses: dict[str, set[bool]] = {}
        for node in self._plan:
            for index, name in enumerate(node.inputs):
                uses.setdefault(name, set()).add(node.kind in HEAVY and index > 0)
        for name, key in self._constants.items():
            value = getattr(self, key)
            if uses.get(name) == {True} and value.dtype == torch.float32:
                setattr(self, key, value.to(dtype))

    def forward(self, image: Any) -> Any:
        """Run the graph: (N, C, H, W) to its output."""
        shape = tuple(image.shape)
        host = self._host.setdefault(shape, {})
        moved = self._moved.setdefault(shape, {})
        values: dict[str, Any] = {self.input: image}
        for node in self._plan:
            if node.on_host:
                if node.outputs[0] not in host:
                    self._run_on_host(node, host, values)
                continue
            host_inputs = HOST_INPUTS.get(node.kind, ())
            given = [
                None
                if not name
                else self._on_host(name, host, values)
                if index in host_inputs
                else self._on_device(name, host, moved, values, image)
                for index, name in enumerate(node.inputs)
            ]
            if node.kind in LAST and self.output in node.outputs:
                # Scores need more digits than half precision has.
                given = [_as_float(value) for value in given]
            values |= dict(zip(node.outputs, self._call(node, given), strict=False))
        return self._on_device(self.output, host, moved, values, image)

    def _run_on_host(self, node: _Node, host: dict[str, Any], values: dict[str, Any]) -> None:
        given = [
            None
            if not name
            else values[name]
            if name in values
            else host.get(name, self._fixed_host.get(name))
            for name in node.inputs
        ]
        if node.kind in SIZES and given[0] is None:
            given[0] = getattr(self, self._constants[node.inputs[0]])
        host |= dict(zip(node.outputs, self._call(node, given), strict=False))

    def _on_host(self, name: str, host: dict[str, Any], values: dict[str, Any]) -> Any:
        value = host.get(name, self._fixed_host.get(name))
        if value is None:
            self.waits = True
            value = self._value(name, values).cpu()
        return value

    def _on_device(
        self, name: str, host: dict[str, Any], moved: dict[str, Any], values: dict[str, Any], like: Any
    ) -> Any:
        if name not in host:
            return self._value(name, values)
        if name not in moved:
            moved[name] = host[name].to(like.device)
        return moved[name]

    def _value(self, name: str, values: dict[str, Any]) -> Any:
        return values[name] if name in values else getattr(self, self._constants[name])

    def _call(self, node: _Node, given: list[Any]) -> tuple[Any, ...]:
        """Run a node; errors name the file."""
        try:
            output = node.run(node.attributes, *given)
        except ModelError as error:
            raise ModelError(
                f"{self.path}: the torch runtime does not support {error}; use --runtime onnxruntime"
            ) from error
        return tuple(output) if isinstance(output, tuple | list) else (output,)


def _as_float(value: Any) -> Any:
    """Convert half precision to float32; return other types unchanged."""
    return value.float() if value is not None and value.dtype in {torch.float16, torch.bfloat16} else value


def read_model(path: Path) -> Any:
    """Read an ONNX file with its weights.

    Raises:
        ModelError: the file is not ONNX, or damaged.
    """
    with loading(path, "torch cannot run the network"):
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    return model


def refuse_unknown(path: Path, model: Any) -> None:
    """Check that the torch runtime supports every operator.

    Raises:
        ModelError: it does not support some operators.
    """
    kinds = {(node.domain, node.op_type) for node in model.graph.node}
    unknown = sorted(
        f"{domain}.{kind}" if domain not in ONNX_DOMAINS else kind
        for domain, kind in kinds
        if domain not in ONNX_DOMAINS or (kind not in OPERATORS and kind != "Constant")
    )
    if unknown:
        raise ModelError(
            f"{path}: the torch runtime does not support the operator{'s' if len(unknown) > 1 else ''} "
            f"{', '.join(unknown)}; use --runtime onnxruntime"
        )


def to_tensor(item: Any) -> Any:
    """Copy an ONNX tensor to a torch tensor."""
    values = numpy_helper.to_array(item)
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(values.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(np.array(values))


def _attribute(item: Any) -> Any:
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return to_tensor(value)
    return list(value) if item.type in {onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS} else value


def _constant(attributes: dict[str, Any]) -> Any:
    """Return the value of a `Constant` node from any of its attributes."""
    ((name, value),) = attributes.items()
    if name == "value":
        return value
    kind = {"value_int": torch.int64, "value_ints": torch.int64}.get(name, torch.float32)
    return torch.tensor(value, dtype=kind)


def ports_of(model: Any) -> tuple[list[Described], list[Described]]:
    """Return inputs, without weights, and outputs: name, numpy's name of the element type, shape."""
    weights = {item.name for item in model.graph.initializer}
    inputs = [_describe(port) for port in model.graph.input if port.name not in weights]
    return inputs, [_describe(port) for port in model.graph.output]


def _describe(port: Any) -> Described:
    kind = port.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else "unknown"
    if not kind.HasField("shape"):
        return port.name, name, None
    return port.name, name, tuple(size.dim_value or None for size in kind.shape.dim)
