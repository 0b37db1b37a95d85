"""Bundles and ONNX files say what they need, and whatever does not is refused with the reason."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import (
    check_bundle,
    find_model,
    list_models,
    model_names,
    write_bundle,
)
from geoseg.bundles.mlm import DESCRIPTION
from geoseg.bundles.onnx_metadata import embed, read_header
from geoseg.errors import ModelError, OutputError
from geoseg.spec import ClassSpec, ModelBand, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST
from tests.products.ground import BARE, VEGETATION, WATER
from tests.third_party import Order, write_item, write_network

SCHEMA = json.loads(files("geoseg.configs").joinpath("schemas", "bundle.json").read_text(encoding="utf-8"))
Edit = Callable[[dict[str, Any]], object]


def save_network(
    path: Path,
    *,
    bands: int = 3,
    planes: int = 2,
    shape: tuple[int | str, int | str, int | str] = ("n", "rows", "cols"),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a 1 x 1 convolution."""
    batch, rows, cols = shape
    weight = np.linspace(-1, 1, planes * bands).reshape(planes, bands, 1, 1).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, bands, rows, cols])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, planes, rows, cols])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def make_spec(weights: Path, **changes: object) -> ModelSpec:
    spec = ModelSpec(
        name="water-net",
        title="Water from three bands",
        bands=(
            ModelBand(name="green", mean=0.11, std=0.05),
            ModelBand(name="nir08", mean=0.25, std=0.1),
            ModelBand(name="swir16", mean=0.2, std=0.09),
        ),
        units="reflectance",
        tile=64,
        overlap=16,
        resolution=10,
        classes=(
            ClassSpec(value=0, label="land", colour="#d9d9d9"),
            ClassSpec(value=1, label="open water", colour="#1f78b4"),
        ),
        weights=weights,
        licence="CC-BY-4.0",
    )
    return spec.model_copy(update=changes)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_network(tmp_path / "made.onnx")


@pytest.fixture
def bundle(tmp_path: Path, weights: Path) -> Path:
    folder = tmp_path / "water-net"
    write_bundle(folder, make_spec(weights), architecture="1 x 1 convolution", card="# Water\n")
    return folder


@pytest.fixture(autouse=True)
def no_own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    monkeypatch.setenv("GEOSEG_MODELS", str(folder))
    return folder


def edited(bundle: Path, edit: Edit) -> dict[str, Any]:
    """Change a `model.json`; returns what it then says."""
    path = bundle / "model.json"
    item: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    edit(item)
    path.write_text(json.dumps(item), encoding="utf-8")
    return item


def test_what_is_written_is_read(bundle: Path, weights: Path) -> None:
    written = write_bundle(bundle, make_spec(weights))
    assert written.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    for name in (bundle, bundle / "model.json", bundle / "made.onnx"):
        assert find_model(str(name)) == written


SPECS = st.fixed_dictionaries(
    {},
    optional={
        "units": st.sampled_from(["reflectance", "db", "linear", "radiance", "dn"]),
        "scale": st.floats(1e-6, 1e6),
        "clip": st.none() | st.tuples(st.floats(-100, 0), st.floats(1, 100)),
        "fill": st.floats(-10, 10),
        "statistics_known": st.booleans(),
        "overlap": st.sampled_from([0, 8, 32]),
        "fixed_batch": st.none() | st.integers(1, 8),
        "fixed_tile": st.booleans(),
        "resolution": st.none() | st.floats(0.01, 1000),
        "activation": st.sampled_from(["none", "softmax", "sigmoid"]),
        "threshold": st.floats(0.01, 0.99),
        "task": st.sampled_from(["segmentation", "flood"]),
        "licence": st.sampled_from(["unknown", "CC0-1.0", "Überlassen"]),
        "title": st.text(max_size=20),
        "input_name": st.sampled_from(["", "image"]),
        "output_name": st.sampled_from(["", "logits"]),
        "atmosphere": st.sampled_from(["surface", "toa", "any", None]),
        "background": st.sampled_from([0, None]),
        "nodata": st.sampled_from([1, None]),
        "dim_order": st.sampled_from([CHANNELS_FIRST, CHANNELS_LAST]),
        "output_dim_order": st.sampled_from([CHANNELS_FIRST, CHANNELS_LAST]),
    },
)


