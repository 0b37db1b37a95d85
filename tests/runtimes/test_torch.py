"""Graphs in torch give what onnxruntime gives: the bundles that ship, and operator by operator."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import find_model
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.choose import open_session
from geoseg.spec import ModelSpec
from tests.models.workflows.test_zoo import BUNDLES, ZOO

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.runtimes.torch.torch_module import OnnxModule  # noqa: E402

MakeNetwork = Callable[..., ModelSpec]


def _scene(channels: int, side: int, count: int = 2) -> np.ndarray:
    """Normalised tiles with areas and edges, as scenes have: noise alone is no image."""
    random = np.random.default_rng(channels)
    coarse = random.normal(size=(count, channels, side // 16, side // 16))
    smooth = coarse.repeat(16, axis=2).repeat(16, axis=3)
    return (smooth + random.normal(0, 0.1, smooth.shape)).astype(np.float32)


@pytest.mark.parametrize("name", BUNDLES)
def test_shipped_bundles_score_as_in_onnxruntime(name: str) -> None:
    spec = find_model(name)
    tiles = _scene(len(spec.bands), 128)
    ours, theirs = (
        open_session(spec, runtime=runtime, device="cpu", precision="fp32", tile=128).session(tiles)
        for runtime in ("torch", "onnxruntime")
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", BUNDLES)
def test_shipped_bundles_keep_their_classes_in_bf16(name: str) -> None:
    spec = find_model(name)
    tiles = _scene(len(spec.bands), 128)
    half, whole = (
        open_session(spec, runtime="torch", device="cpu", precision=precision, tile=128).session(tiles)
        for precision in ("bf16", "fp32")
    )
    assert half.dtype == np.float32
    assert np.mean((half > spec.threshold) == (whole > spec.threshold)) > 0.995
    assert 0 < np.abs(half - whole).mean() < 0.01


def test_what_depends_on_weights_alone_is_computed_once() -> None:
    module = OnnxModule(ZOO / "flood-sar-pair" / "model.onnx")
    stored = {node.kind for node in module._plan}
    assert "Cast" not in stored, "weights stored in half the space are cast on loading"


def test_sizes_follow_the_input() -> None:
    spec = find_model("water-optical")
    module = OnnxModule(spec.weights)
    session = onnxruntime.InferenceSession(str(spec.weights), providers=["CPUExecutionProvider"])
    for shape in ((1, 6, 64, 96), (3, 6, 96, 64), (1, 6, 64, 96)):
        given = np.random.default_rng(shape[0]).normal(size=shape).astype(np.float32)
        with torch.inference_mode():
            found = module(torch.from_numpy(given)).numpy()
        np.testing.assert_allclose(found, session.run(None, {"image": given})[0], rtol=0, atol=1e-4)


Case = tuple[str, list[Any], dict[str, Any]]
IMAGE = np.random.default_rng(1).normal(size=(2, 4, 12, 10)).astype(np.float32)
POSITIVE = np.abs(IMAGE) + np.float32(0.5)
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def _i(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _f(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


CASES: list[Case] = [
    ("Conv", [IMAGE, _f(6, 4, 3, 3), _f(6)], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ("Conv", [IMAGE, _f(4, 1, 3, 3)], {"pads": [2] * 4, "dilations": [2, 2], "group": 4}),
    ("Conv", [IMAGE, _f(6, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", [IMAGE, _f(6, 4, 2, 2)], {"auto_pad": "SAME_LOWER"}),
    ("ConvTranspose", [IMAGE, _f(4, 3, 2, 2)], {"strides": [2, 2]}),
    ("ConvTranspose", [IMAGE, _f(4, 3, 3, 3)], {"strides": [2, 2], "pads": [1] * 4,
        "output_padding": [1, 1]}),
    ("MaxPool", [IMAGE], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    ("MaxPool", [IMAGE], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 0, 1, 0], "ceil_mode": 1}),
    ("AveragePool", [IMAGE], {"kernel_shape": [3, 3], "pads": [1] * 4}),
    ("AveragePool", [IMAGE], {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),
    ("AveragePool", [IMAGE], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("AveragePool", [IMAGE], {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1}),
    ("GlobalAveragePool", [IMAGE], {}),
    ("GlobalMaxPool", [IMAGE], {}),
    ("BatchNormalization", [IMAGE, _f(4), _f(4), _f(4), np.abs(_f(4)) + 1], {"epsilon": 1e-3}),
    ("InstanceNormalization", [IMAGE, _f(4), _f(4)], {}),
    ("LayerNormalization", [IMAGE, _f(10), _f(10)], {"axis": -1}),
    ("Resize", [IMAGE, None, np.array([1, 1, 2, 2], np.float32)], {"nearest_mode": "floor",
        "coordinate_transformation_mode": "asymmetric"}),
    ("Resize", [IMAGE, None, None, _i(2, 4, 24, 30)], {"mode": "linear"}),
    ("Resize", [IMAGE, None, None, _i(2, 4, 7, 5)], {"mode": "linear",
        "coordinate_transformation_mode": "align_corners"}),
    ("Resize", [IMAGE, None, np.array([1, 1, 2, 4], np.float32)], {"nearest_mode": "round_prefer_floor"}),
    ("Resize", [IMAGE, None, None, _i(2, 4, 24, 20)], {"mode": "cubic", "cubic_coeff_a": -0.75}),
    ("Slice", [IMAGE, _i(1, -4), _i(9, 2**62), _i(2, 3), _i(2, 1)], {}),
    ("Slice", [IMAGE, _i(-1), _i(-(2**62)), _i(3), _i(-1)], {}),
    ("Split", [IMAGE], {"axis": 1, "num_outputs": 2}),
    ("Split", [IMAGE, _i(1, 3)], {"axis": 1}),
    ("Gather", [IMAGE, np.array([[0, -1], [2, 1]], np.int64)], {"axis": 2}),
    ("Gather", [_i(3, 4, 5), np.array(1)], {}),
    ("Gather", [IMAGE, np.array(-1)], {"axis": 1}),
    ("GatherND", [ROWS, np.array([[0, 1], [2, 3]], np.int64)], {}),
    ("GatherElements", [ROWS, np.array([[0, 1, 2, 0]], np.int64)], {"axis": 0}),
    ("ScatterND", [ROWS, np.array([[0, 1], [2, 3]], np.int64), _f(2)], {}),
    ("CumSum", [ROWS, np.array(1)], {}),
    ("Trilu", [IMAGE, np.array(-1)], {"upper": 0}),
    ("Dropout", [IMAGE, np.float32(0.5), np.array(False)], {}),
    ("SpaceToDepth", [IMAGE], {"blocksize": 2}),
    ("Mod", [IMAGE, POSITIVE], {"fmod": 1}),
    ("Mish", [IMAGE], {}),
    ("Selu", [IMAGE], {}),
    ("LpNormalization", [IMAGE], {"axis": 1}),
    ("Expand", [_f(1, 4, 1, 1), _i(2, 4, 3, 1)], {}),
    ("Tile", [ROWS, _i(2, 1)], {}),
    ("Squeeze", [_f(2, 1, 3, 1), _i(1, -1)], {}),
    ("Unsqueeze", [ROWS, _i(0, -1)], {}),
    ("Reshape", [IMAGE, _i(0, -1, 10)], {}),
    ("Flatten", [IMAGE], {"axis": 2}),
    ("Transpose", [IMAGE], {"perm": [0, 2, 3, 1]}),
    ("Concat", [IMAGE, IMAGE], {"axis": 1}),
    ("Pad", [IMAGE, _i(0, 0, 1, 2, 0, 0, 3, 4), np.float32(2)], {}),
    ("Pad", [IMAGE, _i(0, 0, 1, 2, 0, 0, 3, 4)], {"mode": "reflect"}),
    ("Pad", [IMAGE, _i(0, 0, 1, 2, 0, 0, 3, 4)], {"mode": "edge"}),
    ("Pad", [IMAGE, _i(1, 2), np.float32(0), _i(3)], {}),
    ("Clip", [IMAGE, np.float32(-0.5), np.float32(0.5)], {}),
    ("Clip", [IMAGE, None, np.float32(0.5)], {}),
    ("ReduceMean", [IMAGE, _i(2, 3)], {"keepdims": 0}),
    ("ReduceSum", [IMAGE], {}),
    ("ReduceMax", [IMAGE, _i(-1)], {}),
    ("ReduceMin", [IMAGE, _i(1)], {}),
    ("ReduceProd", [ROWS + 1, _i(0, 1)], {"keepdims": 0}),
    ("ReduceL2", [IMAGE, _i(1)], {}),
    ("ArgMax", [IMAGE], {"axis": 1}),
    ("MatMul", [_f(2, 3, 4), _f(4, 5)], {}),
    ("Gemm", [ROWS, _f(5, 4), _f(5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Einsum", [ROWS, _f(4, 5)], {"equation": "ij,jk->ik"}),
    ("Softmax", [IMAGE], {"axis": 1}),
    ("LogSoftmax", [IMAGE], {"axis": 1}),
    ("Div", [_i(7, -7), _i(2, 2)], {}),
    ("Div", [IMAGE, POSITIVE], {}),
    ("Mul", [IMAGE, POSITIVE], {}),
    ("Pow", [POSITIVE, np.float32(1.5)], {}),
    ("Where", [IMAGE > 0, IMAGE, POSITIVE], {}),
    ("Max", [IMAGE, POSITIVE, -IMAGE], {}),
    ("Min", [IMAGE, POSITIVE], {}),
    ("Sum", [IMAGE, POSITIVE, IMAGE], {}),
    ("PRelu", [IMAGE, _f(4, 1, 1)], {}),
    ("LeakyRelu", [IMAGE], {"alpha": 0.2}),
    ("HardSigmoid", [IMAGE], {"alpha": 1 / 6, "beta": 0.5}),
    ("Elu", [IMAGE], {}),
    ("DepthToSpace", [IMAGE], {"blocksize": 2}),
    ("DepthToSpace", [IMAGE], {"blocksize": 2, "mode": "CRD"}),
    ("Cast", [IMAGE], {"to": TensorProto.INT32}),
    ("Greater", [IMAGE, POSITIVE], {}),
    ("LessOrEqual", [IMAGE, POSITIVE], {}),
    ("Equal", [ROWS, ROWS.copy()], {}),
    *((name, [IMAGE], {}) for name in ("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "HardSwish", "Identity",
        "Neg", "Relu", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Softplus", "Tanh")),
    *((name, [POSITIVE], {}) for name in ("Log", "Reciprocal", "Sqrt")),
    ("QuantizeLinear", [IMAGE, np.float32(0.05), np.int8(0)], {}),
    ("DequantizeLinear", [(IMAGE * 20).astype(np.int8), _f(4) ** 2, np.zeros(4, np.int8)], {"axis": 1}),
]  # fmt: skip


def _graph(kind: str, inputs: list[Any], attributes: dict[str, Any], path: Path) -> list[np.ndarray]:
    """Write a graph of one node whose first input is fed; returns what onnxruntime makes of it."""
    names = [f"x{place}" if value is not None else "" for place, value in enumerate(inputs)]
    outputs = ["y"] if kind != "Split" else ["y", "z"]
    given = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True) if name}
    first = given["x0"]
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(kind, names, outputs, **attributes)],
            "g",
            [helper.make_tensor_value_info("x0", helper.np_dtype_to_tensor_dtype(first.dtype), first.shape)],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in given.items() if name != "x0"],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    inferred = onnx.shape_inference.infer_shapes(model)
    onnx.save(inferred, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, {"x0": first})]


@pytest.mark.parametrize(("kind", "inputs", "attributes"), CASES, ids=lambda value: str(value)[:24])
def test_each_operator(kind: str, inputs: list[Any], attributes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    expected = _graph(kind, inputs, attributes, path)
    with torch.inference_mode():
        found = OnnxModule(path)(torch.from_numpy(np.asarray(inputs[0]))).numpy()
    assert found.shape == expected[0].shape
    assert found.dtype == expected[0].dtype
    np.testing.assert_allclose(found, expected[0], rtol=1e-5, atol=1e-5)


def test_unknown_operators_are_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    _graph("Softsign", [IMAGE], {}, path)
    with pytest.raises(ModelError, match=r"does not support the operator Softsign; use --runtime"):
        OnnxModule(path)


def test_what_torch_has_no_equal_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    attributes = {"mode": "linear", "antialias": 1}
    _graph("Resize", [IMAGE, None, None, _i(2, 4, 6, 5)], attributes, path)
    with pytest.raises(ModelError, match="does not support Resize with antialias"):
        OnnxModule(path)(torch.from_numpy(IMAGE))


def test_scores_are_told_apart_in_half_precision(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(1, tail="Sigmoid", classes=2, activation="none")
    scores = open_session(spec, runtime="torch", device="cpu", precision="bf16", tile=32).session(tiles)
    logits = np.log(scores / (1 - scores))
    # bfloat16 has 128 steps between 0.5 and 1; the sigmoid itself is computed in float32.
    assert len(np.unique(scores[(logits > 0) & (logits < 1)])) > 128


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_what_is_missing_is_named_with_the_remedy(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(RuntimeMissingError, match=rf"torch needs {missing}: pip install 'geoseg\[torch\]'"):
        open_session(find_model("flood-sar"), runtime="torch", device="cpu", tile=64)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_networks_score_alike(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_model("water-optical")
    tiles = _scene(6, 64, count=8)

    def scores() -> np.ndarray:
        opened = open_session(spec, runtime="torch", device="cpu", precision=precision, tile=64)
        assert ("compiled" in opened.session.description) == ("GEOSEG_TORCH_COMPILE" in os.environ)
        return opened.session(tiles)

    plain = scores()
    monkeypatch.setenv("GEOSEG_TORCH_COMPILE", "1")
    np.testing.assert_allclose(scores(), plain, rtol=0, atol=1e-4 if precision == "fp32" else 0.03)
