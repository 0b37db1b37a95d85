"""Descriptions of bundles are read and written alike, and refused alike by schema and reader."""

from __future__ import annotations

import copy
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pystac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.bundles.find import (
    find_model,
    write_bundle,
)
from geoseg.bundles.mlm import DESCRIPTION
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST
from tests.bundles.networks import (
    Edit,
    edited,
    first_input,
    make_spec,
    save_network,
)
from tests.stac_facts import check_item

pytestmark = pytest.mark.usefixtures("no_own_models")


SCHEMA = json.loads(files("geoseg.configs").joinpath("schemas", "bundle.json").read_text(encoding="utf-8"))


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
        "licence": st.sampled_from(["unknown", "CC0-1.0", "Überlassen", "labels: CC BY"]),
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


@pytest.mark.parametrize("name", ["flood-sar", "flood-sar-pair", "water-optical"])
def test_networks_of_geoseg_are_valid_items(name: str) -> None:
    item = json.loads((find_model(name).weights.parent / "model.json").read_text())
    check_item(item)
    pystac.Item.from_dict({**item, "stac_extensions": []}).validate()


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
    item = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    jsonschema.validate(item, SCHEMA)
    check_item(item)
    pystac.Item.from_dict({**item, "stac_extensions": []}).validate()
    inside = folder / "inside.onnx"
    embed(spec.weights, inside, spec)
    assert find_model(str(inside)) == spec.model_copy(update={"weights": inside, "source": "onnx"})


def output_classes(item: dict[str, Any]) -> list[dict[str, Any]]:
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
    "two inputs": (lambda item: item["properties"]["mlm:input"].append(first_input(item)), "mlm:input"),
    "no bands": (lambda item: first_input(item).update(bands=[]), "bands"),
    "several dates": (
        lambda item: first_input(item)["input"].update(
            shape=[-1, 3, 2, -1, -1], dim_order=["batch", "channel", "time", "height", "width"]
        ),
        "batch, then channel, height and width",
    ),
    "background": (lambda item: item["properties"].update({"geoseg:background": [0]}), "background"),
    "atmosphere": (lambda item: item["properties"].update({"geoseg:atmosphere": "l1c"}), "atmosphere"),
    "no deviation": (lambda item: first_input(item)["value_scaling"][0].update(stddev=0), "stddev"),
    "no classes": (lambda item: output_classes(item).clear(), "classes"),
    "class of nodata": (lambda item: output_classes(item)[0].update(value=255), "value"),
    "colour by name": (lambda item: output_classes(item)[0].update(color_hint="blue"), "color_hint"),
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
    "bands and channels": (lambda item: first_input(item)["bands"].append("red"), "4 bands, but 3 channels"),
    "scalings": (
        lambda item: first_input(item)["value_scaling"].pop(),
        "2 value_scaling objects for 3 bands",
    ),
    "scaling": (
        lambda item: first_input(item)["value_scaling"][0].update(type="offset"),
        "'offset' of band green",
    ),
    "expression": (
        lambda item: first_input(item).update(
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
    "values twice": (
        lambda item: output_classes(item)[1].update(value=0),
        "two classes have the same value: 0, 0",
    ),
    "oblong": (lambda item: first_input(item)["input"].update(shape=[-1, 3, 64, 32]), "square"),
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
        for entry in output_classes(item):
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


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(copy.deepcopy(SCHEMA))
    assert DESCRIPTION == "model.json"
