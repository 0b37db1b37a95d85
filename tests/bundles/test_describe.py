"""A network of the user is described: what is stated counts, the rest is guessed from graph and tile."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from geoseg.bundles.describe import Described, describe
from geoseg.bundles.describe_card import card_text
from geoseg.bundles.description import to_spec
from geoseg.bundles.description_text import from_spec
from geoseg.errors import ModelError, UsageError
from geoseg.spec.describe import DescribeRequest
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST
from geoseg.spec.request import from_options
from tests.networks import save_form, save_ranks

WHOLE: Mapping[str, object] = {
    "bands": "red,green,blue",
    "scale": 1 / 255,
    "mean": "0.4",
    "std": "0.2",
    "classes": "background,field",
    "output": "bundle",
}


def make(path: Path, options: Mapping[str, object] = WHOLE, **more: object) -> Described:
    given = {name: value for name, value in {**options, **more}.items() if value is not None}
    return describe(from_options(DescribeRequest, {"network": str(path), **given}), path, "made")


@pytest.mark.parametrize("order", [CHANNELS_FIRST, CHANNELS_LAST])
@pytest.mark.parametrize(
    ("side", "batch", "expected"),
    [
        ("side", "n", (512, False, 32, None)),
        (96, "n", (96, True, 1, None)),
        ("side", 1, (512, False, 32, 1)),
        (128, 4, (128, True, 1, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_sizes_and_axes_are_those_of_the_graph(
    order: tuple[str, ...], side: int | str, batch: int | str, expected: object, dtype: int, tmp_path: Path
) -> None:
    path = save_form(tmp_path / "n.onnx", order=order, side=side, batch=batch, dtype=dtype)  # type: ignore[arg-type]
    spec = make(path).spec
    assert (spec.tile, spec.fixed_tile, spec.multiple, spec.fixed_batch) == expected
    assert spec.dim_order == spec.output_dim_order == order


def test_the_stated_bands_decide_between_axes_that_both_may_be_channels(tmp_path: Path) -> None:
    for order in (CHANNELS_FIRST, CHANNELS_LAST):
        path = save_form(tmp_path / "n.onnx", order=order, channels="c")
        assert make(path).spec.dim_order == order
    with pytest.raises(ModelError, match="add `--bands`"):
        make(path, bands=None)


@pytest.mark.parametrize(
    ("end", "planes", "expected"),
    [
        ((), 2, "softmax"),
        ((), 1, "sigmoid"),
        (("Softmax",), 2, "none"),
        (("Sigmoid",), 2, "none"),
        (("Sigmoid", "Identity"), 1, "none"),
        (("LogSoftmax",), 2, "softmax"),
        (("HardSigmoid",), 1, "none"),
        # exp(log softmax): scores that no operator names.
        (("LogSoftmax", "Exp"), 2, "none"),
    ],
)
def test_the_activation_is_that_of_the_last_operator_and_of_a_tile(
    end: tuple[str, ...], planes: int, expected: str, tmp_path: Path
) -> None:
    done = make(save_form(tmp_path / "n.onnx", planes=planes, end=end))
    assert done.spec.activation == expected
    (reason,) = (item.reason for item in done.guessed if item.fact == "activation")
    assert "last operator" in reason
    assert "a tile gives" in reason


@pytest.mark.parametrize(
    ("end", "stated", "problem"),
    [
        ((), "none", "not scores in 0..1"),
        (("Softmax",), "softmax", "ends in an activation already"),
        (("Sigmoid",), "sigmoid", "ends in an activation already"),
    ],
)
def test_an_activation_that_the_tile_contradicts_is_refused(
    end: tuple[str, ...], stated: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=problem):
        make(save_form(tmp_path / "n.onnx", end=end), activation=stated)


@pytest.mark.parametrize(
    ("planes", "text", "expected", "background"),
    [
        (2, "background,field", [(0, "background"), (1, "field")], 0),
        (2, "field,boundary", [(0, "field"), (1, "boundary")], None),
        (2, "water,land", [(1, "land"), (0, "water")], 1),
        (1, "field", [(0, "background"), (1, "field")], 0),
        (1, "5=field:#112233", [(0, "background"), (5, "field")], 0),
        (1, "bare,field", [(0, "bare"), (1, "field")], 0),
        (3, "crop,forest,water", [(0, "crop"), (1, "forest"), (2, "water")], None),
        (3, "1=crop,2=forest", [(0, "background"), (1, "crop"), (2, "forest")], 0),
    ],
)
def test_no_class_is_left_out_of_the_map_unless_its_name_means_background(
    planes: int, text: str, expected: list[tuple[int, str]], background: int | None, tmp_path: Path
) -> None:
    spec = make(save_form(tmp_path / "n.onnx", planes=planes), classes=text).spec
    assert [(entry.value, entry.label) for entry in spec.classes] == expected
    assert spec.background == background
    assert len({entry.colour for entry in spec.classes}) == len(spec.classes)


@pytest.mark.parametrize("side", [128, "side"])
@pytest.mark.parametrize("order", [CHANNELS_FIRST, CHANNELS_LAST])
def test_coarser_scores_have_a_stride(side: int | str, order: tuple[str, ...], tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx", stride=4, side=side, order=order)  # type: ignore[arg-type]
    done = make(path)
    assert done.spec.stride == 4
    text = from_spec(done.spec, href="n.onnx", size=1, planes=2, architecture="conv")
    description = tmp_path / "model.json"
    for key in ("geoseg:stride", "geoseg:fixed_tile"):
        # An item of others states the stride by the sizes of tile and output alone.
        stated = json.loads(text)
        if key == "geoseg:stride" and side == "side":
            continue
        stated["properties"].pop(key, None)
        description.write_text(json.dumps(stated))
        assert to_spec(description, path).stride == 4


def test_a_stated_background_counts(tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx")
    assert make(path, background="none").spec.has_background is False
    swapped = make(path, background="field").spec
    assert (swapped.classes[0].label, swapped.planes) == ("field", (1, 0))
    with pytest.raises(UsageError, match="`--background` is 'forest', but the classes are"):
        make(path, background="forest")


@pytest.mark.parametrize(
    ("form", "options", "problem"),
    [
        ({"bands": 4}, {}, "reads 4 channels .*, but 3 bands are named"),
        ({"order": CHANNELS_LAST, "bands": 5}, {}, "reads 5 channels .*, but 3 bands"),
        ({"planes": 3}, {}, "returns 3 planes, but 2 classes are named"),
        ({"planes": 1}, {"classes": "a,b,c"}, "returns 1 planes, but 3 classes"),
        ({"end": ("ArgMax",)}, {}, "class numbers, not scores"),
        ({"stride": 64}, {}, r"is \(1, 2, 4, 4\) for tiles of 256 x 256 pixels; .*interpolate"),
        ({"end": ("GlobalAveragePool",)}, {}, r"is \(1, 2, 1, 1\) for tiles"),
        ({"dtype": TensorProto.UINT8}, {}, "type uint8; export the network with float32"),
        ({}, {"tile": 100_000}, "larger than 4096"),
        ({"side": 96}, {"tile": 128}, "accepts tiles of 96 pixels only, not 128"),
    ],
)
def test_a_network_that_cannot_work_is_refused(
    form: dict[str, Any], options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=problem):
        make(save_form(tmp_path / "n.onnx", **form), **options)


@pytest.mark.parametrize(
    ("inputs", "outputs", "problem"),
    [
        ([(1, 3, 64, 64), (1, 2)], [(1, 2, 64, 64)], r"has 2 inputs \(in0, in1\)"),
        ([(1, 3, 64, 64)], [(1, 1000)], "classifies whole images"),
        ([(1, 3, 64, 64)], [(1, 100, 6)], "detection network"),
        ([(1, 3, 5, 64, 64)], [(1, 2, 64, 64)], "has 5 axes"),
        ([(1, 3, 64, 32)], [(1, 2, 64, 32)], "tiles are 64 x 32 pixels"),
    ],
)
def test_a_network_of_another_kind_is_refused(
    inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=problem):
        make(save_ranks(tmp_path / "n.onnx", inputs, outputs))


def test_a_network_that_returns_no_planes_is_refused(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("Constant", [], ["times"], value_ints=[1, 0, 1, 1]),
        onnx.helper.make_node("Tile", ["x", "times"], ["y"]),
    ]
    ports = [
        onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", "h", "w"]) for name in "xy"
    ]
    graph = onnx.helper.make_graph(nodes, "none", ports[:1], ports[1:])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "n.onnx",
    )
    with pytest.raises(ModelError, match="no segmentation network"):
        make(tmp_path / "n.onnx")


@pytest.mark.parametrize("bands", [1, 3, 4, 7])
@pytest.mark.parametrize("sensor", [None, "sentinel-2-l2a", "landsat-8-l2"])
def test_the_command_in_the_message_of_a_missing_option_runs(
    bands: int, sensor: str | None, tmp_path: Path
) -> None:
    path = save_form(tmp_path / "n.onnx", bands=bands)
    with pytest.raises(UsageError) as caught:
        make(path, {}, sensor=sensor)
    first, command = str(caught.value).split("\n")
    for option in ("--bands", "--classes", "--output", "--scale"):
        assert option in first
    words = iter(shlex.split(command))
    assert [next(words) for _ in range(4)] == ["geoseg", "models", "describe", str(path)]
    options: dict[str, Any] = {
        {"-o": "output"}.get(word, word.removeprefix("--")): next(words) for word in words
    }
    for name in {"scale", "offset"} & options.keys():
        options[name] = float(str(options[name]))
    assert make(path, options).spec.channels == bands


@pytest.mark.parametrize(
    ("sensor", "mean", "scale"),
    [("sentinel-2-l2a", 1354.4, "1"), ("sentinel-2-l2a", 0.14, "0.0001"), (None, 123.7, "1")],
)
def test_the_guessed_scale_fits_the_mean(sensor: str | None, mean: float, scale: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make(save_form(tmp_path / "n.onnx"), units=None, scale=None, sensor=sensor, mean=mean)
    assert f" --scale {scale} " in str(caught.value)


def test_a_missing_option_keeps_what_is_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make(save_form(tmp_path / "n.onnx"), mean=None, classes="0=land,7=water:#0000ff")
    assert str(caught.value).startswith("missing: `--mean`.")
    assert "--mean 0 --std 0.2 --classes 'land,7=water:#0000ff'" in str(caught.value)


def test_bands_may_be_named_as_in_products(tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx")
    with pytest.raises(UsageError, match="b04 is a name in products"):
        make(path, bands="B04,B03,B8A")
    spec = make(path, bands="B04,B03,B8A", sensor="sentinel-2-l2a", scale=1e-4).spec
    assert [band.name for band in spec.bands] == ["red", "green", "nir08"]
    assert (spec.resolution, spec.atmosphere) == (10, "surface")
    other = make(path, bands="red,green,height")
    assert any(item.fact == "band" and item.value == "height" for item in other.guessed)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"mean": "1,2"}, "`--mean`: 2 numbers for 3 bands"),
        ({"scale": 0.0}, "`--scale`: 0 makes all values equal"),
        ({"classes": "0=a,0=b"}, "two classes have the same value"),
        ({"std": "0"}, "standard deviation is not above 0"),
        ({"bands": "red,red,blue"}, "repeated name"),
        ({"scale": None, "offset": 1.0}, "add `--scale`"),
        ({"clip": "1,0"}, "`--clip`: 1 is not less than 0"),
        ({"classes": "a," + "b" * 3000}, "is not LABEL"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=problem):
        make(save_form(tmp_path / "n.onnx"), **options)


def test_imagenet_needs_no_other_values(tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx")
    spec = make(path, {"preset": "imagenet", "classes": "a,b", "output": "x"}).spec
    assert [band.name for band in spec.bands] == ["red", "green", "blue"]
    assert (spec.units, spec.clip, spec.statistics_known) == ("dn", (0.0, 1.0), False)
    assert spec.scale == pytest.approx(1 / 255)
    assert spec.bands[2].std == 0.225
    other = make(path, {"preset": "imagenet", "classes": "a,b", "units": "reflectance", "output": "x"}).spec
    assert (other.units, other.scale, other.clip, other.bands[0].mean) == ("reflectance", 1.0, None, 0.485)


def test_deepness_keys_fill_gaps_only(tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx", bands=5)
    model = onnx.load(path)
    keys = {"class_names": '{"0": "none", "1": "road"}', "seg_thresh": "0.7"}
    onnx.helper.set_model_props(model, {"model_type": "Segmentor", **keys})
    onnx.save(model, path)
    given = {"bands": "red,green,blue,nir,height", "output": "x", "mean": "0.5"}
    spec = make(path, given).spec
    assert [entry.label for entry in spec.classes] == ["none", "road"]
    assert (spec.threshold, spec.clip, spec.bands[4].mean) == (0.7, (0.0, 1.0), 0.5)


def test_a_file_that_is_described_is_left_alone(tmp_path: Path) -> None:
    path = save_form(tmp_path / "n.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"geoseg": "{}"})
    onnx.save(model, path)
    with pytest.raises(UsageError, match="already has a description"):
        make(path)


def test_the_card_tells_stated_from_guessed(tmp_path: Path) -> None:
    done = make(save_form(tmp_path / "n.onnx"), title="Fields | of mine")
    text = card_text(done, source="n.onnx", command="geoseg models describe n.onnx")
    stated, guessed = text.split("## Guessed")
    assert "| classes | 0 background, 1 field | option |" in stated
    assert "digital number x 0.00392157" in stated
    assert "| title | Fields / of mine | option |" in stated
    assert "| activation | softmax |" in guessed
    assert "scores are not stated" in guessed
