"""ONNX files: embedded descriptions, and headers without the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import (
    find_model,
)
from geoseg.bundles.onnx_metadata import embed, read_header
from geoseg.errors import ModelError
from tests.bundles.networks import (
    make_spec,
    save_network,
)

pytestmark = pytest.mark.usefixtures("no_own_models")


def test_embedding(weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "inside.onnx"
    embed(weights, target, make_spec(weights))
    onnx.checker.check_model(onnx.load(target))
    kept = {entry.key for entry in onnx.load(target).metadata_props}
    assert kept == {"geoseg"}
    with pytest.raises(ModelError, match="already"):
        embed(target, target, make_spec(weights))
    bad = save_network(tmp_path / "bad.onnx", metadata={"geoseg": '{"name": "x", "bands": []}'})
    with pytest.raises(ModelError, match=r"bad\.onnx: its metadata 'geoseg' is not valid: bands"):
        find_model(str(bad))


def test_header_is_what_onnx_says(tmp_path: Path) -> None:
    path = save_network(
        tmp_path / "m.onnx", bands=4, planes=5, shape=(2, 64, "w"), metadata={"a": "ä", "b": ""}
    )
    header = read_header(path)
    (given,), (result,) = header.inputs, header.outputs
    assert (given.name, given.dtype, given.shape) == ("image", "float32", (2, 4, 64, None))
    assert (result.name, result.dtype, result.shape) == ("logits", "float32", (2, 5, 64, None))
    assert header.metadata == {"a": "ä", "b": ""}


def test_weights_listed_as_inputs_are_none(tmp_path: Path) -> None:
    path = save_network(tmp_path / "old.onnx")
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3, 1, 1]))
    onnx.save(model, path)
    assert [port.name for port in read_header(path).inputs] == ["image"]


def test_header_does_not_read_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    weight = numpy_helper.from_array(np.zeros((8, 3, 512, 512), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 512, 512])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 1, 1])],
        [weight],
    )
    onnx.save(helper.make_model(graph), path)
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\xff" * 10_000_000)  # would be nonsense, were it decoded
    assert read_header(path).inputs[0].shape == (1, 3, 512, 512)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "m.onnx"
    path.write_bytes(data)
    try:
        read_header(path)
    except ModelError as error:
        assert "m.onnx" in str(error)  # noqa: PT017


@given(cut=st.integers(0, 10_000))
def test_cut_files_are_refused_or_read(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = save_network(tmp_path_factory.mktemp("cut") / "m.onnx", metadata={"key": "value"})
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    try:
        read_header(path)
    except ModelError as error:
        assert "not an ONNX file, or damaged" in str(error)  # noqa: PT017


def test_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(ModelError, match="git lfs pull"):
        find_model(str(path))
