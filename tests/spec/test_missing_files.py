"""A file that does not exist is named with its option."""

from __future__ import annotations

from typing import Any

import pytest

from geoseg.errors import GeosegError, SceneReadError
from geoseg.spec import FloodSpec
from geoseg.spec.missing_files import naming_missing_files
from geoseg.spec.request import from_options

GIVEN = {
    "scene": "scene.tif",
    "output": "map.gpkg",
    "before": ["old.tif", "older.tif"],
    "hand": "hand.tif",
    "zones": "zones.gpkg",
    "band": {"red": "b4.tif:1"},
    "layer": {"chm": "chm.tif"},
}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hand.tif does not exist; check the path", "--hand: hand.tif does not exist; check the path"),
        ("older.tif does not exist; check the path", "--before: older.tif does not exist; check the path"),
        ("zones.gpkg does not exist; check the path", "--zones: zones.gpkg does not exist; check the path"),
        ("b4.tif does not exist; check the path", "--band: b4.tif does not exist; check the path"),
        ("chm.tif does not exist; check the path", "--layer: chm.tif does not exist; check the path"),
        ("scene.tif does not exist; check the path", "scene.tif does not exist; check the path"),
        ("other.tif does not exist; check the path", "other.tif does not exist; check the path"),
        ("hand.tif cannot be read (truncated)", "hand.tif cannot be read (truncated)"),
    ],
)
def test_the_option_of_a_missing_file_is_named(message: str, told: str) -> None:
    given: dict[str, Any] = GIVEN
    request = from_options(FloodSpec, given)
    with (
        pytest.raises(GeosegError) as caught,
        naming_missing_files(request, lambda place: "" if place.option.argument else f"--{place.name}"),
    ):
        raise SceneReadError(message)
    assert str(caught.value) == told
