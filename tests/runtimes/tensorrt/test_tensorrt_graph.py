"""Graphs as each TensorRT reads them, and judged without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import find_model
from geoseg.bundles.onnx_operators import Operators, OperatorUse, read_operators
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.onnx_rewriting import halve
from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
from geoseg.runtimes.tensorrt.tensorrt_operators import newest_opset, objections
from geoseg.spec import ModelSpec
from tests.models.workflows.test_zoo import BUNDLES, ZOO

MakeNetwork = Callable[..., ModelSpec]


def _run(content: bytes, given: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: given})[0])


def _tile(channels: int) -> np.ndarray:
    coarse = np.random.default_rng(channels).normal(size=(1, channels, 8, 8)).astype(np.float32)
    return coarse.repeat(16, axis=2).repeat(16, axis=3)


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("version", [(8, 5), (8, 6), (10, 0), (10, 15), (11, 4)])
def test_shipped_bundles_are_read_by_every_version(name: str, version: tuple[int, int]) -> None:
    path = ZOO / name / "model.onnx"
    assert objections(read_operators(path), version) == ()


@pytest.mark.parametrize("name", BUNDLES)
def test_8_5_gets_opset_17_with_the_same_scores(name: str, tmp_path: Path) -> None:
    path = ZOO / name / "model.onnx"
    content = graph_for(path, (8, 5), typed=None)
    (tmp_path / "model.onnx").write_bytes(content)
    assert read_operators(tmp_path / "model.onnx").opset == 17
    given = _tile(len(find_model(name).bands))
    # Equal up to float32 rounding: older releases of ONNX Runtime fuse the two opsets differently.
    np.testing.assert_allclose(_run(content, given), _run(path.read_bytes(), given), rtol=0, atol=1e-6)
    newer = onnx.load_from_string(graph_for(path, (10, 0), typed=None))
    weights = {item.name for item in newer.graph.initializer}
    assert newer.opset_import[0].version == 18
    assert all(node.input[1] in weights for node in newer.graph.node if node.op_type == "Conv")


def test_means_over_axes_are_brought_down_too(tmp_path: Path) -> None:
    """The converter of onnx leaves an attribute of opset 18 behind there."""
    path = tmp_path / "mean.onnx"
    node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=1, noop_with_empty_axes=0)
    shape: list[str | int | None] = ["n", 3, 8, 8]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 1, 1])],
        [numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    given = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    content = graph_for(path, (8, 5), typed=None)
    np.testing.assert_array_equal(_run(content, given), _run(path.read_bytes(), given))


def test_what_cannot_be_brought_down_is_told(tmp_path: Path, make_network: MakeNetwork) -> None:
    model = onnx.load(make_network().weights)
    model.opset_import[0].version = 20
    model.graph.node.append(helper.make_node("Gelu", ["conv"], ["gelu"]))
    model.graph.output[0].name = "gelu"
    onnx.save(model, tmp_path / "new.onnx")
    with pytest.raises(ModelError, match="cannot be converted to opset 17"):
        graph_for(tmp_path / "new.onnx", (8, 5), typed=None)


@pytest.mark.parametrize("name", BUNDLES)
def test_half_precision_in_the_graph(name: str) -> None:
    path = ZOO / name / "model.onnx"
    content = graph_for(path, (11, 4), typed="fp16")
    model = onnx.load_from_string(content)
    kinds = {item.name: item.data_type for item in model.graph.initializer}
    convolved = [kinds[node.input[1]] for node in model.graph.node if node.op_type == "Conv"]
    assert set(convolved) == {TensorProto.FLOAT16}
    ports = (*model.graph.input, *model.graph.output)
    assert {port.type.tensor_type.elem_type for port in ports} == {TensorProto.FLOAT}
    # Ratios of bands are computed before the first convolution, in float32.
    divided = [place for place, node in enumerate(model.graph.node) if node.op_type == "Log"]
    assert all(not model.graph.node[place].output[0].endswith("/half") for place in divided)
    given = _tile(len(find_model(name).bands))
    difference = np.abs(_run(content, given) - _run(path.read_bytes(), given))
    assert 0 < difference.max() < 0.02


def test_bfloat16_in_the_graph_is_valid() -> None:
    model = halve(onnx.load(ZOO / "flood-sar" / "model.onnx"), TensorProto.BFLOAT16)
    weights = [item for item in model.graph.initializer if item.data_type == TensorProto.BFLOAT16]
    assert len(weights) == 40, "weights and biases of twenty convolutions"


@pytest.mark.parametrize(
    ("kind", "stored"),
    [(TensorProto.BFLOAT16, TensorProto.FLOAT), (TensorProto.FLOAT16, TensorProto.FLOAT16)],
)
def test_transposed_convolutions_stay_whole_where_bfloat16_has_no_kernel(kind: int, stored: int) -> None:
    shape: list[str | int | None] = ["n", 4, 8, 8]
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("ConvTranspose", ["x", "w"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32), "w")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    (weight,) = halve(model, kind).graph.initializer
    assert weight.data_type == stored


def test_a_value_may_be_wanted_in_both_precisions() -> None:
    """The mean of a convolution goes to float32 and the convolution itself on in half precision."""
    weight = np.random.default_rng(3).normal(size=(4, 4, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("Relu", ["a"], ["c"]),
        helper.make_node("Conv", ["c", "w"], ["d"]),
        helper.make_node("Add", ["b", "d"], ["e"]),
        helper.make_node("Mul", ["w", "e"], ["y"]),
    ]
    shape: list[str | int | None] = ["n", 4, 1, 1]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 4, 1, 1])],
            [numpy_helper.from_array(weight, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    given = np.random.default_rng(4).normal(size=(1, 4, 1, 1)).astype(np.float32)
    expected = _run(model.SerializeToString(), given)
    found = _run(halve(model, TensorProto.FLOAT16).SerializeToString(), given)
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=5e-3)


def test_opsets_by_version() -> None:
    found = [newest_opset(version) for version in ((8, 4), (8, 5), (9, 3), (10, 14), (10, 15), (11, 4))]
    assert found == [0, 17, 17, 20, 24, 24]


@pytest.mark.parametrize(
    ("use", "version", "told"),
    [
        (OperatorUse(kind="Unique"), (10, 15), "operator Unique: TensorRT 10.15 does not support it"),
        (OperatorUse(kind="LayerNormalization"), (8, 5), "does not support it; 10.0 does"),
        (OperatorUse(kind="Conv", domain="com.microsoft"), (10, 0), "com.microsoft.Conv"),
        (OperatorUse(kind="Resize", mode="cubic"), (10, 15), "Resize of mode cubic"),
        (OperatorUse(kind="Resize", transformation="half_pixel_symmetric"), (10, 0), "half_pixel_symmetric"),
        (OperatorUse(kind="Resize", antialias=True), (10, 15), "antialias"),
    ],
)
def test_objections_name_what_is_not_read(use: OperatorUse, version: tuple[int, int], told: str) -> None:
    (found,) = objections(Operators(uses=(use,), opset=18), version)
    assert told in found


def test_operators_are_read_from_the_file(make_network: MakeNetwork) -> None:
    modes = set()
    for name in ("flood-sar", "flood-sar-pair"):
        found = read_operators(ZOO / name / "model.onnx")
        graph = onnx.load(ZOO / name / "model.onnx").graph
        assert {use.kind for use in found.uses} == {node.op_type for node in graph.node}
        modes |= {(use.mode, use.transformation) for use in found.uses if use.kind == "Resize"}
        assert found.opset == 18
    assert modes == {("nearest", "asymmetric"), ("linear", "half_pixel")}
    path = make_network().weights
    path.write_text(json.dumps({"no": "network"}))
    with pytest.raises(ModelError, match="not an ONNX file"):
        read_operators(path)


@pytest.mark.parametrize(("version", "typed"), [((8, 5), None), ((11, 4), "fp16")])
def test_conversions_name_the_package_they_need(
    version: tuple[int, int], typed: Precision | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RuntimeMissingError, match="pip install onnx"):
        graph_for(ZOO / "flood-sar" / "model.onnx", version, typed=typed)
    path = ZOO / "flood-sar" / "model.onnx"
    assert graph_for(path, (10, 0), typed=None) == path.read_bytes(), "where none is needed, nor is it"
