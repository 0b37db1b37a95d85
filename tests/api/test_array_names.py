"""Messages name arrays by their arguments, never by temporary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

import geoseg
from geoseg.errors import GeosegError, UsageError
from tests.api.pixels import CRS, TRANSFORM, reflectance
from tests.products.ground import write_raster

BANDS = ["green", "swir16"]
PLACE: dict[str, Any] = {"transform": TRANSFORM, "crs": CRS}
FAR = geopandas.GeoDataFrame({"name": ["far"]}, geometry=[shapely.box(0, -80, 1, -79)], crs=4326)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geoseg.flood(reflectance(), **PLACE), "the array of scene"),
        (lambda: geoseg.open_scene(reflectance(), **PLACE), "the array of scene"),
        (lambda: geoseg.vectorize(np.zeros((8, 8), np.float32), **PLACE), "the array of mask"),
        (lambda: geoseg.flood(reflectance(), aoi=FAR, bands=BANDS, **PLACE), "the table of aoi"),
        (
            lambda: geoseg.flood(reflectance(), aoi=FAR.iloc[:0], bands=BANDS, **PLACE),
            "the table of aoi holds",
        ),
    ],
)
def test_errors_name_the_argument(call: Any, message: str) -> None:
    with pytest.raises(GeosegError, match=message) as caught:
        call()
    assert not any(suffix in str(caught.value) for suffix in (".tif", ".gpkg"))


@pytest.mark.parametrize("name", ["aoi", "mask", "permanent_water", "zones"])
@pytest.mark.parametrize(
    "table", [pd.DataFrame({"class": [1, 2]}), pd.Series([1, 2])], ids=["frame", "series"]
)
def test_tables_without_geometry_are_refused(name: str, table: object) -> None:
    options: dict[str, Any] = {name: table}
    with pytest.raises(UsageError, match=f"^{name}: a .* of pandas is no layer; give a GeoDataFrame"):
        geoseg.flood(reflectance(), **PLACE, **options)


def test_a_layer_without_crs_is_told_how_arrays_state_it(tmp_path: Path) -> None:
    """The scene has a CRS of its own, which the array of a layer does not take."""
    data = reflectance()
    scene = write_raster(tmp_path / "made.tif", data, descriptions=BANDS)
    with pytest.raises(GeosegError, match=r"the array of mask has no CRS .* give `transform` and `crs`"):
        geoseg.flood(scene, mask=np.zeros(data.shape[1:], np.uint8))


def test_a_missing_file_is_named_with_its_argument(tmp_path: Path) -> None:
    with pytest.raises(GeosegError, match=r"^`aoi`: .*none\.gpkg does not exist; check the path"):
        geoseg.flood(reflectance(), aoi=tmp_path / "none.gpkg", bands=BANDS, **PLACE)


def test_notes_and_warnings_name_the_argument() -> None:
    dry = np.zeros(reflectance().shape[1:], np.uint8)
    made = geoseg.flood(reflectance(), permanent_water=dry, bands=BANDS, **PLACE)
    texts = [*made.record.notes, *(item.text for item in made.warnings)]
    assert any("the array of permanent_water" in text for text in texts)
    assert not any("array2" in text for text in texts)
