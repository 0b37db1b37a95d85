"""What stacks and folders are told by: band names, fill, pixels; layers that are no bands; raw radar."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from geoseg.errors import BandError, SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import REFLECTANCE, Ground, disc, write_raster

SMALL = Ground(kinds=disc(24, 7, 12, 12).astype(np.uint8), noise=0.0005)

S2 = {
    "B1": "coastal", "B2": "blue", "B3": "green", "B4": "red", "B5": "rededge071", "B6": "rededge075",
    "B7": "rededge078", "B8": "nir", "B8A": "nir08", "B9": "nir09", "B10": "cirrus", "B11": "swir16",
    "B12": "swir22",
}  # fmt: skip


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def stack(path: Path, labels: list[str], dtype: str, *, named: bool = True, **profile: Any) -> Path:
    """Write a stack of Sentinel-2's bands as counts, or as reflectance in floats."""
    scale = 1.0 if dtype.startswith("float") else 1e4
    data = np.stack([SMALL.reflectance(S2[label]) * scale for label in labels]).astype(dtype)
    return write_raster(path, data, descriptions=labels if named else [], **profile)


def right(opened: Scene, bands: list[str]) -> None:
    """Every band holds its own reflectance."""
    assert set(opened.band_names) == set(bands)
    for band in bands:
        found = opened.read(opened.grid.window, [band]).physical()[0]
        np.testing.assert_allclose(found, SMALL.reflectance(band), atol=2e-4)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("pixel", [10.0, 30.0])
@pytest.mark.parametrize("level", ["l1c", "l2a"])
def test_chips_of_sentinel_2_named_as_earth_engine_names_them(
    tmp_path: Path, dtype: str, pixel: float, level: str
) -> None:
    labels = [label for label in S2 if level == "l1c" or label != "B10"]
    path = stack(tmp_path / "chip_0001.tif", labels, dtype, pixel=pixel)
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == f"sentinel-2-{level}"
        right(opened, [S2[label] for label in labels])


