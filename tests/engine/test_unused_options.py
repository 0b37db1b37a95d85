"""Options that nothing reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel

from geoseg.engine.unused_options import warn_of_unused
from geoseg.spec import ChangeSpec, FloodSpec, PlumeSpec, RunSpec, SegmentSpec
from geoseg.spec.embed import EmbedSpec
from geoseg.spec.facilities import FacilitiesSpec
from geoseg.spec.option import RunPart
from geoseg.spec.request import from_options, places
from geoseg.spec.tools import VectorizeRequest
from tests.messages import Messages

REQUESTS = (FloodSpec, ChangeSpec, PlumeSpec, SegmentSpec, EmbedSpec, FacilitiesSpec, VectorizeRequest)
OPTICAL = (RunPart.IMAGES,)


@pytest.mark.parametrize(
    ("options", "parts", "text"),
    [
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


def test_options_of_a_run_alone(messages: Messages) -> None:
    warn_of_unused(RunSpec.model_validate({"output": "a.gpkg", "tta": True}), ())
    assert "`--tta`" in messages.warnings[0]


@pytest.mark.parametrize("kind", REQUESTS)
def test_readers_are_options_of_the_request(kind: type[BaseModel]) -> None:
    known = places(kind)
    for place in known.values():
        assert {name for name in place.option.read_with if isinstance(name, str)} <= known.keys(), place.name
