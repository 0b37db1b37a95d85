"""Products as providers name and scale them: each band holds its reflectance, or its backscatter in dB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import EAST, NORTH, Ground, lake, write_raster

GROUND = Ground(kinds=lake(48), noise=0.001)
OLI = {"1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "nir08", "6": "swir16", "7": "swir22"}
TM = {"1": "blue", "2": "green", "3": "red", "4": "nir08", "5": "swir16", "7": "swir22"}
MODIS = {"1": "red", "2": "nir08", "3": "blue", "4": "green", "5": "nir09", "6": "swir16", "7": "swir22"}
MSI = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22"}


def scene(*paths: Path, **said: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **said), sensors())


def counts(band: str, scale: float = 1e-4, offset: float = 0.0, dtype: str = "int16") -> NDArray[Any]:
    return np.rint((GROUND.reflectance(band) - offset) / scale).astype(dtype)


def right(opened: Scene, sensor: str, day: str | None, bands: Mapping[str, str]) -> None:
    """Sensor and day are found, and each band (its name there and in the ground) holds its reflectance."""
    assert opened.sensor is not None
    assert opened.sensor.name == sensor
    assert (opened.time.date().isoformat() if opened.time else None) == day
    for name, band in bands.items():
        assert opened.units(name) == "reflectance"
        pixels = opened.read(opened.grid.window, [name])
        expected = GROUND.reflectance(band)
        np.testing.assert_allclose(pixels.physical()[0][pixels.valid], expected[pixels.valid], atol=2e-4)
        assert pixels.valid.mean() > 0.85


def same(bands: Mapping[str, str]) -> dict[str, str]:
    return {band: band for band in bands.values()}


@pytest.mark.parametrize(
    ("form", "day"),
    [
        ("MOD09A1.A2022153.h18v04.061.2022162034817.sur_refl_b0{}.tif", "2022-06-02"),
        ("MYD09GA.061_sur_refl_b0{}_1_doy2022153_aid0001.tif", "2022-06-02"),
        ("MCD43A4.061_Nadir_Reflectance_Band{}_doy2022153_aid0001.tif", "2022-06-02"),
        ("2022_sur_refl_b0{}.tif", None),
    ],
)
@pytest.mark.parametrize("tag", [True, False])
def test_modis(tmp_path: Path, form: str, day: str | None, tag: bool) -> None:
    for number, band in MODIS.items():
        data = counts(band)
        data[:2] = -28672
        write_raster(tmp_path / form.format(number), data, pixel=463.3, nodata=-28672 if tag else None)
    named = {"nir12" if band == "nir09" else band: band for band in MODIS.values()}
    with scene(tmp_path) as opened:
        right(opened, "modis", day, named)
        assert not opened.read(opened.grid.window, ["red"]).valid[:2].any()


def test_a_stack_of_modis_from_earth_engine(tmp_path: Path) -> None:
    data = np.stack([counts(band) for band in MODIS.values()])
    labels = [f"sur_refl_b0{number}" for number in MODIS]
    with scene(write_raster(tmp_path / "export.tif", data, pixel=500, descriptions=labels)) as opened:
        right(opened, "modis", None, {band: band for band in MODIS.values() if band != "nir09"})


@pytest.mark.parametrize("craft", ["SEN2A", "SEN2C", "LND05", "LND08"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "form", ["LEVEL2_{}_BOA", "LEVEL2_{}_BOA_bordeaux", "LEVEL3_{}_BAP", "LEVEL3_{}_BAP_b-1"]
)
def test_force(tmp_path: Path, craft: str, named: bool, form: str) -> None:
    bands = {"BLUE": "blue", "GREEN": "green", "RED": "red"}
    if craft.startswith("SEN"):
        bands |= {
            "REDEDGE1": "rededge071",
            "REDEDGE2": "rededge075",
            "REDEDGE3": "rededge078",
            "BROADNIR": "nir",
        }
    bands |= {"NIR": "nir08", "SWIR1": "swir16", "SWIR2": "swir22"}
    if "LEVEL3" in form:
        craft = {"SEN2C": "SEN2L", "LND05": "LNDLG"}.get(craft, craft)
    path = tmp_path / f"20180815_{form.format(craft)}.tif"
    data = np.stack([counts(band) for band in bands.values()])
    write_raster(path, data, nodata=-9999, descriptions=list(bands) if named else [])
    with scene(path) as opened:
        right(opened, "force", "2018-08-15", same(bands))


def test_words_of_force_alone_are_no_force(tmp_path: Path) -> None:
    data = np.stack([counts(band, dtype="uint8", scale=1 / 250) for band in ("red", "nir", "swir16")])
    path = write_raster(tmp_path / "stack.tif", data, descriptions=["RED", "NIR", "SWIR1"])
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "generic"
        assert opened.band_names == ("red", "nir", "swir16")


MAJA = "SENTINEL2A_20230614-105624-453_L2A_T31TCJ_C_V3-1"


def maja(folder: Path, kinds: tuple[str, ...]) -> Path:
    """Write a product of MAJA; slopes are corrected in FRE only."""
    cloud = np.zeros((48, 48), np.uint8)
    cloud[-4:] = 0b11
    for label, band in {"B2": "blue", "B4": "red", "B8": "nir", "B11": "swir16", "B8A": "nir08"}.items():
        for kind in kinds:
            data = counts(band) if kind == "FRE" or kinds == ("SRE",) else counts(band) + 500
            data[:2] = -10000
            write_raster(folder / MAJA / f"{MAJA}_{kind}_{label}.tif", data)
    for name in ("CLM_R1", "CLM_R2"):
        write_raster(folder / MAJA / "MASKS" / f"{MAJA}_{name}.tif", cloud)
    write_raster(folder / MAJA / "MASKS" / f"{MAJA}_MG2_R1.tif", cloud)
    write_raster(folder / MAJA / f"{MAJA}_ATB_R1.tif", np.stack([cloud, cloud]))
    return folder / MAJA


@pytest.mark.parametrize("kinds", [("FRE",), ("SRE",), ("FRE", "SRE")])
@pytest.mark.parametrize("given", ["folder", "parent", "files"])
def test_maja(tmp_path: Path, kinds: tuple[str, ...], given: str) -> None:
    folder = maja(tmp_path, kinds)
    best = "FRE" if "FRE" in kinds else "SRE"
    paths = {
        "folder": [folder],
        "parent": [tmp_path],
        "files": sorted(folder.glob(f"*_{best}_*.tif")),
    }[given]
    with scene(*paths) as opened:
        right(
            opened, "sentinel-2-l2a", "2023-06-14", {name: name for name in ("red", "nir", "nir08", "swir16")}
        )
        assert opened.time is not None
        assert opened.time.isoformat().startswith("2023-06-14T10:56:24")
        assert opened.platform == "sentinel-2a"
        valid = opened.read(opened.grid.window, ["red", "nir"]).valid
        assert not valid[:2].any()
        assert not valid[-4:].any()
        assert valid[2:-4].all()


@pytest.mark.parametrize(
    ("product", "labels"),
    [
        (
            "S30",
            {"B02": "blue", "B03": "green", "B04": "red", "B8A": "nir08", "B11": "swir16", "B12": "swir22"},
        ),
        (
            "L30",
            {"B02": "blue", "B03": "green", "B04": "red", "B05": "nir08", "B06": "swir16", "B07": "swir22"},
        ),
    ],
)
def test_hls_of_appeears(tmp_path: Path, product: str, labels: Mapping[str, str]) -> None:
    end = "_doy2022152_aid0001.tif"
    for label, band in labels.items():
        write_raster(tmp_path / f"HLS{product}.020_{label}{end}", counts(band), pixel=30, nodata=-9999)
    cloud = np.full((48, 48), 64, np.uint8)
    cloud[:4] = 66
    write_raster(tmp_path / f"HLS{product}.020_Fmask{end}", cloud, pixel=30)
    write_raster(tmp_path / f"HLS{product}.020_SZA{end}", counts("blue"), pixel=30)
    with scene(tmp_path) as opened:
        right(opened, f"hls-{product.lower()}", "2022-06-01", same(labels))
        assert not opened.read(opened.grid.window, ["red"]).valid[:4].any()


C1 = "_044034_20100611_20180619_01_T1"
ARD = "_CU_030006_20100729_20190614_C01_V01"


@pytest.mark.parametrize(("craft", "number"), [("LT05", 5), ("LE07", 7), ("LC08", 8)])
@pytest.mark.parametrize("form", ["_L1TP" + C1 + "_sr_band{}.tif", ARD + "_SRB{}.tif"])
@pytest.mark.parametrize("mtl", [False, True])
def test_surface_reflectance_of_collection_1(
    tmp_path: Path, craft: str, number: int, form: str, mtl: bool
) -> None:
    bands = OLI if craft == "LC08" else TM
    for band_number, band in bands.items():
        write_raster(tmp_path / (craft + form.format(band_number)), counts(band), pixel=30, nodata=-9999)
    quality = np.full((48, 48), 2, np.uint16)
    quality[:3] = 32
    layer = "_PIXELQA.tif" if "SRB" in form else "_pixel_qa.tif"
    write_raster(
        tmp_path / (craft + form.rpartition("_S" if "SRB" in form else "_s")[0] + layer), quality, pixel=30
    )
    if mtl:
        text = (
            f'GROUP = PRODUCT_METADATA\nDATA_TYPE = "L1TP"\nSPACECRAFT_ID = "LANDSAT_{number}"\n'
            "DATE_ACQUIRED = 2010-06-11\nSUN_ELEVATION = 60.0\nEND_GROUP = PRODUCT_METADATA\n"
        )
        (tmp_path / f"{craft}_L1TP{C1}_MTL.txt").write_text(text)
    if mtl and "SRB" in form:
        return  # ARD have an XML file of their own
    day = "2010-07-29" if "SRB" in form else "2010-06-11"
    with scene(tmp_path) as opened:
        right(opened, f"landsat-{number}-l2-c1", day, same(bands))
        assert not opened.read(opened.grid.window, ["red"]).valid[:3].any()


@pytest.mark.parametrize("craft", ["LT05", "LE07", "LC08", "LC09"])
def test_analysis_ready_data_of_collection_2(tmp_path: Path, craft: str) -> None:
    bands = OLI if craft in {"LC08", "LC09"} else TM
    for number, band in bands.items():
        data = counts(band, 2.75e-5, -0.2, "uint16")
        write_raster(
            tmp_path / f"{craft}_CU_030006_20200729_20210504_02_SR_B{number}.TIF", data, pixel=30, nodata=0
        )
    with scene(tmp_path) as opened:
        right(opened, f"landsat-{craft[-1]}-l2", "2020-07-29", same(bands))
        assert opened.platform == f"landsat-{craft[-1]}"


@pytest.mark.parametrize("clock", ["00:00_2023-06-14-23:59", "00_00_2023-06-14-23_59"])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_raw_bands_of_the_copernicus_browser(tmp_path: Path, clock: str, level: str, dtype: str) -> None:
    scale = 1 / 65535 if dtype == "uint16" else 1.0
    for label, band in MSI.items():
        data = GROUND.reflectance(band) / scale
        stored = np.rint(data).astype(dtype) if dtype == "uint16" else data.astype(dtype)
        write_raster(tmp_path / f"2023-06-14-{clock}_Sentinel-2_{level}_{label}_(Raw).tiff", stored)
    with scene(tmp_path) as opened:
        right(opened, "sentinel-2-l2a", "2023-06-14", same(MSI))


PALSAR = {
    "N10E010_20_sl_{}_F02DAR.tif": "N10E010_20_{}_F02DAR.tif",
    "N10E010_17_{}_F02DAR.tif": "N10E010_17_{}_F02DAR.tif",
    "IMG-{}-ALOS2426032860-220411-FBDR2.1GUA.tif": "",
    "IMG-{}-ALOS2426032860-220411-FBDR1.5RUD.tif": "",
}


@pytest.mark.parametrize("form", PALSAR)
def test_palsar(tmp_path: Path, form: str) -> None:
    for name, band in {"HH": "vv", "HV": "vh"}.items():
        data = np.sqrt(GROUND.power(band) * 10**8.3).round().astype(np.uint16)
        write_raster(tmp_path / form.format(name), data, pixel=25, nodata=0)
    if PALSAR[form]:
        for layer in ("linci", "date"):
            write_raster(tmp_path / PALSAR[form].format(layer), np.full((48, 48), 38, np.uint8), pixel=25)
    with scene(tmp_path) as opened:
        assert set(opened.band_names) == {"hh", "hv"}
        for name, band in {"hh": "vv", "hv": "vh"}.items():
            assert opened.units(name) == "db"
            found = opened.read(opened.grid.window, [name]).physical()[0]
            np.testing.assert_allclose(found, 10 * np.log10(GROUND.power(band)), atol=0.05)


def test_nisar(tmp_path: Path) -> None:
    path = (
        tmp_path
        / "NISAR_L2_PR_GCOV_001_005_A_219_4020_SHNA_A_20230507T111213_20230507T111240_P01101_M_F_J_001.h5"
    )
    with h5py.File(path, "w") as file:
        group = file.create_group("science/LSAR/GCOV/grids/frequencyA")
        for name, band in {"HHHH": "vv", "HVHV": "vh", "numberOfLooks": "vv"}.items():
            group.create_dataset(name, data=GROUND.power(band).astype(np.float32))
        group["xCoordinates"] = EAST + 10 * np.arange(48) + 5
        group["yCoordinates"] = NORTH - 10 * np.arange(48) - 5
    with scene(path) as opened:
        assert opened.band_names == ("hh", "hv")
        found = opened.read(opened.grid.window, ["hv"]).physical()[0]
        np.testing.assert_allclose(found, 10 * np.log10(GROUND.power("vh")), atol=0.01)


@pytest.mark.parametrize("held", [True, False])
def test_a_vrt_of_stacked_files_has_their_names(tmp_path: Path, held: bool) -> None:
    bands = ""
    for number, (label, band) in enumerate(reversed(MSI.items()), start=1):
        name = f"T31TCJ_20230614T105621_{label}_10m.tif"
        write_raster(tmp_path / "bands" / name, counts(band, offset=-0.1 * held, dtype="uint16"))
        bands += (
            f'<VRTRasterBand dataType="UInt16" band="{number}"><SimpleSource>'
            f'<SourceFilename relativeToVRT="1">bands/{name}</SourceFilename><SourceBand>1</SourceBand>'
            "</SimpleSource></VRTRasterBand>"
        )
    path = tmp_path / "stack.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="48" rasterYSize="48"><SRS>EPSG:32631</SRS>'
        f"<GeoTransform>{EAST}, 10, 0, {NORTH}, 0, -10</GeoTransform>{bands}</VRTDataset>"
    )
    with scene(path) as opened:
        right(opened, "sentinel-2-l2a", None, same(MSI))


DEA = {
    "ga_s2cm_nbart_3-2-1_55HFA_2023-06-14_final_{}.tif": (
        "dea-sentinel-2",
        {
            "nbart_blue": ("band02", "blue"),
            "nbart_red_edge_1": ("band05", "rededge071"),
            "nbart_nir_1": ("band08", "nir"),
            "nbart_nir_2": ("band08a", "nir08"),
            "nbart_swir_2": ("band11", "swir16"),
            "nbart_swir_3": ("band12", "swir22"),
        },
    ),
    "ga_ls9c_nbart_3-2-1_088080_2023-06-14_nrt_{}.tif": (
        "dea-landsat",
        {
            "nbart_coastal_aerosol": ("band01", "coastal"),
            "nbart_green": ("band03", "green"),
            "nbart_nir": ("band05", "nir08"),
            "nbart_swir_1": ("band06", "swir16"),
            "nbart_swir_2": ("band07", "swir22"),
        },
    ),
    "ga_ls5t_nbart_3-2-1_088080_2023-06-14_final_{}.tif": (
        "dea-landsat-tm",
        {
            "nbart_blue": ("band01", "blue"),
            "nbart_green": ("band02", "green"),
            "nbart_nir": ("band04", "nir08"),
            "nbart_swir_1": ("band05", "swir16"),
            "nbart_swir_2": ("band07", "swir22"),
        },
    ),
}


@pytest.mark.parametrize("form", DEA)
def test_files_of_digital_earth_australia(tmp_path: Path, form: str) -> None:
    sensor, bands = DEA[form]
    for number, band in bands.values():
        write_raster(tmp_path / form.format(number), counts(band), pixel=20, nodata=-999)
    for kind, what in (("nbar", "band02"), ("oa", "solar-zenith")):
        write_raster(tmp_path / form.replace("nbart", kind).format(what), counts("red"), pixel=20)
    with scene(tmp_path) as opened:
        right(opened, sensor, "2023-06-14", {band: band for _, band in bands.values()})


@pytest.mark.parametrize("form", [form for form in DEA if "ls5t" not in form])
def test_cubes_of_digital_earth_australia(tmp_path: Path, form: str) -> None:
    sensor, bands = DEA[form]
    data = np.stack([counts(band) for _, band in bands.values()])
    path = write_raster(tmp_path / "cube.tif", data, pixel=20, nodata=-999, descriptions=list(bands))
    with scene(path) as opened:
        right(opened, sensor, None, {band: band for _, band in bands.values()})


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("form", DEA)
def test_files_of_digital_earth_australia_named_by_band(tmp_path: Path, form: str, beside: bool) -> None:
    sensor, bands = DEA[form]
    for label, (_, band) in bands.items():
        nbar = label.replace("nbart", "nbar")
        name = form.replace("nbart", "ard")
        write_raster(tmp_path / name.format(nbar), counts(band) + 500 * beside, pixel=20, nodata=-999)
        if beside:
            write_raster(tmp_path / name.format(label), counts(band), pixel=20, nodata=-999)
    with scene(tmp_path) as opened:
        right(opened, sensor, "2023-06-14", {band: band for _, band in bands.values()})


@pytest.mark.parametrize("given", ["data", "dim", "parent"])
def test_a_product_of_snap(tmp_path: Path, given: str) -> None:
    name = "S1A_IW_GRDH_1SDV_20230507T111213_20230507T111238_048426_05D34F_1A2B_Orb_Cal_TC"
    folder = tmp_path / "in" / f"{name}.data"
    for band in ("vv", "vh"):
        data = GROUND.power(band).astype(np.float32)
        write_raster(folder / f"Sigma0_{band.upper()}.img", data, driver="ENVI")
    write_raster(folder / "tie_point_grids" / "latitude.img", data, driver="ENVI")
    (tmp_path / "in" / f"{name}.dim").write_text("<Dimap_Document/>")
    path = {"data": folder, "dim": tmp_path / "in" / f"{name}.dim", "parent": tmp_path / "in"}[given]
    with scene(path) as opened:
        assert set(opened.band_names) == {"vv", "vh"}
        assert opened.time is not None
        assert opened.time.isoformat().startswith("2023-05-07T11:12:13")


@pytest.mark.parametrize("held", [True, False])
def test_signed_counts_of_sentinel_2_at_30_m_with_the_offset_are_told(tmp_path: Path, held: bool) -> None:
    data = np.stack([counts(band, offset=-0.1 * held) for band in MSI.values()])
    with scene(write_raster(tmp_path / "a.tif", data, pixel=30, descriptions=list(MSI))) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "hls-s30"
        assert ("sentinel2-offset-doubtful" in {message.code for message in opened.messages}) is held
