"""Products with their quality layer: one made ground, clouds and the like in the codes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.scenes import Scene, open_scene
from geoseg.spec import Condition, SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import SIDE, Ground, write_raster

Says = NDArray[np.object_]
"""(H, W) names of conditions, "clear" where there is none."""


def conditions(names: tuple[Condition, ...], side: int = SIDE) -> Says:
    """Squares of 20 pixels a side in a row, one a condition; all else is clear."""
    says = np.full((side, side), "clear", object)
    for place, name in enumerate(names):
        says[20:40, 10 + 24 * place : 30 + 24 * place] = name
    return says


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A product with a quality layer."""

    kind: str
    """Of the layer, as in `configs/quality`."""
    bands: Callable[[Path, Ground], None]
    """Writes the bands into the product's folder."""
    layer: str
    """File name of the layer."""
    codes: Mapping[str, int | tuple[int, ...]]
    """Stored value by condition; for a layer of several bands one value a band."""
    folder: str
    dtype: str = "uint8"
    descriptions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[Condition, ...]:
        """Conditions that the layer can tell."""
        return tuple(name for name in self.codes if name != "clear")  # type: ignore[misc]

    def write(self, root: Path, ground: Ground, says: Says) -> Path:
        """Write the product with its layer; return the folder."""
        folder = root / self.folder
        self.bands(folder, ground)
        self.write_layer(folder / self.layer, says)
        return folder

    def write_layer(self, path: Path, says: Says, pixel: float | None = None) -> None:
        """Write the layer alone; without `pixel` on the grid of the bands."""
        values = np.array([np.atleast_1d(self.codes[name]) for name in says.ravel()])
        data = np.moveaxis(values.reshape(*says.shape, -1), -1, 0).astype(self.dtype)
        write_raster(path, data, pixel=pixel or PIXEL[self.kind], descriptions=self.descriptions)


def _landsat(stem: str, prefix: str, scale: float, offset: float) -> Callable[[Path, Ground], None]:
    def write(folder: Path, ground: Ground) -> None:
        for label, band in (
            ("B2", "blue"),
            ("B3", "green"),
            ("B4", "red"),
            ("B5", "nir08"),
            ("B6", "swir16"),
        ):
            counts = ((ground.reflectance(band) - offset) / scale).round().astype(np.uint16)
            write_raster(folder / f"{stem}_{prefix}{label}.TIF", counts, pixel=30)

    return write


def _sentinel2(folder: Path, ground: Ground) -> None:
    for label, band in (("B02", "blue"), ("B03", "green"), ("B04", "red"), ("B08", "nir"), ("B11", "swir16")):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.uint16)
        write_raster(folder / f"T33UXP_20200704T100031_{label}_10m.tif", counts)


def _hls(folder: Path, ground: Ground) -> None:
    for label, band in (
        ("B02", "blue"),
        ("B03", "green"),
        ("B04", "red"),
        ("B8A", "nir08"),
        ("B11", "swir16"),
    ):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.int16)
        name = f"HLS.S30.T33UXP.2022152T100031.v2.0.{label}.tif"
        write_raster(folder / name, counts, pixel=30, nodata=-9999)


def _planet(folder: Path, ground: Ground) -> None:
    bands = ("blue", "green", "red", "nir")
    counts = np.stack([(1e4 * ground.reflectance(band)).round() for band in bands]).astype(np.uint16)
    name = "20230614_181520_12_24af_3B_AnalyticMS_SR_clip.tif"
    write_raster(folder / name, counts, pixel=3, nodata=0, descriptions=bands)


def _radar(stem: str) -> Callable[[Path, Ground], None]:
    def write(folder: Path, ground: Ground) -> None:
        for band in ("vv", "vh"):
            path = folder / f"{stem}_{band.upper()}.tif"
            write_raster(path, ground.power(band).astype(np.float32), pixel=30)

    return write


def _modis(folder: Path, ground: Ground) -> None:
    for number, band in (("1", "red"), ("2", "nir08"), ("3", "blue"), ("4", "green"), ("6", "swir16")):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.int16)
        write_raster(folder / f"{_MODIS}sur_refl_b0{number}.tif", counts, pixel=500)


def _force(folder: Path, ground: Ground) -> None:
    bands = {
        "BLUE": "blue",
        "GREEN": "green",
        "RED": "red",
        "NIR": "nir08",
        "SWIR1": "swir16",
        "SWIR2": "swir22",
    }
    counts = np.stack([(1e4 * ground.reflectance(band)).round() for band in bands.values()]).astype(np.int16)
    write_raster(folder / f"{_FORCE}BOA.tif", counts, pixel=30, nodata=-9999, descriptions=list(bands))


