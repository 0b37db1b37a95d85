"""Metadata of Deepness, as embedded in ONNX files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from geoseg.bundles.find import (
    check_bundle,
    find_model,
)
from geoseg.errors import ModelError
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST
from tests.bundles.networks import (
    edited,
    first_input,
    save_network,
)
from tests.products.ground import BARE, VEGETATION, WATER
from tests.third_party import Order, write_item, write_network

pytestmark = pytest.mark.usefixtures("no_own_models")


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
        first_input(item)["input"].update(dim_order=[*other], shape=[-1, -1, -1, -1])

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
