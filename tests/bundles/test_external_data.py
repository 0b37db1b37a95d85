"""Weights outside the ONNX file are in its folder, listed and hashed, as the ONNX file is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from geoseg.bundles.external_data import check_external, external_names, weights_identity
from geoseg.bundles.find import check_bundle, find_model, write_bundle
from geoseg.errors import ModelError
from geoseg.runtimes.choose import check_weights
from geoseg.spec import ClassSpec, ModelBand, ModelSpec

DATA = np.ones((1, 1, 1, 1), np.float32).tobytes()


def _tensor(location: str) -> TensorProto:
    tensor = TensorProto(name="w", dims=[1, 1, 1, 1], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0"}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def network(path: Path, location: str, where: str = "initializer") -> Path:
    """A network of one band and one plane whose only weight lies outside."""
    shape: list[str | int | None] = ["batch", 1, "height", "width"]
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    tensor, initializers = _tensor(location), []
    if where == "initializer":
        initializers = [tensor]
    elif where == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    else:
        output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
        branch = helper.make_graph([helper.make_node("Identity", ["w0"], ["inner"])], "b", [], [output])
        tensor.name = "w0"
        branch.initializer.append(tensor)
        nodes.insert(0, helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch))
        nodes.insert(
            0,
            helper.make_node(
                "Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True])
            ),
        )
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def spec(weights: Path) -> ModelSpec:
    return ModelSpec(
        name="made",
        task="segment",
        bands=(ModelBand(name="green", mean=0, std=1),),
        units="reflectance",
        tile=32,
        overlap=0,
        activation="sigmoid",
        classes=(
            ClassSpec(value=0, label="background", colour="#000000"),
            ClassSpec(value=1, label="water", colour="#0000ff"),
        ),
        weights=weights,
        licence="MIT",
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    weights = network(tmp_path / "made" / "model.onnx", "model.onnx.data")
    weights.with_name("model.onnx.data").write_bytes(DATA)
    write_bundle(tmp_path / "bundle", spec(weights), card="a card")
    return tmp_path / "bundle"


@pytest.mark.parametrize("where", ["initializer", "constant", "branch"])
def test_names_wherever_the_tensor_is(where: str, tmp_path: Path) -> None:
    assert external_names(network(tmp_path / "a.onnx", "a.bin", where)) == ("a.bin",)
    assert external_names(network(tmp_path / "a.onnx", "./parts/a.bin", where)) == ("parts/a.bin",)


def test_usual_networks_have_none(tmp_path: Path) -> None:
    model = onnx.load(str(network(tmp_path / "a.onnx", "a.bin")), load_external_data=False)
    model.graph.initializer[0].ClearField("external_data")
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert external_names(tmp_path / "a.onnx") == ()


@pytest.mark.parametrize("name", ["../a", "/etc/hostname", "a/../../b", "C:\\a", "..\\a", "a\nb", "", "."])
@pytest.mark.parametrize("where", ["initializer", "constant", "branch"])
def test_names_outside_the_folder_are_refused(name: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="outside its folder"):
        external_names(network(tmp_path / "a.onnx", name, where))


def test_a_bundle_has_them_all(bundle: Path) -> None:
    """Written, copied, listed, hashed and run."""
    model = find_model(str(bundle))
    assert model.external == {"model.onnx.data": hashlib.sha256(DATA).hexdigest()}
    check_weights(model)
    assert not check_bundle(str(bundle))


def test_another_hash_is_refused(bundle: Path) -> None:
    before = weights_identity(find_model(str(bundle)))
    (bundle / "model.onnx.data").write_bytes(DATA[::-1] + DATA)
    model = find_model(str(bundle))
    with pytest.raises(ModelError, match=r"model\.onnx\.data: SHA-256 is"):
        check_weights(model)
    assert any("SHA-256" in finding.text for finding in check_bundle(str(bundle)))
    # A compiled engine of the other weights is not used.
    assert weights_identity(model) != before


def test_data_that_are_not_listed_are_refused(bundle: Path) -> None:
    item = json.loads((bundle / "model.json").read_text())
    del item["assets"]["data-1"]
    (bundle / "model.json").write_text(json.dumps(item))
    with pytest.raises(ModelError, match="states no SHA-256"):
        check_weights(find_model(str(bundle)))


def test_missing_data_and_links_are_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "model.onnx.data").unlink()
    with pytest.raises(ModelError, match="is missing"):
        check_external(find_model(str(bundle)))
    (tmp_path / "elsewhere").write_bytes(DATA)
    (bundle / "model.onnx.data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="a link to a file outside the folder"):
        check_external(find_model(str(bundle)))


def test_a_lone_network_with_its_data(tmp_path: Path) -> None:
    """Without a description there is no hash to compare with."""
    weights = network(tmp_path / "model.onnx", "model.onnx.data")
    weights.with_name("model.onnx.data").write_bytes(DATA)
    check_weights(spec(weights))
