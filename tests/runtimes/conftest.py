"""Tiny networks written as ONNX files, each with its description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.program import TRUST
from geoseg.runtimes.loading import runtime_module
from geoseg.spec import Activation, ClassSpec, ModelBand, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, as_ordered, from_graph, to_graph
from tests.runtimes.gpu_stand_in import driver_library, stand_in_gpu, use_tensorrt  # noqa: F401 - fixtures
from tests.runtimes.sessions import (
    NAMES,
)

MakeNetwork = Callable[..., ModelSpec]
COLOURS = ("#000000", "#0000ff", "#00ff00", "#ff0000")


def _classes(count: int) -> tuple[ClassSpec, ...]:
    return tuple(
        ClassSpec(value=i, label=f"class {i}", colour=COLOURS[i % len(COLOURS)]) for i in range(count)
    )


@pytest.fixture
def make_network(tmp_path: Path) -> MakeNetwork:
    """Write one convolution of fixed random weights, and what follows it, to a file.

    planes, kernel: of the convolution; tail: an operator after it (`Sigmoid`, `Softmax`, `ArgMax`,
    `MaxPool`, `Celu`). batch, tile: sizes baked in, None for free ones; bands: input channels; gain: size of
    weights; balanced: weights sum to zero over the bands. order, output_order: of the axes.
    """

    def make(
        planes: int = 2,
        *,
        kernel: int = 1,
        bands: int = 3,
        classes: int | None = None,
        activation: Activation = "softmax",
        tail: str = "",
        batch: int | None = None,
        tile: int | None = None,
        gain: float = 1.0,
        balanced: bool = False,
        name: str = "network",
        state_planes: bool = True,
        order: tuple[Axis, Axis, Axis, Axis] = CHANNELS_FIRST,
        output_order: tuple[Axis, Axis, Axis, Axis] = CHANNELS_FIRST,
    ) -> ModelSpec:
        random = np.random.default_rng(planes * 100 + kernel)
        weight = random.normal(0, gain, (planes, bands, kernel, kernel)).astype(np.float32)
        if balanced:
            weight -= weight.mean(axis=1, keepdims=True)
        bias = random.normal(0, 0.1, planes).astype(np.float32)
        nodes = [helper.make_node("Conv", ["image", "w", "b"], ["conv"], pads=[kernel // 2] * 4)]
        out, dtype, size = "conv", TensorProto.FLOAT, tile or "side"
        shape: list[int | str] = [batch or "n", planes if state_planes else "k", size, size]
        if tail:
            known: dict[str, dict[str, Any]] = {
                "Softmax": {"axis": 1},
                "ArgMax": {"axis": 1, "keepdims": 1},
                "MaxPool": {"kernel_shape": [2, 2], "strides": [2, 2]},
            }
            nodes.append(helper.make_node(tail, ["conv"], ["tail"], **known.get(tail, {})))
            out = "tail"
            if tail == "ArgMax":
                dtype, shape[1] = TensorProto.INT64, 1
            if tail == "MaxPool":
                shape[2:] = ["half", "half"]
        if order != CHANNELS_FIRST:
            nodes[0].input[0] = "first"
            nodes.insert(0, helper.make_node("Transpose", ["image"], ["first"], perm=from_graph(order)))
        if output_order != CHANNELS_FIRST:
            nodes.append(helper.make_node("Transpose", [out], ["last"], perm=to_graph(output_order)))
            out = "last"
        taken = as_ordered((batch or "n", bands, size, size), order)
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, taken)],
            [helper.make_tensor_value_info(out, dtype, as_ordered(shape, output_order))],
            [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        return ModelSpec(
            name=name,
            bands=tuple(ModelBand(name=f"b{index}") for index in range(bands)),
            units="reflectance",
            tile=tile or 32,
            overlap=0,
            multiple=16,
            fixed_tile=tile is not None,
            fixed_batch=batch,
            activation=activation,
            classes=_classes(classes or max(planes, 2)),
            dim_order=order,
            output_dim_order=output_order,
            weights=path,
        )

    return make


@pytest.fixture(autouse=True)
def programs_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runtime `torch` run the programs that tests write."""
    monkeypatch.setenv(TRUST, "1")


@pytest.fixture
def tiles() -> np.ndarray:
    """Five tiles of three bands, 32 x 32, of zero mean and unit variance."""
    return np.random.default_rng(5).normal(size=(5, 3, 32, 32)).astype(np.float32)


@pytest.fixture(params=NAMES)
def runtime(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not runtime_module(name).status().usable:
        pytest.skip(f"{name} is not installed")
    return name
