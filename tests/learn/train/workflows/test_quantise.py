"""int8: judged on held-out scenes before anything is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.errors import ModelError, OutputError  # noqa: E402
from geoseg.learn.evaluate.quantise import quantise  # noqa: E402
from geoseg.learn.train.config import read_config  # noqa: E402
from tests.learn.train.conftest import Run  # noqa: E402
from tests.messages import progress  # noqa: E402
from tests.prepared_process import geoseg  # noqa: E402


def test_int8_is_smaller_and_as_right(run: Run, tmp_path: Path) -> None:
    small = tmp_path / "small-water"
    ran = geoseg(
        "export", run.bundle, "--to", "openvino-int8", "--judge-by", run.config, "-o", small, "--json"
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["score"] >= said["score_fp32"] - 0.005
    assert said["score_fp32"] > 0.8
    graph = onnx.load(str(small / "model.onnx"))
    kinds = {tensor.data_type for tensor in graph.graph.initializer if "quantized" in tensor.name}
    assert onnx.TensorProto.INT8 in kinds
    nodes = [node.op_type for node in graph.graph.node]
    assert "QuantizeLinear" in nodes
    assert "DequantizeLinear" in nodes
    assert not {"ConvInteger", "QLinearConv", "DynamicQuantizeLinear"} & set(nodes)
    assert (small / "model.onnx").stat().st_size < 0.5 * (run.bundle / "model.onnx").stat().st_size
    assert geoseg("models", "check", small).returncode == 0


def test_what_is_less_right_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoseg.learn.evaluate.quantise.MAX_LOSS", -1.0)
    with pytest.raises(ModelError, match="was not written"):
        quantise(run.bundle, tmp_path / "small", read_config(str(run.config)), progress)
    assert not (tmp_path / "small").exists()


def test_a_network_that_may_not_end_is_refused(run: Run, tmp_path: Path) -> None:
    bundle = tmp_path / "endless"
    shutil.copytree(run.bundle, bundle)
    model = onnx.load(bundle / "model.onnx")
    model.graph.node.add(op_type="Loop", input=["", ""], output=["forever"])
    onnx.save(model, bundle / "model.onnx")
    table = json.loads((bundle / "model.json").read_text())
    for asset in table["assets"].values():
        asset.pop("file:checksum", None)
    (bundle / "model.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match="loops that may never end"):
        quantise(bundle, tmp_path / "small", read_config(str(run.config)), progress)


def test_the_source_is_not_replaced(run: Run, tmp_path: Path) -> None:
    """Not even by --overwrite: the bundle in int8 goes to a folder of its own."""
    bundle = tmp_path / run.bundle.name
    shutil.copytree(run.bundle, bundle)
    before = (bundle / "model.onnx").read_bytes()
    (tmp_path / "link").symlink_to(bundle)
    spec = read_config(str(run.config))
    for output in (bundle, tmp_path / "link"):
        with pytest.raises(OutputError, match="is an input"):
            quantise(bundle, output, spec, progress, overwrite=True)
    assert (bundle / "model.onnx").read_bytes() == before


def test_a_judge_is_needed(run: Run, tmp_path: Path) -> None:
    ran = geoseg("export", run.bundle, "--to", "openvino-int8", "-o", tmp_path / "small")
    assert ran.returncode == 2
    assert "--judge-by" in ran.stderr