@pytest.mark.parametrize(
    ("pixel", "fill", "expected"),
    [
        (10.0, False, "sentinel-2"),
        (20.0, False, "sentinel-2"),
        (30.0, False, "hls-s30"),
        (10.0, True, "hls-s30"),
    ],
)
def test_signed_bands_are_hls_by_fill_or_pixels(
    tmp_path: Path, pixel: float, fill: bool, expected: str
) -> None:
    for label, band in S2.items():
        counts = (SMALL.reflectance(band) * 1e4).astype(np.int16)
        if fill:
            counts[0, 0] = -9999
        padded = label if label == "B8A" else f"B{int(label[1:]):02d}"
        write_raster(tmp_path / f"{padded}.tif", counts, pixel=pixel)
    with scene(tmp_path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name.startswith(expected)
        assert opened.bands[0].nodata == (-9999 if expected == "hls-s30" else 0)
        assert set(opened.band_names) == set(S2.values())


def test_signed_bands_of_no_place_ask_for_the_sensor(tmp_path: Path) -> None:
    labels = ["B02", "B03", "B04", "B8A", "B11", "B12"]
    data = np.full((6, 8, 8), 900, np.int16)
    path = write_raster(tmp_path / "7.tif", data, crs=None, descriptions=labels)
    with pytest.raises(
        BandError, match=r"hls-s30, sentinel-2-l1c, sentinel-2-l2a; select one with `--sensor`"
    ):
        scene(path)


@pytest.mark.parametrize("last", [False, True])
def test_thirteen_bands_without_names(tmp_path: Path, last: bool) -> None:
    labels = [label for label in S2 if label != "B8A"] + ["B8A"] if last else list(S2)
    path = stack(tmp_path / "Ghana_103272_S2Hand.tif", labels, "int16", named=False)
    with pytest.raises(BandError, match=r"`--sensor`.*sentinel-2-l1c"):
        scene(path)
    with scene(path, sensor="sentinel-2-l1c-harmonised") as opened:
        right(opened, list(S2.values()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20200814_162132_ssc4_u0001_analytic_SR_clip", "skysat"),
        ("20200814_162132_ssc4d2_0013_analytic_SR", "skysat"),
        ("20200814_162132_1018_3B_AnalyticMS_SR_harmonized_clip", "planetscope"),
        ("20200814_162132_00_2212_SR", "planetscope"),
        ("20240528_103021_S2A_SR", None),
        ("20200814_162132_00_2212_3B_AnalyticMS_SR_toar", "planetscope and planetscope-toar"),
    ],
)
def test_names_of_one_sensor_of_none_and_of_two(tmp_path: Path, name: str, expected: str | None) -> None:
    bands = ["blue", "green", "red", "nir"]
    data = np.stack([SMALL.reflectance(band) * 1e4 for band in bands]).astype(np.uint16)
    path = write_raster(tmp_path / f"{name}.tif", data)
    if expected is None or " and " in expected:
        with pytest.raises(BandError, match=expected or "set `--sensor` to one of"):
            scene(path)
        return
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == expected
        right(opened, bands)


L1C = "S2A_MSIL1C_20240528T103021_N0510_R108_T32TQM_20240528T141421"


@pytest.mark.parametrize(
    ("name", "level"),
    [
        (L1C, "l1c"),
        (f"subset_0_of_{L1C}_resampled", "l1c"),
        (f"clip-{L1C}", "l1c"),
        (f"subset_0_of_{L1C.replace('1C', '2A')}", "l2a"),
        (f"{L1C}_L2A", "l2a"),
        (f"{L1C}_sen2cor", "l2a"),
        (f"{L1C}_iCOR_clip", "l2a"),
        (f"lake_{L1C}_acolite_rhos", "l2a"),
        (f"{L1C}_SRTM", "l1c"),
        (f"iCOR_{L1C}", "l2a"),
        (f"lake_BOA_clip_of_{L1C}", "l2a"),
        (f"SRTM_{L1C}", "l1c"),
    ],
)
def test_the_level_in_a_name_with_other_words(tmp_path: Path, name: str, level: str) -> None:
    with scene(stack(tmp_path / f"{name}.tif", ["B2", "B3", "B4", "B8"], "float32")) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == f"sentinel-2-{level}"


def test_radar_of_snap_with_its_prefix_and_copies_in_db(tmp_path: Path) -> None:
    name = "subset_1_of_S1A_IW_GRDH_1SDV_20230614T052000_Cal_TC"
    (tmp_path / f"{name}.dim").write_text("<Dimap_Document/>")
    for band, power in (("VV", 0.1), ("VH", 0.02)):
        values = np.full((8, 8), power, np.float32)
        folder = tmp_path / f"{name}.data"
        write_raster(folder / f"Sigma0_{band}.img", values, driver="ENVI")
        write_raster(folder / f"Sigma0_{band}_db.img", 10 * np.log10(values), driver="ENVI")
    with scene(tmp_path / f"{name}.dim") as opened:
        assert {Path(band.raster.path).name for band in opened.bands} == {"Sigma0_VV.img", "Sigma0_VH.img"}
        assert opened.read(opened.grid.window, ["vv"]).physical()[0, 0, 0] == pytest.approx(-10)


@pytest.mark.parametrize("beside", ["view_zenith_B2", "view_azimuth_B3", "sun_zenith", "rhow_B2", "rrs_B3"])
def test_layers_of_snap_beside_the_bands(tmp_path: Path, beside: str) -> None:
    folder = tmp_path / f"{L1C}_resampled.data"
    for label in ("B2", "B3", "B4", "B8"):
        write_raster(folder / f"{label}.img", SMALL.reflectance(S2[label]).astype(np.float32), driver="ENVI")
    write_raster(folder / f"{beside}.img", np.full((24, 24), 30, np.float32), driver="ENVI")
    with scene(folder) as opened:
        right(opened, ["blue", "green", "red", "nir"])


@pytest.mark.parametrize(
    ("labels", "pixel", "match"),
    [
        (["B01", "B02", "B03", "B04"], 2.0, "B01 to B04 count the bands"),
        (["B01", "B02", "B03"], 10.0, "B01 to B03 count the bands"),
        (["B04", "B06", "B08"], 300.0, "Sentinel-3 OLCI"),
        (["B02", "B03", "B04", "B08"], 10.0, None),
        (["B04", "B06", "B08", "B8A"], 300.0, None),
        (["B04", "B06", "B08"], 60.0, None),
    ],
)
def test_labels_that_other_instruments_have_too(
    tmp_path: Path, labels: list[str], pixel: float, match: str | None
) -> None:
    data = np.stack([SMALL.reflectance("nir") * 1e4 for _ in labels]).astype(np.uint16)
    path = write_raster(tmp_path / "lake.tif", data, pixel=pixel, descriptions=labels)
    if match is None:
        scene(path).close()
        return
    with pytest.raises(BandError, match=match):
        scene(path)
    scene(path, sensor="sentinel-2-l2a-harmonised").close()


def test_labels_that_count_the_bands_of_each_tile(tmp_path: Path) -> None:
    for position in range(2):
        labels = ["B01", "B02", "B03", "B04"]
        data = np.stack([SMALL.reflectance("nir") * 1e4 for _ in labels]).astype(np.uint16)
        place = Affine(10, 0, 5e5 + 240 * position, 0, -10, 5e6)
        write_raster(tmp_path / "tiles" / f"{position}.tif", data, descriptions=labels, transform=place)
    with pytest.raises(BandError, match="B01 to B04 count the bands"):
        scene(tmp_path / "tiles")


def test_a_folder_of_bigearthnet(tmp_path: Path) -> None:
    name = "S2A_MSIL2A_20170613T101031_0_45"
    for label, band in S2.items():
        if label != "B10":
            padded = label if label == "B8A" else f"B{int(label[1:]):02d}"
            counts = (SMALL.reflectance(band) * 1e4).astype(np.uint16)
            write_raster(tmp_path / name / f"{name}_{padded}.tif", counts)
    (tmp_path / name / f"{name}_labels_metadata.json").write_text("{}")
    with scene(tmp_path / name) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l2a"
        right(opened, [band for band in S2.values() if band != "cirrus"])


EXPORTS = {
    "sentinel-2-l2a": (
        ["B2", "B3", "B4", "B8", "B8A", "B11", "B12"],
        [
            "AOT",
            "WVP",
            "TCI_R",
            "TCI_G",
            "TCI_B",
            "MSK_CLDPRB",
            "MSK_SNWPRB",
            "QA10",
            "QA20",
            "MSK_CLASSI_CIRRUS",
        ],
        ["SCL", "QA60"],
    ),
    "landsat-8-l2": (
        ["SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "ST_B10"],
        [
            "SR_QA_AEROSOL",
            "ST_ATRAN",
            "ST_CDIST",
            "ST_DRAD",
            "ST_EMIS",
            "ST_EMSD",
            "ST_QA",
            "ST_TRAD",
            "ST_URAD",
        ],
        ["QA_PIXEL", "QA_RADSAT"],
    ),
    "sentinel-1": (["VV", "VH"], ["angle"], []),
}


def test_single_bands_of_earth_engine(tmp_path: Path) -> None:
    bands, aside, _ = EXPORTS["sentinel-2-l2a"]
    for label in (*bands, *aside):
        write_raster(tmp_path / f"{label}.tif", np.full((8, 8), 1500, np.uint16))
    with scene(tmp_path) as opened:
        assert len(opened.band_names) == len(bands)
        assert {item.name for item in opened.metadata.left_out} == {f"{label}.tif" for label in aside}
        assert all(item.why != "not known by name" for item in opened.metadata.left_out)


@pytest.mark.parametrize("sensor", EXPORTS)
@pytest.mark.parametrize("prefix", ["", "20230506T101031_"])
def test_exports_of_earth_engine_with_all_of_their_layers(tmp_path: Path, sensor: str, prefix: str) -> None:
    bands, aside, quality = EXPORTS[sensor]
    labels = [f"{prefix}{label}" for label in (*bands, *aside)] + quality
    dtype = np.float32 if sensor == "sentinel-1" else np.uint16
    data = np.full((len(labels), 8, 8), 0.1 if sensor == "sentinel-1" else 9000, dtype)
    path = write_raster(tmp_path / "export.tif", data, pixel=30, descriptions=labels)
    with scene(path) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == sensor
        assert len(opened.band_names) == len(bands)
        assert "coastal" not in opened.band_names or sensor.startswith("landsat")
        assert {item.name.rpartition("(")[2].rstrip(")") for item in opened.metadata.left_out} == {
            f"{prefix}{label}" for label in aside
        }
        assert all(item.why != "not known by name" for item in opened.metadata.left_out)


def test_an_auxiliary_layer_alone_is_refused_but_may_be_named(tmp_path: Path) -> None:
    name = "LC08_L2SP_044034_20230614_20230622_02_T1_SR_QA_AEROSOL.TIF"
    path = write_raster(tmp_path / name, np.full((4, 4), 96, np.uint8))
    with pytest.raises(SceneError, match=r"aerosol quality.*`--band "):
        scene(path)
    with scene(path, bands={"aerosol": str(path)}, sensor="generic") as opened:
        assert opened.band_names == ("aerosol",)


HYP3 = "S1A_IW_20230507T111213_DVP_RTC30_G_gpuned_3F2A"


@pytest.mark.parametrize("packed", ["folder", "zip"])
def test_a_package_of_hyp3(tmp_path: Path, packed: str) -> None:
    folder = tmp_path / HYP3
    for band in ("vv", "vh"):
        power = np.where(SMALL.water, 0.01, 0.1).astype(np.float32)
        write_raster(folder / f"{HYP3}_{band.upper()}.tif", power, pixel=30, nodata=0)
    for end in ("dem", "inc_map", "inc_map_ell", "area", "rgb", "ls_map"):
        write_raster(folder / f"{HYP3}_{end}.tif", np.ones((24, 24), np.uint8), pixel=30)
    for end in (
        ".README.md.txt",
        ".log",
        ".png",
        ".png.aux.xml",
        "_rgb.kmz",
        "_rgb.png",
        "_shape.shp",
        "_VV.tif.xml",
    ):
        (folder / f"{HYP3}{end}").write_bytes(b"no raster")
    path = folder
    if packed == "zip":
        path = tmp_path / "package.zip"
        with zipfile.ZipFile(path, "w") as file:
            for item in folder.iterdir():
                file.write(item, f"{HYP3}/{item.name}")
                file.writestr(f"__MACOSX/{HYP3}/._{item.name}", b"\x00\x05\x16\x07")
    with scene(path) as opened:
        assert set(opened.band_names) == {"vv", "vh"}
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-1"
        left = {item.name.removeprefix(HYP3): item.why for item in opened.metadata.left_out}
        rasters = {f"_{end}.tif" for end in ("dem", "inc_map", "inc_map_ell", "area", "rgb")}
        assert set(left) == rasters | {"_rgb.kmz", "_rgb.png", ".png"}
        assert left["_dem.tif"] == "heights"
        assert [layer.title for layer in opened.quality.layers] == ["ls_map"]


SAFE = "S1A_IW_GRDH_1SDV_20230507T111213_20230507T111238_048427_05D34A_1B2C.SAFE"
MEASURED = "s1a-iw-grd-vv-20230507t111213-20230507t111238-048427-05d34a-001.tiff"


def raw(folder: Path, kind: str = "GRDH") -> Path:
    """Write a Sentinel-1 product as ESA delivers it, without what makes it large."""
    root = folder / SAFE.replace("GRDH", kind)
    name = MEASURED.replace("grd", "slc" if kind.startswith("SLC") else "grd")
    dtype = np.complex64 if kind.startswith("SLC") else np.uint16
    write_raster(root / "measurement" / name, np.ones((4, 4), dtype), crs=None)
    (root / "manifest.safe").write_text("<xfdu/>")
    (root / "annotation").mkdir()
    (root / "preview").mkdir()
    write_raster(root / "preview" / "quick-look.png", np.ones((4, 4), np.uint8), crs=None, driver="PNG")
    return root


@pytest.mark.parametrize("kind", ["GRDH", "SLC_"])
@pytest.mark.parametrize(
    "given", ["safe", "manifest", "measurement", "file", "zip", "parent", "moved", "loose"]
)
def test_radar_as_esa_delivers_it_is_refused_whatever_part_is_given(
    tmp_path: Path, given: str, kind: str
) -> None:
    root = raw(tmp_path, kind)
    file = next((root / "measurement").iterdir())
    paths = {"safe": root, "manifest": root / "manifest.safe", "measurement": file.parent}
    paths |= {"file": file, "parent": tmp_path}
    if given == "zip":
        paths["zip"] = tmp_path / "product.zip"
        with zipfile.ZipFile(paths["zip"], "w") as archive:
            for item in root.rglob("*"):
                archive.write(item, item.relative_to(tmp_path))
    elif given == "moved":
        paths["moved"] = root.rename(tmp_path / "my_flood")
    elif given == "loose":
        paths["loose"] = file.rename(tmp_path / file.name)
    with pytest.raises(
        SceneError, match=r"neither calibrated nor on a map grid; process it to backscatter"
    ) as caught:
        scene(paths[given])
    assert caught.value.exit_code == 3


def test_backscatter_that_kept_the_name_of_its_source_is_read(tmp_path: Path) -> None:
    power = np.where(SMALL.water, 0.01, 0.1).astype(np.float32)
    with scene(write_raster(tmp_path / MEASURED, power)) as opened:
        assert opened.band_names == ("vv",)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_picture_in_colours_says_what_it_does_for(tmp_path: Path) -> None:
    path = stack(tmp_path / "picture.tif", ["B4", "B3", "B2"], "uint8", named=False)
    with pytest.raises(
        BandError, match=r"set `--sensor naip` if they are colours, .* not for a water method"
    ):
        scene(path)
    assert scene(path, sensor="naip").band_names == ("red", "green", "blue")


def test_known_bands_of_the_ground() -> None:
    assert set(S2.values()) == set(REFLECTANCE)


@pytest.mark.parametrize("form", ["rhow_{}", "rrs_{}", "Rrs_{}", "rhown_{}"])
def test_water_leaving_reflectance_in_a_stack_is_no_band(tmp_path: Path, form: str) -> None:
    """Land is masked in it, so that its bands are not those of the surface."""
    labels = [form.format(label) for label in ("B2", "B3", "B4", "B8")]
    data = np.stack([SMALL.reflectance(S2[label[-2:]]) for label in labels]).astype(np.float32)
    path = write_raster(tmp_path / f"{L1C}_c2rcc.tif", data, descriptions=labels)
    with pytest.raises(SceneError, match="reflectance of water alone"):
        scene(path)
    mixed = write_raster(
        tmp_path / f"{L1C}.tif", np.concatenate([data, data]), descriptions=[*labels, "B2", "B3", "B4", "B8"]
    )
    with scene(mixed) as opened:
        assert {band.index for band in opened.bands} == {5, 6, 7, 8}
    with scene(path, bands={"green": f"{path}:2", "nir": f"{path}:4"}) as opened:
        assert set(opened.band_names) == {"green", "nir"}
