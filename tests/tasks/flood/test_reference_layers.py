"""Known water by its product, height above drainage and slope by their names, tags and values."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS
from pyproj import Transformer
from shapely.geometry import box

from geoseg.errors import BandError, SceneError, SceneReadError, UsageError
from geoseg.grid import Grid
from geoseg.run_record import RunRecord
from geoseg.scenes.stack import StackLayer
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.spec.presets import water_products
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.flood.reference_layers import open_references
from tests.messages import Messages, listening, progress
from tests.products.ground import CRS, EAST, NORTH, SIDE, Ground, write_raster
from tests.products.references import (
    DYNAMIC_WORLD,
    EXTENT,
    OCCURRENCE,
    PLAIN,
    PRODUCTS,
    REFUSED,
    RIVER,
    SEASONALITY,
    WORLDCOVER,
    Reference,
    kinds,
)

GRID = Grid(
    crs=ProjCRS.from_user_input(CRS),
    transform=Affine(10, 0, EAST, 0, -10, NORTH),
    height=SIDE,
    width=SIDE,
)
GROUND = kinds()


def request(**options: Any) -> FloodSpec:
    run = RunSpec(output=Path("flood.gpkg"))
    return FloodSpec(scene=SceneSpec(paths=("scene.tif",)), run=run, **options)


def layer(grid: Grid = GRID, /, **options: Any) -> tuple[NDArray[np.float32], Messages]:
    """Values of the one layer that a request names, on a grid, NaN where not known."""
    with listening() as heard, ExitStack() as stack:
        found = open_references(request(**options), grid, stack)
        (one,) = found.layers
        assert isinstance(one, StackLayer)
        return one.source.onto(grid).read(grid.window, found.names).physical()[0], heard


def water(path: Path, **options: Any) -> tuple[NDArray[np.float32], Messages]:
    return layer(permanent_water=path, **options)


def refused(path: Path, match: str, **options: Any) -> str:
    with pytest.raises(SceneError, match=match) as caught:
        water(path, **options)
    assert caught.value.exit_code == 3
    return str(caught.value)


def holds_the_river(found: NDArray[np.float32], product: Reference) -> None:
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)
    if product.fill is not None:
        stored = product.values()
        gone = np.isnan(stored) if np.isnan(product.fill) else stored == product.fill
        if product.fill not in (product.land, product.plain):
            np.testing.assert_array_equal(np.isnan(found), gone)


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
    said = refused(path, "--permanent-values.*--permanent-above")
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


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("fill", "nodata"), [(None, None), (255, None), (255, 255), (0, 0)])
def test_a_mask_of_0_and_1(tmp_path: Path, dtype: str, fill: float | None, nodata: float | None) -> None:
    mask = Reference(file="water.tif", land=0, plain=0, river=1, fill=fill, nodata=nodata, dtype=dtype)
    found, heard = water(mask.write(tmp_path))
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)
    assert any("taken for a mask: 1 is permanent water" in note for note in heard.notes)
    assert not heard.warnings
    # The nodata of a mask whose 0 is nodata is no gap in it.
    assert bool(np.isnan(found).any()) == (fill == 255)


@pytest.mark.parametrize("name", ["occurrence_mask.tif", "worldcover_water_mask.tif", "water.tif"])
def test_a_mask_made_of_a_product_is_a_mask(tmp_path: Path, name: str) -> None:
    path = write_raster(tmp_path / name, (GROUND == RIVER).astype(np.uint8))
    np.testing.assert_array_equal(water(path)[0] == 1, GROUND == RIVER)


@pytest.mark.parametrize("name", ["occurrence.tif", "seasonality.tif", "dynamic_world.tif"])
def test_0_and_1_of_a_product_that_means_something_else_by_them_are_asked_for(
    tmp_path: Path, name: str
) -> None:
    path = write_raster(tmp_path / name, (GROUND == RIVER).astype(np.uint8))
    refused(path, r"it may be .*, or a mask derived from it.*--permanent-values")


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
    refused(path, "0 is its nodata value too; give --permanent-values 0")
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


def test_a_reference_elsewhere_and_one_in_part(tmp_path: Path) -> None:
    away = OCCURRENCE.write(tmp_path, transform=Affine(10, 0, EAST + 50_000, 0, -10, NORTH))
    found, heard = water(away)
    assert np.isnan(found).all()
    assert any("covers nothing of the scene" in warning for warning in heard.warnings)
    half = OCCURRENCE.write(tmp_path / "half", values=OCCURRENCE.values()[:, :90])
    _, heard = water(half)
    assert any("it covers 4" in note and "elsewhere all water is flood" in note for note in heard.notes)


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
        with pytest.raises(UsageError, match="--permanent-"), ExitStack() as stack:
            open_references(request(**options), GRID, stack)


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


def heights(path: Path, values: NDArray[Any], **options: Any) -> Path:
    return write_raster(path, values, **options)


RAMP = np.tile(np.linspace(0, 40, SIDE), (SIDE, 1))
"""Height above drainage in m, or slope in degrees, from west to east."""


@pytest.mark.parametrize(
    ("name", "scale", "options"),
    [
        ("n45e010_hnd.tif", 1, {}),
        ("Copernicus_DSM_COG_10_N48_00_E012_00_HAND.tif", 1, {}),
        ("dem_hand.tif", 1, {}),
        ("hand_cm.tif", 100, {}),
        ("hand_dm.tif", 10, {}),
        ("hand.tif", 100, {"units": "cm"}),
        ("hand.tif", 1 / 0.3048, {"units": "ft"}),
        ("hand.tif", 10, {"scales": (0.1,)}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_hand_in_metres_whatever_its_unit(
    tmp_path: Path, name: str, scale: float, options: dict[str, Any], dtype: str
) -> None:
    stored = RAMP * scale
    stored = np.rint(stored) if dtype == "int16" else stored
    units = options.get("units")
    path = heights(tmp_path / name, stored.astype(dtype), scales=options.get("scales", ()))
    if units:
        with rasterio.open(path, "r+") as file:
            file.units = (units,)
    found, _ = layer(hand=path)
    np.testing.assert_allclose(found, RAMP, atol=0.51 / scale if dtype == "int16" else 1e-3)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("float32", -9999),
        ("int16", -9999),
        ("int16", 32_767),
        ("int16", -32_768),
        ("uint8", 255),
        ("uint16", 65_535),
    ],
)
def test_untagged_fill_of_hand_and_slope_rules_nothing_out(tmp_path: Path, dtype: str, fill: int) -> None:
    values = RAMP.astype(dtype)
    values[:30] = fill
    for kind in ("hand", "slope"):
        found, heard = layer(**{kind: heights(tmp_path / f"{kind}.tif", values)})
        assert np.isnan(found[:29]).all()
        np.testing.assert_allclose(found[31:], RAMP[31:], atol=1)
        assert any(f"{fill} " in note and "nodata tag" in note for note in heard.notes)


@pytest.mark.parametrize("fill", [-9999, 32_767, 255])
def test_untagged_fill_among_many_values(tmp_path: Path, fill: float) -> None:
    """Of floats that are all different the ends are told, less what was not observed."""
    values = RAMP + np.random.default_rng(0).uniform(0, 1, RAMP.shape)
    values[:60] = fill
    values[:30] = -32_768
    found, heard = layer(hand=heights(tmp_path / "hand.tif", values.astype(np.float32)))
    assert np.isnan(found[:59]).all()
    np.testing.assert_allclose(found[61:], values[61:], atol=1e-3)
    assert not heard.warnings
    with pytest.raises(SceneError, match="reach 100"):
        layer(slope=heights(tmp_path / "s.tif", np.where(values < 100, values + 60, fill).astype(np.float32)))


@pytest.mark.parametrize(
    "name",
    [
        "n45e010_elv.tif",
        "n45e010_upa.tif",
        "Copernicus_DSM_COG_10_N48_00_E012_00_DEM.tif",
        "NASADEM_HGT_n48e012.tif",
        "srtm.tif",
        "N48E012.hgt.tif",
        "slope.tif",
    ],
)
def test_other_layers_are_not_taken_for_hand(tmp_path: Path, name: str) -> None:
    with pytest.raises(SceneError, match="is not height above the nearest drainage") as caught:
        layer(hand=heights(tmp_path / name, RAMP.astype(np.float32)))
    assert caught.value.exit_code == 3


def test_values_that_hand_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="HAND in m does not; are they cm or dm"):
        layer(hand=heights(tmp_path / "h.tif", (RAMP * 1000).astype(np.uint16)))
    with pytest.raises(SceneError, match="are not possible for height"):
        layer(hand=heights(tmp_path / "h.tif", (RAMP - 500).astype(np.int16)))
    _, heard = layer(hand=heights(tmp_path / "h.tif", (RAMP + 5).astype(np.float32)))
    assert any("heights above the sea" in warning for warning in heard.warnings)
    _, heard = layer(hand=heights(tmp_path / "h.tif", (RAMP + 200).astype(np.float32)))
    assert any("its least value, 200, is above --max-hand 15" in warning for warning in heard.warnings)


@pytest.mark.parametrize(
    ("name", "unit", "turned"),
    [
        ("slope.tif", "", RAMP),
        ("slope_degrees.tif", "", RAMP),
        ("slope.tif", "degree", RAMP),
        ("slope_percent.tif", "", 100 * np.tan(np.radians(RAMP))),
        ("slope_pct.tif", "", 100 * np.tan(np.radians(RAMP))),
        ("slope.tif", "%", 100 * np.tan(np.radians(RAMP))),
        ("slope_rad.tif", "", np.radians(RAMP)),
        ("slope.tif", "radian", np.radians(RAMP)),
        ("slope.tif", "m/m", np.tan(np.radians(RAMP))),
    ],
)
def test_slope_in_degrees_whatever_its_unit(
    tmp_path: Path, name: str, unit: str, turned: NDArray[np.float64]
) -> None:
    path = heights(tmp_path / name, turned.astype(np.float32))
    if unit:
        with rasterio.open(path, "r+") as file:
            file.units = (unit,)
    found, heard = layer(slope=path)
    np.testing.assert_allclose(found, RAMP, atol=1e-3)
    assert any("converted to degrees" in note for note in heard.notes) == (turned is not RAMP)


def test_slopes_whose_unit_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"reach 250, degrees do not; are they percent"):
        layer(slope=heights(tmp_path / "s.tif", (RAMP * 6.25).astype(np.float32)))
    with pytest.raises(SceneError, match=r"radians, or degrees of very flat ground.*gdal_edit\.py -units"):
        layer(slope=heights(tmp_path / "s.tif", np.radians(RAMP).astype(np.float32)))
    with pytest.raises(SceneError, match="250 times its cosine"):
        layer(slope=heights(tmp_path / "eudem_slop_3035_europe.tif", RAMP.astype(np.uint8)))
    with pytest.raises(SceneError, match="is not slope but, by its name, heights"):
        layer(slope=heights(tmp_path / "dem.tif", RAMP.astype(np.uint8)))
    # Whole degrees of flat ground are no radians, and level ground is level in any unit.
    for flat in (np.minimum(RAMP, 1).astype(np.uint8), np.zeros_like(RAMP, np.float32)):
        assert layer(slope=heights(tmp_path / "s.tif", flat))[0].max() <= 1


def test_terrain_elsewhere_is_warned_of(tmp_path: Path) -> None:
    away = Affine(10, 0, EAST + 50_000, 0, -10, NORTH)
    for kind in ("hand", "slope"):
        path = heights(tmp_path / f"{kind}.tif", RAMP.astype(np.float32), transform=away)
        _, heard = layer(**{kind: path})
        assert any("covers nothing of the scene" in warning for warning in heard.warnings)
