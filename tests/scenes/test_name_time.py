"""Acquisition times in the names of products of many providers, not times of processing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from geoseg.messages import collecting
from geoseg.scenes import open_scene
from geoseg.scenes.name_time import has_processing_time, time_in_name, times_in_tag
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import write_raster

BRIGHT = np.full((12, 12), 1000, np.uint16)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m_4709963_se_14_1_20120731", at(2012, 7, 31)),
        ("20230231_wrong", None),
        ("tile_123456789", None),
        # Acquisition, then processing.
        ("S2A_MSIL1C_20170105T013442_N0204_R031_T53NMJ_20170106T101010.SAFE", at(2017, 1, 5, 1, 34, 42)),
        ("LC08_L1TP_008059_20191201_20200825_02_T1", at(2019, 12, 1)),
        ("LC80200392015216LGN00_B3", at(2015, 8, 4)),
        ("LC80200392015216LGN00-SC20200101123456", at(2015, 8, 4)),
        ("LC080080592019120101T1-SC20200101123456", at(2019, 12, 1)),
        ("S1A_IW_GRDH_1SDV_20200102T030405_20200102T030430_030639_0382D5_DADE", at(2020, 1, 2, 3, 4, 5)),
        ("OPERA_L2_RTC-S1_T069-1_20230101T120000Z_20230205T000000Z_S1A_30_v1.0", at(2023, 1, 1, 12)),
        ("PRS_L2D_STD_20200101101010_20200101101014_0001", at(2020, 1, 1, 10, 10, 10)),
        (
            "ENMAP01-____L2A-DT0000001039_20220701T102934Z_007_V010302_20230105T000000Z",
            at(2022, 7, 1, 10, 29, 34),
        ),
        ("EMIT_L2A_RFL_001_20220815T042838_2222703_003", at(2022, 8, 15, 4, 28, 38)),
        ("ang20170105t013442_rfl", at(2017, 1, 5, 1, 34, 42)),
        ("HLS.S30.T17SLU.2020267T160021.v2.0", at(2020, 9, 23, 16, 0, 21)),
        ("MOD09GA.A2019015.h09v05.061.2020287123456", at(2019, 1, 15)),
        ("MYD09A1.061_sur_refl_b01_doy2016361_aid0001.tif", at(2016, 12, 26)),
        ("MYD09A1.061_sur_refl_b01_doy2016361000000_aid0001.tif", at(2016, 12, 26)),
        ("ECO_L2T_LSTE.002_LST_doy2023152103000_aid0001_11N.tif", at(2023, 6, 1, 10, 30)),
        ("AST_L1T_00303132001182145_20150411085325_12345", at(2001, 3, 13, 18, 21, 45)),
        # Processing, then acquisition.
        (
            "S2A_OPER_PRD_MSIL1C_PDMC_20161227T091305_R038_V20150916T133221_20150916T133221.SAFE",
            at(2015, 9, 16, 13, 32, 21),
        ),
        (
            "S2A_OPER_MTD_SAFL1C_PDMC_20161227T091305_R038_V20150916T133221_20150916T133221.xml",
            at(2015, 9, 16, 13, 32, 21),
        ),
        ("S2A_OPER_MSI_L1C_DS_VGS4_20210908T070248_S20210908T043714_N03.01", at(2021, 9, 8, 4, 37, 14)),
        # The absolute orbit has the day; these have been compared with the dates that their set states.
        ("S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A001222_T22LHH_B01.tif", at(2015, 9, 16)),
        ("S2A_OPER_MSI_L1C_TL_EPA__20160706T155721_A000849_T30TXT_B01.tif", at(2015, 8, 21)),
        ("S2A_OPER_MSI_L1C_TL_MTI__20160120T104345_A003020_T39QZG_B01.tif", at(2016, 1, 20)),
        ("S2A_OPER_MSI_L1C_TL_MPS__20161130T130757_A007527_T31UDQ_B01.tif", at(2016, 11, 30)),
        # A pass so near to midnight that the day is not known.
        ("S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A000013_T01AAA_B01.tif", None),
        ("S2A_OPER_PRD_MSIL1C_PDMC_20161227T091305_R038", None),
        ("S2B_OPER_MSI_L1C_TL_EPA__20171227T091305_A001222_T22LHH_B01.tif", None),
    ],
)
def test_times_in_names(name: str, expected: datetime | None) -> None:
    assert time_in_name(name) == expected


def test_a_name_with_a_processing_time_only_says_so(tmp_path: Path) -> None:
    name = "S2B_OPER_MSI_L1C_TL_EPA__20171227T091305_A001222_T22LHH"
    folder = tmp_path / "granule"
    folder.mkdir()
    for band in ("B03", "B11"):
        write_raster(folder / f"{name}_{band}.tif", BRIGHT)
    assert has_processing_time(name)
    with open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        assert scene.time is None
        assert any("is that of processing" in message.text for message in scene.messages)


def test_the_folder_refines_the_day_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20161227T091305_R038_V20150916T133221_20150916T133221.SAFE"
    folder.mkdir()
    for band in ("B03", "B11"):
        write_raster(folder / f"S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A001222_T22LHH_{band}.tif", BRIGHT)
    with collecting(), open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        assert scene.time == at(2015, 9, 16, 13, 32, 21)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("2024", ["2024-01-01T00:00:00"]),
        (
            "2023-05-04T10:20:30+00:00,2024-05-04T10:20:30+02:00",
            ["2023-05-04T10:20:30", "2024-05-04T08:20:30"],
        ),
        ("unknown,2024-05-04", ["2024-05-04T00:00:00"]),
        ("", []),
        ("v1.1", []),
    ],
)
def test_times_in_a_tag(text: str, times: list[str]) -> None:
    assert times_in_tag(text) == [datetime.fromisoformat(item).replace(tzinfo=UTC) for item in times]
