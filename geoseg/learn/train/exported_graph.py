"""The graph of a network with several inputs, and the difference of any exported graph from torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from geoseg.models.networks.onnx_graph import write_graph
from geoseg.spec import ModelSpec


class SceneScoring(nn.Module):
    """A scene classifier with its sigmoid, so that the output of the graph is scores."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that returns logits."""
        super().__init__()
        self.network = network

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        """Return (N, K) scores."""
        return torch.sigmoid(self.network(*images))


def footprints_to_onnx(network: nn.Module, model: ModelSpec, path: Path) -> None:
    """Export a scene classifier with a variable batch; each input has the side of its footprint."""
    # Two footprints, because torch.export treats a size of 1 as fixed.
    examples = tuple(torch.zeros(2, *shape) for shape in input_shapes(model))
    # One entry for `*images`, with the dimensions of each input.
    dynamic = (tuple({0: torch.export.Dim.DYNAMIC} for _ in examples),)
    names = tuple(given.name for given in model.inputs)
    write_graph(network, examples, path, inputs=names, output=model.output_name, dynamic=dynamic)


def input_shapes(model: ModelSpec) -> list[tuple[int, int, int]]:
    """Return the shape (C, H, W) of a tile of every input."""
    return [(given.channels, model.side(given), model.side(given)) for given in model.inputs]


def compare(scoring: nn.Module, path: Path, model: ModelSpec) -> float:
    """Return the greatest difference of scores between torch and onnxruntime, on random input.

    Batches of several sizes are compared, and, where there are several inputs, with each of them missing.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    sizes = [input_shapes(model)] * 2
    if not model.fixed_tile:
        sizes = [[(model.channels, 128, 128)], [(model.channels, 64, 160)]]
    worst = 0.0
    for batch, shapes in zip((1, 3), sizes, strict=True):
        rng = np.random.default_rng(batch)
        images = [rng.normal(0, 1, (batch, *shape)).astype(np.float32) for shape in shapes]
        for missing in (None, *range(len(images))) if len(images) > 1 else (None,):
            shown = [np.zeros_like(image) if at == missing else image for at, image in enumerate(images)]
            with torch.inference_mode():
                expected = scoring(*(torch.from_numpy(image) for image in shown)).numpy()
            names = [given.name for given in model.inputs]
            actual = session.run(None, dict(zip(names, shown, strict=True)))[0]
            worst = max(worst, float(np.abs(expected - actual).max()))
    return worst
