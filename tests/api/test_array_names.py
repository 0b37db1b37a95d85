"""Messages name arrays by their arguments, never by temporary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import geoseg
from geoseg.errors import GeosegError
from tests.api.pixels import CRS, TRANSFORM, reflectance

PLACE: dict[str, Any] = {"transform": TRANSFORM, "crs": CRS}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geoseg.flood(reflectance(), **PLACE), "the array of scene"),
        (lambda: geoseg.open_scene(reflectance(), **PLACE), "the array of scene"),
        (lambda: geoseg.vectorize(np.zeros((8, 8), np.float32), **PLACE), "the array of mask"),
    ],
)
def test_errors_name_the_argument(call: Any, message: str) -> None:
    with pytest.raises(GeosegError, match=message) as caught:
        call()
    assert ".tif" not in str(caught.value)


def test_a_missing_file_is_named_with_its_argument(tmp_path: Path) -> None:
    with pytest.raises(GeosegError, match=r"^`aoi`: .*none\.gpkg does not exist; check the path"):
        geoseg.flood(reflectance(), aoi=tmp_path / "none.gpkg", bands=["green", "swir16"], **PLACE)


def test_notes_and_warnings_name_the_argument() -> None:
    dry = np.zeros(reflectance().shape[1:], np.uint8)
    made = geoseg.flood(reflectance(), permanent_water=dry, bands=["green", "swir16"], **PLACE)
    texts = [*made.record.notes, *(item.text for item in made.warnings)]
    assert any("the array of permanent_water" in text for text in texts)
    assert not any("array2" in text for text in texts)
