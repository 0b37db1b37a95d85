"""torch.export programs of the tiny networks of the tests, beside their ONNX files."""

from __future__ import annotations

import hashlib
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from geoseg.spec import ModelSpec


def with_program(spec: ModelSpec) -> ModelSpec:
    """Write the program of a network that `make_network` wrote."""
    torch: Any = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    graph = onnx.load(spec.weights).graph
    weight, bias = (torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer)
    steps: dict[str, Any] = {
        "Conv": lambda x, node: torch.conv2d(x, weight, bias, padding=node.attribute[0].ints[0]),
        "Transpose": lambda x, node: x.permute(*node.attribute[0].ints),
        "Sigmoid": lambda x, _: torch.sigmoid(x),
        "Softmax": lambda x, _: torch.softmax(x, 1),
        "ArgMax": lambda x, _: x.argmax(1, keepdim=True),
        "MaxPool": lambda x, _: torch.nn.functional.max_pool2d(x, 2),
    }

    class Network(torch.nn.Module):  # type: ignore[misc]
        def forward(self, image: Any) -> Any:
            for node in graph.node:
                image = steps[node.op_type](image, node)
            return image

    sizes = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim]
    example = torch.zeros([size or (2 if axis == 0 else 32) for axis, size in enumerate(sizes)])
    free = {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(sizes) if not size}
    path = spec.weights.with_suffix(".pt2")
    torch.export.save(torch.export.export(Network(), (example,), dynamic_shapes=(free,)), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return spec.model_copy(update={"program": path.name, "program_sha256": sha256})
