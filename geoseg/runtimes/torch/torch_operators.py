"""The torch function of each ONNX operator, for inference only.

A function takes a node's attributes and its inputs (None where omitted), and returns its output or outputs.
Semantics are those of the ONNX operator pages for opsets 13 to 24; options without an equivalent are refused.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from geoseg.errors import ModelError
from geoseg.runtimes.torch import torch_layers as layers
from geoseg.runtimes.torch import torch_shapes as shapes
from geoseg.runtimes.torch.torch_resampling import average_pool, max_pool, resize
from geoseg.runtimes.torch.torch_shapes import integers, number

Attributes = Mapping[str, Any]
Operator = Callable[..., Any]

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
"""Element types by their number in ONNX."""

HOST_INPUTS: Mapping[str, tuple[int, ...]] = {
    "ConstantOfShape": (0,),
    "Dropout": (1, 2),
    "Expand": (1,),
    "Pad": (1, 2, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3, 4),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
    "CumSum": (1,),
    "Trilu": (1,),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean"), (1,)),
    **dict.fromkeys(("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"), (1,)),
}
"""Inputs with sizes and indices, not pixels: read on the host, so that no device waits."""


def _elementwise(function: Callable[[Any], Any]) -> Operator:
    return lambda _, x: function(x)


def _binary(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda _, a, b: function(a, b)


def _all_of(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda _, *values: functools.reduce(function, values)


def _divide(a: Any, b: Any) -> Any:
    """Divide; integers are rounded towards zero."""
    if a.is_floating_point() or b.is_floating_point():
        return a / b
    return torch.div(a, b, rounding_mode="trunc")


def _reduce(function: Callable[..., Any]) -> Operator:
    """Return an operator that reduces axes, from an attribute (old opsets) or an input."""

    def run(attributes: Attributes, x: Any, axes: Any = None) -> Any:
        chosen = attributes.get("axes") if axes is None else integers(axes)
        if not chosen:
            if attributes.get("noop_with_empty_axes"):
                return x
            chosen = list(range(x.dim()))
        return function(x, chosen, bool(attributes.get("keepdims", 1)))

    return run


def _product(x: Any, axes: list[int], keep: bool) -> Any:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


def _arg(function: Callable[..., Any]) -> Operator:
    """Return an operator that finds the index of the greatest or least value."""

    def run(attributes: Attributes, x: Any) -> Any:
        if attributes.get("select_last_index"):
            raise ModelError("ArgMax and ArgMin with select_last_index")
        return function(x, attributes.get("axis", 0), bool(attributes.get("keepdims", 1)))

    return run


def _cumulate(attributes: Attributes, x: Any, axis: Any) -> Any:
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise ModelError("CumSum with exclusive or reverse")
    return torch.cumsum(x, number(axis), dtype=x.dtype)


def _modulo(attributes: Attributes, a: Any, b: Any) -> Any:
    """Return the remainder with the sign of the divisor, or with `fmod` that of the dividend."""
    return torch.fmod(a, b) if attributes.get("fmod") else torch.remainder(a, b)


def _clip(attributes: Attributes, x: Any, low: Any = None, high: Any = None) -> Any:
    low = attributes.get("min") if low is None else low
    high = attributes.get("max") if high is None else high
    if torch.is_tensor(low) or torch.is_tensor(high):
        # Pixels may be in half precision while the limits are in float32.
        low, high = (limit.to(x.dtype) if torch.is_tensor(limit) else limit for limit in (low, high))
        x = x if low is None else torch.maximum(x, torch.as_tensor(low, dtype=x.dtype, device=x.device))
        return x if high is None else torch.minimum(x, torch.as_tensor(high, dtype=x.dtype, device=x.device))
    return x if low is None and high is None else x.clamp(low, high)


def _mean_of(x: Any, axes: list[int], keep: bool) -> Any:
    return torch.mean(x, axes, keepdim=keep)


OPERATORS: Mapping[str, Operator] = {
    "Abs": _elementwise(torch.abs),
    "Add": _binary(operator.add),
    "And": _binary(torch.logical_and),
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "AveragePool": average_pool,
    "BatchNormalization": layers.batch_norm,
    "Cast": lambda a, x: x.to(DTYPES[a["to"]]),
    "CastLike": lambda _, x, like: x.to(like.dtype),
    "Ceil": _elementwise(torch.ceil),
    "Celu": lambda a, x: functional.celu(x, a.get("alpha", 1.0)),
    "Clip": _clip,
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "ConstantOfShape": shapes.constant_of_shape,
    "Conv": layers.convolve,
    "ConvTranspose": layers.convolve_transposed,
    "Cos": _elementwise(torch.cos),
    "CumSum": _cumulate,
    "DepthToSpace": shapes.depth_to_space,
    "DequantizeLinear": layers.dequantise,
    "Div": _binary(_divide),
    "Dropout": layers.dropout,
    "Einsum": lambda a, *parts: torch.einsum(a["equation"], *parts),
    "Elu": lambda a, x: functional.elu(x, a.get("alpha", 1.0)),
    "Equal": _binary(torch.eq),
    "Erf": _elementwise(torch.erf),
    "Exp": _elementwise(torch.exp),
    "Expand": lambda _, x, shape: (
        x * torch.ones(integers(shape), dtype=x.dtype, device=x.device)
        if x.dtype != torch.bool
        else x.expand(torch.broadcast_shapes(x.shape, integers(shape)))
    ),
    "Flatten": lambda a, x: x.reshape(math.prod(x.shape[: a.get("axis", 1)]), -1),
    "Floor": _elementwise(torch.floor),
    "Gather": shapes.gather,
    "GatherElements": lambda a, x, i: torch.gather(x, a.get("axis", 0), i.long() % x.shape[a.get("axis", 0)]),
    "GatherND": shapes.gather_nd,
    "Gelu": lambda a, x: functional.gelu(x, approximate=a.get("approximate", "none")),
    "Gemm": layers.gemm,
    "GlobalAveragePool": lambda _, x: x.mean(list(range(2, x.dim())), keepdim=True),
    "GlobalMaxPool": lambda _, x: x.amax(list(range(2, x.dim())), keepdim=True),
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "GroupNormalization": layers.group_norm,
    "HardSigmoid": lambda a, x: torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
    "HardSwish": _elementwise(functional.hardswish),
    "Identity": _elementwise(lambda x: x),
    "InstanceNormalization": layers.instance_norm,
    "LayerNormalization": layers.layer_norm,
    "LeakyRelu": lambda a, x: functional.leaky_relu(x, a.get("alpha", 0.01)),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Log": _elementwise(torch.log),
    "LogSoftmax": lambda a, x: torch.log_softmax(x, a.get("axis", -1)),
    "LpNormalization": layers.lp_norm,
    "MatMul": _binary(operator.matmul),
    "Max": _all_of(torch.maximum),
    "MaxPool": max_pool,
    "Mean": lambda _, *values: functools.reduce(operator.add, values) / len(values),
    "Min": _all_of(torch.minimum),
    "Mish": _elementwise(functional.mish),
    "Mod": _modulo,
    "Mul": _binary(operator.mul),
    "Neg": _elementwise(torch.neg),
    "Not": _elementwise(torch.logical_not),
    "Or": _binary(torch.logical_or),
    "PRelu": _binary(lambda x, slope: torch.where(x < 0, x * slope, x)),
    "Pad": shapes.pad,
    "Pow": _binary(lambda x, power: torch.pow(x, power).to(x.dtype)),
    "QuantizeLinear": layers.quantise,
    "RMSNormalization": layers.rms_norm,
    "Range": lambda _, start, stop, step: torch.arange(
        number(start), number(stop), number(step), dtype=start.dtype
    ),
    "Reciprocal": _elementwise(torch.reciprocal),
    "ReduceL1": _reduce(lambda x, axes, keep: torch.sum(torch.abs(x), axes, keepdim=keep)),
    "ReduceL2": _reduce(lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keepdim=keep)),
    "ReduceLogSumExp": _reduce(lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep)),
    "ReduceMax": _reduce(lambda x, axes, keep: torch.amax(x, axes, keepdim=keep)),
    "ReduceMean": _reduce(_mean_of),
    "ReduceMin": _reduce(lambda x, axes, keep: torch.amin(x, axes, keepdim=keep)),
    "ReduceProd": _reduce(_product),
    "ReduceSum": _reduce(lambda x, axes, keep: torch.sum(x, axes, keepdim=keep)),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: torch.sum(x * x, axes, keepdim=keep)),
    "Relu": _elementwise(torch.relu),
    "Reshape": shapes.reshape,
    "Resize": resize,
    "Round": _elementwise(torch.round),
    "ScatterND": shapes.scatter_nd,
    "Selu": lambda a, x: (
        a.get("gamma", 1.0507009873554805) * functional.elu(x, a.get("alpha", 1.6732632423543772))
    ),
    "Shape": lambda a, x: torch.tensor(tuple(x.shape), dtype=torch.int64)[a.get("start", 0) : a.get("end")],
    "Sigmoid": _elementwise(torch.sigmoid),
    "Sign": _elementwise(torch.sign),
    "Sin": _elementwise(torch.sin),
    "Size": lambda _, x: torch.tensor(x.numel(), dtype=torch.int64),
    "Slice": shapes.slice_axes,
    "Softmax": layers.softmax,
    "Softplus": _elementwise(functional.softplus),
    "SpaceToDepth": shapes.space_to_depth,
    "Split": shapes.split,
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": shapes.squeeze,
    "Sub": _binary(operator.sub),
    "Sum": _all_of(operator.add),
    "Swish": layers.swish,
    "Tanh": _elementwise(torch.tanh),
    "Tile": lambda _, x, repeats: x.repeat(integers(repeats)),
    "Transpose": lambda a, x: x.permute(a.get("perm", list(reversed(range(x.dim()))))),
    "Trilu": shapes.triangle,
    "Unsqueeze": shapes.unsqueeze,
    "Where": lambda _, condition, a, b: torch.where(condition, a, b),
    "Xor": _binary(torch.logical_xor),
}
"""Functions by the name of the operator in the domain of ONNX."""
