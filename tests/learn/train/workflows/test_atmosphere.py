"""A bundle says which reflectance it was trained on, as its config or the sensors of its images do."""

from __future__ import annotations

from typing import Any

import pytest

from geoseg.learn.train.config import read_config
from geoseg.learn.train.scene_spec import SceneTrainSpec, describe_classifier
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.spec import Atmosphere

CASES: dict[str, tuple[tuple[str | None, ...], Atmosphere | None, Atmosphere | None]] = {
    "surface": (("hls",), None, "surface"),
    "toa": (("sentinel-2-l1c", "landsat-8-l1"), None, "toa"),
    "both": (("sentinel-2-l1c", "hls"), None, "any"),
    "radar": (("sentinel-1",), None, None),
    "not named": (("hls", None), None, None),
    "said": (("sentinel-2-l1c",), "surface", "surface"),
}


@pytest.mark.parametrize("case", CASES)
def test_of_segmentation_networks(case: str) -> None:
    names, said, expected = CASES[case]
    plain = read_config("water-optical").model_dump(mode="json")
    images: list[dict[str, Any]] = [
        {"files": f"{index}/{{id}}.tif", "sensor": name, "prefix": f"p{index}" if index else ""}
        for index, name in enumerate(names)
    ]
    table = {**plain, "atmosphere": said, "data": {**plain["data"], "images": images}}
    assert TrainSpec.model_validate(table).trained_on == expected


@pytest.mark.parametrize(
    ("sensor", "said", "expected"),
    [("hls", None, "surface"), ("sentinel-2-l1c", None, "toa"), (None, "toa", "toa"), (None, None, None)],
)
def test_of_scene_classifiers(sensor: str | None, said: str | None, expected: str | None) -> None:
    one = {
        "name": "optical",
        "files": "{id}.tif",
        "sensor": sensor,
        "atmosphere": said,
        "units": "reflectance",
        "resolution": 10,
        "bands": [{"name": "red"}],
    }
    spec = SceneTrainSpec.model_validate(
        {
            "name": "sites",
            "task": "scene-classification",
            "data": {"table": "sites.csv"},
            "sensors": [one],
            "classes": [{"value": 1, "label": "mine", "colour": "#000000"}],
        }
    )
    model = describe_classifier(spec, (((0.0, 1.0),),))
    assert model.inputs[0].atmosphere == expected
