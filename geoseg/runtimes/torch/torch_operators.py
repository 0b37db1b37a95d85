"""What each ONNX operator is in torch: one function a kind, in inference only.

A function takes a node's attributes and its inputs (None where left out) and returns its output or outputs.
Semantics are those of the ONNX operator pages for opsets 13 to 24; what torch has no equal for is refused.
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
from geoseg.runtimes.torch.torch_resampling import average_pool, max_pool, resize, split_pads

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
"""ONNX's numbers of element types."""

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
"""Inputs that are sizes and places rather than pixels: read on the host, so that no device waits."""


def _ints(value: Any) -> list[int]:
    return [int(item) for item in value.reshape(-1).tolist()]


def _number(value: Any) -> Any:
    return value.item()


def _elementwise(function: Callable[[Any], Any]) -> Operator:
    return lambda _, x: function(x)


def _binary(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda _, a, b: function(a, b)


def _all_of(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda _, *values: functools.reduce(function, values)


def _divide(a: Any, b: Any) -> Any:
    """Integers are divided as in C: towards zero."""
    if a.is_floating_point() or b.is_floating_point():
        return a / b
    return torch.div(a, b, rounding_mode="trunc")


def _convolve(attributes: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    spatial = x.dim() - 2
    strides = attributes.get("strides", [1] * spatial)
    dilations = attributes.get("dilations", [1] * spatial)
    size = [step * (side - 1) + 1 for step, side in zip(dilations, weight.shape[2:], strict=True)]
    extra, pads = split_pads(attributes, x.shape[2:], size, strides)
    if extra:
        x = functional.pad(x, extra)
    function = (functional.conv1d, functional.conv2d, functional.conv3d)[spatial - 1]
    return function(x, weight, bias, strides, pads, dilations, attributes.get("group", 1))


def _convolve_transposed(attributes: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    spatial = x.dim() - 2
    pads = attributes.get("pads", [0] * (2 * spatial))
    before, after = pads[:spatial], pads[spatial:]
    if "output_shape" in attributes or attributes.get("auto_pad", "NOTSET") not in {"NOTSET", "VALID"}:
        raise ModelError("ConvTranspose with output_shape or auto_pad")
    if before != after:
        raise ModelError("ConvTranspose with unequal pads")
    function = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
    return function[spatial - 1](
        x,
        weight,
        bias,
        stride=attributes.get("strides", [1] * spatial),
        padding=before,
        output_padding=attributes.get("output_padding", [0] * spatial),
        groups=attributes.get("group", 1),
        dilation=attributes.get("dilations", [1] * spatial),
    )


def _gemm(attributes: Attributes, a: Any, b: Any, c: Any = None) -> Any:
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    out = attributes.get("alpha", 1.0) * (a @ b)
    return out if c is None else out + attributes.get("beta", 1.0) * c


def _batch_norm(attributes: Attributes, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    if attributes.get("training_mode"):
        raise ModelError("BatchNormalization in training mode; export the network with .eval()")
    return functional.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def _layer_norm(attributes: Attributes, x: Any, scale: Any, bias: Any = None) -> Any:
    shape = x.shape[attributes.get("axis", -1) :]
    return functional.layer_norm(x, shape, scale, bias, attributes.get("epsilon", 1e-5))


def _rms_norm(attributes: Attributes, x: Any, scale: Any) -> Any:
    shape = x.shape[attributes.get("axis", -1) :]
    return functional.rms_norm(x, shape, eps=attributes.get("epsilon", 1e-5)) * scale


def _lp_norm(attributes: Attributes, x: Any) -> Any:
    axis, order = attributes.get("axis", -1), attributes.get("p", 2)
    length = torch.linalg.vector_norm(x, order, axis, keepdim=True)
    return torch.where(length > 0, x / length, torch.zeros_like(x))


def _dropout(_: Attributes, x: Any, ratio: Any = None, training: Any = None) -> Any:
    del ratio
    if training is not None and _number(training):
        raise ModelError("Dropout in training mode; export the network with .eval()")
    return x


def _instance_norm(attributes: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    return functional.instance_norm(x, weight=scale, bias=bias, eps=attributes.get("epsilon", 1e-5))


def _group_norm(attributes: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    if len(scale) != x.shape[1]:
        raise ModelError("GroupNormalization with one scale a group")
    return functional.group_norm(x, attributes["num_groups"], scale, bias, attributes.get("epsilon", 1e-5))


def _reduce(function: Callable[..., Any]) -> Operator:
    """One operator over axes that are an attribute (old opsets) or an input."""

    def run(attributes: Attributes, x: Any, axes: Any = None) -> Any:
        chosen = attributes.get("axes") if axes is None else _ints(axes)
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


def _reshape(attributes: Attributes, x: Any, shape: Any) -> Any:
    wanted = _ints(shape)
    if not attributes.get("allowzero"):
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    return x.reshape(wanted)


def _slice(attributes: Attributes, x: Any, *given: Any) -> Any:
    starts: Any
    stops: Any
    rest: list[Any]
    starts, stops, *rest = (
        [_ints(item) if item is not None else None for item in given]
        if given
        else [attributes["starts"], attributes["ends"], attributes.get("axes")]
    )
    axes = rest[0] if rest and rest[0] is not None else list(range(len(starts)))
    steps = rest[1] if len(rest) > 1 and rest[1] is not None else [1] * len(starts)
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        size = x.shape[axis]
        if step < 0:
            places = range(*slice(start, stop if stop >= -size else None, step).indices(size))
            # Made on the device: copying them there would have to be waited for.
            steps_down = torch.arange(len(places), device=x.device) * step + places.start
            x = x.index_select(axis, steps_down)
        else:
            # Ends far beyond the last place, as exporters write them, are cut here: torch warns of them.
            cut = slice(*slice(start, stop, step).indices(size))
            x = x[(slice(None),) * (axis % x.dim()) + (cut,)]
    return x


def _split(attributes: Attributes, x: Any, sizes: Any = None) -> Any:
    axis = attributes.get("axis", 0)
    if sizes is not None or "split" in attributes:
        return torch.split(x, attributes["split"] if sizes is None else _ints(sizes), axis)
    count = attributes.get("num_outputs") or attributes["outputs"]
    return torch.split(x, -(-x.shape[axis] // count), axis)


def _gather(attributes: Attributes, x: Any, indices: Any) -> Any:
    axis = attributes.get("axis", 0) % x.dim()
    size = x.shape[axis]
    flat = indices.reshape(-1).long()
    flat = torch.where(flat < 0, flat + size, flat)
    out = x.index_select(axis, flat)
    return out.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _gather_nd(attributes: Attributes, x: Any, indices: Any) -> Any:
    if attributes.get("batch_dims"):
        raise ModelError("GatherND with batch_dims")
    return x[tuple(indices.long().unbind(-1))]


def _scatter_nd(attributes: Attributes, x: Any, indices: Any, updates: Any) -> Any:
    if attributes.get("reduction", "none") != "none":
        raise ModelError("ScatterND with a reduction")
    return x.index_put(tuple(indices.long().unbind(-1)), updates)


def _arg(function: Callable[..., Any]) -> Operator:
    """The place of the greatest or least value."""

    def run(attributes: Attributes, x: Any) -> Any:
        if attributes.get("select_last_index"):
            raise ModelError("ArgMax and ArgMin that take the last of equal values")
        return function(x, attributes.get("axis", 0), bool(attributes.get("keepdims", 1)))

    return run


def _cumulate(attributes: Attributes, x: Any, axis: Any) -> Any:
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise ModelError("CumSum that is exclusive or reversed")
    return torch.cumsum(x, _number(axis), dtype=x.dtype)


def _triangle(attributes: Attributes, x: Any, diagonal: Any = None) -> Any:
    keep = torch.triu if attributes.get("upper", 1) else torch.tril
    return keep(x, 0 if diagonal is None else _number(diagonal))


def _modulo(attributes: Attributes, a: Any, b: Any) -> Any:
    """The sign is the divisor's, or with `fmod` the dividend's."""
    return torch.fmod(a, b) if attributes.get("fmod") else torch.remainder(a, b)


def _squeeze(attributes: Attributes, x: Any, axes: Any = None) -> Any:
    chosen = attributes.get("axes") if axes is None else _ints(axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def _unsqueeze(attributes: Attributes, x: Any, axes: Any = None) -> Any:
    chosen = attributes["axes"] if axes is None else _ints(axes)
    rank = x.dim() + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def _pad(attributes: Attributes, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    widths = attributes["pads"] if pads is None else _ints(pads)
    count = len(widths) // 2
    where = range(count) if axes is None else _ints(axes)
    by_axis = {axis % x.dim(): (widths[i], widths[i + count]) for i, axis in enumerate(where)}
    flat = [side for axis in reversed(range(x.dim())) for side in by_axis.get(axis, (0, 0))]
    while flat and flat[-2:] == [0, 0]:
        del flat[-2:]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}[
        attributes.get("mode", "constant")
    ]
    if mode == "constant":
        return functional.pad(
            x, flat, value=attributes.get("value", 0.0) if value is None else _number(value)
        )
    return functional.pad(x, flat, mode=mode) if flat else x


def _clip(attributes: Attributes, x: Any, low: Any = None, high: Any = None) -> Any:
    low = attributes.get("min") if low is None else low
    high = attributes.get("max") if high is None else high
    if torch.is_tensor(low) or torch.is_tensor(high):
        # Half-precision pixels meet limits that were kept in float32.
        low, high = (limit.to(x.dtype) if torch.is_tensor(limit) else limit for limit in (low, high))
        x = x if low is None else torch.maximum(x, torch.as_tensor(low, dtype=x.dtype, device=x.device))
        return x if high is None else torch.minimum(x, torch.as_tensor(high, dtype=x.dtype, device=x.device))
    return x if low is None and high is None else x.clamp(low, high)


def _constant_of_shape(attributes: Attributes, shape: Any) -> Any:
    value = attributes.get("value")
    if value is None:
        return torch.zeros(_ints(shape))
    return value.reshape(()).expand(_ints(shape)).clone()


def _softmax(attributes: Attributes, x: Any) -> Any:
    return torch.softmax(x, attributes.get("axis", -1))


def _swish(attributes: Attributes, x: Any) -> Any:
    return x * torch.sigmoid(attributes.get("alpha", 1.0) * x)


def _space_to_depth(attributes: Attributes, x: Any) -> Any:
    side = attributes["blocksize"]
    n, c, h, w = x.shape
    order = (0, 1, 3, 5, 2, 4) if attributes.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    x = x.reshape(n, c, h // side, side, w // side, side).permute(order)
    return x.reshape(n, c * side**2, h // side, w // side)


def _depth_to_space(attributes: Attributes, x: Any) -> Any:
    side = attributes["blocksize"]
    if attributes.get("mode", "DCR") == "CRD":
        return functional.pixel_shuffle(x, side)
    n, c, h, w = x.shape
    x = x.reshape(n, side, side, c // side**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // side**2, h * side, w * side)


def _along(axis: int | None, vector: Any, x: Any) -> Any:
    """Shape a scale per channel so that it meets its axis."""
    if vector.dim() == 0 or vector.numel() == 1:
        return vector.reshape(())
    shape = [1] * x.dim()
    shape[1 if axis is None else axis] = -1
    return vector.reshape(shape)


def _quantise(attributes: Attributes, x: Any, scale: Any, zero: Any = None) -> Any:
    dtype = torch.uint8 if zero is None else zero.dtype
    limits = torch.iinfo(dtype)
    levels = torch.round(x / _along(attributes.get("axis"), scale, x))
    if zero is not None:
        levels = levels + _along(attributes.get("axis"), zero, x)
    return levels.clamp(limits.min, limits.max).to(dtype)


def _dequantise(attributes: Attributes, x: Any, scale: Any, zero: Any = None) -> Any:
    levels = x.to(scale.dtype)
    if zero is not None:
        levels = levels - _along(attributes.get("axis"), zero.to(scale.dtype), x)
    return levels * _along(attributes.get("axis"), scale, x)


def _mean_of(x: Any, axes: list[int], keep: bool) -> Any:
    return torch.mean(x, axes, keepdim=keep)


OPERATORS: Mapping[str, Operator] = {
    "Abs": _elementwise(torch.abs),
    "Add": _binary(operator.add),
    "And": _binary(torch.logical_and),
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "AveragePool": average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": lambda a, x: x.to(DTYPES[a["to"]]),
    "CastLike": lambda _, x, like: x.to(like.dtype),
    "Ceil": _elementwise(torch.ceil),
    "Celu": lambda a, x: functional.celu(x, a.get("alpha", 1.0)),
    "Clip": _clip,
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "Cos": _elementwise(torch.cos),
    "CumSum": _cumulate,
    "DepthToSpace": _depth_to_space,
    "DequantizeLinear": _dequantise,
    "Div": _binary(_divide),
    "Dropout": _dropout,
    "Einsum": lambda a, *parts: torch.einsum(a["equation"], *parts),
    "Elu": lambda a, x: functional.elu(x, a.get("alpha", 1.0)),
    "Equal": _binary(torch.eq),
    "Erf": _elementwise(torch.erf),
    "Exp": _elementwise(torch.exp),
    "Expand": lambda _, x, shape: (
        x * torch.ones(_ints(shape), dtype=x.dtype, device=x.device)
        if x.dtype != torch.bool
        else x.expand(torch.broadcast_shapes(x.shape, _ints(shape)))
    ),
    "Flatten": lambda a, x: x.reshape(math.prod(x.shape[: a.get("axis", 1)]), -1),
    "Floor": _elementwise(torch.floor),
    "Gather": _gather,
    "GatherElements": lambda a, x, i: torch.gather(x, a.get("axis", 0), i.long() % x.shape[a.get("axis", 0)]),
    "GatherND": _gather_nd,
    "Gelu": lambda a, x: functional.gelu(x, approximate=a.get("approximate", "none")),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean(list(range(2, x.dim())), keepdim=True),
    "GlobalMaxPool": lambda _, x: x.amax(list(range(2, x.dim())), keepdim=True),
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "GroupNormalization": _group_norm,
    "HardSigmoid": lambda a, x: torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
    "HardSwish": _elementwise(functional.hardswish),
    "Identity": _elementwise(lambda x: x),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda a, x: functional.leaky_relu(x, a.get("alpha", 0.01)),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Log": _elementwise(torch.log),
    "LogSoftmax": lambda a, x: torch.log_softmax(x, a.get("axis", -1)),
    "LpNormalization": _lp_norm,
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
    "Pad": _pad,
    "Pow": _binary(lambda x, power: torch.pow(x, power).to(x.dtype)),
    "QuantizeLinear": _quantise,
    "RMSNormalization": _rms_norm,
    "Range": lambda _, start, stop, step: torch.arange(
        _number(start), _number(stop), _number(step), dtype=start.dtype
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
    "Reshape": _reshape,
    "Resize": resize,
    "Round": _elementwise(torch.round),
    "ScatterND": _scatter_nd,
    "Selu": lambda a, x: (
        a.get("gamma", 1.0507009873554805) * functional.elu(x, a.get("alpha", 1.6732632423543772))
    ),
    "Shape": lambda a, x: torch.tensor(tuple(x.shape), dtype=torch.int64)[a.get("start", 0) : a.get("end")],
    "Sigmoid": _elementwise(torch.sigmoid),
    "Sign": _elementwise(torch.sign),
    "Sin": _elementwise(torch.sin),
    "Size": lambda _, x: torch.tensor(x.numel(), dtype=torch.int64),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _elementwise(functional.softplus),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(operator.sub),
    "Sum": _all_of(operator.add),
    "Swish": _swish,
    "Tanh": _elementwise(torch.tanh),
    "Tile": lambda _, x, repeats: x.repeat(_ints(repeats)),
    "Transpose": lambda a, x: x.permute(a.get("perm", list(reversed(range(x.dim()))))),
    "Trilu": _triangle,
    "Unsqueeze": _unsqueeze,
    "Where": lambda _, condition, a, b: torch.where(condition, a, b),
    "Xor": _binary(torch.logical_xor),
}
"""By name, of ONNX's own domain."""
