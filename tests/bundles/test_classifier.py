"""Bundles of scene classifiers: what is written is read, and whatever does not fit is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
from pydantic import ValidationError

from geoseg.bundles.find import check_bundle, find_any, find_classifier, find_model
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError
from geoseg.spec import ModelSpec
from tests.classifiers import CLASSES, NAIP, SENTINEL_2, mean_classifier, write_mean_network
from tests.stac_facts import check_item

SCHEMA = json.loads(files("geoseg.configs").joinpath("schemas", "bundle.json").read_text(encoding="utf-8"))
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "two-sensors"
    inputs = ({**SENTINEL_2, "clip": (0.0, 1.0), "fill": 0.5, "statistics_known": False}, NAIP)
    mean_classifier(folder, inputs, gains=[0.5] * 6, threshold=0.7)
    return folder


def edited(bundle: Path, edit: Edit) -> dict[str, Any]:
    path = bundle / "model.json"
    item: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    edit(item["properties"])
    path.write_text(json.dumps(item), encoding="utf-8")
    return item


def test_what_is_written_is_read(bundle: Path) -> None:
    found = find_classifier(str(bundle))
    assert found == find_any(str(bundle / "model.json")) == find_any(str(bundle / "model.onnx"))
    assert [given.name for given in found.inputs] == ["sentinel-2", "naip"]
    assert found.inputs[0].clip == (0, 1)
    assert found.inputs[0].fill == 0.5
    assert not found.inputs[0].statistics_known
    assert [found.side(given) for given in found.inputs] == [72, 720]
    assert found.inputs[1].scale == 1 / 255
    assert found.threshold == 0.7
    assert found.classes == CLASSES
    item = json.loads((bundle / "model.json").read_text())
    jsonschema.validate(item, SCHEMA)
    check_item(item)
    assert item["properties"]["mlm:tasks"] == ["scene-classification"]
    assert item["properties"]["geoseg:multi_label"] is True
    assert [given["input"]["shape"] for given in item["properties"]["mlm:input"]] == [
        [-1, 1, 72, 72], [-1, 2, 720, 720],
    ]  # fmt: skip
    assert item["properties"]["mlm:output"][0]["result"]["dim_order"] == ["batch", "class"]


def test_a_sound_bundle_has_one_thing_to_be_said_of(bundle: Path) -> None:
    (only,) = check_bundle(bundle)
    assert only.level == "warning"
    assert "no training mean and std" in only.text


def test_a_lone_file_describes_itself(bundle: Path, tmp_path: Path) -> None:
    spec = find_classifier(str(bundle))
    alone = tmp_path / "alone" / "model.onnx"
    alone.parent.mkdir()
    embed(bundle / "model.onnx", alone, spec)
    found = find_classifier(str(alone))
    assert found == spec.model_copy(update={"weights": alone, "source": "onnx", "sha256": ""})


def test_each_kind_names_its_command(bundle: Path) -> None:
    with pytest.raises(
        ModelError, match="scene classifier, not a segmentation network; use `geoseg methane facil"
    ):
        find_model(str(bundle))
    with pytest.raises(ModelError, match="segmentation network, not a scene classifier; use `geoseg flood "):
        find_classifier("flood-sar")


BROKEN: dict[str, tuple[Edit, str]] = {
    "no footprint": (lambda said: said.pop("geoseg:footprint"), "footprint: Field required; add"),
    "no inputs": (lambda said: said.pop("geoseg:inputs"), "inputs: Field required; add"),
    "no units": (lambda said: said["geoseg:inputs"]["naip"].pop("units"), "inputs.naip.units"),
    "no pixel size": (lambda said: said["geoseg:inputs"]["naip"].pop("resolution"), "naip.resolution"),
    "misspelt": (lambda said: said["geoseg:inputs"]["naip"].update(scall=1), "scall"),
    "softmax": (lambda said: said.update({"geoseg:activation": "softmax"}), "activation"),
    "a tile": (lambda said: said.update({"geoseg:multi_label": False}), "multi_label"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_schema_and_reader_refuse_alike(case: str, bundle: Path) -> None:
    edit, told = BROKEN[case]
    item = edited(bundle, edit)
    if case != "softmax":
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(item, SCHEMA)
    with pytest.raises(ModelError, match=told) as caught:
        find_any(str(bundle))
    assert str(bundle / "model.json") in str(caught.value)


REFUSED: dict[str, tuple[Edit, str]] = {
    "inputs do not match": (
        lambda said: said["geoseg:inputs"].update(radar=said["geoseg:inputs"].pop("naip")),
        "has sentinel-2, radar, but mlm:input has sentinel-2, naip",
    ),
    "not a multiple": (lambda said: said.update({"geoseg:footprint": 730}), "must be a multiple of 4"),
    "background": (
        lambda said: said["mlm:output"][0]["classification:classes"][0].update(value=0),
        "must differ, and be 1 or greater",
    ),
    "channels": (lambda said: said["mlm:input"][1]["bands"].append("green"), "3 bands, but 2 channels"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(case: str, bundle: Path) -> None:
    edit, told = REFUSED[case]
    edited(bundle, edit)
    with pytest.raises(ModelError, match=told):
        find_any(str(bundle))


@pytest.mark.parametrize(
    ("sides", "gains", "told"),
    [
        ({"sentinel-2": (1, 72)}, [1.0] * 6, "no input 'naip'"),
        (
            {"sentinel-2": (2, 72), "naip": (2, 720)},
            [1.0] * 6,
            "has 2 input channels, but its description names 1",
        ),
        ({"sentinel-2": (1, 72), "naip": (2, 720)}, [1.0] * 5, "expected (N, 6) for 6 classes"),
    ],
)
def test_graphs_that_are_not_what_is_said(
    sides: dict[str, tuple[int, int]], gains: list[float], told: str, bundle: Path
) -> None:
    write_mean_network(bundle / "model.onnx", sides, gains, [0.0] * len(gains))
    table = json.loads((bundle / "model.json").read_text())
    del table["assets"]["model"]["file:checksum"]
    (bundle / "model.json").write_text(json.dumps(table))
    (error,) = (item.text for item in check_bundle(bundle) if item.level == "error")
    assert told in error


def test_two_inputs_of_one_name() -> None:
    with pytest.raises(ValidationError, match="two inputs have the same name"):
        ModelSpec.model_validate(
            {"name": "two", "inputs": [SENTINEL_2, SENTINEL_2], "classes": CLASSES, "weights": "m.onnx"}
        )


def test_a_file_of_an_earlier_version_is_read(bundle: Path, tmp_path: Path) -> None:
    """Metadata with a list of inputs and a footprint, as geoseg wrote them before inputs had one form."""
    spec = find_classifier(str(bundle))
    stated = [given.model_dump(mode="json", exclude_defaults=True) for given in spec.inputs]
    text = {
        "name": spec.name, "title": spec.title, "inputs": stated, "threshold": 0.7, "output_name": "scores",
        "classes": [entry.model_dump() for entry in spec.classes], "licence": spec.licence,
    }  # fmt: skip
    old = onnx.load(str(bundle / "model.onnx"))
    onnx.helper.set_model_props(old, {"geoseg": json.dumps(text)})
    onnx.save(old, tmp_path / "old.onnx")
    changes = {"weights": tmp_path / "old.onnx", "source": "onnx", "sha256": ""}
    assert find_classifier(str(tmp_path / "old.onnx")) == spec.model_copy(update=changes)
