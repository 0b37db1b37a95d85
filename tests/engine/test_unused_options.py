"""Options that nothing reads."""

from __future__ import annotations

from typing import Any

import pytest

from geoseg.engine.unused_options import warn_of_unused
from geoseg.spec import FloodSpec
from geoseg.spec.request import from_options
from tests.messages import Messages


class Made:
    """What the rules read of a recipe."""

    def __init__(self, *bands: str, model: dict[str, str] | None = None) -> None:
        self.bands, self.model = bands, model


@pytest.mark.parametrize(
    ("options", "made", "text"),
    [
        ({"max-hand": 3}, Made("green"), "`--max-hand`: not used, because there is no `--hand`"),
        ({"max-hand": 3, "hand": "h.tif"}, Made("green"), ""),
        ({"max-slope": 3}, Made("green"), "`--max-slope`"),
        ({"bbox-crs": "EPSG:3857"}, Made("green"), "`--bbox-crs`"),
        ({"mask-dilate": 3, "clouds": "none"}, Made("green"), "`--mask-dilate`"),
        ({"mask-dilate": 3}, Made("green"), ""),
        ({"tta": True, "batch-size": 2}, Made("green"), "`--batch-size`: not used, because the map is by a"),
        ({"tta": True}, Made("green", model={"name": "x"}), ""),
        (
            {"speckle": "none", "sar-units": "db"},
            Made("green"),
            "`--sar-units`: not used, because the map is",
        ),
        ({"speckle": "none", "polarisation": "vh"}, Made("vh"), ""),
        ({}, Made("green"), ""),
    ],
)
def test_options_that_nothing_reads(
    options: dict[str, object], made: Any, text: str, messages: Messages
) -> None:
    spec = from_options(FloodSpec, {"scene": "a.tif", "output": "a.gpkg", **options})
    warn_of_unused(made, spec.model_dump(mode="json"))
    assert messages.codes == (["options-not-used"] if text else [])
    assert text in "".join(messages.warnings)
