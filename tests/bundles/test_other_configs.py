"""What files of other programs state about a network, and what of it is not used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.describe import Described, describe
from geoseg.bundles.other_configs import facts_from
from geoseg.errors import ModelError, UsageError
from geoseg.spec.describe import DescribeRequest
from geoseg.spec.request import from_options
from tests.networks import save_form

SMP = {"_model_class": "Unet", "activation": None, "classes": 2, "encoder_name": "resnet18", "in_channels": 3}
PROCESSOR = {
    "image_processor_type": "SegformerImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.2, 0.1],
    "rescale_factor": 1 / 255,
    "size": {"height": 512, "width": 512},
}
TRANSFORMERS = {
    "architectures": ["SegformerForSemanticSegmentation"],
    "id2label": {"0": "background", "1": "building"},
    "model_type": "segformer",
    "num_channels": 3,
}
EMD: dict[str, Any] = {
    "Framework": "arcgis.learn.models._inferencing",
    "ModelType": "ImageClassification",
    "ModelName": "UnetClassifier",
    "ImageHeight": 256,
    "ImageWidth": 256,
    "Bands": ["Blue", "Green", "Red", "NIR"],
    "ExtractBands": [2, 1, 0],
    "Classes": [
        {"Value": 1, "Name": "wetland", "Color": [0, 128, 255]},
        {"Value": 2, "Name": "peat", "Color": [10, 20, 30]},
    ],
    "NormalizationStats": {
        "band_min_values": [100, 200, 300, 400],
        "band_max_values": [1100, 2200, 3300, 4400],
        "scaled_mean_values": [0.1, 0.2, 0.3, 0.4],
        "scaled_std_values": [0.01, 0.02, 0.03, 0.04],
    },
    "DataRange": [0, 10000],
}


def write(folder: Path, name: str, table: Mapping[str, object]) -> Path:
    path = folder / name
    path.write_text(json.dumps(table), encoding="utf-8")
    return path


def make(network: Path, sources: list[Path], **options: object) -> Described:
    given = {"network": str(network), "output": "x", "from": [str(path) for path in sources], **options}
    return describe(from_options(DescribeRequest, given), network, "made")


def test_segmentation_models_pytorch(tmp_path: Path) -> None:
    config = write(tmp_path, "config.json", {**SMP, "encoder_weights": "imagenet"})
    network = save_form(tmp_path / "n.onnx")
    done = make(network, [config], classes="land,water", preset="imagenet")
    assert done.architecture == "Unet resnet18"
    assert done.spec.activation == "softmax"
    assert any("encoder_weights 'imagenet'" in text for text in done.not_mapped)
    with pytest.raises(ModelError, match=r"has 3 input channels, the file of `--from` states 4"):
        make(
            network, [write(tmp_path, "c.json", {**SMP, "in_channels": 4})], classes="a,b", preset="imagenet"
        )
    with pytest.raises(ModelError, match=r"has 2 classes, the file of `--from` states 5"):
        make(network, [write(tmp_path, "c.json", {**SMP, "classes": 5})], classes="a,b", preset="imagenet")


def test_the_preprocessing_of_segmentation_models_pytorch(tmp_path: Path) -> None:
    table = {"input_space": "BGR", "input_range": [0, 255], "mean": [1, 2, 3], "std": [1, 1, 2]}
    config = write(tmp_path, "preprocessing.json", table)
    spec = make(save_form(tmp_path / "n.onnx"), [config], classes="a,b").spec
    assert [(band.name, band.mean, band.std) for band in spec.bands] == [
        ("blue", 1, 1),
        ("green", 2, 1),
        ("red", 3, 2),
    ]
    assert (spec.units, spec.scale, spec.clip) == ("dn", 1.0, (0.0, 255.0))


def test_hugging_face(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "config.json", TRANSFORMERS),
        write(tmp_path, "preprocessor_config.json", PROCESSOR),
    ]
    done = make(save_form(tmp_path / "n.onnx", channels="c"), files)
    spec = done.spec
    assert [entry.label for entry in spec.classes] == ["background", "building"]
    assert (spec.units, spec.clip, spec.bands[0].mean, spec.statistics_known) == ("dn", (0, 1), 0.5, False)
    assert spec.scale == pytest.approx(1 / 255)
    assert done.architecture == "SegformerForSemanticSegmentation"
    assert any("do_resize" in text for text in done.not_mapped)


def test_without_rescaling_values_are_stored_ones(tmp_path: Path) -> None:
    config = write(tmp_path, "p.json", {**PROCESSOR, "do_rescale": False, "do_normalize": False})
    spec = make(save_form(tmp_path / "n.onnx"), [config], classes="a,b").spec
    assert (spec.scale, spec.clip, spec.bands[0].mean, spec.bands[0].std) == (1.0, (0, 255), 0.0, 1.0)


def test_esri(tmp_path: Path) -> None:
    done = make(save_form(tmp_path / "n.onnx", planes=3), [write(tmp_path, "wetland.emd", EMD)])
    spec = done.spec
    assert [band.name for band in spec.bands] == ["red", "green", "blue"]
    # ESRI: ((x - min) / (max - min) - scaled mean) / scaled std, by the index of ExtractBands.
    stored = np.array([1500.0, 900.0, 350.0])
    got = [(value - band.mean) / band.std for value, band in zip(stored, spec.bands, strict=True)]
    wanted = (((stored - [300, 200, 100]) / [3000, 2000, 1000]) - [0.3, 0.2, 0.1]) / [0.03, 0.02, 0.01]
    np.testing.assert_allclose(got, wanted)
    assert (spec.units, spec.scale, spec.tile, spec.background) == ("dn", 1.0, 256, 0)
    assert [(entry.value, entry.label, entry.colour) for entry in spec.classes[1:]] == [
        (1, "wetland", "#0080ff"),
        (2, "peat", "#0a141e"),
    ]
    assert any("DataRange [0, 10000]" in text for text in done.not_mapped)


def test_statistics_of_esri_do_not_hold_for_another_scale(tmp_path: Path) -> None:
    network, config = save_form(tmp_path / "n.onnx", planes=3), write(tmp_path, "wetland.emd", EMD)
    with pytest.raises(UsageError, match=r"^missing: `--mean`, `--std`\."):
        make(network, [config], units="reflectance")
    done = make(network, [config], units="reflectance", mean="0.1", std="0.2")
    assert (done.spec.units, done.spec.bands[0].mean) == ("reflectance", 0.1)


def test_esri_without_statistics_or_names_of_bands(tmp_path: Path) -> None:
    table = {key: value for key, value in EMD.items() if key not in {"Bands", "NormalizationStats"}}
    config = write(tmp_path, "rgb.emd", table)
    with pytest.raises(UsageError, match=r"^missing: `--bands`, `--scale` .*\n.*--preset imagenet"):
        make(save_form(tmp_path / "n.onnx", planes=3), [config])
    texts = make(save_form(tmp_path / "n.onnx", planes=3), [config], preset="imagenet").not_mapped
    assert any("`--preset imagenet`" in text for text in texts)
    assert any("positions without names of bands" in text for text in texts)


def item(**properties: object) -> dict[str, object]:
    """An MLM item as other programs write it: no units, no activation."""
    axes = ["batch", "channel", "height", "width"]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/mlm/v1.4.0/schema.json"],
        "id": "made",
        "properties": {
            "mlm:name": "made",
            "mlm:architecture": "U-Net",
            "mlm:tasks": ["semantic-segmentation"],
            "license": "Apache-2.0",
            "gsd": 10,
            "mlm:input": [
                {
                    "name": "in",
                    "bands": ["blue", "green", "red"],
                    "input": {"shape": [-1, 3, 128, 128], "dim_order": axes, "data_type": "float32"},
                    "value_scaling": [
                        {"type": "z-score", "mean": number, "stddev": 2.0} for number in (1.0, 2.0, 3.0)
                    ],
                    "pre_processing_function": {"format": "uri", "expression": "https://x.org/f.py"},
                }
            ],
            "mlm:output": [
                {
                    "name": "out",
                    "tasks": ["semantic-segmentation"],
                    "result": {"shape": [-1, 2, 128, 128], "dim_order": axes, "data_type": "float32"},
                    "classification:classes": [
                        {"value": 0, "name": "background"},
                        {"value": 7, "name": "road", "color_hint": "FF0000"},
                    ],
                }
            ],
            **properties,
        },
        "assets": {"m": {"href": "x.pt", "roles": ["mlm:model"]}},
    }


def test_an_item_of_mlm_without_keys_of_geoseg(tmp_path: Path) -> None:
    network = save_form(tmp_path / "n.onnx")
    config = write(tmp_path, "stac.json", item())
    with pytest.raises(UsageError, match=r"^missing: `--scale`"):
        make(network, [config])
    done = make(network, [config], sensor="sentinel-2-l2a", scale=1.0)
    spec = done.spec
    assert [(band.name, band.mean, band.std) for band in spec.bands][2] == ("red", 3.0, 2.0)
    assert [(entry.value, entry.colour) for entry in spec.classes][1] == (7, "#ff0000")
    assert (spec.licence, spec.resolution, spec.tile, spec.scale) == ("Apache-2.0", 10, 128, 10_000)
    assert any("pre_processing_function" in text for text in done.not_mapped)


def test_keys_of_geoseg_in_an_item_count(tmp_path: Path) -> None:
    config = write(tmp_path, "stac.json", item(**{"geoseg:units": "reflectance", "geoseg:scale": 10000}))
    spec = make(save_form(tmp_path / "n.onnx"), [config]).spec
    assert (spec.units, spec.scale) == ("reflectance", 10_000)
    wrong = write(tmp_path, "wrong.json", item(**{"geoseg:units": "metres"}))
    with pytest.raises(ModelError, match=r"wrong\.json: properties\.geoseg:"):
        facts_from(wrong)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({**EMD, "ModelType": "ObjectDetection"}, "ModelType is ObjectDetection"),
        ({**EMD, "ExtractBands": [9]}, r"ExtractBands \[9\] exceed the 4 bands"),
        ({**EMD, "ImageWidth": 128}, "tiles are 256 x 128 pixels"),
        ({**EMD, "Classes": [{"Name": "x"}]}, "entry 0 has no Value"),
        ({**TRANSFORMERS, "architectures": ["ViTForImageClassification"]}, "ViTForImageClassification"),
        ({**TRANSFORMERS, "id2label": {"1": "a"}}, "keys of id2label"),
        ({**PROCESSOR, "rescale_factor": "x"}, "rescale_factor is 'x'"),
        ({**PROCESSOR, "image_mean": ["x"]}, "image_mean is"),
        ({**EMD, "Classes": [{"Value": 1, "Name": "x" * 3000}]}, "is not a valid description"),
        ({**TRANSFORMERS, "id2label": {"²": "a"}}, "keys of id2label"),
        ({"hello": 1}, "no description that geoseg knows"),
        (item(**{"mlm:tasks": ["scene-classification"]}), "classifies whole images"),
    ],
)
def test_a_file_of_another_kind_is_refused(table: dict[str, object], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=problem):
        facts_from(write(tmp_path, "c.json", table))


def test_a_package_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unpack it and give the \.emd"):
        facts_from(tmp_path / "x.dlpk")
