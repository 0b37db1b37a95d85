"""Landsat deliveries with every file they come with: folders, archives, MTL files, STAC items."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import BandError, SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import warnings_of
from tests.products.ground import Ground, disc, write_raster
from tests.products.landsat import L8, planetary_item, write_landsat, write_tar
from tests.satellites import write_band, write_safe

SMALL = Ground(kinds=disc(24, 7, 12, 12).astype(np.uint8))

LEVEL_2 = (
    L8,
    "LC09_L2SP_010065_20220129_20220131_02_T1",
    "LE07_L2SP_021030_20100109_20200911_02_T1",
    "LT05_L2SP_010067_19860424_20200918_02_T2",
    "LT04_L2SP_002026_19830110_20200918_02_T1",
    "LC08_L2SR_084024_20160111_20201016_02_T1",
)
LEVEL_1 = (
    "LC08_L1TP_044034_20230614_20230622_02_T1",
    "LC09_L1TP_010065_20220129_20220131_02_T1",
    "LE07_L1TP_021030_20100109_20200911_02_T1",
    "LT05_L1GS_010067_19860424_20200918_02_T2",
    "LC08_L1TP_044034_20170614_20170628_01_T1",
    "LC80440342017165LGN00",
)


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def holds(opened: Scene, ground: Ground, bands: set[str]) -> None:
    """Every band holds the reflectance of the ground, within what 8 bits can hold."""
    for band in bands:
        found = opened.select([band]).read(opened.select([band]).grid.window, [band])
        assert found.valid.all()
        np.testing.assert_allclose(found.physical()[0], ground.reflectance(band), atol=0.002)


@pytest.mark.parametrize("name", LEVEL_2 + LEVEL_1)
def test_a_whole_folder(tmp_path: Path, name: str) -> None:
    made = write_landsat(tmp_path, SMALL, name=name)
    with scene(made.folder) as opened:
        assert opened.sensor is not None
        craft = name[3] if name[2] == "0" else name[2]
        number = "5" if craft == "4" else craft
        assert opened.sensor.name == f"landsat-{number}-{'l2' if '_L2' in name else 'l1'}"
        assert made.common <= set(opened.band_names)
        holds(opened, SMALL, made.common)
        left = {item.name for item in opened.metadata.left_out}
        used = re.compile(r"_(SR_B\d|ST_B\d+|B\d+|B6_VCID_1|QA_PIXEL|QA_RADSAT|BQA|SR_CLOUD_QA)\.TIF$")
        told = re.compile(r"\.(txt|json|xml)$")
        assert left == {
            path.name
            for path in made.folder.iterdir()
            if not used.search(path.name) and not told.search(path.name)
        }


@pytest.mark.parametrize("name", [L8, LEVEL_1[0], LEVEL_1[2]])
@pytest.mark.parametrize("mtl", ["txt", "json", "xml", ""])
def test_any_format_of_the_metadata_file(tmp_path: Path, name: str, mtl: str) -> None:
    made = write_landsat(tmp_path, SMALL, name=name, mtl=[mtl] if mtl else [])
    if not mtl and "_L1" in name:
        with scene(made.folder) as opened:
            assert any("MTL" in text for text in warnings_of(opened))
            assert made.common <= set(opened.band_names)
        return
    given = [made.folder, made.file(f"MTL.{mtl}")] if mtl else [made.folder]
    for path in given:
        with scene(path) as opened:
            holds(opened, SMALL, made.common)


@pytest.mark.parametrize("change", ["tar", "folder", "lower", "beside", "nested"])
def test_a_delivery_moved_and_renamed(tmp_path: Path, change: str) -> None:
    made = write_landsat(tmp_path, SMALL, suffix="tif" if change == "lower" else "TIF")
    path = made.folder
    if change == "tar":
        path = write_tar(made, tmp_path / f"{made.name}.tar")
        shutil.rmtree(made.folder)
    elif change == "folder":
        path = made.folder.rename(tmp_path / "S2A_MSIL1C_20180101T101031_N0206_R022_T32TQM_x")
    elif change == "nested":
        path = tmp_path
    elif change == "beside":
        band = made.file("SR_B3.TIF")
        for name in (
            f"{band.name}.aux.xml",
            f"{band.name}.ovr",
            f"._{band.name}",
            "clip.shp",
            "README.txt",
            "x.png",
        ):
            (path / name).write_bytes(b"no raster")
        (path / ".hidden").mkdir()
        shutil.copy(band, path / ".hidden" / band.name)
        write_raster(path / "preview_green.tif", np.zeros((24, 24), np.uint8), pixel=30, crs="EPSG:32610")
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "landsat-8-l2"
        assert opened.time is not None
        assert opened.time.year == 2023
        holds(opened, SMALL, made.common)
        left = {item.name for item in opened.metadata.left_out}
        assert ({"x.png", "preview_green.tif"} <= left) == (change == "beside")


@pytest.mark.parametrize("catalogue", ["usgs-sr", "usgs-old", "planetary"])
@pytest.mark.parametrize("name", [L8, LEVEL_2[2]])
def test_stac_items(tmp_path: Path, name: str, catalogue: str) -> None:
    made = write_landsat(tmp_path, SMALL, name=name)
    path = made.file("SR_stac.json")
    if catalogue == "planetary":
        path = planetary_item(made, tmp_path / "item.json")
    elif catalogue == "usgs-old":
        _before_stac_1(path)
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name.endswith("-l2")
        assert made.common <= set(opened.band_names)
        holds(opened, SMALL, made.common)
        assert {layer.title for layer in opened.quality.layers} == {"QA_PIXEL", "QA_RADSAT"}
        assert not {"coastal", "lwir11"} & set(opened.band_names) - made.common - {"lwir11"}
        assert all(opened.units(band) == "reflectance" for band in made.common)
        if "lwir11" in opened.band_names:
            assert opened.units("lwir11") == "dn"


def _before_stac_1(path: Path) -> None:
    """Rewrite an item as of STAC 0.7: bands of the item, named by their place, and a day without time."""
    item = json.loads(path.read_text())
    bands = [band for asset in item["assets"].values() for band in asset.get("eo:bands", ())]
    item["properties"] |= {"eo:bands": bands, "datetime": "2023-06-14", "eo:sun_elevation": 62.0}
    del item["properties"]["view:sun_elevation"]
    assets = {}
    for key, asset in item["assets"].items():
        own = asset.pop("eo:bands", None)
        if own:
            asset["eo:bands"] = [bands.index(own[0])]
        label = asset["href"].rpartition("_T1_")[2]
        assets[label if label.startswith(("SR_", "QA_")) else key] = asset
    path.write_text(json.dumps({**item, "stac_version": "0.7.0", "assets": assets}))


def test_an_item_of_surface_temperature_says_that_it_has_no_reflectance(tmp_path: Path) -> None:
    made = write_landsat(tmp_path, SMALL)
    with scene(made.file("ST_stac.json")) as opened:
        assert opened.band_names == ("lwir11",)
        assert len([item for item in opened.metadata.left_out if "surface temperature" in item.why]) == 8
        with pytest.raises(BandError, match="no band green"):
            opened.select(["green"])
    with scene(made.file("SR_stac.json"), made.file("ST_stac.json")) as opened:
        assert made.common | {"lwir11"} == set(opened.band_names)


def test_an_item_of_level_1_takes_its_gains_from_the_metadata_file(tmp_path: Path) -> None:
    made = write_landsat(tmp_path, SMALL, name=LEVEL_1[0])
    assets = {
        band: {"href": f"https://landsatlook.usgs.gov/{made.name}_{label}.TIF", "type": "image/tiff"}
        for label, band in made.bands.items()
    }
    assets["MTL.json"] = {
        "href": f"https://landsatlook.usgs.gov/{made.name}_MTL.json",
        "type": "application/json",
    }
    item = {
        "type": "Feature",
        "id": made.name,
        "properties": {"datetime": "2023-06-14T18:45:59Z"},
        "assets": assets,
    }
    path = made.file("stac.json")
    path.write_text(json.dumps(item))
    with scene(path) as opened:
        holds(opened, SMALL, made.common)


def test_radiance_of_before_the_collections_becomes_reflectance(tmp_path: Path) -> None:
    write_raster(tmp_path / "LT50440341999165XXX00_B3.TIF", np.full((4, 4), 80, np.uint8), pixel=30)
    (tmp_path / "LT50440341999165XXX00_MTL.txt").write_text(
        'GROUP = L1_METADATA_FILE\n GROUP = PRODUCT_METADATA\n DATA_TYPE = "L1T"\n'
        ' SPACECRAFT_ID = "LANDSAT_5"\n SENSOR_ID = TM\n DATE_ACQUIRED = 1999-06-14\n'
        " END_GROUP = PRODUCT_METADATA\n GROUP = IMAGE_ATTRIBUTES\n SUN_ELEVATION = 60.0\n"
        " END_GROUP = IMAGE_ATTRIBUTES\n GROUP = RADIOMETRIC_RESCALING\n RADIANCE_MULT_BAND_3 = 1.044\n"
        " RADIANCE_ADD_BAND_3 = -2.21398\n END_GROUP = RADIOMETRIC_RESCALING\nEND_GROUP = L1_METADATA_FILE\n"
    )
    with scene(tmp_path) as opened:
        assert opened.units("red") == "reflectance"
        found = opened.read(opened.grid.window, ["red"]).physical()[0, 0, 0]
    # Chander et al. 2009, equation 6, by hand: L = 81.306, d = 1.0157 (table 6, day 165), ESUN = 1536.
    by_hand = math.pi * 81.306 * 1.01577**2 / (1536 * math.sin(math.radians(60)))
    assert found == pytest.approx(by_hand, rel=1e-3)


def test_scanners_whose_bands_have_other_numbers_are_refused(tmp_path: Path) -> None:
    made = write_landsat(tmp_path, SMALL, name="LT04_L1GS_001001_19830527_20210902_02_T2")
    for kind in ("txt", "json", "xml"):
        path = made.file(f"MTL.{kind}")
        path.write_text(path.read_text().replace("TM", "MSS"))
    with pytest.raises(SceneError, match=r"Multispectral Scanner.*`--band green="):
        scene(made.folder)


@pytest.mark.parametrize("mtl", [("txt",), ()])
def test_two_scenes_in_one_folder_are_refused(tmp_path: Path, mtl: tuple[str, ...]) -> None:
    first = write_landsat(tmp_path, SMALL, folder="both", mtl=mtl)
    second = write_landsat(tmp_path, SMALL, folder="both", name=L8.replace("20230614", "20230630"), mtl=mtl)
    with pytest.raises(SceneError) as caught:
        scene(tmp_path / "both")
    assert first.name in str(caught.value)
    assert second.name in str(caught.value)


def test_a_folder_of_two_sensors_is_refused_and_one_may_be_selected(tmp_path: Path) -> None:
    made = write_landsat(tmp_path, SMALL, folder="both")
    files = [
        write_band(tmp_path / "both" / f"T32TNR_20230506T101031_{label}_20m.tif")
        for label in ("B03", "B11", "SCL")
    ]
    with pytest.raises(
        SceneError, match=rf"several sensors.*{L8}.* is landsat-8-l2.*T32TNR.*is sentinel-2-l2a.*`--sensor`"
    ) as caught:
        scene(tmp_path / "both")
    assert caught.value.exit_code == 3
    with scene(tmp_path / "both", sensor="landsat-8-l2") as opened:
        holds(opened, SMALL, made.common - {"pan"})
        assert {layer.title for layer in opened.quality.layers} == {"QA_PIXEL", "QA_RADSAT"}
    with scene(tmp_path / "both", sensor="sentinel-2-l2a", clouds="none") as opened:
        assert set(opened.band_names) == {"green", "swir16"}
        assert opened.metadata.time is not None
        assert f"{opened.metadata.time:%Y-%m-%d}" == "2023-05-06"
        assert opened.metadata.platform is None
    with scene(*files[:2]) as opened:
        assert set(opened.band_names) == {"green", "swir16"}


def test_a_folder_of_a_landsat_scene_and_a_safe_is_refused(tmp_path: Path) -> None:
    write_landsat(tmp_path, SMALL, folder="both")
    safe = write_safe(tmp_path / "both", level="2A")
    with pytest.raises(SceneError, match=rf"several sensors.*{safe.stem}.*{L8}"):
        scene(tmp_path / "both")
