"""Options that nothing reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel

from geoseg.engine.unused_options import warn_of_unused
from geoseg.spec import ChangeSpec, FloodSpec, PlumeSpec, RunSpec, SegmentSpec
from geoseg.spec.embed import EmbedSpec
from geoseg.spec.facilities import FacilitiesSpec
from geoseg.spec.option import ENGINE, RunPart
from geoseg.spec.request import from_options, places
from geoseg.spec.tools import VectorizeRequest
from tests.messages import Messages

REQUESTS = (FloodSpec, ChangeSpec, PlumeSpec, SegmentSpec, EmbedSpec, FacilitiesSpec, VectorizeRequest)
OPTICAL = (RunPart.IMAGES,)


@pytest.mark.parametrize(
    ("options", "parts", "text"),
    [
        ({"remote-assets": True}, OPTICAL, "`--remote-assets`: not used, because no scene is a STAC item"),
        ({"remote-assets": True, "scene": "item.json"}, OPTICAL, ""),
        ({"remote-assets": True, "before": ["a.tif", "b.json#id"]}, OPTICAL, ""),
        ({"max-hand": 3}, OPTICAL, "`--max-hand`: not used, because there is no `--hand`"),
        ({"max-hand": 3, "hand": "h.tif"}, OPTICAL, ""),
        ({"max-slope": 3}, OPTICAL, "`--max-slope`"),
        ({"bbox-crs": "EPSG:3857"}, OPTICAL, "`--bbox-crs`"),
        ({"bbox-crs": "EPSG:3857", "bbox": "0,0,1,1"}, OPTICAL, ""),
        ({"zone-name": "district"}, OPTICAL, "`--zone-name`: not used, because there is no `--zones`"),
        ({"mask-dilate": 3, "clouds": "none"}, OPTICAL, "because there is no `--mask` or `--clouds`"),
        ({"mask-dilate": 3}, OPTICAL, ""),
        ({"mask-dilate": 3, "clouds": "none", "mask": "m.tif"}, OPTICAL, ""),
        ({"tta": True, "batch-size": 2}, OPTICAL, "`--batch-size`, `--tta`: not used, because no network"),
        ({"tta": True}, (*OPTICAL, RunPart.NETWORK), ""),
        ({"overlap": 8}, OPTICAL, "`--overlap`: not used, because no network is used"),
        (
            {"runtime": "openvino", "precision": "fp32", "device": "cpu"},
            OPTICAL,
            "`--runtime`, `--device`, `--precision`: not used, because no network is used, neither for the "
            "map nor for clouds",
        ),
        ({"runtime": "openvino"}, (*OPTICAL, RunPart.ANY_NETWORK), ""),
        ({"threshold": 0, "thresholding": "ki"}, OPTICAL, "because `--threshold` takes its place"),
        ({"thresholding": "ki"}, OPTICAL, ""),
        ({"speckle": "none"}, OPTICAL, "`--speckle`: not used, because no radar band is used"),
        ({"sar-units": "db", "before": ["b.tif", "c.tif"]}, OPTICAL, "`--sar-units`"),
        ({"speckle": "none", "polarisation": "vh"}, (*OPTICAL, RunPart.RADAR), ""),
        ({"threshold": 0.1}, OPTICAL, ""),
        ({"threshold": 0.1, "sensor": "naip"}, (), "`--sensor`, `--threshold`: not used, because class maps"),
        ({}, (), ""),
    ],
)
def test_options_that_nothing_reads(
    options: dict[str, object], parts: Sequence[RunPart], text: str, messages: Messages
) -> None:
    warn_of_unused(from_options(FloodSpec, {"scene": "a.tif", "output": "a.gpkg", **options}), parts)
    assert messages.codes == (["options-not-used"] if text else [])
    assert text in "".join(messages.warnings)


def test_options_of_the_later_scene(messages: Messages) -> None:
    spec = ChangeSpec.model_validate(
        {"before": "a.tif", "after": {"paths": ["b.tif"], "sensor": "naip"}, "run": {"output": "a.gpkg"}}
    )
    warn_of_unused(spec, ())
    assert "`--sensor`" in messages.warnings[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"thresholding": "chi2", "alpha": 0.1}, ""),
        ({"alpha": 0.1}, "`--alpha`: not used, because there is no `--thresholding chi2`"),
        (
            {"threshold": 3, "thresholding": "chi2", "alpha": 0.1},
            "`--thresholding`, `--alpha`: not used, because `--threshold` takes its place",
        ),
    ],
)
def test_options_of_a_threshold_that_is_found(
    options: dict[str, object], text: str, messages: Messages
) -> None:
    given = {"before": "a.tif", "after": "b.tif", "output": "a.gpkg", **options}
    warn_of_unused(from_options(ChangeSpec, given), OPTICAL)
    assert text in "".join(messages.warnings)
    assert bool(messages.warnings) == bool(text)


def test_options_of_a_run_alone(messages: Messages) -> None:
    warn_of_unused(RunSpec.model_validate({"output": "a.gpkg", "tta": True}), ())
    assert "`--tta`" in messages.warnings[0]


ENGINE_OF_ALL = {"tile", "threads", "max-memory", "checkpoint"}
"""Engine options that maps without a network read too."""


@pytest.mark.parametrize("kind", [FloodSpec, ChangeSpec, PlumeSpec])
def test_an_engine_option_says_what_reads_it(kind: type[BaseModel]) -> None:
    engine = {name: place.option for name, place in places(kind).items() if place.option.panel == ENGINE}
    assert {name for name, option in engine.items() if not option.read_with} == ENGINE_OF_ALL


@pytest.mark.parametrize("kind", REQUESTS)
def test_readers_are_options_of_the_request(kind: type[BaseModel]) -> None:
    known = places(kind)
    for place in known.values():
        names = {name.partition("=")[0] for name in place.option.read_with if isinstance(name, str)}
        names |= {place.option.replaced_by} - {""}
        assert names <= known.keys(), place.name
