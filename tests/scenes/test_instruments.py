"""A label is another band in each instrument: names that show an instrument decide which labels count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import BandError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import instruments, sensors
from tests.products.ground import Ground, disc, write_raster

SMALL = Ground(kinds=disc(24, 7, 12, 12).astype(np.uint8), noise=0.0005)
ORDER = ("coastal", "blue", "green", "red", "nir08", "swir16", "swir22")


def scene(*paths: Path, **said: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **said), sensors())


def counts(band: str, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return np.rint(SMALL.reflectance(band) * 1e4).astype(dtype)


def files(folder: Path, form: str, labels: Sequence[str], dtype: str = "uint16") -> list[Path]:
    """Write one file a band, named `form` with the label in it."""
    return [
        write_raster(folder / form.format(label), counts(band, dtype), pixel=30)
        for label, band in zip(labels, ORDER, strict=False)
    ]


FOREIGN = {
    "VENuS": "VENUS-XS_20180815-104512-000_L2A_SUDOUE-5_C_V2-2_FRE_{}.tif",
    "Landsat by MAJA": "LANDSAT8-OLITIRS-XS_20180815-104512-000_L2A_T31TCJ_C_V2-2_FRE_{}.tif",
    "Landsat MSS": "LM05_L1TP_044034_19850611_20200619_02_T2_{}.TIF",
    "ASTER": "AST_L1T_00306142006185934_20150515042226_2011_ImageData_{}.tif",
    "Sentinel-3": "S3A_OL_2_LFR____20230614T101112_{}.tif",
    "SPOT": "SPOT7_MS_201903261121177_{}.tif",
    "Pleiades": "IMG_PHR1A_MS_201903261121177_{}.tif",
    "WorldView": "19MAR26112117-M2AS-500_{}.tif",
    "PROBA-V": "PROBAV_S1_TOC_20190326_{}.tif",
    "CBERS or Amazonia": "AMAZONIA_1_WFI_20220101_{}.tif",
    "Himawari AHI": "HS_H09_20230101_0000_{}.tif",
    "GOES ABI": "OR_ABI-L2-CMIPC_{}.tif",
    "Gaofen": "GF1_WFV1_E116.2_N39.2_20150605_L1A0000000001-{}.tiff",
    "EO-1": "EO1A1990292012093110K0_{}_L1GST.TIF",
    "HJ or ZY": "ZY3_MUX_E116.2_N39.2_20150605_{}.tif",
    "Resourcesat": "R2_LISS3_20190326_{}.tif",
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("title", FOREIGN)
def test_labels_of_an_instrument_that_is_not_known_are_no_bands(
    tmp_path: Path, title: str, dtype: str
) -> None:
    stored = "uint16" if dtype == "uint8" else dtype
    files(tmp_path, FOREIGN[title], ["B1", "B2", "B3", "B4", "B5", "B6"], stored)
    with pytest.raises(BandError, match=rf"product of {title} is, .*--band NAME="):
        scene(tmp_path)


@pytest.mark.parametrize("title", FOREIGN)
def test_their_bands_can_be_named(tmp_path: Path, title: str) -> None:
    green, nir = files(tmp_path, FOREIGN[title], ["B3", "B7"])
    with scene(tmp_path, bands={"green": str(green), "nir": str(nir)}) as opened:
        assert set(opened.band_names) == {"green", "nir"}
        assert opened.units("green") == "dn"


def test_words_name_bands_of_any_instrument(tmp_path: Path) -> None:
    data = np.stack([counts(band) for band in ("blue", "green", "red")])
    path = write_raster(tmp_path / "SPOT7_MS_2019.tif", data, descriptions=["Blue", "Green", "Red"])
    with scene(path) as opened:
        assert opened.band_names == ("blue", "green", "red")


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (("B01", "B02", "B3N"), "ASTER"),
        (("CMI_C01", "CMI_C02"), "GOES ABI"),
        (("Oa08_reflectance", "Oa17_reflectance"), "Sentinel-3"),
    ],
)
def test_labels_show_the_instrument(tmp_path: Path, labels: tuple[str, ...], title: str) -> None:
    data = np.stack([counts(band) for band in ORDER[: len(labels)]])
    path = write_raster(tmp_path / "export.tif", data, descriptions=labels)
    with pytest.raises(BandError, match=title):
        scene(path)


SHOWN = {
    "LC08_044034_20180611_{}.tif": "landsat-8",
    "LC09_044034_20220611_{}.tif": "landsat-9",
    "landsat8_june_{}.tif": "landsat-8",
    "my_Landsat-9_{}.tif": "landsat-9",
    "S2_june_{}.tif": "sentinel-2",
    "sentinel2_tile_{}.tif": "sentinel-2",
}


@pytest.mark.parametrize("form", SHOWN)
@pytest.mark.parametrize("place", ["file", "folder"])
def test_names_decide_between_sensors_of_the_same_labels(tmp_path: Path, form: str, place: str) -> None:
    folder = tmp_path / "a" if place == "file" else tmp_path / form.partition("_{")[0]
    files(folder, form if place == "file" else "{}.tif", ["B1", "B2", "B3", "B4", "B5", "B6", "B7"])
    try:
        with scene(folder) as opened:
            assert opened.sensor is not None
            fitting = [opened.sensor.name]
    except BandError as error:
        # Level 1 or 2 is left open.
        fitting = str(error).split("sensors: ")[1].split(";")[0].split(", ")
    assert {name.rpartition("-")[0] for name in fitting} == {SHOWN[form]}


def test_descriptions_show_an_instrument_as_names_of_files_do(tmp_path: Path) -> None:
    labels = [f"LC08_044034_20180611_B{number}" for number in range(1, 8)]
    path = write_raster(
        tmp_path / "stack.tif", np.stack([counts(band) for band in ORDER]), descriptions=labels
    )
    with pytest.raises(BandError, match="fit several sensors: landsat-8-l1, landsat-8-l2;"):
        scene(path)


@pytest.mark.parametrize("craft", ["LT05", "LE07", "LC08", "LC09"])
def test_surface_reflectance_of_earth_engine_needs_no_sensor(tmp_path: Path, craft: str) -> None:
    old = craft in {"LT05", "LE07"}
    labels = {"SR_B2": "green" if old else "blue", "SR_B3": "red" if old else "green"}
    data = np.stack([(SMALL.reflectance(band) + 0.2) / 2.75e-5 for band in labels.values()]).astype(np.uint16)
    path = write_raster(tmp_path / f"{craft}_044034_20100611.tif", data, pixel=30, descriptions=list(labels))
    with scene(path) as opened:
        assert opened.band_names == tuple(labels.values())
        for band in labels.values():
            found = opened.read(opened.grid.window, [band]).physical()[0]
            np.testing.assert_allclose(found, SMALL.reflectance(band), atol=1e-4)


def test_landsat_of_the_copernicus_browser_is_not_sentinel_2(tmp_path: Path) -> None:
    labels = [f"B{number:02d}" for number in range(1, 8)]
    files(tmp_path, "2023-06-14-00_00_2023-06-14-23_59_Landsat_8-9_L2_{}_(Raw).tiff", labels, "uint16")
    with pytest.raises(BandError, match="do not identify their bands"):
        scene(tmp_path)


def test_a_folder_named_after_something_else_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "landsat8_comparison"
    labels = {"B02": "blue", "B03": "green", "B8A": "nir08", "B11": "swir16"}
    for label, band in labels.items():
        write_raster(folder / f"{label}.tif", counts(band), pixel=20)
    with scene(folder) as opened:
        assert set(opened.band_names) == set(labels.values())


def test_every_instrument_has_a_product_here_or_a_sensor() -> None:
    known = {start for name in sensors() for start in (name, name.rsplit("-", 1)[0])}
    for item in instruments():
        assert item.sensors or item.title in {*FOREIGN, "Gaofen"}, item.title
        assert set(item.sensors) <= known, item.title


OTHER_THINGS = [
    "amazonia_1",
    "aster",
    "goes 12",
    "hot_spot_1",
    "landsat_2",
    "modis_vs_s2",
    "spot5 comparison",
]


@pytest.mark.parametrize("name", OTHER_THINGS)
@pytest.mark.parametrize("place", ["file", "folder"])
@pytest.mark.parametrize(
    ("sensor", "labels"),
    [
        ("sentinel-2-l2a", {"B02": "blue", "B03": "green", "B8A": "nir08", "B11": "swir16"}),
        ("landsat-8-l2", {"SR_B2": "blue", "SR_B3": "green", "SR_B5": "nir08", "SR_B6": "swir16"}),
    ],
)
def test_labels_of_one_instrument_only_are_read_whatever_the_names(
    tmp_path: Path, name: str, place: str, sensor: str, labels: dict[str, str]
) -> None:
    for label, band in labels.items():
        at = f"{name}_{label}.tif" if place == "file" else f"{name}/{label}.tif"
        stored = counts(band) if sensor.startswith("s") else counts(band) * 3 + 7300
        write_raster(tmp_path / "in" / at, stored, pixel=20)
    with scene(tmp_path / "in" if place == "file" else tmp_path / "in" / name) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name.rpartition("-")[0] == sensor.rpartition("-")[0]
        assert set(opened.band_names) == set(labels.values())


@pytest.mark.parametrize("name", ["amazonia_2020", "goes 12", "goes_10m", "proba_v1", "hot_spot_1"])
def test_places_are_no_instruments(tmp_path: Path, name: str) -> None:
    for label, band in {"B02": "blue", "B03": "green", "B08": "nir"}.items():
        write_raster(tmp_path / f"{name}_{label}.tif", counts(band))
    with scene(tmp_path) as opened:
        assert opened.band_names == ("blue", "green", "nir")


@pytest.mark.parametrize("name", ["modis_vs_s2", "landsat_vs_s2", "aster and sentinel-2", "landsat"])
def test_folders_of_several_instruments_decide_nothing(tmp_path: Path, name: str) -> None:
    files(tmp_path / name, "{}.tif", ["B1", "B2", "B3", "B4", "B5", "B6", "B7"])
    with pytest.raises(BandError, match=r"fit several sensors: .*landsat-8"):
        scene(tmp_path / name)


@pytest.mark.parametrize("name", ["emit", "force", "generic", "hls", "modis", "naip", "planetscope"])
def test_a_folder_named_as_a_sensor_must_explain_the_labels(tmp_path: Path, name: str) -> None:
    labels = {"B02": "blue", "B03": "green", "B8A": "nir08", "B11": "swir16"}
    for label, band in labels.items():
        write_raster(tmp_path / name / "s" / f"{label}.tif", counts(band), pixel=20)
    with scene(tmp_path / name / "s") as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l2a"
        assert set(opened.band_names) == set(labels.values())


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("sentinel-2-l1c", ["B01", "B02", "B03", "B04"]),
        ("landsat-8-l1", ["B1", "B2", "B3", "B4"]),
        ("planetscope", ["coastal", "blue", "green", "red"]),
    ],
)
def test_a_folder_named_as_a_sensor_decides_between_those_that_fit(
    tmp_path: Path, name: str, labels: list[str]
) -> None:
    form = {"landsat-8-l1": 50_000, "sentinel-2-l1c": 10_000, "planetscope": 10_000}[name]
    for label, band in zip(labels, ORDER, strict=False):
        stored = np.rint((SMALL.reflectance(band) + (0.1 if form == 50_000 else 0)) * form).astype(np.uint16)
        write_raster(tmp_path / name / f"{label}.tif", stored)
    with scene(tmp_path / name) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == name


@pytest.mark.parametrize(
    ("labels", "foreign"),
    [
        (("B04", "B06", "B08", "B17"), "B17"),
        (("B01", "B02", "B8A", "B18"), "B18"),
        (("B02", "B03", "B8A", "B13"), "B13"),
        (("SR_B2", "SR_B3", "SR_B6", "B14"), "B14"),
    ],
)
@pytest.mark.parametrize("form", ["stack", "files"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_a_label_that_the_sensor_does_not_have_shows_another_instrument(
    tmp_path: Path, labels: tuple[str, ...], foreign: str, form: str, dtype: str
) -> None:
    if form == "files":
        files(tmp_path, "scene_{}.tif", labels, dtype)
        path = tmp_path
    else:
        data = np.stack([counts(band, dtype) for band in ORDER[:4]])
        path = write_raster(tmp_path / "scene.tif", data, descriptions=labels)
    with pytest.raises(BandError, match=rf"has no band {foreign}, .*`--sensor`, or name each band"):
        scene(path)


def test_bands_without_numbers_are_no_other_instrument(tmp_path: Path) -> None:
    data = np.stack([counts(band) for band in (*ORDER[1:4], ORDER[4], ORDER[5])])
    labels = ["B02", "B03", "B04", "B8A", "NDVI_mean"]
    with scene(write_raster(tmp_path / "scene.tif", data, descriptions=labels)) as opened:
        assert opened.band_names == ("blue", "green", "red", "nir08")
