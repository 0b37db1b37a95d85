"""Which satellite, and its angles: from metadata, from names, or not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geoseg.scenes import Scene, open_scene
from geoseg.scenes.platform import as_platform, platform_in
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import warnings_of
from tests.satellites import TILE, VIEW, write_band, write_safe

MTL = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    PROCESSING_LEVEL = "L1TP"
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "{craft}"
    DATE_ACQUIRED = 2023-05-06
    SCENE_CENTER_TIME = "10:04:36.4914450Z"
    NADIR_OFFNADIR = "{pointing}"
    ROLL_ANGLE = -12.5
    SUN_ELEVATION = 30.0
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    REFLECTANCE_MULT_BAND_7 = 2.0000E-05
    REFLECTANCE_ADD_BAND_7 = -0.100000
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sentinel-2A", "sentinel-2a"),
        ("SENTINEL2B", "sentinel-2b"),
        ("sentinel-2c", "sentinel-2c"),
        ("LANDSAT_8", "landsat-8"),
        ("Landsat9", "landsat-9"),
        (" EnMAP ", "enmap"),
        ("", None),
    ],
)
def test_stated_names_get_one_spelling(text: str, expected: str | None) -> None:
    assert as_platform(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("S2A_OPER_MSI_L1C_TL_MTI__20160120T104345_A003020_T39QZG_B01.tif", "sentinel-2a"),
        ("S2B_MSIL1C_20180323T024539_N0206_R132_T50QKK_20180323T052203.SAFE", "sentinel-2b"),
        ("S2C_32TQM_20250506_0_L1C", "sentinel-2c"),
        ("LC08_L1TP_193029_20230506_20230508_02_T1_B7.TIF", "landsat-8"),
        ("LO08_L1TP_193029_20230506_20230508_02_T1", "landsat-8"),
        ("LC09_L1TP_193029_20230506_20230508_02_T1", "landsat-9"),
        ("LE07_L1TP_193029_20030506_20160926_01_T1", "landsat-7"),
        ("LT05_L1TP_193029_20000506_20230508_02_T1_B4.TIF", "landsat-5"),
        ("LC80200392015216LGN00_B3.TIF", "landsat-8"),
        ("EMIT_L1B_RAD_001_20220815T042838_2222703_003.nc", "emit"),
        ("PRS_L1_STD_OFFL_20200915102100_20200915102105_0001.he5", "prisma"),
        ("ENMAP01-____L1B-DT0000001234_20221006T101501Z_001_V010110", "enmap"),
        ("ang20190922t192642_rdn_v2x1_img", "aviris"),
        ("f130503t01p00r08rdn_e_sc01_ort_img", "aviris"),
        # These do not tell the satellites apart.
        ("T50QKK_20180323T024539_B11.tif", None),
        ("HLS.S30.T32TQM.2023126T101031.v2.0.B05.tif", None),
        # A folder of many.
        ("S2A_and_S2B", None),
    ],
)
def test_names_of_products(name: str, expected: str | None) -> None:
    assert platform_in(name) == expected


@pytest.mark.parametrize("letter", ["A", "B", "C"])
def test_safe_says_satellite_and_angles(tmp_path: Path, letter: str) -> None:
    # The metadata count, not the name.
    with scene(write_safe(tmp_path, letter=letter, named="D")) as opened:
        assert opened.platform == f"sentinel-2{letter.lower()}"
        assert opened.describe()["platform"] == opened.platform
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith == 40
        assert opened.geometry.source == "MTD_TL.xml"
        assert (opened.geometry.view_zeniths["B11"], opened.geometry.view_zeniths["B12"]) == (5, 7)
        assert opened.geometry.view_zenith(["B12"]) == 7
        assert opened.geometry.view_zenith(["B11", "B12"]) == 6
        assert opened.select(["swir22"]).platform == opened.platform
        assert not warnings_of(opened)


def test_band_ids_count_8a(tmp_path: Path) -> None:
    views = VIEW.format(band=8, zenith=3.0) + VIEW.format(band=9, zenith="NaN")
    with scene(write_safe(tmp_path, tile=TILE.format(sun="NaN", views=views))) as opened:
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith is None
        assert dict(opened.geometry.view_zeniths) == {"B8A": 3.0}
        # Bands that the metadata leave out are seen as the others.
        assert opened.geometry.view_zenith(["B12"]) == 3


def test_damaged_tile_metadata_do_not_stop_a_scene(tmp_path: Path) -> None:
    with scene(write_safe(tmp_path, tile="<broken")) as opened:
        assert opened.platform == "sentinel-2a"
        assert opened.geometry is None
        assert any("MTD_TL.xml is damaged" in text for text in warnings_of(opened))


@pytest.mark.parametrize(("pointing", "view"), [("NADIR", 0.0), ("OFFNADIR", 12.5)])
def test_landsat_mtl(tmp_path: Path, pointing: str, view: float) -> None:
    path = write_band(tmp_path / "scene_B7.TIF", 20000)
    (tmp_path / "scene_MTL.txt").write_text(MTL.format(craft="LANDSAT_9", pointing=pointing))
    with scene(path) as opened:
        assert opened.platform == "landsat-9"
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith == 60
        assert opened.geometry.view_zenith(["B12"]) == view


def test_landsat_4_and_5_share_a_sensor_but_not_a_name(tmp_path: Path) -> None:
    write_band(tmp_path / "scene_B7.TIF", 20000)
    (tmp_path / "scene_MTL.txt").write_text(MTL.format(craft="LANDSAT_4", pointing="NADIR"))
    with scene(tmp_path) as opened:
        assert opened.sensor is not None
        assert (opened.sensor.name, opened.platform) == ("landsat-5-l1", "landsat-4")


@pytest.mark.parametrize(
    ("properties", "platform", "sun", "view"),
    [
        ({"platform": "Sentinel-2B", "view:sun_elevation": 50, "view:incidence_angle": 4.5}, "2b", 40, 4.5),
        ({"platform": "sentinel-2c", "view:off_nadir": 3, "view:sun_elevation": 50.5}, "2c", 39.5, 3),
        ({"view:sun_elevation": "high"}, None, None, None),
    ],
)
def test_stac_item(
    tmp_path: Path, properties: dict[str, Any], platform: str | None, sun: float | None, view: float | None
) -> None:
    write_band(tmp_path / "B12.tif")
    asset = {"href": "./B12.tif", "type": "image/tiff", "eo:bands": [{"name": "B12"}]}
    content = {
        "type": "Feature",
        "id": "x",
        "collection": "sentinel-2-l1c",
        "properties": {"datetime": "2023-05-06T10:10:31Z", **properties},
        "assets": {"swir22": asset},
    }
    (tmp_path / "item.json").write_text(json.dumps(content))
    with scene(tmp_path / "item.json") as opened:
        assert opened.platform == (platform and f"sentinel-{platform}")
        found = opened.geometry
        assert (found and found.sun_zenith) == sun
        assert (found and found.view_zenith(())) == view


def test_names_of_files_before_those_of_folders(tmp_path: Path) -> None:
    stem = "T32TNR_20230506T101031_B12.tif"
    with scene(write_band(tmp_path / "S2B_MSIL1C_20230506.SAFE" / "IMG_DATA" / stem)) as opened:
        assert opened.platform == "sentinel-2b"
    with scene(write_band(tmp_path / stem)) as opened:
        assert opened.platform is None
    first = write_band(
        tmp_path / "S2A_MSIL1C_x" / "S2B_OPER_MSI_L1C_TL_EPA__20161227T091305_A1_T22LHH_B12.tif"
    )
    with scene(first) as opened:
        assert opened.platform == "sentinel-2b"
    other = write_band(tmp_path / "S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A1_T22LHH_B11.tif")
    with scene(first, other) as opened:
        assert opened.platform is None


def test_real_names(data_dir: Path) -> None:
    with scene(data_dir / "landsat8-l1") as opened:
        assert opened.platform == "landsat-8"
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith == pytest.approx(25.25639068)
        assert opened.geometry.view_zenith(()) == 0
    # Of the first date the names are those of the old format; of the second, only tile and time.
    for date, platform in (("before", "sentinel-2a"), ("after", None)):
        with scene(data_dir / "change-s2" / "abudhabi" / date) as opened:
            assert opened.platform == platform