def _dea(folder: Path, ground: Ground) -> None:
    for name, band in (("02", "blue"), ("03", "green"), ("04", "red"), ("08", "nir"), ("11", "swir16")):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.int16)
        write_raster(folder / f"{_DEA}band{name}.tif", counts, nodata=-999)


def _maja(folder: Path, ground: Ground) -> None:
    for label, band in (("B2", "blue"), ("B3", "green"), ("B4", "red"), ("B8", "nir"), ("B11", "swir16")):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.int16)
        write_raster(folder / f"{_MAJA}_FRE_{label}.tif", counts)


def _palsar(folder: Path, ground: Ground) -> None:
    for name, band in (("HH", "vv"), ("HV", "vh")):
        counts = np.sqrt(ground.power(band) * 10**8.3).round().astype(np.uint16)
        write_raster(folder / f"{_PALSAR}_sl_{name}_F02DAR.tif", counts, pixel=25)


def _collection_1(folder: Path, ground: Ground) -> None:
    for number, band in enumerate(("coastal", "blue", "green", "red", "nir08"), start=1):
        counts = (1e4 * ground.reflectance(band)).round().astype(np.int16)
        write_raster(folder / f"{_L1}_sr_band{number}.tif", counts, pixel=30, nodata=-9999)


_MODIS = "MOD09A1.A2022153.h18v04.061.2022162034817."
_FORCE = "20180815_LEVEL2_LND08_"
_MAJA = "SENTINEL2A_20180614-105624-453_L2A_T31TCJ_C_V3-1"
_DEA = "ga_s2am_nbart_3-2-1_55HFA_2023-06-14_final_"
_PALSAR = "N10E010_20"
_QA = {"clear": 1 << 6, "fill": 1, "cloud": 1 << 3, "shadow": 1 << 4, "snow": 1 << 5}
_L2 = "LC08_L2SP_044034_20230614_20230622_02_T1"
_L1 = "LC08_L1TP_044034_20160614_20170622_01_T1"
_OLD = "LC80440342014165LGN00"
_HYP3 = "S1A_IW_20230507T111213_DVP_RTC30_G_gpuned_3F2A"
_OPERA = "OPERA_L2_RTC-S1_T064-135518-IW1_20230507T111213Z_20230508T000000Z_S1A_30_v1.0"

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        kind="sentinel-2-scl",
        folder="s2-l2a",
        bands=_sentinel2,
        layer="T33UXP_20200704T100031_SCL_20m.tif",
        codes={"clear": 5, "fill": 0, "saturated": 1, "shadow": 3, "cloud": 10, "snow": 11},
    ),
    Layout(
        kind="sentinel-2-classi",
        folder="s2-l1c",
        bands=_sentinel2,
        layer="MSK_CLASSI_B00.tif",
        codes={"clear": (0, 0, 0), "cloud": (0, 1, 0), "snow": (0, 0, 1)},
    ),
    Layout(
        kind="landsat-qa-pixel",
        folder=_L2,
        bands=_landsat(_L2, "SR_", 2.75e-5, -0.2),
        layer=f"{_L2}_QA_PIXEL.TIF",
        codes=_QA,
        dtype="uint16",
    ),
    Layout(
        kind="landsat-qa-radsat",
        folder=_L2,
        bands=_landsat(_L2, "SR_", 2.75e-5, -0.2),
        layer=f"{_L2}_QA_RADSAT.TIF",
        codes={"clear": 0, "saturated": 1 << 2},
        dtype="uint16",
    ),
    Layout(
        kind="landsat-bqa",
        folder=_L1,
        bands=_landsat(_L1, "", 2e-5, -0.1),
        layer=f"{_L1}_BQA.TIF",
        codes={"clear": 2720, "fill": 1, "cloud": 2800, "shadow": 2976, "snow": 3744, "saturated": 2732},
        dtype="uint16",
    ),
    Layout(
        kind="landsat-bqa-precollection",
        folder=_OLD,
        bands=_landsat(_OLD, "", 2e-5, -0.1),
        layer=f"{_OLD}_BQA.TIF",
        codes={"clear": 20480, "fill": 1, "cloud": 53248, "snow": 23552},
        dtype="uint16",
    ),
    Layout(
        kind="hls-fmask",
        folder="HLS.S30.T33UXP.2022152T100031.v2.0",
        bands=_hls,
        layer="HLS.S30.T33UXP.2022152T100031.v2.0.Fmask.tif",
        codes={"clear": 64, "fill": 255, "cloud": 66, "shadow": 72, "snow": 80},
    ),
    Layout(
        kind="planet-udm2",
        folder="PSScene",
        bands=_planet,
        layer="20230614_181520_12_24af_3B_udm2_clip.tif",
        codes={
            "clear": (1, 0, 0, 0, 0, 0, 90, 0),
            "fill": (0, 0, 0, 0, 0, 0, 0, 1),
            "cloud": (0, 0, 0, 0, 0, 1, 80, 2),
            "shadow": (0, 0, 1, 0, 0, 0, 80, 0),
            "snow": (0, 1, 0, 0, 0, 0, 80, 0),
            "haze": (0, 0, 0, 1, 0, 0, 80, 0),
        },
        descriptions=("clear", "snow", "shadow", "haze_light", "haze_heavy", "cloud", "confidence", "udm1"),
    ),
    Layout(
        kind="planet-udm",
        folder="PSScene",
        bands=_planet,
        layer="20230614_181520_12_24af_3B_AnalyticMS_DN_udm_clip.tif",
        codes={"clear": 0, "fill": 1, "cloud": 2},
    ),
    Layout(
        kind="hyp3-ls-map",
        folder=_HYP3,
        bands=_radar(_HYP3),
        layer=f"{_HYP3}_ls_map.tif",
        codes={"clear": 1, "fill": 0, "layover": 17},
    ),
    Layout(
        kind="opera-rtc-mask",
        folder=_OPERA,
        bands=_radar(_OPERA),
        layer=f"{_OPERA}_mask.tif",
        codes={"clear": 0, "fill": 255, "layover": 2},
    ),
    Layout(
        kind="modis-state",
        folder="modis",
        bands=_modis,
        layer=f"{_MODIS}sur_refl_state_500m.tif",
        codes={"clear": 0b11 | 1 << 3, "cloud": 2, "shadow": 1 << 2, "snow": 1 << 12},
        dtype="uint16",
    ),
    Layout(
        kind="fmask",
        folder="s2-fmask",
        bands=_sentinel2,
        layer="T33UXP_20200704T100031_Fmask.tif",
        codes={"clear": 1, "fill": 255, "shadow": 2, "snow": 3, "cloud": 4},
    ),
    Layout(
        kind="dea-fmask",
        folder="dea",
        bands=_dea,
        layer=f"{_DEA.replace('nbart', 'oa')}fmask.tif",
        codes={"clear": 1, "fill": 0, "cloud": 2, "shadow": 3, "snow": 4},
    ),
    Layout(
        kind="force-qai",
        folder="X0057_Y0044",
        bands=_force,
        layer=f"{_FORCE}QAI.tif",
        codes={"clear": 1 << 5, "fill": 1, "cloud": 3 << 1, "shadow": 1 << 3, "snow": 1 << 4},
        dtype="int16",
    ),
    Layout(
        kind="maja-clm",
        folder=_MAJA,
        bands=_maja,
        layer=f"{_MAJA}_CLM_R1.tif",
        codes={"clear": 1 << 4, "cloud": 0b11, "shadow": 0b100001},
    ),
    Layout(
        kind="maja-edg", folder=_MAJA, bands=_maja, layer=f"{_MAJA}_EDG_R1.tif", codes={"clear": 0, "fill": 1}
    ),
    Layout(
        kind="jaxa-mosaic-mask",
        folder="N10E010",
        bands=_palsar,
        layer=f"{_PALSAR}_mask_F02DAR.tif",
        codes={"clear": 50, "fill": 0, "layover": 150},
    ),
    Layout(
        kind="landsat-radsat-qa",
        folder=f"{_L1}-sr",
        bands=_collection_1,
        layer=f"{_L1}_radsat_qa.tif",
        codes={"clear": 0, "saturated": 1 << 3},
        dtype="uint16",
    ),
)

PIXEL: Mapping[str, float] = {
    "sentinel-2-scl": 10, "sentinel-2-classi": 10, "planet-udm2": 3, "planet-udm": 3,
    "landsat-qa-pixel": 30, "landsat-qa-radsat": 30, "landsat-bqa": 30, "landsat-bqa-precollection": 30,
    "hls-fmask": 30, "hyp3-ls-map": 30, "opera-rtc-mask": 30, "modis-state": 500, "force-qai": 30,
    "fmask": 10, "dea-fmask": 10,
    "maja-clm": 10, "maja-edg": 10, "jaxa-mosaic-mask": 25, "landsat-radsat-qa": 30,
}  # fmt: skip
"""Metres of a pixel of the layer where nothing else is said."""


BY_KIND = {layout.kind: layout for layout in LAYOUTS}


def opened(path: Path | str, *more: str, **said: object) -> Scene:
    return open_scene(SceneSpec.model_validate({"paths": (str(path), *more), **said}), sensors())


def valid(scene: Scene) -> NDArray[np.bool_]:
    with scene:
        return scene.read(scene.grid.window, scene.band_names).valid
