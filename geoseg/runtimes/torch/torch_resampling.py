"""Pooling, padding and resizing of ONNX in torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.nn import functional

from geoseg.errors import ModelError

Attributes = Mapping[str, Any]


def split_pads(
    attributes: Attributes, sides: Sequence[int], size: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Separate padding that torch's operators apply (equal on both sides) from padding before them.

    Args:
        attributes: attributes of the node: `pads`, `auto_pad`.
        sides: size of the image, (H, W).
        size: size of the kernel with dilation.
        strides: strides of the kernel.

    Returns:
        Padding to apply first, in the form of `torch.nn.functional.pad` (empty: none); and padding for the
        operator.
    """
    spatial = len(size)
    kind = attributes.get("auto_pad", "NOTSET")
    if kind in {"SAME_UPPER", "SAME_LOWER"}:
        before, after = [], []
        for side, kernel, stride in zip(sides, size, strides, strict=True):
            total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            small, large = total // 2, total - total // 2
            before.append(small if kind == "SAME_UPPER" else large)
            after.append(large if kind == "SAME_UPPER" else small)
    else:
        pads = attributes.get("pads", [0] * (2 * spatial)) if kind == "NOTSET" else [0] * (2 * spatial)
        before, after = list(pads[:spatial]), list(pads[spatial:])
    if before == after:
        return [], before
    flat = [pad for axis in reversed(range(spatial)) for pad in (before[axis], after[axis])]
    return flat, [0] * spatial


def max_pool(attributes: Attributes, x: Any) -> Any:
    """Run `MaxPool` of two dimensions, without indices."""
    kernel = attributes["kernel_shape"]
    strides = attributes.get("strides", [1] * len(kernel))
    dilations = attributes.get("dilations", [1] * len(kernel))
    size = [step * (side - 1) + 1 for step, side in zip(dilations, kernel, strict=True)]
    extra, pads = split_pads(attributes, x.shape[2:], size, strides)
    if extra:
        x = functional.pad(x, extra, value=float("-inf"))
    return functional.max_pool2d(
        _image(x, "MaxPool"), kernel, strides, pads, dilations, bool(attributes.get("ceil_mode", 0))
    )


def average_pool(attributes: Attributes, x: Any) -> Any:
    """Run `AveragePool` of two dimensions."""
    kernel = attributes["kernel_shape"]
    strides = attributes.get("strides", [1] * len(kernel))
    counted = bool(attributes.get("count_include_pad", 0))
    if any(step != 1 for step in attributes.get("dilations", [])):
        raise ModelError("AveragePool with dilations")
    extra, pads = split_pads(attributes, x.shape[2:], kernel, strides)
    if extra:
        if not counted:
            raise ModelError("AveragePool with unequal pads that do not count")
        x = functional.pad(x, extra)
    ceil = bool(attributes.get("ceil_mode", 0))
    return functional.avg_pool2d(_image(x, "AveragePool"), kernel, strides, pads, ceil, counted)


def resize(attributes: Attributes, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    """Run `Resize` of the last two axes in the modes that torch computes equally, up to rounding."""
    del roi
    image = _image(x, "Resize")
    if "axes" in attributes or attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ModelError("Resize with axes or a policy other than stretch")
    if attributes.get("antialias") or attributes.get("exclude_outside"):
        raise ModelError("Resize with antialias or exclude_outside")
    place = attributes.get("coordinate_transformation_mode", "half_pixel")
    size, to = _target(image, place, scales, sizes)
    if list(x.shape[2:]) == size:
        return x
    mode = attributes.get("mode", "nearest")
    rounding = attributes.get("nearest_mode", "round_prefer_floor")
    if mode == "nearest":
        if (place, rounding) == ("asymmetric", "floor"):
            return functional.interpolate(image, **to, mode="nearest")
        grows = all(
            new % old == 0 and new // old % 2 == 0 for new, old in zip(size, x.shape[2:], strict=True)
        )
        # Half a pixel is between two pixels only for odd or fractional factors.
        nearest = rounding == "round_prefer_ceil" or (rounding == "round_prefer_floor" and grows)
        if place in {"half_pixel", "pytorch_half_pixel"} and nearest:
            return functional.interpolate(image, **to, mode="nearest-exact")
    elif mode == "linear" or (mode == "cubic" and attributes.get("cubic_coeff_a", -0.75) == -0.75):
        kind = "bilinear" if mode == "linear" else "bicubic"
        if place in {"half_pixel", "pytorch_half_pixel", "align_corners"}:
            corners = place == "align_corners"
            return functional.interpolate(image, **to, mode=kind, align_corners=corners)
    raise ModelError(f"Resize {mode} with {place} and {rounding}")


def _target(x: Any, place: str, scales: Any, sizes: Any) -> tuple[list[int], dict[str, Any]]:
    """Return the new (H, W), and the arguments of `torch.nn.functional.interpolate` for it."""
    factors = None
    if sizes is not None and sizes.numel():
        wanted = [int(size) for size in _numbers(sizes)]
    else:
        factors = _numbers(scales)
        # In float32, as in onnxruntime: 0.7 of ten pixels are seven.
        wanted = [int(np.float32(side) * np.float32(by)) for side, by in zip(x.shape, factors, strict=True)]
    if list(x.shape[:2]) != wanted[:2]:
        raise ModelError("Resize of batch or channels")
    size = wanted[2:]
    if place == "pytorch_half_pixel" and 1 in size:
        raise ModelError("Resize to one pixel with pytorch_half_pixel")
    if place == "align_corners" or factors is None:
        return size, {"size": size}
    if size == [side * by for side, by in zip(x.shape[2:], factors[2:], strict=True)]:
        return size, {"size": size}
    # Coordinates follow the stated factor, not the ratio of whole pixels.
    return size, {"scale_factor": factors[2:], "recompute_scale_factor": False}


def _numbers(value: Any) -> list[float]:
    """Return the numbers of a tensor on the host."""
    return list(value.tolist())


def _image(x: Any, name: str) -> Any:
    """Return a tensor of two spatial dimensions; refuse others."""
    if x.dim() != 4:
        raise ModelError(f"{name} of {x.dim() - 2} dimensions")
    return x
