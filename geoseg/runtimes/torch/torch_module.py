"""An ONNX graph as a torch module: each node by its torch function, in the order of the file.

There is no converter to lean on: onnx2torch 1.5 has no `Resize` of opset 18 and no weights that pass a
`Cast`, and so reads none of the bundles that ship.
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
from geoseg.runtimes.torch.torch_operators import HOST_INPUTS, OPERATORS, Operator

Described = tuple[str, str, tuple[int | None, ...] | None]
"""An input or output: name, element type, shape with None for free sizes (None: any rank)."""

OWN = frozenset({"", "ai.onnx"})
"""Domains of ONNX's own operators."""

SIZES = frozenset({"Shape", "Size"})
"""Operators whose output depends on the shape of the input alone."""

HEAVY = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
"""Operators that autocast runs in half precision."""

LAST = frozenset({"Sigmoid", "Softmax", "Add", "Sub", "Div", "Mul", "Clip"})
"""Operators that are computed in float32 where they give the output, whatever precision is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """One node, ready to run."""

    kind: str
    run: Operator
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    """Empty: left out."""
    outputs: tuple[str, ...]
    on_host: bool
    """Whether it computes sizes and places only, and so runs once for each shape of the input."""


class OnnxModule(nn.Module):
    """The graph of an ONNX file with its weights, for inference.

    What depends on weights alone is computed on loading. What depends on the input's shape alone is computed
    on the host, once a shape: a device never waits for it, and CUDA graphs can be captured.
    """

    def __init__(self, path: Path, output: str = "") -> None:
        """Read a file.

        Args:
            path: of the file.
            output: name of the output wanted; empty: the first.

        Raises:
            ModelError: it is no ONNX file, or has operators that are not known here.
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
            self._keep(item.name, to_tensor(item))
        self._plan = self._make_plan(model)
        self._forget_unused()

    waits: bool
    """Whether a run had to wait for a size that is computed from pixels, as no CUDA graph can."""

    def _keep(self, name: str, value: Any) -> None:
        """Remember a value that never changes: on the device, and sizes on the host as well."""
        if not value.is_floating_point() or value.numel() <= 16:
            self._fixed_host[name] = value
        key = f"constant{len(self._buffers)}"
        self.register_buffer(key, value)
        self._constants[name] = key

    def _make_plan(self, model: Any) -> list[_Node]:
        """Fold what is constant; mark what depends on shapes alone."""
        plan: list[_Node] = []
        of_shape: set[str] = set()
        for proto in model.graph.node:
            attributes = {item.name: _attribute(item) for item in proto.attribute}
            if proto.op_type == "Constant":
                self._keep(proto.output[0], _constant(attributes))
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
                    self._keep(name, value)
                continue
            if node.on_host:
                of_shape |= set(node.outputs)
            plan.append(node)
        return plan

    def _forget_unused(self) -> None:
        """Drop what only folded nodes read, such as weights before their cast."""
        used = {name for node in self._plan for name in node.inputs} | {self.output}
        for name in [name for name in self._constants if name not in used]:
            delattr(self, self._constants.pop(name))
            self._fixed_host.pop(name, None)

    def lower(self, dtype: Any) -> None:
        """Store the weights of heavy operators in half precision, so that autocast need not cast them anew.

        Only those that nothing else reads: all others stay in float32.
        """
        uses: dict[str, set[bool]] = {}
        for node in self._plan:
            for place, name in enumerate(node.inputs):
                uses.setdefault(name, set()).add(node.kind in HEAVY and place > 0)
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
            places = HOST_INPUTS.get(node.kind, ())
            given = [
                None
                if not name
                else self._on_host(name, host, values)
                if place in places
                else self._on_device(name, host, moved, values, image)
                for place, name in enumerate(node.inputs)
            ]
            if node.kind in LAST and self.output in node.outputs:
                # Scores are told apart by more digits than half precision has.
                given = [_whole(value) for value in given]
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
        found = host.get(name, self._fixed_host.get(name))
        if found is None:
            self.waits = True
            found = self._value(name, values).cpu()
        return found

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
        """Run one node; what it refuses is told with the file's name."""
        try:
            found = node.run(node.attributes, *given)
        except ModelError as error:
            raise ModelError(
                f"{self.path}: the torch runtime has no {error}; say --runtime onnxruntime"
            ) from error
        return tuple(found) if isinstance(found, tuple | list) else (found,)


def _whole(value: Any) -> Any:
    """Half precision as float32; anything else as it is."""
    return value.float() if value is not None and value.dtype in {torch.float16, torch.bfloat16} else value


def read_model(path: Path) -> Any:
    """Read an ONNX file with its weights.

    Raises:
        ModelError: it is not ONNX, or damaged.
    """
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and onnx raise types of their own that share no base
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: torch cannot run it: {first}") from error
    return model


def refuse_unknown(path: Path, model: Any) -> None:
    """See that every operator is known.

    Raises:
        ModelError: some are not; they are named, with the runtime to use instead.
    """
    kinds = {(node.domain, node.op_type) for node in model.graph.node}
    unknown = sorted(
        f"{domain}.{kind}" if domain not in OWN else kind
        for domain, kind in kinds
        if domain not in OWN or (kind not in OPERATORS and kind != "Constant")
    )
    if unknown:
        raise ModelError(
            f"{path}: the torch runtime does not know the operator{'s' if len(unknown) > 1 else ''} "
            f"{', '.join(unknown)}; say --runtime onnxruntime"
        )


def to_tensor(item: Any) -> Any:
    """An ONNX tensor in memory of its own."""
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
    """The value of a `Constant` node, whichever way it is written."""
    ((name, value),) = attributes.items()
    if name == "value":
        return value
    kind = {"value_int": torch.int64, "value_ints": torch.int64}.get(name, torch.float32)
    return torch.tensor(value, dtype=kind)


def ports_of(model: Any) -> tuple[list[Described], list[Described]]:
    """Return inputs, without weights, and outputs: name, element type as numpy calls it, shape."""
    weights = {item.name for item in model.graph.initializer}
    inputs = [_describe(port) for port in model.graph.input if port.name not in weights]
    return inputs, [_describe(port) for port in model.graph.output]


def _describe(port: Any) -> Described:
    kind = port.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else "unknown"
    if not kind.HasField("shape"):
        return port.name, name, None
    return port.name, name, tuple(size.dim_value or None for size in kind.shape.dim)
