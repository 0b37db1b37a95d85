"""Operators of ONNX that change the shape or the order of elements, in torch.

A function takes a node's attributes and its inputs (None where omitted), and returns its output or outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from geoseg.errors import ModelError

Attributes = Mapping[str, Any]


def integers(value: Any) -> list[int]:
    """Return the elements of a tensor as integers."""
    return [int(item) for item in value.reshape(-1).tolist()]


def number(value: Any) -> Any:
    """Return the element of a tensor of one element."""
    return value.item()


def reshape(attributes: Attributes, x: Any, shape: Any) -> Any:
    """Run `Reshape`."""
    sizes = integers(shape)
    if not attributes.get("allowzero"):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return x.reshape(sizes)


def slice_axes(attributes: Attributes, x: Any, *given: Any) -> Any:
    """Run `Slice`."""
    starts: Any
    stops: Any
    rest: list[Any]
    starts, stops, *rest = (
        [integers(item) if item is not None else None for item in given]
        if given
        else [attributes["starts"], attributes["ends"], attributes.get("axes")]
    )
    axes = rest[0] if rest and rest[0] is not None else list(range(len(starts)))
    steps = rest[1] if len(rest) > 1 and rest[1] is not None else [1] * len(starts)
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        size = x.shape[axis]
        if step < 0:
            indices = range(*slice(start, stop if stop >= -size else None, step).indices(size))
            # Created on the device, since a copy to it would wait.
            steps_down = torch.arange(len(indices), device=x.device) * step + indices.start
            x = x.index_select(axis, steps_down)
        else:
            # Exporters write ends far beyond the last index; torch warns about them, so they are reduced.
            cut = slice(*slice(start, stop, step).indices(size))
            x = x[(slice(None),) * (axis % x.dim()) + (cut,)]
    return x


def split(attributes: Attributes, x: Any, sizes: Any = None) -> Any:
    """Run `Split`."""
    axis = attributes.get("axis", 0)
    if sizes is not None or "split" in attributes:
        return torch.split(x, attributes["split"] if sizes is None else integers(sizes), axis)
    count = attributes.get("num_outputs") or attributes["outputs"]
    return torch.split(x, -(-x.shape[axis] // count), axis)


def gather(attributes: Attributes, x: Any, indices: Any) -> Any:
    """Run `Gather`."""
    axis = attributes.get("axis", 0) % x.dim()
    size = x.shape[axis]
    flat = indices.reshape(-1).long()
    flat = torch.where(flat < 0, flat + size, flat)
    out = x.index_select(axis, flat)
    return out.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def gather_nd(attributes: Attributes, x: Any, indices: Any) -> Any:
    """Run `GatherND`."""
    if attributes.get("batch_dims"):
        raise ModelError("GatherND with batch_dims")
    return x[tuple(indices.long().unbind(-1))]


def scatter_nd(attributes: Attributes, x: Any, indices: Any, updates: Any) -> Any:
    """Run `ScatterND`."""
    if attributes.get("reduction", "none") != "none":
        raise ModelError("ScatterND with a reduction")
    return x.index_put(tuple(indices.long().unbind(-1)), updates)


def triangle(attributes: Attributes, x: Any, diagonal: Any = None) -> Any:
    """Run `Trilu`."""
    keep = torch.triu if attributes.get("upper", 1) else torch.tril
    return keep(x, 0 if diagonal is None else number(diagonal))


def squeeze(attributes: Attributes, x: Any, axes: Any = None) -> Any:
    """Run `Squeeze`."""
    chosen = attributes.get("axes") if axes is None else integers(axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def unsqueeze(attributes: Attributes, x: Any, axes: Any = None) -> Any:
    """Run `Unsqueeze`."""
    chosen = attributes["axes"] if axes is None else integers(axes)
    rank = x.dim() + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def pad(attributes: Attributes, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    """Run `Pad`."""
    widths = attributes["pads"] if pads is None else integers(pads)
    count = len(widths) // 2
    where = range(count) if axes is None else integers(axes)
    by_axis = {axis % x.dim(): (widths[i], widths[i + count]) for i, axis in enumerate(where)}
    flat = [side for axis in reversed(range(x.dim())) for side in by_axis.get(axis, (0, 0))]
    while flat and flat[-2:] == [0, 0]:
        del flat[-2:]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}[
        attributes.get("mode", "constant")
    ]
    if mode == "constant":
        return functional.pad(x, flat, value=attributes.get("value", 0.0) if value is None else number(value))
    return functional.pad(x, flat, mode=mode) if flat else x


def constant_of_shape(attributes: Attributes, shape: Any) -> Any:
    """Run `ConstantOfShape`."""
    value = attributes.get("value")
    if value is None:
        return torch.zeros(integers(shape))
    return value.reshape(()).expand(integers(shape)).clone()


def space_to_depth(attributes: Attributes, x: Any) -> Any:
    """Run `SpaceToDepth`."""
    side = attributes["blocksize"]
    n, c, h, w = x.shape
    order = (0, 1, 3, 5, 2, 4) if attributes.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    x = x.reshape(n, c, h // side, side, w // side, side).permute(order)
    return x.reshape(n, c * side**2, h // side, w // side)


def depth_to_space(attributes: Attributes, x: Any) -> Any:
    """Run `DepthToSpace`."""
    side = attributes["blocksize"]
    if attributes.get("mode", "DCR") == "CRD":
        return functional.pixel_shuffle(x, side)
    n, c, h, w = x.shape
    x = x.reshape(n, side, side, c // side**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // side**2, h * side, w * side)
