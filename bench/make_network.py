"""Write a U-Net of the size of a resnet18 U-Net as a bundle, for speed and memory measurements.

    python bench/make_network.py FOLDER [--tile 512]

Six bands, two classes, 14.3 million parameters, 45 GFLOP for a tile of 512 x 512. The network is not
trained: its weights are random with a fixed seed and small logits, and a fixed linear detector (green
    brighter than
shortwave
infrared: MNDWI above 0) is added, so that masks resemble water. It serves to measure speed, not accuracy.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import write_bundle
from geoseg.spec import ClassSpec, ModelBand, ModelSpec

BANDS = {
    "blue": (0.10, 0.05),
    "green": (0.11, 0.05),
    "red": (0.12, 0.06),
    "nir08": (0.25, 0.10),
    "swir16": (0.24, 0.10),
    "swir22": (0.18, 0.09),
}
"""Mean and standard deviation of reflectance for the normalization of inputs."""

STEEPNESS = 60.0
"""Logit of the detector for a reflectance difference of one."""

ENCODER = (64, 128, 256, 512)
DECODER = (256, 128, 64, 32, 16)


class Builder:
    """Nodes and weights of a graph."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.parameters = 0

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node, and return the name of its output."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: np.ndarray) -> str:
        """Add an initialiser, and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        self.parameters += values.size
        return name

    def conv(
        self,
        x: str,
        cin: int,
        cout: int,
        size: int = 3,
        stride: int = 1,
        gain: float = 1.0,
        relu: bool = True,
    ) -> str:
        """Add a convolution with folded normalisation, and ReLU."""
        spread = gain * np.sqrt(2 / (cin * size * size))
        kernel = self.random.normal(0, spread, (cout, cin, size, size))
        out = self.node(
            "Conv",
            x,
            self.weight(kernel),
            self.weight(self.random.normal(0, 0.02, cout)),
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )
        return self.node("Relu", out) if relu else out

    def residual(self, x: str, cin: int, cout: int, stride: int) -> str:
        """Add a basic block of ResNet."""
        y = self.conv(self.conv(x, cin, cout, stride=stride), cout, cout, gain=0.5, relu=False)
        if stride > 1 or cin != cout:
            x = self.conv(x, cin, cout, size=1, stride=stride, gain=0.7, relu=False)
        return self.node("Relu", self.node("Add", x, y))

    def double(self, x: str) -> str:
        """Add nearest-neighbour upsampling by two."""
        scales = self.weight(np.array([1, 1, 2, 2]))
        return self.node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip


def unet(builder: Builder, x: str) -> str:
    """Add encoder and decoder, and return the name of the logits."""
    skips = [(builder.conv(x, len(BANDS), 64, size=7, stride=2), 64)]
    y = builder.node("MaxPool", skips[0][0], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for level, width in enumerate(ENCODER):
        y = builder.residual(y, channels, width, stride=1 if level == 0 else 2)
        y = builder.residual(y, width, width, stride=1)
        channels = width
        skips.append((y, width))
    y, channels = skips.pop()
    for width in DECODER:
        y = builder.double(y)
        if skips:
            skip, extra = skips.pop()
            y, channels = builder.node("Concat", y, skip, axis=1), channels + extra
        y = builder.conv(builder.conv(y, channels, width), width, width)
        channels = width
    return builder.conv(y, channels, 2, gain=0.05, relu=False)


def detector(builder: Builder, x: str) -> str:
    """Add logits (0, STEEPNESS * (green - swir16)) of the normalised input."""
    kernel = np.zeros((2, len(BANDS), 1, 1))
    names = list(BANDS)
    (green_mean, green_std), (swir_mean, swir_std) = BANDS["green"], BANDS["swir16"]
    kernel[1, names.index("green")] = STEEPNESS * green_std
    kernel[1, names.index("swir16")] = -STEEPNESS * swir_std
    bias = np.array([0, STEEPNESS * (green_mean - swir_mean)])
    return builder.node("Conv", x, builder.weight(kernel), builder.weight(bias), kernel_shape=[1, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--seed", type=int, default=18)
    options = parser.parse_args()
    builder = Builder(options.seed)
    logits = builder.node("Add", unet(builder, "image"), detector(builder, "image"))
    shape = ["batch", len(BANDS), "height", "width"]
    graph = helper.make_graph(
        builder.nodes,
        "unet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", 2, "height", "width"])],
        builder.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        spec = ModelSpec(
            name=options.folder.name if len(options.folder.name) > 2 else "unet",
            title="U-Net of resnet18's size with random weights and a fixed water detector",
            bands=tuple(ModelBand(name=name, mean=mean, std=std) for name, (mean, std) in BANDS.items()),
            units="reflectance",
            tile=options.tile,
            overlap=64,
            resolution=10,
            activation="softmax",
            classes=(
                ClassSpec(value=0, label="land", colour="#d9d9d9"),
                ClassSpec(value=1, label="water", colour="#1f78b4"),
            ),
            weights=path,
            licence="CC0-1.0",
        )
        write_bundle(options.folder, spec, architecture="U-Net", card=f"{__doc__}\n")
    print(f"{options.folder}: {builder.parameters / 1e6:.1f} million parameters")


if __name__ == "__main__":
    main()
