"""Parts of the ONNX graph of a fitted network: bands, indices, standardisation, head, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from geoseg.files.onnx_files import OPSET
from geoseg.learn.fit.features import BANDS, EPSILON, INDEX, PixelIndex
from geoseg.learn.fit.heads import PSEUDO_VOTES, Logistic, Neighbours, Standardised
from geoseg.spec import ModelBand

IR = 9
"""Format of the file: onnxruntime 1.19 reads 10 or less."""

INPUT, OUTPUT = "image", "scores"

PHYSICAL = "physical"
"""Physical values (N, C, H, W) of the bands."""


@dataclass
class GraphParts:
    """Nodes and weights of a graph while it is built."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def weight(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant: float64 as float32, and return its name."""
        stored = values.astype(np.float32) if values.dtype == np.float64 else values
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(stored), name))
        return name

    def per_channel(self, name: str, values: NDArray[np.floating]) -> str:
        """Add a constant (1, C, 1, 1)."""
        return self.weight(name, values.astype(np.float32).reshape(1, -1, 1, 1))

    def convolve(
        self, source: str, name: str, weights: NDArray[np.floating], bias: NDArray[np.floating]
    ) -> str:
        """Add a 1 x 1 convolution with weights (inputs, outputs)."""
        kernel = self.weight(f"{name}_weights", weights.T.astype(np.float32)[:, :, None, None])
        return self.add("Conv", [source, kernel, self.weight(f"{name}_bias", bias.astype(np.float32))], name)


def physical_bands(parts: GraphParts, bands: Sequence[ModelBand], metadata: int = 0) -> None:
    """Add the physical values of the normalised bands of the input.

    Args:
        parts: of the graph.
        bands: with their mean and standard deviation.
        metadata: channels behind the bands.
    """
    source = INPUT
    if metadata:
        order = parts.weight("band_order", np.arange(len(bands), dtype=np.int64))
        source = parts.add("Gather", [INPUT, order], "bands", axis=1)
    std = parts.per_channel("band_std", np.array([band.std for band in bands]))
    mean = parts.per_channel("band_mean", np.array([band.mean for band in bands]))
    parts.add("Add", [parts.add("Mul", [source, std], "scaled"), mean], PHYSICAL)


def plain_features(parts: GraphParts, indices: Sequence[PixelIndex], groups: Sequence[str]) -> None:
    """Add the features that need no encoder, named `bands_features` and `indices_features`."""
    if BANDS in groups:
        parts.add("Identity", [PHYSICAL], f"{BANDS}_features")
    if INDEX in groups:
        positive = parts.add("Relu", [PHYSICAL], "positive")
        sides = []
        for side in ("first", "second"):
            order = parts.weight(side, np.array([getattr(item, side) for item in indices], np.int64))
            sides.append(parts.add("Gather", [positive, order], f"{side}_bands", axis=1))
        total = parts.add("Add", sides, "total")
        bounded = parts.add(
            "Clip", [total, parts.weight("epsilon", np.array(EPSILON, np.float32))], "bounded"
        )
        parts.add("Div", [parts.add("Sub", sides, "difference"), bounded], f"{INDEX}_features")


def add_head(parts: GraphParts, sources: Sequence[str], head: Standardised) -> int:
    """Add standardisation and head to features; return K."""
    features = parts.add("Concat", sources, "features", axis=1) if len(sources) > 1 else sources[0]
    centred = parts.add("Sub", [features, parts.per_channel("feature_mean", head.mean)], "centred")
    x = parts.add("Mul", [centred, parts.per_channel("feature_scale", 1 / head.std)], "standardised")
    fitted = head.head
    if isinstance(fitted, Neighbours):
        return _add_neighbours(parts, x, fitted)
    if not isinstance(fitted, Logistic):
        x = parts.add("Tanh", [parts.convolve(x, "inner", fitted.inner, fitted.inner_bias)], "hidden")
    parts.add("Softmax", [parts.convolve(x, "logits", fitted.weights, fitted.bias)], OUTPUT, axis=1)
    return len(fitted.bias)


def _add_neighbours(parts: GraphParts, x: str, head: Neighbours) -> int:
    """Add squared distances less ‖x‖², the number-th of them, the votes, and their shares."""
    apart = parts.convolve(x, "apart", -2 * head.points.T, (head.points**2).sum(axis=1))
    number = parts.weight("number", np.array([head.number], np.int64))
    parts.nodes.append(
        helper.make_node("TopK", [apart, number], ["nearest", "nearest_places"], axis=1, largest=0, sorted=1)
    )
    channels = parts.weight("channels", np.array([1], np.int64))
    farthest = parts.add("ReduceMax", ["nearest", channels], "farthest", keepdims=1)
    near = parts.add("LessOrEqual", [apart, farthest], "near")
    counted = parts.add("Cast", [near], "counted", to=TensorProto.FLOAT)
    classes = head.votes.shape[1]
    votes = parts.convolve(counted, "votes", head.votes, np.full(classes, PSEUDO_VOTES / classes))
    total = parts.add("ReduceSum", [votes, channels], "all_votes", keepdims=1)
    parts.add("Div", [votes, total], OUTPUT)
    return int(classes)


def finish(
    parts: GraphParts, channels: int, number: int, tile: int | None = None, batch: int | None = None
) -> onnx.ModelProto:
    """Return the checked model of a graph.

    Args:
        parts: nodes and weights.
        channels: C of the input.
        number: K of the output.
        tile: the only height and width; None: any.
        batch: the only batch size; None: any.
    """
    sizes = (tile or "height", tile or "width")
    given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, (batch or "batch", channels, *sizes))
    result = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, (batch or "batch", number, *sizes))
    graph = helper.make_graph(parts.nodes, "geoseg", [given], [result], parts.weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="geoseg"
    )
    onnx.checker.check_model(model)
    return model
