"""Scene classifiers for tests: real ONNX graphs whose scores are known, as bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import rasterio
from affine import Affine
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import write_bundle
from geoseg.spec import ClassSpec, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, from_graph

LABELS = (
    "concentrated animal feeding operations", "coal mines", "landfills", "natural-gas processing plants",
    "oil refineries & petroleum terminals", "wastewater treatment plants",
)  # fmt: skip
COLOURS = ("#e31a1c", "#1f78b4", "#33a02c", "#ff7f00", "#6a3d9a", "#b15928")
CLASSES = tuple(
    ClassSpec(value=value, label=label, colour=colour)
    for value, (label, colour) in enumerate(zip(LABELS, COLOURS, strict=True), start=1)
)

SENTINEL_2: dict[str, Any] = {
    "name": "sentinel-2", "units": "reflectance", "resolution": 10, "bands": [{"name": "green"}],
}  # fmt: skip
NAIP: dict[str, Any] = {
    "name": "naip", "units": "dn", "resolution": 1, "bands": [{"name": "red"}, {"name": "nir"}],
    "scale": 1 / 255,
}  # fmt: skip


def write_mean_network(
    path: Path,
    sides: Mapping[str, tuple[int, int]],
    gains: Sequence[float] = (1,) * 6,
    biases: Sequence[float] = (0,) * 6,
    orders: Mapping[str, tuple[Axis, Axis, Axis, Axis]] = MappingProxyType({}),
) -> Path:
    """Write a graph whose scores are the window's mean of band 1, summed over inputs, times gain plus bias.

    sides: bands and pixels a side, by input; orders: of its axes, where channels do not stand first.
    """
    nodes, parts = [], []
    for index, name in enumerate(sides):
        perm = from_graph(orders.get(name, CHANNELS_FIRST))
        nodes += [
            helper.make_node("Transpose", [name], [f"first{index}"], perm=perm),
            helper.make_node("Slice", [f"first{index}", "zero", "one", "axis"], [f"band{index}"]),
            helper.make_node("ReduceMean", [f"band{index}", "axes"], [f"mean{index}"], keepdims=0),
        ]
        parts.append(f"mean{index}")
    nodes += [
        helper.make_node("Sum", parts, ["sum"]),
        helper.make_node("Mul", ["sum", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["scores"]),
    ]
    floats = {"gain": [gains], "bias": [biases]}
    whole = {"zero": [0], "one": [1], "axis": [1], "axes": [2, 3]}
    graph = helper.make_graph(
        nodes,
        "mean",
        [
            helper.make_tensor_value_info(
                name,
                TensorProto.FLOAT,
                as_ordered([None, bands, side, side], orders.get(name, CHANNELS_FIRST)),
            )
            for name, (bands, side) in sides.items()
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(gains)])],
        [
            *(numpy_helper.from_array(np.array(value, np.float32), name) for name, value in floats.items()),
            *(numpy_helper.from_array(np.array(value, np.int64), name) for name, value in whole.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def mean_classifier(
    folder: Path,
    inputs: Sequence[dict[str, Any]] = (SENTINEL_2,),
    *,
    gains: Sequence[float] = (1,) * 6,
    biases: Sequence[float] = (0,) * 6,
    **changes: Any,
) -> ModelSpec:
    """Write a bundle of `write_mean_network`."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = ModelSpec.model_validate(
        {
            "name": folder.name,
            "title": "The mean of band 1",
            "inputs": inputs,
            "classes": CLASSES,
            "weights": folder / "model.onnx",
            "output_name": "scores",
            "licence": "CC0-1.0",
            **changes,
        }
    )
    sides = {given.name: (len(given.bands), spec.side(given)) for given in spec.inputs}
    orders = {given.name: given.dim_order for given in spec.inputs}
    write_mean_network(folder / "model.onnx", sides, gains, biases, orders)
    return write_bundle(folder, spec, architecture="mean", card="# A mean\n")


def write_scene(
    path: Path,
    bands: NDArray[Any],
    names: Sequence[str],
    *,
    pixel: float = 10,
    crs: str | None = "EPSG:32633",
    west: float = 500_000,
    north: float = 5_000_000,
    scale: float = 1e-4,
    nodata: float | None = None,
) -> Path:
    """Write bands (B, H, W) with their names."""
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands.dtype.name, count=len(bands), height=bands.shape[1],
        width=bands.shape[2], crs=crs, transform=Affine(pixel, 0, west, 0, -pixel, north), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(bands)
        file.descriptions = tuple(names)
        file.scales = (scale,) * len(bands)
    return path


def positions(transform: Affine, x: Any, y: Any) -> tuple[Any, Any]:
    """Columns and rows of coordinates; written out, for affine 2 and 3 want different operators."""
    back = ~transform
    return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
