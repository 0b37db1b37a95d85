"""Bundles and ONNX files say what they need, and whatever does not is refused with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from geoseg.bundles.find import (
    check_bundle,
    description_of,
    find_model,
    list_models,
    model_names,
    write_bundle,
)
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError, OutputError
from tests.bundles.networks import (
    edited,
    make_spec,
    save_network,
)

pytestmark = pytest.mark.usefixtures("no_own_models")


@pytest.mark.parametrize("href", ["\0", "a\0.onnx", "./a%00.onnx", "a\n.onnx"])
def test_names_of_files_that_no_file_has(href: str, bundle: Path) -> None:
    path = bundle / "model.json"
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        asset["href"] = href
    path.write_text(json.dumps(item))
    with pytest.raises(ModelError, match=r"(?s)model\.json.*href"):
        find_model(str(bundle))


@pytest.mark.parametrize("href", ["{whole}", "file://{whole}", "../other/{name}", "./a/../../other/{name}"])
def test_a_description_names_no_weights_outside_its_folder(href: str, bundle: Path, tmp_path: Path) -> None:
    """They are a good network: who made the description could have any file of this machine opened."""
    path = bundle / "model.json"
    item = json.loads(path.read_text())
    asset = next(asset for asset in item["assets"].values() if "mlm:model" in asset["roles"])
    (bundle.parent / "other").mkdir()
    elsewhere = shutil.move(bundle / asset["href"], bundle.parent / "other")
    asset["href"] = href.format(whole=elsewhere, name=Path(elsewhere).name)
    path.write_text(json.dumps(item))
    with pytest.raises(ModelError, match=r"names weights at .* neither in its folder"):
        find_model(str(bundle))


@pytest.mark.parametrize("name", ["network.onnx", "README.md"])
def test_a_file_is_not_a_bundle_to_download(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"is a file, not a bundle.*`--model .*geoseg models describe"):
        description_of(str(path))


def test_networks_of_the_hub_are_described_first() -> None:
    for find in (find_model, description_of):
        with pytest.raises(ModelError, match=r"^hf:foo/bar: .*`geoseg models describe hf:foo/bar -o NAME`$"):
            find("hf:foo/bar")


def test_not_json(bundle: Path) -> None:
    (bundle / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json.*JSON"):
        find_model(str(bundle))


def test_names(no_own_models: Path, weights: Path, tmp_path: Path) -> None:
    assert "water-net" not in model_names()
    written = write_bundle(no_own_models / "water-net", make_spec(weights))
    assert "water-net" in model_names()
    assert find_model("water-net") == written
    assert written in list_models()
    with pytest.raises(ModelError, match="did you mean water-net"):
        find_model("waternet")
    with pytest.raises(ModelError, match="no such file, and no model has this name") as caught:
        find_model("zzz.onnx")
    assert caught.value.exit_code == 4
    with pytest.raises(ModelError, match=r"folder without model\.json"):
        find_model(str(tmp_path))
    with pytest.raises(ModelError, match="not read networks from addresses"):
        find_model("https://example.com/model.onnx")


def test_the_zoo_is_sound() -> None:
    for model in list_models():
        assert not [finding for finding in check_bundle(model.name) if finding.level == "error"]


def test_bare_file_without_description(weights: Path) -> None:
    with pytest.raises(
        ModelError, match=r"no model\.json in its folder.*'geoseg'.*'class_names'.*keys there: none"
    ):
        find_model(str(weights))


def test_description_beside_wins(weights: Path, tmp_path: Path) -> None:
    inside = tmp_path / "model.onnx"
    embed(weights, inside, make_spec(weights, title="inside"))
    assert find_model(str(inside)).title == "inside"
    write_bundle(tmp_path, make_spec(inside, title="beside"))
    assert find_model(str(inside)).title == "beside"
    # One that means another file does not.
    edited(tmp_path, lambda item: item["assets"]["model"].update(href="./other.onnx"))
    assert find_model(str(inside)).title == "inside"


def test_weights_by_address(bundle: Path, no_own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://example.com/models/made.onnx?download=1"
    edited(bundle, lambda item: item["assets"]["model"].update(href=address, **{"mlm:artifact_type": "onnx"}))
    beside = bundle / "made.onnx"
    beside.unlink()
    assert find_model(str(bundle)).weights == beside
    # Weights that were fetched into the user's folder are found too.
    fetched = no_own_models / bundle.name / "made.onnx"
    fetched.parent.mkdir(parents=True)
    save_network(fetched)
    assert find_model(str(bundle)).weights == fetched


def test_writing_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a valid name of a model"):
        write_bundle(tmp_path / "b", make_spec(weights, name="x"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_bundle(tmp_path / "file", make_spec(weights))
