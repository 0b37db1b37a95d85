"""Known water as agencies deliver it: names, codes, colour tables, band descriptions, fill; and HAND, slope.

Each layout lays the same ground out in its own values: a river that is permanent water, a plain that is wet
now and then (wetland, seasonal water, a low percentage), and land.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from tests.products.ground import SIDE, disc, write_raster

LAND, PLAIN, RIVER, UNKNOWN = range(4)


def kinds(side: int = SIDE) -> NDArray[np.uint8]:
    """What lies where (side, side): the left half of a lake is a river, the right half a plain."""
    found = np.where(disc(side, 56.37 * side / SIDE, side / 2, side / 2), PLAIN, LAND).astype(np.uint8)
    left = np.arange(side) < side // 2
    found[(found == PLAIN) & left] = RIVER
    return found


@dataclass(frozen=True, kw_only=True)
class Reference:
    """How a product of known water is delivered."""

    file: str
    """Name of the file."""
    land: float
    plain: float
    river: float
    fill: float | None = None
    """Stored where nothing is known, in the first 30 rows; None: the product has none."""
    nodata: float | None = None
    """The file's own tag."""
    dtype: str = "uint8"
    colours: Mapping[int, str] = field(default_factory=dict)
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def values(self, ground: NDArray[np.uint8] | None = None) -> NDArray[Any]:
        """Return stored values of a ground, `kinds()` by default."""
        ground = kinds() if ground is None else ground
        table = np.array([self.land, self.plain, self.river, self.land], self.dtype)
        found: NDArray[Any] = table[ground]
        if self.fill is not None:
            found[: len(found) // 6][ground[: len(found) // 6] == LAND] = self.fill
        return found

    def write(
        self, folder: Path, *, name: str | None = None, values: NDArray[Any] | None = None, **options: Any
    ) -> Path:
        """Write the raster; `options` are those of `write_raster`."""
        defaults: dict[str, Any] = {"nodata": self.nodata, "tags": self.tags}
        if self.description:
            defaults["descriptions"] = (self.description,)
        path = write_raster(
            folder / (name or self.file), self.values() if values is None else values, **(defaults | options)
        )
        if self.colours:
            with rasterio.open(path, "r+") as file:
                file.write_colormap(1, {value: _rgb(text) for value, text in self.colours.items()})
        return path


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


WORLDCOVER_COLOURS = {
    10: "#006400",
    20: "#ffbb22",
    30: "#ffff4c",
    40: "#f096ff",
    50: "#fa0000",
    60: "#b4b4b4",
    70: "#f0f0f0",
    80: "#0064c8",
    90: "#0096a0",
    95: "#00cf75",
    100: "#fae6a0",
}
LCFM_COLOURS = {10: "#006400", 50: "#0096a0", 80: "#b4b4b4", 90: "#fa0000", 100: "#0064c8"}
LULC_COLOURS = {1: "#1a5bab", 2: "#358221", 4: "#87d19e", 5: "#ffdb5c", 7: "#ed022a", 8: "#ede9e4"}
DYNAMIC_WORLD_COLOURS = {0: "#419bdf", 1: "#397d49", 3: "#7a87c6", 4: "#e49635", 6: "#c4281b"}
CGLS_COLOURS = {20: "#ffbb22", 80: "#0032c8", 90: "#0096a0", 200: "#000080"}
CORINE_COLOURS = {1: "#e6004d", 40: "#00ccf2", 41: "#80f2e6", 44: "#e6f2ff"}
NLCD_COLOURS = {11: "#466b9f", 41: "#68ab5f", 82: "#ab6c28", 95: "#6c9fb8"}

OCCURRENCE = Reference(file="occurrence_10E_50Nv1_4_2021.tif", land=0, plain=8, river=95, fill=255)
WORLDCOVER = Reference(
    file="ESA_WorldCover_10m_2021_v200_N48E012_Map.tif",
    land=10,
    plain=90,
    river=80,
    fill=0,
    nodata=0,
    colours=WORLDCOVER_COLOURS,
)
DYNAMIC_WORLD = Reference(
    file="DynamicWorld_2022_label.tif",
    land=1,
    plain=3,
    river=0,
    fill=255,
    colours=DYNAMIC_WORLD_COLOURS,
    description="label",
)
SEASONALITY = Reference(file="seasonality_10E_50Nv1_4_2021.tif", land=0, plain=3, river=12, fill=255)
EXTENT = Reference(file="extent_10E_50Nv1_4_2021.tif", land=0, plain=0, river=1, fill=255)

PRODUCTS: Mapping[str, Reference] = {
    "jrc-occurrence": OCCURRENCE,
    "jrc-recurrence": Reference(
        file="recurrence_10E_50Nv1_4_2021.tif", land=0, plain=30, river=100, fill=255
    ),
    "jrc-seasonality": SEASONALITY,
    "jrc-transitions": Reference(file="transitions_10E_50Nv1_4_2021.tif", land=0, plain=4, river=7, fill=255),
    "jrc-yearly": Reference(file="JRC_GSW1_4_YearlyHistory_2021.tif", land=1, plain=2, river=3, fill=0),
    "jrc-monthly": Reference(file="JRC_GSW1_4_MonthlyHistory_2021_06.tif", land=1, plain=1, river=2, fill=0),
    "jrc-extent": EXTENT,
    "glad-percent": Reference(file="2020_percent.tif", land=0, plain=40, river=97, fill=255),
    "glad-classes": Reference(file="glad_water_dynamics_classes.tif", land=1, plain=7, river=11, fill=0),
    "wofs-frequency": Reference(
        file="ga_ls_wo_fq_myear_3_x17y37_1986--P37Y_frequency.tif",
        land=0,
        plain=0.2,
        river=0.9,
        fill=np.nan,
        dtype="float32",
    ),
    "worldcover": WORLDCOVER,
    "lcfm": Reference(
        file="LCFM_LCM-10_V100_2020_N48E012_MAP.tif",
        land=10,
        plain=50,
        river=100,
        fill=255,
        colours=LCFM_COLOURS,
    ),
    "cgls-lc100": Reference(
        file="PROBAV_LC100_global_v3.0.1_2019-nrt_Discrete-Classification-map_EPSG-4326.tif",
        land=126,
        plain=90,
        river=80,
        fill=255,
        colours=CGLS_COLOURS,
    ),
    "cgls-permanent": Reference(
        file="PROBAV_LC100_global_v3.0.1_2019-nrt_PermanentWater-CoverFraction-layer_EPSG-4326.tif",
        land=0,
        plain=20,
        river=100,
        fill=255,
    ),
    "cgls-water-bodies": Reference(
        file="c_gls_WB300_202306010000_GLOBE_S2_V2.0.1_WB.tif", land=255, plain=255, river=70, fill=251
    ),
    "copernicus-dem-wbm": Reference(
        file="Copernicus_DSM_COG_10_N48_00_E012_00_WBM.tif", land=0, plain=0, river=3
    ),
    "aster-wbd": Reference(file="ASTWBDV001_N48E012_att.tif", land=0, plain=0, river=2),
    "srtm-swb": Reference(file="n48e012_swb.tif", land=0, plain=0, river=255),
    "opera-dswx-wtr": Reference(
        file="OPERA_L3_DSWx-HLS_T33UXP_20230601T100031Z_20230603T000000Z_S2A_30_v1.0_B01_WTR.tif",
        land=0,
        plain=2,
        river=1,
        fill=253,
        nodata=255,
    ),
    "opera-dswx-s1": Reference(
        file="OPERA_L3_DSWx-S1_T33UXP_20240901T050000Z_20240902T000000Z_S1A_30_v1.0_B01_WTR.tif",
        land=0,
        plain=3,
        river=1,
        fill=251,
        nodata=255,
    ),
    "opera-dswx-bwtr": Reference(
        file="OPERA_L3_DSWx-HLS_T33UXP_20230601T100031Z_20230603T000000Z_S2A_30_v1.0_B02_BWTR.tif",
        land=0,
        plain=0,
        river=1,
        fill=252,
        nodata=255,
    ),
    "usgs-dswe": Reference(
        file="LC08_CU_011009_20230601_20230610_02_INWM.tif", land=0, plain=3, river=2, fill=9
    ),
    "gfm-reference-water": Reference(
        file="EU020M_E048N015T3_REFERENCE_WATER_OUT_20230601.tif", land=0, plain=2, river=1, fill=255
    ),
    "io-lulc": Reference(
        file="33U_20220101-20230101.tif", land=2, plain=4, river=1, fill=0, colours=LULC_COLOURS
    ),
    "dynamic-world": DYNAMIC_WORLD,
    "mod44w": Reference(
        file="MOD44W.061_water_mask_doy2015001_aid0001.tif", land=0, plain=0, river=1, fill=250
    ),
    "mod44w-seven": Reference(
        file="MOD44W.061_water_mask_seven_class_doy2015001.tif", land=1, plain=4, river=3, fill=253
    ),
    "corine": Reference(
        file="U2018_CLC2018_V2020_20u1.tif",
        land=23,
        plain=35,
        river=40,
        fill=-128,
        nodata=-128,
        dtype="int8",
    ),
    "corine-codes": Reference(
        file="clc2018_clip.tif", land=311, plain=411, river=511, fill=999, dtype="int16"
    ),
    "hrl-water-wetness": Reference(
        file="WAW_2018_010m_eu_03035_v2_0.tif", land=0, plain=2, river=1, fill=255
    ),
    "cci-land-cover": Reference(
        file="ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif", land=11, plain=180, river=210, fill=0
    ),
    "nlcd": Reference(
        file="nlcd_2021_land_cover_l48_20230630.tif",
        land=41,
        plain=90,
        river=11,
        fill=0,
        colours=NLCD_COLOURS,
    ),
    "mcd12q1": Reference(
        file="MCD12Q1.061_LC_Type1_doy2020001_aid0001.tif", land=10, plain=11, river=17, fill=255
    ),
    "glc-fcs30": Reference(file="GLC_FCS30_2020_E10N50.tif", land=11, plain=182, river=210, fill=0),
    "from-glc": Reference(file="fromglc10v01_48_12.tif", land=20, plain=50, river=60, fill=0),
}
"""By name; the layouts of one product differ where it is delivered in several."""

REFUSED: Mapping[str, Reference] = {
    "jrc-change": Reference(file="change_10E_50Nv1_4_2021.tif", land=253, plain=120, river=100),
    "jrc-change-norm": Reference(
        file="gsw_change_norm.tif", land=0, plain=-20, river=5, dtype="int16", fill=None
    ),
    "jrc-monthly-recurrence": Reference(file="monthlyRecurrence6.tif", land=0, plain=10, river=100),
    "worldcover-quality": Reference(
        file="ESA_WorldCover_10m_2021_v200_N48E012_InputQuality.tif", land=40, plain=50, river=60
    ),
    "cgls-seasonal": Reference(
        file="PROBAV_LC100_global_v3.0.1_2019-nrt_SeasonalWater-CoverFraction-layer_EPSG-4326.tif",
        land=0,
        plain=80,
        river=0,
    ),
    "copernicus-dem": Reference(
        file="Copernicus_DSM_COG_10_N48_00_E012_00_EDM.tif", land=1, plain=1, river=10
    ),
    "opera-conf": Reference(
        file="OPERA_L3_DSWx-HLS_T33UXP_20230601T100031Z_20230603T000000Z_S2A_30_v1.0_B03_CONF.tif",
        land=0,
        plain=3,
        river=1,
    ),
    "gfm-flood": Reference(
        file="ENSEMBLE_FLOOD_20230601T050000_VV_A015_E048N015T3.tif", land=0, plain=1, river=0, fill=255
    ),
    "mod44w-quality": Reference(
        file="MOD44W.061_water_mask_QA_doy2015001_aid0001.tif", land=1, plain=2, river=6
    ),
}
"""What cannot serve as permanent water, and is told so."""
