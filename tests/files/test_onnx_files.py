"""ONNX files whose weights lie beside them, in bundles and runtimes; the limit is lowered for speed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import check_bundle, find_model, write_bundle
from geoseg.errors import ModelError
from geoseg.files import onnx_files
from geoseg.files.onnx_files import DATA, save_graph, weight_bytes
from geoseg.runtimes import onnxruntime as ort
from geoseg.runtimes import openvino
from geoseg.runtimes.graph import LoadRequest
from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
from geoseg.spec import ClassSpec, ModelBand, ModelSpec

SIDE = 16


def network(inner: int = 8, count: int = 1, dtype: type = np.float32) -> onnx.ModelProto:
    """A convolution, `count` of 1 x 1 between `inner` channels, and one to a score."""
    rng = np.random.default_rng(0)
    sizes = [(inner, 2), *[(inner, inner)] * count, (1, inner)]
    weights, nodes, last = [], [], "image"
    for number, (out, channels) in enumerate(sizes):
        drawn = rng.standard_normal((out, channels, 1, 1), np.float32) / np.sqrt(channels)
        weights.append(numpy_helper.from_array(drawn.astype(dtype), f"w{number}"))
        made = f"w{number}"
        if dtype != np.float32:
            nodes.append(helper.make_node("Cast", [made], [f"f{number}"], to=TensorProto.FLOAT))
            made = f"f{number}"
        nodes.append(helper.make_node("Conv", [last, made], [last := f"y{number}"]))
    nodes.append(helper.make_node("Sigmoid", [last], ["scores"]))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, planes, SIDE, SIDE])
        for name, planes in (("image", 2), ("scores", 1))
    ]
    graph = helper.make_graph(nodes, "large", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def described(weights: Path) -> ModelSpec:
    return ModelSpec(
        name="large",
        bands=(ModelBand(name="red"), ModelBand(name="nir")),
        units="reflectance",
        tile=SIDE,
        overlap=4,
        multiple=SIDE,
        fixed_tile=True,
        activation="none",
        classes=(
            ClassSpec(value=0, label="land", colour="#ffffff"),
            ClassSpec(value=1, label="water", colour="#0000ff"),
        ),
        weights=weights,
        input_name="image",
        output_name="scores",
        licence="MIT",
    )


def images() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (1, 2, SIDE, SIDE)).astype(np.float32)


def run(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": images()})[0])


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_files, "MOST_INSIDE", 1000)


def test_small_weights_stay_inside(tmp_path: Path) -> None:
    (tmp_path / DATA).write_bytes(b"of an earlier network")
    model = network()
    assert weight_bytes(model) == 4 * (16 + 64 + 8)
    save_graph(model, tmp_path / "plain.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["plain.onnx"]


@pytest.mark.usefixtures("low_limit")
def test_a_bundle_with_large_weights_is_written_checked_copied_and_run(tmp_path: Path) -> None:
    expected_path = tmp_path / "expected.onnx"
    onnx.save(network(32), str(expected_path))
    (tmp_path / "made").mkdir()
    save_graph(network(32), tmp_path / "made" / "model.onnx")
    check_everywhere(tmp_path, run(expected_path))


def check_everywhere(folder: Path, expected: np.ndarray) -> None:
    """Write a bundle of a network with external data, copy it, and run it in every runtime of the CPU."""
    written = write_bundle(folder / "large", described(folder / "made" / "model.onnx"))
    assert set(written.external) == {DATA}
    assets = json.loads((folder / "large" / "model.json").read_text())["assets"]
    assert assets["data-1"]["file:size"] == (folder / "large" / DATA).stat().st_size
    shutil.rmtree(folder / "made")
    copied = write_bundle(folder / "copy", find_model(str(folder / "large")))
    assert copied.external == written.external
    shutil.rmtree(folder / "large")
    assert [item.level for item in check_bundle(folder / "copy") if item.level == "error"] == []
    for runtime in (ort, openvino):
        if not runtime.status().usable:
            continue
        graph = runtime.load(LoadRequest(spec=copied, device="cpu", threads=2, tile=SIDE))
        np.testing.assert_allclose(graph(images()), expected, atol=1e-4)
        graph.close()
    with (folder / "copy" / DATA).open("r+b") as file:
        file.write(b"damaged")
    assert check_bundle(folder / "copy")[0].level == "error"


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_changed_graphs_of_large_networks(tmp_path: Path, dtype: type) -> None:
    """Half precision on GPUs: for TensorRT beside the graph; refused for onnxruntime above its limit."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    save_graph(network(64, 4, dtype), path := tmp_path / "model.onnx")
    expected = run(path)
    content = graph_for(path, (11, 4), typed="fp16", scratch=scratch)
    assert len(content) < 20_000 < (scratch / DATA).stat().st_size
    np.testing.assert_allclose(run(scratch / "model.onnx"), expected, atol=5e-3)
    with pytest.raises(ModelError, match="`--runtime tensorrt`"):
        ort._halved(path)


@pytest.mark.slow
def test_a_network_of_more_than_2_gib(tmp_path: Path) -> None:
    """2.2 GB of weights in 33 layers; needs 8 GB of memory and 7 GB of disk."""
    (tmp_path / "made").mkdir()
    model = network(4096, 33)
    assert weight_bytes(model) > 2.2e9
    save_graph(model, tmp_path / "made" / "model.onnx")
    del model
    check_everywhere(tmp_path, run(tmp_path / "made" / "model.onnx"))
