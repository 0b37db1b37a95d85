"""Known water by its product, height above drainage and slope by their names, tags and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from geoseg.errors import SceneReadError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.spec.presets import water_products
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.flood.reference_layers import check_permanent_options
from tests.messages import progress
from tests.products.ground import CRS, EAST, NORTH, Ground, write_raster
from tests.products.references import (
    DYNAMIC_WORLD,
    OCCURRENCE,
    PLAIN,
    PRODUCTS,
    REFUSED,
    RIVER,
    SEASONALITY,
    WORLDCOVER,
)
from tests.tasks.flood.reference_requests import (
    GROUND,
    holds_the_river,
    refused,
    request,
    water,
)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_known_by_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    product = PRODUCTS[name]
    found, heard = water(product.write(tmp_path))
    holds_the_river(found, product)
    assert any(f"{product.file}: taken for " in note for note in heard.notes)
    assert any("of the scene is permanent water" in note for note in heard.notes)


def test_every_product_is_tried_and_cites_its_source() -> None:
    tried = {name for name in water_products() if name in PRODUCTS or water_products()[name].refused}
    assert set(water_products()) - tried == {"geoseg-flood"}
    for name, spec in water_products().items():
        assert spec.name == name
        assert len(spec.citation) > 20


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_serve_is_refused_with_what_to_give(tmp_path: Path, name: str) -> None:
    refused(REFUSED[name].write(tmp_path), r"give |permanent-above")


@pytest.mark.parametrize("name", ["worldcover", "lcfm", "cgls-lc100", "io-lulc", "dynamic-world", "nlcd"])
def test_a_product_is_known_by_its_colour_table(tmp_path: Path, name: str) -> None:
    product = PRODUCTS[name]
    found, heard = water(product.write(tmp_path, name="clip.tif", descriptions=("",)))
    holds_the_river(found, product)
    assert any("by its colour table" in note for note in heard.notes)


@pytest.mark.parametrize(
    "name", [name for name, product in PRODUCTS.items() if {product.land, product.river} != {0, 1}]
)
def test_codes_without_a_name_are_asked_for(tmp_path: Path, name: str) -> None:
    product = PRODUCTS[name]
    values = product.values()
    path = write_raster(tmp_path / "clip.tif", values, nodata=product.nodata)
    if name == "cgls-lc100":
        # Its forests have codes that no other product has.
        holds_the_river(water(path)[0], product)
        return
    said = refused(path, "`--permanent-values.*`--permanent-above")
    assert f"{product.river:.2g}" in said or f"{product.river:g}" in said
    found, _ = water(path, permanent_values=(product.river,))
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)


def test_the_least_that_a_table_of_classes_tells(tmp_path: Path) -> None:
    values = WORLDCOVER.values()
    values[-1, -1] = 95
    found, heard = water(write_raster(tmp_path / "clip.tif", values))
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)
    assert any("ESA WorldCover (by values that only it has)" in note for note in heard.notes)


def test_above_a_limit_means_above(tmp_path: Path) -> None:
    path = OCCURRENCE.write(tmp_path, name="clip.tif")
    for above, wanted in ((75, [RIVER]), (8, [RIVER]), (7.5, [RIVER, PLAIN]), (0, [RIVER, PLAIN])):
        found, _ = water(path, permanent_above=above)
        np.testing.assert_array_equal(found == 1, np.isin(GROUND, wanted))
    # 255 beside percent is fill; beside 0 alone it is what the user calls water.
    assert np.isnan(water(path, permanent_above=0)[0][0, 0])
    mask = write_raster(tmp_path / "mask.tif", np.where(GROUND == RIVER, 255, 0).astype(np.uint8))
    np.testing.assert_array_equal(water(mask, permanent_above=0)[0] == 1, GROUND == RIVER)


def test_what_is_asked_for_beats_what_is_known(tmp_path: Path) -> None:
    found, _ = water(WORLDCOVER.write(tmp_path), permanent_values=(80, 90))
    np.testing.assert_array_equal(found == 1, np.isin(GROUND, (RIVER, PLAIN)))
    change = REFUSED["jrc-change"].write(tmp_path)
    np.testing.assert_array_equal(water(change, permanent_values=(100,))[0] == 1, GROUND == RIVER)


def test_a_reference_elsewhere_and_one_in_part(tmp_path: Path) -> None:
    away = OCCURRENCE.write(tmp_path, transform=Affine(10, 0, EAST + 50_000, 0, -10, NORTH))
    found, heard = water(away)
    assert np.isnan(found).all()
    assert any("covers nothing of the scene" in warning for warning in heard.warnings)
    half = OCCURRENCE.write(tmp_path / "half", values=OCCURRENCE.values()[:, :90])
    _, heard = water(half)
    assert any("covers only 4" in warning and "elsewhere all water" in warning for warning in heard.warnings)


def test_no_permanent_water_is_warned_of(tmp_path: Path) -> None:
    dry = np.minimum(OCCURRENCE.values(), 8)
    _, heard = water(OCCURRENCE.write(tmp_path, values=dry))
    assert any("no permanent water in the scene (it holds 0 (" in warning for warning in heard.warnings)


def test_a_reference_without_crs_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "occurrence.tif", OCCURRENCE.values(), crs=None)
    refused(path, "no CRS")


def test_files_that_are_neither_raster_nor_vector(tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match="missing"):
        water(tmp_path / "missing.tif")
    for name, what in (("text.tif", "cannot be read"), ("text.shp", "not a vector file")):
        (tmp_path / name).write_text("no layer")
        with pytest.raises(SceneReadError, match=what):
            water(tmp_path / name)


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    path = OCCURRENCE.write(tmp_path)
    for options in (
        {"permanent_water": path, "permanent_values": (1,), "permanent_above": 5},
        {"permanent_values": (1,)},
        {"permanent_above": 5},
        {"permanent_water": polygons(tmp_path / "w.gpkg"), "permanent_above": 5},
    ):
        with pytest.raises(UsageError, match="--permanent-"):
            check_permanent_options(request(**options))


def polygons(path: Path, **columns: list[Any]) -> Path:
    """Four squares of 400 m side by side."""
    shapes = [box(EAST + 400 * i, NORTH - 800, EAST + 400 * (i + 1), NORTH - 400) for i in range(4)]
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=CRS).to_file(path)
    return path


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({}, 4),
        ({"Lake_type": [1, 2, 3, 1]}, 4),  # HydroLAKES: lakes, reservoirs, regulated lakes
        ({"fclass": ["water", "reservoir", "wetland", "glacier"]}, 2),  # Geofabrik
        ({"natural": ["water", "water", "wetland", None]}, 3),  # OpenStreetMap
        ({"intermittent": [None, "no", "Yes", "yes"]}, 2),
        ({"FTYPE": [390, 436, 466, 361]}, 2),  # USGS NHD
        ({"HYP": [1, 1, 2, 3]}, 2),  # EU-Hydro
        ({"notation": ["Not Applicable", "River", "Flooded area", "Flood trace"]}, 2),  # Copernicus EMS
        ({"label": ["flood", "permanent water", "flood", "permanent water"]}, 2),  # a map of geoseg
    ],
)
def test_polygons_whose_attributes_say_otherwise_are_left_out(
    tmp_path: Path, columns: dict[str, list[Any]], kept: int
) -> None:
    found, heard = water(polygons(tmp_path / "water.gpkg", **columns))
    assert (found == 1).sum() == kept * 40 * 40
    assert any("left out" in note for note in heard.notes) == (kept < 4)


def test_polygons_of_a_flood_are_refused(tmp_path: Path) -> None:
    refused(polygons(tmp_path / "EMSR692_AOI01_DEL_PRODUCT_observedEventA_v1.shp"), "hydrographyA")
    refused(polygons(tmp_path / "w.gpkg", notation=["Flooded area"] * 4), "left out by notation")


def test_flood_is_what_is_not_permanent_by_method(tmp_path: Path) -> None:
    """The river is permanent, the plain flood: by codes, percent with fill, and months."""
    bands = ("blue", "green", "red", "nir08", "swir16", "swir22")
    counts = np.stack([np.rint(Ground().reflectance(band) * 10_000) for band in bands]).astype(np.uint16)
    scene = write_raster(tmp_path / "scene.tif", counts, descriptions=bands)
    for product in (WORLDCOVER, OCCURRENCE, SEASONALITY, DYNAMIC_WORLD):
        spec = FloodSpec(
            scene=SceneSpec(paths=(str(scene),), sensor="sentinel-2-l2a-harmonised"),
            run=RunSpec(output=tmp_path / "a.gpkg", raster=tmp_path / "a.tif", overwrite=True, min_area=0),
            method="classical",
            permanent_water=product.write(tmp_path),
        )
        assert isinstance(map_flood(spec, progress), RunRecord)
        with rasterio.open(tmp_path / "a.tif") as file:
            mapped = file.read(1)
        np.testing.assert_array_equal(mapped == 2, GROUND == RIVER)
        np.testing.assert_array_equal(mapped == 1, GROUND == PLAIN)
