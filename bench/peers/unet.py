"""The network of `bench/make_network.py` in torch, with the same weights, and the last step of a peer.

Packages that map by a network have no vector output of their own, but for geo-inference: `write` is the usual
one, `rasterio.features.shapes` and a GeoDataFrame.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import geopandas
import numpy as np
import onnx
import rasterio
import rasterio.features
import shapely
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

TILE, OVERLAP = 512, 64


class Network(nn.Module):
    """The graph of an ONNX file; takes digital numbers of 1/10,000, or normalised values."""

    def __init__(self, folder: Path, *, normalised: bool = False) -> None:
        """Read a bundle.

        Args:
            folder: of the bundle.
            normalised: whether inputs are normalised already.
        """
        super().__init__()
        graph = onnx.load(folder / "model.onnx").graph
        values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self.layers = nn.ModuleDict()
        self.steps: list[tuple[str, str, list[str], str]] = []
        for node in graph.node:
            inputs, key = list(node.input), node.output[0]
            if node.op_type == "Conv":
                weight, bias = (torch.tensor(values[name]) for name in inputs[1:3])
                stride = next((list(a.ints) for a in node.attribute if a.name == "strides"), [1, 1])
                layer = nn.Conv2d(
                    weight.shape[1], weight.shape[0], weight.shape[2], stride, weight.shape[2] // 2
                )
                layer.weight.data, layer.bias.data = weight, bias
                self.layers[key] = layer
            self.steps.append((node.op_type, key, [name for name in inputs if name not in values], key))
        self.given, self.result = graph.input[0].name, graph.output[0].name
        scaling = json.loads((folder / "model.json").read_text())["properties"]["mlm:input"][0][
            "value_scaling"
        ]
        mean, std = (
            torch.tensor([item[name] for item in scaling])[:, None, None] for name in ("mean", "stddev")
        )
        self.register_buffer("factor", torch.ones_like(std) if normalised else 1e-4 / std)
        self.register_buffer("shift", torch.zeros_like(std) if normalised else -mean / std)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, 2, H, W) of an image (N, 6, H, W)."""
        known = {self.given: image * self.factor + self.shift}
        for kind, key, names, out in self.steps:
            given = [known[name] for name in names if name]
            if kind == "Conv":
                known[out] = self.layers[key](given[0])
            elif kind == "Relu":
                known[out] = torch.relu(given[0])
            elif kind == "MaxPool":
                known[out] = functional.max_pool2d(given[0], 3, 2, 1)
            elif kind == "Add":
                known[out] = given[0] + given[1]
            elif kind == "Resize":
                known[out] = functional.interpolate(given[0], scale_factor=2.0, mode="nearest")
            elif kind == "Concat":
                known[out] = torch.cat(given, 1)
            else:
                raise NotImplementedError(kind)
        return known[self.result]


def load(*, normalised: bool = False) -> tuple[str, Network, Path]:
    """Return scene, network and output of the command line `SCRIPT.py SCENE.tif BUNDLE OUT.gpkg`."""
    scene, folder, output = sys.argv[1:4]
    return scene, Network(Path(folder), normalised=normalised).eval(), Path(output)


def read(scene: str) -> np.ndarray:
    """Return a scene (6, H, W) as float32."""
    with rasterio.open(scene) as file:
        return file.read(out_dtype="float32")


def write(mask: np.ndarray, scene: str, output: Path) -> None:
    """Write a mask (H, W) as a GeoTIFF and its polygons as a GeoPackage."""
    with rasterio.open(scene) as file:
        profile = {**file.profile, "count": 1, "dtype": "uint8", "nodata": None, "compress": "deflate"}
        crs, transform = file.crs, file.transform
    profile.pop("predictor", None)
    mask = np.ascontiguousarray(mask, np.uint8)
    with rasterio.open(output.with_suffix(".mask.tif"), "w", **profile) as file:
        file.write(mask, 1)
    found = rasterio.features.shapes(mask, mask=mask == 1, transform=transform)
    shapes = [shapely.geometry.shape(shape) for shape, _ in found]
    output.unlink(missing_ok=True)
    geopandas.GeoDataFrame({"class": 1}, geometry=shapes, index=range(len(shapes)), crs=crs).to_file(output)
