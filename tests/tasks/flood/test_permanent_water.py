"""Known water by the values of a raster: masks, shares, classes and what is ambiguous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from geoseg.errors import BandError, SceneError
from geoseg.grid import Grid
from tests.products.ground import CRS, EAST, NORTH, SIDE, write_raster
from tests.products.references import (
    DYNAMIC_WORLD,
    EXTENT,
    OCCURRENCE,
    PLAIN,
    RIVER,
    SEASONALITY,
    WORLDCOVER,
    Reference,
    kinds,
)
from tests.tasks.flood.reference_requests import (
    GRID,
    GROUND,
    holds_the_river,
    layer,
    refused,
    water,
)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("fill", "nodata"), [(None, None), (255, None), (255, 255), (0, 0)])
def test_a_mask_of_0_and_1(tmp_path: Path, dtype: str, fill: float | None, nodata: float | None) -> None:
    mask = Reference(file="water.tif", land=0, plain=0, river=1, fill=fill, nodata=nodata, dtype=dtype)
    found, heard = water(mask.write(tmp_path))
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)
    assert any("taken for a mask: 1 is permanent water" in note for note in heard.notes)
    # The nodata of a mask whose 0 is nodata is no gap in it.
    assert bool(np.isnan(found).any()) == (fill == 255)
    assert [warning for warning in heard.warnings if "covers only" not in warning] == []
    assert bool(heard.warnings) == (fill == 255)


@pytest.mark.parametrize("name", ["occurrence_mask.tif", "worldcover_water_mask.tif", "water.tif"])
def test_a_mask_made_of_a_product_is_a_mask(tmp_path: Path, name: str) -> None:
    path = write_raster(tmp_path / name, (GROUND == RIVER).astype(np.uint8))
    np.testing.assert_array_equal(water(path)[0] == 1, GROUND == RIVER)


@pytest.mark.parametrize("name", ["occurrence.tif", "seasonality.tif", "dynamic_world.tif"])
def test_0_and_1_of_a_product_that_means_something_else_by_them_are_asked_for(
    tmp_path: Path, name: str
) -> None:
    path = write_raster(tmp_path / name, (GROUND == RIVER).astype(np.uint8))
    refused(path, r"it may be .*, or a mask derived from it.*`--permanent-values")


@pytest.mark.parametrize("values", [(0, 255), (0, 100), (0, 2), (-1, 0), (0, 1, 2), (0.0, 0.5, 1.0)])
def test_ambiguous_values_are_asked_for(tmp_path: Path, values: tuple[float, ...]) -> None:
    dtype = np.float32 if any(isinstance(value, float) for value in values) else np.int16
    table = np.array([*values, *values], dtype)
    path = write_raster(tmp_path / "water.tif", table[np.minimum(GROUND, len(values) - 1)])
    said = refused(path, "--permanent-values")
    assert all(f"{value:g}" in said for value in values)


def test_names_that_do_not_fit_the_values(tmp_path: Path) -> None:
    path = WORLDCOVER.write(tmp_path, name="seasonality.tif")
    refused(path, r"looks like JRC Global Surface Water seasonality .* which has other values.*10 .*80 .*90 ")


def test_a_share_that_looks_like_percent_is_asked_for(tmp_path: Path) -> None:
    share = (OCCURRENCE.values() / 100).astype(np.float32)
    share[share > 1] = np.nan
    refused(write_raster(tmp_path / "occurrence.tif", share), "with values of 0 to 1, not percent")
    scaled = write_raster(
        tmp_path / "occurrence.tif", OCCURRENCE.values().astype(np.int16) * 100, scales=(0.01,)
    )
    np.testing.assert_array_equal(water(scaled)[0] == 1, GROUND == RIVER)


def test_a_folder_may_tell_the_product(tmp_path: Path) -> None:
    found, heard = water(SEASONALITY.write(tmp_path / "jrc_seasonality", name="ayt12.tif"))
    holds_the_river(found, SEASONALITY)
    assert any("by the name of its folder" in note for note in heard.notes)
    _, heard = water(EXTENT.write(tmp_path / "jrc_extent", name="ayt12.tif"))
    assert any("flooded once counts as permanent" in warning for warning in heard.warnings)
    # The folder's name never beats what the file is.
    found, heard = water(OCCURRENCE.write(tmp_path / "worldcover", name="occurrence.tif"))
    holds_the_river(found, OCCURRENCE)
    mask = write_raster(tmp_path / "seasonality" / "m.tif", (GROUND == RIVER).astype(np.uint8))
    np.testing.assert_array_equal(water(mask)[0] == 1, GROUND == RIVER)


def test_a_mosaic_is_known_by_its_files(tmp_path: Path) -> None:
    inner = WORLDCOVER.write(tmp_path)
    (tmp_path / "water.vrt").write_text(
        f"""<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>{CRS}</SRS>
        <GeoTransform>{EAST}, 10, 0, {NORTH}, 0, -10</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1"><SimpleSource>
        <SourceFilename relativeToVRT="1">{inner.name}</SourceFilename><SourceBand>1</SourceBand>
        </SimpleSource></VRTRasterBand></VRTDataset>"""
    )
    np.testing.assert_array_equal(water(tmp_path / "water.vrt")[0] == 1, GROUND == RIVER)


def test_the_band_of_several_is_known_by_its_description(tmp_path: Path) -> None:
    change = np.full_like(OCCURRENCE.values(), 3)
    path = write_raster(
        tmp_path / "export.tif",
        np.stack([change, OCCURRENCE.values(), SEASONALITY.values()]),
        descriptions=("change_abs", "occurrence", "seasonality"),
    )
    np.testing.assert_array_equal(water(path)[0] == 1, GROUND == RIVER)
    dynamic = write_raster(
        tmp_path / "dw.tif",
        np.stack([np.full_like(GROUND, 9), DYNAMIC_WORLD.values()]),
        descriptions=("water", "label"),
    )
    np.testing.assert_array_equal(water(dynamic)[0] == 1, GROUND == RIVER)
    picture = write_raster(tmp_path / "rgb.tif", np.stack([GROUND] * 3))
    with pytest.raises(BandError, match="3 bands"):
        water(picture)
    with pytest.raises(SceneError, match="tells how occurrence changed"):
        water(write_raster(tmp_path / "c.tif", np.stack([change, change]), descriptions=("change_abs", "b")))


def test_a_mask_whose_band_is_called_label_is_a_mask(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "w.tif", (GROUND == RIVER).astype(np.uint8), descriptions=("label",))
    np.testing.assert_array_equal(water(path)[0] == 1, GROUND == RIVER)


def test_a_flood_map_of_geoseg(tmp_path: Path) -> None:
    values = np.select([GROUND == RIVER, GROUND == PLAIN], [2, 1]).astype(np.uint8)
    tags: dict[str, Any] = {"band_tags": [{"CLASS_0": "background", "CLASS_1": "flood"}], "nodata": 255}
    np.testing.assert_array_equal(
        water(write_raster(tmp_path / "a.tif", values, **tags))[0] == 1, GROUND == RIVER
    )
    # The user's name for it does not make it another product.
    np.testing.assert_array_equal(
        water(write_raster(tmp_path / "worldcover_flood.tif", values, **tags))[0] == 1, GROUND == RIVER
    )
    # One of flood alone is no map of permanent water.
    found, heard = water(write_raster(tmp_path / "b.tif", np.minimum(values, 1), **tags))
    assert not (found == 1).any()
    assert any("no permanent water in the scene (it holds 0 " in warning for warning in heard.warnings)


def test_water_that_is_nodata_too_is_asked_for(tmp_path: Path) -> None:
    path = DYNAMIC_WORLD.write(tmp_path, nodata=0)
    refused(path, "0 is its nodata value too; give `--permanent-values 0`")
    found, _ = water(path, permanent_values=(0,))
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)


def test_one_pixel_of_a_code_is_not_missed(tmp_path: Path) -> None:
    """Neither by reading a part of the pixels, nor by overviews, which hold averages."""
    side = 2500
    values = np.zeros((side, side), np.uint8)
    values[1234, 2345] = 80
    path = write_raster(tmp_path / "clip.tif", values, tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    grid = Grid(crs=GRID.crs, transform=GRID.transform, height=side, width=side)
    with pytest.raises(SceneError, match=r"holds 0 \(100%\), 80 \(under 1%\)"):
        layer(grid, permanent_water=path)


def test_values_outside_of_the_scene_count_too(tmp_path: Path) -> None:
    """A part of a classification that holds only 0 and 1 is no mask."""
    values = np.ones((1200, 1200), np.uint8)
    values[600:] = 4
    with pytest.raises(SceneError, match=r"holds 1 \(100%\), 4\. "):
        water(write_raster(tmp_path / "clip.tif", values))


def test_classes_are_brought_to_the_scene_by_the_nearest_pixel(tmp_path: Path) -> None:
    """In other pixels, and in longitudes and latitudes: no value between codes arises."""
    coarse = np.kron(kinds(SIDE // 3), np.ones((1, 1), np.uint8))
    path = WORLDCOVER.write(tmp_path, values=WORLDCOVER.values(coarse), pixel=30)
    found, _ = water(path)
    np.testing.assert_array_equal(found == 1, np.kron(coarse, np.ones((3, 3))) == RIVER)
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(EAST, NORTH)
    place = Affine(1e-4, 0, lon - 0.005, 0, -1e-4, lat + 0.005)
    rows, cols = np.mgrid[0:400, 0:400] + 0.5
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(
        place.c + 1e-4 * cols, place.f - 1e-4 * rows
    )
    row = np.clip((NORTH - y) / 10, 0, SIDE - 1).astype(int)
    col = np.clip((x - EAST) / 10, 0, SIDE - 1).astype(int)
    path = WORLDCOVER.write(
        tmp_path / "degrees", values=WORLDCOVER.values(GROUND[row, col]), crs="EPSG:4326", transform=place
    )
    found, _ = water(path)
    river = GROUND == RIVER
    assert ((found == 1) & river).sum() / ((found == 1) | river).sum() > 0.95
