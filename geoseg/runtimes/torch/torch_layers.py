"""Layers of ONNX in torch: convolutions, normalisations, activations and quantisation.

A function takes a node's attributes and its inputs (None where omitted), and returns its output or outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from geoseg.errors import ModelError
from geoseg.runtimes.torch.torch_resampling import split_pads
from geoseg.runtimes.torch.torch_shapes import number

Attributes = Mapping[str, Any]


def convolve(attributes: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    """Run `Conv`."""
    spatial = x.dim() - 2
    strides = attributes.get("strides", [1] * spatial)
    dilations = attributes.get("dilations", [1] * spatial)
    size = [step * (side - 1) + 1 for step, side in zip(dilations, weight.shape[2:], strict=True)]
    extra, pads = split_pads(attributes, x.shape[2:], size, strides)
    if extra:
        x = functional.pad(x, extra)
    function = (functional.conv1d, functional.conv2d, functional.conv3d)[spatial - 1]
    return function(x, weight, bias, strides, pads, dilations, attributes.get("group", 1))


def convolve_transposed(attributes: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    """Run `ConvTranspose`."""
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


def gemm(attributes: Attributes, a: Any, b: Any, c: Any = None) -> Any:
    """Run `Gemm`."""
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    out = attributes.get("alpha", 1.0) * (a @ b)
    return out if c is None else out + attributes.get("beta", 1.0) * c


def batch_norm(attributes: Attributes, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    """Run `BatchNormalization`."""
    if attributes.get("training_mode"):
        raise ModelError("BatchNormalization in training mode; export the network with .eval()")
    return functional.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def layer_norm(attributes: Attributes, x: Any, scale: Any, bias: Any = None) -> Any:
    """Run `LayerNormalization`."""
    shape = x.shape[attributes.get("axis", -1) :]
    return functional.layer_norm(x, shape, scale, bias, attributes.get("epsilon", 1e-5))


def rms_norm(attributes: Attributes, x: Any, scale: Any) -> Any:
    """Run `RMSNormalization`."""
    shape = x.shape[attributes.get("axis", -1) :]
    return functional.rms_norm(x, shape, eps=attributes.get("epsilon", 1e-5)) * scale


def lp_norm(attributes: Attributes, x: Any) -> Any:
    """Run `LpNormalization`."""
    axis, order = attributes.get("axis", -1), attributes.get("p", 2)
    length = torch.linalg.vector_norm(x, order, axis, keepdim=True)
    return torch.where(length > 0, x / length, torch.zeros_like(x))


def instance_norm(attributes: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    """Run `InstanceNormalization`."""
    return functional.instance_norm(x, weight=scale, bias=bias, eps=attributes.get("epsilon", 1e-5))


def group_norm(attributes: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    """Run `GroupNormalization`."""
    if len(scale) != x.shape[1]:
        raise ModelError("GroupNormalization with one scale a group")
    return functional.group_norm(x, attributes["num_groups"], scale, bias, attributes.get("epsilon", 1e-5))


def dropout(_: Attributes, x: Any, ratio: Any = None, training: Any = None) -> Any:
    """Run `Dropout`."""
    del ratio
    if training is not None and number(training):
        raise ModelError("Dropout in training mode; export the network with .eval()")
    return x


def softmax(attributes: Attributes, x: Any) -> Any:
    """Run `Softmax`."""
    return torch.softmax(x, attributes.get("axis", -1))


def swish(attributes: Attributes, x: Any) -> Any:
    """Run `Swish`."""
    return x * torch.sigmoid(attributes.get("alpha", 1.0) * x)


def quantise(attributes: Attributes, x: Any, scale: Any, zero: Any = None) -> Any:
    """Run `QuantizeLinear`."""
    dtype = torch.uint8 if zero is None else zero.dtype
    limits = torch.iinfo(dtype)
    levels = torch.round(x / _along(attributes.get("axis"), scale, x))
    if zero is not None:
        levels = levels + _along(attributes.get("axis"), zero, x)
    return levels.clamp(limits.min, limits.max).to(dtype)


def dequantise(attributes: Attributes, x: Any, scale: Any, zero: Any = None) -> Any:
    """Run `DequantizeLinear`."""
    levels = x.to(scale.dtype)
    if zero is not None:
        levels = levels - _along(attributes.get("axis"), zero.to(scale.dtype), x)
    return levels * _along(attributes.get("axis"), scale, x)


def _along(axis: int | None, vector: Any, x: Any) -> Any:
    """Reshape a vector of one value per channel for its axis."""
    if vector.dim() == 0 or vector.numel() == 1:
        return vector.reshape(())
    shape = [1] * x.dim()
    shape[1 if axis is None else axis] = -1
    return vector.reshape(shape)