@settings(max_examples=40)
@given(changes=SPECS)
def test_any_description_survives(
    changes: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    spec = make_spec(save_network(folder / "model.onnx"), **changes)
    written = write_bundle(folder, spec)
    assert find_model(str(folder)) == written
    same = {"sha256": spec.sha256, "source": spec.source}
    assert written.model_copy(update=same) == spec
    jsonschema.validate(json.loads((folder / "model.json").read_text(encoding="utf-8")), SCHEMA)
    inside = folder / "inside.onnx"
    embed(spec.weights, inside, spec)
    assert find_model(str(inside)) == spec.model_copy(update={"weights": inside, "source": "onnx"})


def _input(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["properties"]["mlm:input"][0]
    return found


def _classes(item: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = item["properties"]["mlm:output"][0]["classification:classes"]
    return found


BROKEN: dict[str, tuple[Edit, str]] = {
    "no units": (lambda item: item["properties"].pop("geoseg:units"), "geoseg:"),
    "other units": (lambda item: item["properties"].update({"geoseg:units": "kelvin"}), "units"),
    "no activation": (lambda item: item["properties"].pop("geoseg:activation"), "activation"),
    "misspelt": (lambda item: item["properties"].update({"geoseg:overlop": 8}), "overlop"),
    "no extension": (lambda item: item.update(stac_extensions=[]), "MLM"),
    "old extension": (
        lambda item: item.update(
            stac_extensions=["https://stac-extensions.github.io/mlm/v1.0.0/schema.json"]
        ),
        "MLM",
    ),
    "a collection": (lambda item: item.update(type="Collection"), "type"),
    "no name": (lambda item: item["properties"].pop("mlm:name"), "mlm:name"),
    "no input": (lambda item: item["properties"].update({"mlm:input": []}), "mlm:input"),
    "two inputs": (lambda item: item["properties"]["mlm:input"].append(_input(item)), "mlm:input"),
    "no bands": (lambda item: _input(item).update(bands=[]), "bands"),
    "several dates": (
        lambda item: _input(item)["input"].update(
            shape=[-1, 3, 2, -1, -1], dim_order=["batch", "channel", "time", "height", "width"]
        ),
        "batch, then channel, height and width",
    ),
    "background": (lambda item: item["properties"].update({"geoseg:background": [0]}), "background"),
    "atmosphere": (lambda item: item["properties"].update({"geoseg:atmosphere": "l1c"}), "atmosphere"),
    "no deviation": (lambda item: _input(item)["value_scaling"][0].update(stddev=0), "stddev"),
    "no classes": (lambda item: _classes(item).clear(), "classes"),
    "class of nodata": (lambda item: _classes(item)[0].update(value=255), "value"),
    "colour by name": (lambda item: _classes(item)[0].update(color_hint="blue"), "color_hint"),
    "no assets": (lambda item: item.update(assets={}), "assets"),
    "threshold": (lambda item: item["properties"].update({"geoseg:threshold": 1.5}), "threshold"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_schema_and_reader_refuse_alike(case: str, bundle: Path) -> None:
    edit, told = BROKEN[case]
    item = edited(bundle, edit)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(item, SCHEMA)
    with pytest.raises(ModelError, match=told) as caught:
        find_model(str(bundle))
    assert str(bundle / "model.json") in str(caught.value)


REFUSED: dict[str, tuple[Edit, str]] = {
    "bands and channels": (lambda item: _input(item)["bands"].append("red"), "4 bands, but 3 channels"),
    "scalings": (lambda item: _input(item)["value_scaling"].pop(), "2 value_scaling objects for 3 bands"),
    "scaling": (
        lambda item: _input(item)["value_scaling"][0].update(type="offset"),
        "'offset' of band green",
    ),
    "expression": (
        lambda item: _input(item).update(
            bands=[{"name": "ndwi", "format": "python", "expression": "g-n"}, "nir08", "swir16"]
        ),
        "ndwi",
    ),
    "task": (
        lambda item: (
            item["properties"].update({"mlm:tasks": ["object-detection"]}),
            item["properties"]["mlm:output"][0].update(tasks=["object-detection"]),
        ),
        "object-detection",
    ),
    "axes of the output": (
        lambda item: item["properties"]["mlm:output"][0]["result"].update(
            dim_order=["batch", "time", "height", "width"]
        ),
        r"result.dim_order of output the only one is \['batch', 'time'",
    ),
    "a background that is no class": (
        lambda item: item["properties"].update({"geoseg:background": "ocean"}),
        "geoseg:background is 'ocean', but the classes are 0 land, 1 open water",
    ),
    "values twice": (lambda item: _classes(item)[1].update(value=0), "two classes have the same value: 0, 0"),
    "oblong": (lambda item: _input(item)["input"].update(shape=[-1, 3, 64, 32]), "square"),
    "weights": (
        lambda item: item["assets"]["model"].update({"href": "m.pt", "mlm:artifact_type": "torch"}),
        "m.pt",
    ),
    "tile": (lambda item: item["properties"].update({"geoseg:tile": 50}), "not a multiple of 32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_geoseg_cannot_do_is_refused(case: str, bundle: Path) -> None:
    edit, told = REFUSED[case]
    edited(bundle, edit)
    with pytest.raises(ModelError, match=told):
        find_model(str(bundle))


def test_items_of_others_are_read(bundle: Path, tmp_path: Path) -> None:
    """With the two keys that cannot be guessed; sizes come from the graph."""
    save_network(bundle / "made.onnx", shape=(4, 96, 96))

    def foreign(item: dict[str, Any]) -> None:
        said = item["properties"]
        kept = {"geoseg:units": "reflectance", "geoseg:activation": "softmax", "gsd": 20}
        for key in [key for key in said if key.startswith("geoseg:")]:
            del said[key]
        said.update(kept)
        said["mlm:input"][0]["value_scaling"] = [{"type": "min-max", "minimum": 0.1, "maximum": 0.5}]
        said["mlm:input"][0]["input"]["shape"] = [-1, 3, 96, 96]
        for entry in _classes(item):
            del entry["title"], entry["color_hint"]
        item["assets"]["pytorch"] = {"href": "model.pt", "roles": ["mlm:model"]}

    jsonschema.validate(edited(bundle, foreign), SCHEMA)
    spec = find_model(str(bundle))
    assert (spec.tile, spec.fixed_tile, spec.fixed_batch, spec.multiple) == (96, True, 4, 1)
    assert [(band.mean, round(band.std, 6)) for band in spec.bands] == [(0.1, 0.4)] * 3
    assert not spec.statistics_known
    assert spec.resolution == 20
    assert [entry.label for entry in spec.classes] == ["land", "open-water"]
    assert len({entry.colour for entry in spec.classes}) == 2


@pytest.mark.parametrize("href", ["\0", "a\0.onnx", "./a%00.onnx", "a\n.onnx"])
def test_names_of_files_that_no_file_has(href: str, bundle: Path) -> None:
    path = bundle / "model.json"
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        asset["href"] = href
    path.write_text(json.dumps(item))
    with pytest.raises(ModelError, match=r"(?s)model\.json.*href"):
        find_model(str(bundle))


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


DEEPNESS = {
    "model_type": json.dumps("Segmentor"),
    "class_names": json.dumps({0: "_background", 1: "building", 2: "water"}),
    "resolution": json.dumps(50),
    "tile_size": json.dumps(512),
    "tiles_overlap": json.dumps(15),
    "seg_thresh": json.dumps(0.4),
}


def test_deepness(tmp_path: Path) -> None:
    path = save_network(tmp_path / "deep.onnx", planes=3, shape=(1, 512, 512), metadata=DEEPNESS)
    spec = find_model(str(path))
    assert spec.source == "deepness"
    assert [band.name for band in spec.bands] == ["red", "green", "blue"]
    assert [entry.label for entry in spec.classes] == ["_background", "building", "water"]
    assert (spec.units, spec.scale, spec.clip) == ("dn", 1 / 255, (0.0, 1.0))
    assert (spec.tile, spec.fixed_tile, spec.fixed_batch) == (512, True, 1)
    assert (spec.resolution, spec.threshold, spec.overlap) == (0.5, 0.4, 76)
    assert not spec.statistics_known


def test_deepness_variants(tmp_path: Path) -> None:
    metadata = {
        "names": "{0: 'field'}",
        "tiles_size": "100",
        "standardization_mean": "[0.1, 0.2, 0.3, 0.4]",
        "standardization_std": "[1, 2, 3, 4]",
    }
    path = save_network(tmp_path / "old.onnx", bands=4, planes=1, metadata=metadata)
    spec = find_model(str(path))
    assert [(band.name, band.mean, band.std) for band in spec.bands] == [
        ("red", 0.1, 1), ("green", 0.2, 2), ("blue", 0.3, 3), ("nir", 0.4, 4)
    ]  # fmt: skip
    assert [entry.label for entry in spec.classes] == ["background", "field"]
    assert (spec.tile, spec.multiple, spec.fixed_tile) == (100, 4, False)
    assert spec.statistics_known


@pytest.mark.parametrize(
    ("names", "background"),
    [
        ({0: "_background", 1: "building", 2: "water"}, 0),
        ({0: "building", 1: "water", 2: "background"}, 2),
        ({0: "building", 1: "water", 2: "tree"}, None),
        ({0: "not_building", 1: "building"}, 0),
        ({0: "building", 1: "other"}, 1),
        ({0: "class 0", 1: "class 1", 2: "class 2"}, 0),
    ],
)
def test_the_background_of_deepness(names: dict[int, str], background: int | None, tmp_path: Path) -> None:
    metadata = {**DEEPNESS, "class_names": json.dumps(names)}
    path = save_network(tmp_path / "deep.onnx", planes=len(names), metadata=metadata)
    spec = find_model(str(path))
    assert spec.background == background
    assert {entry.value: entry.label for entry in spec.classes} == names
    planes = spec.planes or tuple(range(len(names)))
    assert [entry.value for entry in spec.classes] == list(planes)


@pytest.mark.parametrize("tile", [None, 512])
@pytest.mark.parametrize(
    ("order", "output_order"),
    [
        (CHANNELS_LAST, CHANNELS_LAST),
        (CHANNELS_LAST, CHANNELS_FIRST),
        (CHANNELS_FIRST, CHANNELS_FIRST),
    ],
)
def test_deepness_with_channels_last(
    order: Order, output_order: Order, tile: int | None, tmp_path: Path
) -> None:
    """The keys do not say it; the sizes of the graph do."""
    path = tmp_path / "deep.onnx"
    write_network(
        path,
        [BARE, VEGETATION, WATER],
        order=order,
        output_order=output_order,
        tile=tile,
        bands=("red", "green", "blue"),
    )
    model = onnx.load(path)
    helper.set_model_props(model, DEEPNESS)
    onnx.save(model, path)
    spec = find_model(str(path))
    assert [band.name for band in spec.bands] == ["red", "green", "blue"]
    assert (spec.dim_order, spec.output_dim_order) == (order, output_order)
    assert (spec.tile, spec.fixed_tile) == (512, tile is not None)
    assert not [item for item in check_bundle(path) if item.level == "error"]


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("order", [CHANNELS_FIRST, CHANNELS_LAST])
def test_an_order_of_axes_that_is_not_the_graphs_is_found(
    order: Order, tile: int | None, tmp_path: Path
) -> None:
    bundle = write_item(tmp_path / "net", [WATER, BARE], [{"value": 1}, {"value": 0}], order=order, tile=tile)
    assert not [item for item in check_bundle(bundle) if item.level == "error"]
    other = CHANNELS_LAST if order == CHANNELS_FIRST else CHANNELS_FIRST

    def turned(item: dict[str, Any]) -> None:
        _input(item)["input"].update(dim_order=[*other], shape=[-1, -1, -1, -1])

    edited(bundle, turned)
    (finding,) = [item for item in check_bundle(bundle) if item.level == "error"]
    assert "the order of axes" in finding.text or "cannot run the network" in finding.text


@pytest.mark.parametrize(
    ("changes", "network", "told"),
    [
        ({"model_type": '"Detector"'}, {}, "is a Detector"),
        ({"class_names": None}, {}, "key 'class_names' is missing"),
        ({"class_names": '{"1": "a", "2": "b"}'}, {}, "lacks a class number"),
        ({"class_names": '{"a": "b"}'}, {}, "are not class numbers"),
        ({"tile_size": None}, {}, "the size of tiles"),
        ({"resolution": '"fine"'}, {}, "'resolution' is 'fine', not a number"),
        ({}, {"bands": 6}, "has 6 channels.*model.json in the same folder"),
        ({}, {"shape": (1, 512, 256)}, "square tiles only"),
        ({"standardization_mean": "[1, 2]"}, {}, "2 numbers for 3 channels"),
        ({"standardization_std": "[0, 0, 0]"}, {}, "do not describe a network|std"),
    ],
)
def test_deepness_keys_that_do_not_say_enough(
    changes: dict[str, str | None], network: dict[str, Any], told: str, tmp_path: Path
) -> None:
    metadata = {key: text for key, text in {**DEEPNESS, **changes}.items() if text is not None}
    path = save_network(tmp_path / "deep.onnx", planes=3, metadata=metadata, **network)
    with pytest.raises(ModelError, match=told) as caught:
        find_model(str(path))
    assert "deep.onnx" in str(caught.value)


def test_a_sound_bundle(bundle: Path) -> None:
    assert check_bundle(bundle) == ()


def test_findings(bundle: Path, weights: Path) -> None:
    (bundle / "README.md").unlink()
    edited(bundle, lambda item: item["properties"].pop("license"))
    findings = check_bundle(bundle)
    assert [finding.level for finding in findings] == ["warning", "warning"]
    for told, finding in zip(("states no licence", "there is no card"), findings, strict=True):
        assert told in finding.text
    save_network(bundle / "made.onnx", planes=5)
    first = check_bundle(str(bundle))[0]
    assert first.level == "error"
    assert "SHA-256" in first.text


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ({"planes": 5}, r"\(N, 2, 64, 64\) for 2 classes"),
        ({"bands": 2}, "has 2 input channels, but its description names 3 bands"),
        ({"shape": (1, 32, 32)}, "cannot run the network"),
    ],
)
def test_networks_that_are_not_as_described(network: dict[str, Any], told: str, tmp_path: Path) -> None:
    spec = make_spec(save_network(tmp_path / "m.onnx", **network))
    write_bundle(tmp_path / "b", spec, card="x")
    (finding,) = check_bundle(tmp_path / "b")
    assert finding.level == "error"
    with pytest.raises(ModelError, match=told):
        raise ModelError(finding.text)


def test_check_of_what_is_not_there(bundle: Path) -> None:
    with pytest.raises(ModelError, match="no model has this name"):
        check_bundle("nothing-like-this")
    (bundle / "made.onnx").unlink()
    assert any("made.onnx: cannot be read" in finding.text for finding in check_bundle(bundle))
    (bundle / "model.json").write_text("[]", encoding="utf-8")
    (finding,) = check_bundle(bundle)
    assert finding.level == "error"


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


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(copy.deepcopy(SCHEMA))
    assert DESCRIPTION == "model.json"
