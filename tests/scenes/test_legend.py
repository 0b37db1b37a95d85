"""Names and colours of classes, wherever a format keeps them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import SceneError
from geoseg.scenes.class_map import CLASS, open_class_map
from geoseg.scenes.class_positions import count_codes
from geoseg.scenes.legend import read_legend
from geoseg.spec import SceneSpec
from geoseg.spec.presets import legends
from tests.products import classmaps
from tests.products.classmaps import COLOURS, NAMES, patches
from tests.products.ground import write_raster

CODES = (patches() + 1).astype(np.uint8)


@pytest.mark.parametrize(
    ("write", "suffix", "coloured"),
    [
        (classmaps.with_categories, ".tif", False),
        (classmaps.with_attribute_table, ".tif", True),
        (classmaps.imagine, ".img", True),
        (classmaps.envi, ".dat", True),
        (classmaps.with_dbf, ".tif", False),
        (classmaps.with_qgis_style, ".tif", True),
        (classmaps.with_tags, ".tif", False),
        (classmaps.with_flags, ".tif", False),
    ],
)
def test_names_are_read_wherever_they_stand(
    write: Callable[..., Path], suffix: str, coloured: bool, tmp_path: Path
) -> None:
    legend = read_legend(str(write(tmp_path / f"map{suffix}", CODES)))
    assert {code: legend.names[code] for code in NAMES} == NAMES
    assert legend.source
    if coloured:
        assert legend.colours[4] == "#dc1e1e"


def test_a_table_without_usages_goes_by_its_columns_names(tmp_path: Path) -> None:
    path = classmaps.with_attribute_table(tmp_path / "map.tif", CODES, usages=False)
    assert read_legend(str(path)).names == NAMES


def test_a_colour_table_is_a_legend_and_a_grey_ramp_is_none(tmp_path: Path) -> None:
    legend = read_legend(str(classmaps.coloured(tmp_path / "map.tif", CODES)))
    assert legend.colours == {code: f"#{bytes(rgb).hex()}" for code, rgb in COLOURS.items()}
    assert not legend.names
    ramp = {value: (value, value, value) for value in range(256)}
    grey = read_legend(str(classmaps.coloured(tmp_path / "grey.tif", CODES, ramp)))
    assert not grey.source


NAMED = {
    "ESA_WorldCover_10m_2021_v200_N48E012_Map.tif": ("worldcover", "2021", (10, 50, 80)),
    "32U_20180101-20190101.tif": ("esri-land-cover", "2018", (1, 7, 11)),
    "dynamic_world_2020-07-01.tif": ("dynamic-world", "", (0, 6, 8)),
    "U2018_CLC2018_V2020_20u1.tif": ("corine", "2018", (1, 23, 44)),
    "corine_2012.tif": ("corine-codes", "2012", (111, 311, 523)),
    "PROBAV_LC100_global_v3.0.1_2019-nrt_Discrete-Classification-map_EPSG-4326.tif": (
        "copernicus-global-land-cover",
        "2019",
        (50, 111, 200),
    ),
    "ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif": ("esa-cci-land-cover", "2015", (10, 190, 210)),
    "Annual_NLCD_LndCov_2021_CU_C1V0.tif": ("nlcd", "2021", (11, 24, 42)),
    "CLMS_CLCPLUS_RAS_S2021_R10m_E45N36_03035_V01_R00.tif": ("clcplus-backbone", "2021", (1, 6, 10)),
    "MCD12Q1.A2018001.h18v04.061.2022169164213_LC_Type1.tif": ("modis-igbp", "2018", (1, 13, 17)),
}


@pytest.mark.parametrize("name", NAMED)
def test_products_are_known_by_name_and_values(name: str, tmp_path: Path) -> None:
    product, year, codes = NAMED[name]
    path = write_raster(tmp_path / name, np.array(codes, np.uint16)[patches(3)])
    found = open_class_map(SceneSpec(paths=(str(path),)), legends(), asked=False)
    assert found is not None
    with found.scene:
        assert found.product is not None
        assert (found.product.name, found.date[:4]) == (product, year or "2020")
    other = write_raster(tmp_path / "other" / name, np.array([*codes, 777], np.uint16)[patches(4)])
    found = open_class_map(SceneSpec(paths=(str(other),)), legends(), asked=False)
    assert found is not None
    with found.scene:
        assert not found.certain, "values that the product does not have"


def test_a_product_is_known_by_its_title_too(tmp_path: Path) -> None:
    tags = {
        "title": "ESA WorldCover product at 10m resolution for year 2021",
        "product_version": "V2.0.0",
        "time_start": "2021-01-01T00:00:00Z",
    }
    path = write_raster(tmp_path / "clip.tif", np.array([10, 80], np.uint8)[patches(2)], tags=tags)
    found = open_class_map(SceneSpec(paths=(str(path),)), legends(), asked=False)
    assert found is not None
    with found.scene:
        assert found.product is legends()["worldcover"]
        assert found.date == "2021"


@pytest.mark.parametrize(
    ("description", "product"),
    [("label", None), ("Map", None), ("LC_Type1", "modis-igbp"), ("discrete_classification", None)],
)
def test_a_band_may_be_called_classes(description: str, product: str | None, tmp_path: Path) -> None:
    """As Earth Engine exports them."""
    path = write_raster(tmp_path / "export.tif", CODES, descriptions=(description,))
    found = open_class_map(SceneSpec(paths=(str(path),)), legends(), asked=False)
    assert found is not None
    with found.scene:
        assert found.certain
        assert (found.product.name if found.product else None) == product
    stack = np.stack([np.zeros(CODES.shape), CODES, np.ones(CODES.shape)])
    names = ("trees", description, "built")
    path = write_raster(tmp_path / "stack.tif", stack, descriptions=names)
    found = open_class_map(SceneSpec(paths=(str(path),)), legends(), asked=True)
    assert found is not None
    with found.scene:
        assert count_codes(found.scene).pixels.keys() == {1, 2, 3, 4}


def test_imagery_is_no_map_of_classes(tmp_path: Path) -> None:
    for name, data in (
        ("rgb.tif", np.zeros((3, 9, 9), np.uint8)),
        ("heights.tif", np.full((9, 9), 3.7, np.float32)),
    ):
        path = str(write_raster(tmp_path / name, data))
        assert open_class_map(SceneSpec(paths=(path,)), legends(), asked=False) is None
    with pytest.raises(
        SceneError, match="is not a raster of one band of integers, which `--method classes` requires"
    ):
        open_class_map(SceneSpec(paths=(str(tmp_path / "rgb.tif"),)), legends(), asked=True)
    decimals = open_class_map(SceneSpec(paths=(str(tmp_path / "heights.tif"),)), legends(), asked=True)
    assert decimals is not None
    with decimals.scene, pytest.raises(SceneError, match=r"3.7 is not a class code"):
        count_codes(decimals.scene)


def test_a_folder_may_hold_one_map_but_not_several(tmp_path: Path) -> None:
    folder = tmp_path / "2021"
    classmaps.with_tags(folder / "a.tif", CODES)
    write_raster(folder / "quality.tif", np.zeros((3, *CODES.shape), np.int16))
    found = open_class_map(SceneSpec(paths=(str(folder),)), legends(), asked=False)
    assert found is not None
    with found.scene:
        assert found.scene.band_names == (CLASS,)
    classmaps.with_tags(folder / "b.tif", CODES)
    with pytest.raises(SceneError, match="several class maps"):
        open_class_map(SceneSpec(paths=(str(folder),)), legends(), asked=False)


def test_codes_and_border_are_counted(tmp_path: Path) -> None:
    codes = np.full((1200, 30), 7, np.int16)
    codes[100:1100, 10:20] = 3
    codes[0, :5] = -9999
    path = write_raster(tmp_path / "map.tif", codes, nodata=-9999)
    found = open_class_map(SceneSpec(paths=(str(path),)), legends(), asked=True)
    assert found is not None
    with found.scene:
        counts = count_codes(found.scene)
    assert counts.pixels == {3: 10_000, 7: 1200 * 30 - 10_005}
    assert counts.border == {7: 2 * 30 + 2 * 1198 - 5}


@pytest.mark.parametrize("legend", legends().values(), ids=legends().keys())
def test_shipped_legends_are_sound(legend: object) -> None:
    spec = legends()[getattr(legend, "name", "")]
    codes = [item.value for item in spec.classes]
    labels = [item.label for item in spec.classes]
    assert codes == sorted(set(codes))
    assert len(set(labels)) == len(labels)
    assert not set(codes) & {item.value for item in spec.unobserved}
    assert spec.source
