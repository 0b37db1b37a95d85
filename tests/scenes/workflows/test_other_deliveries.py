"""Products of VIIRS, photos of drones, exports of Earth Engine, and layers that are no bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.product import Asset, Product
from geoseg.scenes.recognition import recognise
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import Ground, lake, write_raster

GROUND = Ground(kinds=lake(48), noise=0.001)
VIIRS = {"M3": "blue", "M4": "green", "I1": "red", "I2": "nir08", "I3": "swir16", "M11": "swir22"}
PLANET = ("blue", "green", "red", "nir")


def scene(*paths: Path, **said: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **said), sensors())


def counts(band: str, scale: float = 1e-4, dtype: str = "int16") -> NDArray[Any]:
    values = GROUND.reflectance(band) / scale
    return (np.rint(values) if np.dtype(dtype).kind in "iu" else values).astype(dtype)


def right(opened: Scene, bands: Sequence[str], scale: float = 1.0) -> None:
    """Each band holds its reflectance; in digital numbers, its reflectance / `scale`."""
    for name in bands:
        found = opened.read(opened.grid.window, [name])
        values, expected = found.physical()[0], GROUND.reflectance(name)
        np.testing.assert_allclose(values[found.valid] * scale, expected[found.valid], atol=3e-4)
        assert found.valid.mean() > 0.9


@pytest.mark.parametrize(
    ("form", "day"),
    [
        ("VNP09GA.A2022153.h18v04.002.2022154081230.SurfReflect_{}_1.tif", "2022-06-02"),
        ("VJ109A1.002_SurfReflect_{}_doy2022153_aid0001.tif", "2022-06-02"),
        ("VJ209H1.A2022153.h18v04.002.2022154081230.SurfReflect_{}.tif", "2022-06-02"),
        ("VNP43MA4.002_Nadir_Reflectance_{}_doy2022153_aid0001.tif", "2022-06-02"),
    ],
)
@pytest.mark.parametrize("tag", [True, False])
def test_viirs(tmp_path: Path, form: str, day: str, tag: bool) -> None:
    for label, band in VIIRS.items():
        data = counts(band)
        data[:2] = -28672
        write_raster(tmp_path / form.format(label), data, pixel=463.3, nodata=-28672 if tag else None)
    with scene(tmp_path) as opened:
        assert opened.sensor is not None
        assert (opened.sensor.name, opened.time.date().isoformat() if opened.time else "") == ("viirs", day)
        right(opened, list(VIIRS.values()))
        assert not opened.read(opened.grid.window, ["red"]).valid[:2].any()


@pytest.mark.parametrize("order", [("M5", "I1"), ("I1", "M5")])
@pytest.mark.parametrize("name", ["VNP09GA_2022.tif", "viirs_june.tif"])
def test_imagery_bands_of_viirs_come_before_moderate_ones(
    tmp_path: Path, order: tuple[str, ...], name: str
) -> None:
    labels = [*VIIRS, *order] if order[0] == "M5" else [*order, *VIIRS]
    labels = list(dict.fromkeys(reversed(labels))) if order[0] == "M5" else list(dict.fromkeys(labels))
    data = np.stack([counts({**VIIRS, "M5": "coastal"}[label]) for label in labels])
    with scene(write_raster(tmp_path / name, data, pixel=500, descriptions=labels)) as opened:
        right(opened, list(VIIRS.values()))


def test_clouds_of_viirs_are_not_observed(tmp_path: Path) -> None:
    form = "VNP09GA.A2022153.h18v04.002.2022154081230.SurfReflect_{}_1.tif"
    for label, band in VIIRS.items():
        write_raster(tmp_path / form.format(label), counts(band), pixel=926)
    first, second = np.zeros((2, 48, 48), np.uint8)
    first[0], first[1], first[2] = 0b1100, 0b1000, 0b0100
    second[3], second[4], second[5] = 0b1000, 0b1000000, 0b101
    write_raster(tmp_path / form.format("QF1"), first, pixel=926)
    write_raster(tmp_path / form.format("QF2"), second, pixel=926)
    with scene(tmp_path) as opened:
        valid = opened.read(opened.grid.window, ["green"]).valid.mean(axis=1)
        assert valid[:6].tolist() == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("form", "layer"),
    [
        ("VNP09A1.A2022153.h18v04.002.2022160081230.{}.tif", "SurfReflect_State"),
        ("VNP09H1.A2022153.h18v04.002.2022160081230.{}.tif", "SurfReflect_State_500m"),
        ("VJ109A1.002_{}_doy2022153.tif", "SurfReflect_State"),
        ("VJ109A1.002_{}_doy2022153.tif", "SurfReflect_State_1km"),
    ],
)
def test_clouds_of_composites_of_viirs_are_not_observed(tmp_path: Path, form: str, layer: str) -> None:
    for label, band in VIIRS.items():
        write_raster(tmp_path / form.format(f"SurfReflect_{label}"), counts(band), pixel=926)
    state = np.zeros((48, 48), np.uint16)
    state[0], state[1], state[2], state[3] = 1, 0b100, 3 << 8, 1 << 12
    write_raster(tmp_path / form.format(layer), state, pixel=926)
    for other in ("SurfReflect_QC", "SurfReflect_DOY"):
        write_raster(tmp_path / form.format(other), np.ones((48, 48), np.uint16), pixel=926)
    with scene(tmp_path) as opened:
        assert opened.read(opened.grid.window, ["green"]).valid.mean(axis=1)[:4].tolist() == [0, 0, 0, 1]


DRONES: Mapping[str, tuple[float, str]] = {"float32": (1.0, "float32"), "uint16": (1 / 32768, "uint16")}


@pytest.mark.parametrize(
    "labels", [("Blue", "Green", "Red", "Red edge", "NIR"), ("blue", "green", "red", "rededge", "nir")]
)
@pytest.mark.parametrize("dtype", DRONES)
def test_words_of_drones_are_no_satellite(tmp_path: Path, labels: tuple[str, ...], dtype: str) -> None:
    bands = ("blue", "green", "red", "rededge071", "nir")
    scale, stored = DRONES[dtype]
    data = np.stack([counts(band, scale, stored) for band in bands])
    with scene(write_raster(tmp_path / "ortho.tif", data, pixel=0.1, descriptions=labels)) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "generic"
        right(opened, bands, scale)


@pytest.mark.parametrize("high", [255, 65535])
@pytest.mark.parametrize("sensor", ["planetscope", "naip"])
@pytest.mark.parametrize("edge", [True, False])
def test_an_alpha_band_without_a_tag_is_no_near_infrared(
    tmp_path: Path, high: int, sensor: str, edge: bool
) -> None:
    bands = ("red", "green", "blue") if sensor == "naip" else PLANET
    alpha = np.full((48, 48), high, np.uint16)
    alpha[:2] = 0 if edge else high
    data = np.stack([*(counts(band, dtype="uint16") for band in bands), alpha])
    with scene(write_raster(tmp_path / "basemap.tif", data, pixel=4.77), sensor=sensor) as opened:
        assert opened.band_names == bands
        right(opened, bands, 1e-4 if sensor == "naip" else 1.0)
        assert opened.read(opened.grid.window, ["green"]).valid[:2].any() != edge


@pytest.mark.parametrize("values", [(0, 1), (1, 1), (0, 0), (255, 100)])
def test_a_last_band_of_other_values_is_no_alpha_band(tmp_path: Path, values: tuple[int, int]) -> None:
    last = np.where(GROUND.water, *values).astype(np.uint16)
    data = np.stack([*(counts(band, dtype="uint16") for band in ("red", "green", "blue")), last])
    with scene(write_raster(tmp_path / "x.tif", data), sensor="naip") as opened:
        assert opened.band_names == ("red", "green", "blue", "nir")
        assert opened.read(opened.grid.window, ["green"]).valid.all()


def test_two_values_with_a_name_are_a_band(tmp_path: Path) -> None:
    data = np.stack(
        [*(counts(band, dtype="uint16") for band in PLANET[:3]), np.full((48, 48), 255, np.uint16)]
    )
    labels = ["red", "green", "blue", "nir"]
    with scene(write_raster(tmp_path / "x.tif", data, descriptions=labels)) as opened:
        assert opened.band_names == ("red", "green", "blue", "nir")


@pytest.mark.parametrize(
    ("name", "bands"),
    [
        ("HLSL30.tif", {"B2": "blue", "B3": "green", "B4": "red", "B5": "nir08", "B6": "swir16"}),
        ("HLSS30_june.tif", {"B2": "blue", "B3": "green", "B4": "red", "B8A": "nir08", "B11": "swir16"}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_hls_of_earth_engine(tmp_path: Path, name: str, bands: dict[str, str], dtype: str) -> None:
    data = np.stack([counts(band, 1.0 if dtype == "float32" else 1e-4, dtype) for band in bands.values()])
    with scene(write_raster(tmp_path / name, data, pixel=30, descriptions=list(bands))) as opened:
        right(opened, list(bands.values()))


@pytest.mark.parametrize("offset", [0, 1000])
def test_signed_sentinel_2_of_earth_engine_at_30_m_is_no_hls(tmp_path: Path, offset: int) -> None:
    bands = {"B2": "blue", "B3": "green", "B4": "red", "B8": "nir", "B11": "swir16", "B12": "swir22"}
    data = np.stack([counts(band) + np.int16(offset) for band in bands.values()])
    with scene(write_raster(tmp_path / "x.tif", data, pixel=30, descriptions=list(bands))) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name.startswith("sentinel-2")
        right(opened, list(bands.values()))


def test_bands_of_ikonos_are_named_by_its_words(tmp_path: Path) -> None:
    for word, band in zip(("blu", "grn", "red", "nir"), PLANET, strict=True):
        write_raster(tmp_path / f"po_123456_{word}_0000000.tif", counts(band, 1 / 1500, "uint16"), pixel=4)
    with scene(tmp_path) as opened:
        assert set(opened.band_names) == set(PLANET)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("OPERA_L3_DSWx-HLS_T33UXP_20230507T111213Z_20230508T000000Z_S2A_30_v1.0_B01_WTR.tif", "water map"),
        ("OPERA_L3_DSWx-S1_T33UXP_20230507T111213Z_20230508T000000Z_S1A_30_v1.0_B04_DIAG.tif", "water map"),
        ("S1_coherence_VV.tif", "interferometric coherence"),
        ("20230507_20230519_VV_coh.tif", "interferometric coherence"),
        (
            "S1AA_20230507T111213_20230519T111213_VVP012_INT40_G_ueF_1234_corr.tif",
            "interferometric coherence",
        ),
    ],
)
def test_maps_of_water_and_coherence_are_no_bands(tmp_path: Path, name: str, what: str) -> None:
    path = write_raster(tmp_path / name, GROUND.water.astype(np.uint8))
    with pytest.raises(SceneError, match=rf"has no bands, only .* \({what}\)"):
        scene(path)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("form", ["stack", "files"])
def test_copies_of_landsat_of_hls_are_no_red_edge(tmp_path: Path, dtype: str, form: str) -> None:
    bands = ("blue", "green", "red", "nir08", "swir16", "swir22")
    data = [counts(band, 1.0 if dtype == "float32" else 1e-4, dtype) for band in bands]
    labels = [f"B{number:02}" for number in range(2, 8)]
    if form == "stack":
        write_raster(tmp_path / "x.tif", np.stack(data), pixel=30, descriptions=labels)
    else:
        for label, values in zip(labels, data, strict=True):
            write_raster(tmp_path / f"x_{label}.tif", values, pixel=30)
    with pytest.raises(BandError, match=r"fit several sensors: hls-l30, sentinel-2"):
        scene(tmp_path)
    with scene(tmp_path, sensor="hls-l30") as opened:
        right(opened, bands)


@pytest.mark.parametrize("name", ["s2_2023.tif", "x.tif"])
@pytest.mark.parametrize("count", [10, 11])
@pytest.mark.parametrize("fill", [None, 0.0, np.nan, -9999.0])
def test_labels_that_count_bands_are_no_labels_of_sentinel_2(
    tmp_path: Path, name: str, count: int, fill: float | None
) -> None:
    bands = [
        "blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09", "swir16",
        "swir22",
    ]  # fmt: skip
    dtype = "uint16" if fill is None else "float32"
    data = np.stack([counts(band, dtype=dtype) for band in bands[:count]])
    if fill is not None:
        data[:, :30] = fill
    labels = [f"B{number}" for number in range(1, count + 1)]
    with pytest.raises(BandError, match=r"count the bands|fit several sensors"):
        scene(write_raster(tmp_path / name, data, descriptions=labels))


@pytest.mark.parametrize("factor", [None, "10000", "10000.000000"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_the_scale_of_an_envi_header(tmp_path: Path, factor: str | None, dtype: str) -> None:
    bands = ("green", "nir", "swir16")
    data = np.stack([counts(band, dtype=dtype) for band in bands])
    path = write_raster(tmp_path / "x.dat", data, driver="ENVI", descriptions=["Green", "NIR", "SWIR1"])
    if factor:
        header = path.with_suffix(".hdr")
        header.write_text(f"{header.read_text()}reflectance scale factor = {factor}\n")
    with scene(path) as opened:
        assert {opened.units(band) for band in bands} == {"reflectance" if factor else "dn"}
        right(opened, bands, 1.0 if factor else 1e-4)


def test_floats_that_an_envi_header_scales_although_they_are_reflectance(tmp_path: Path) -> None:
    data = np.stack([counts(band, 1.0, "float32") for band in ("green", "nir")])
    path = write_raster(tmp_path / "x.dat", data, driver="ENVI", descriptions=["Green", "NIR"])
    header = path.with_suffix(".hdr")
    header.write_text(f"{header.read_text()}reflectance scale factor = 10000\n")
    with scene(path) as opened:
        right(opened, ("green", "nir"))


def test_words_of_worldview(tmp_path: Path) -> None:
    words = ["coastal blue", "blue", "green", "yellow", "red", "red edge", "nir 1", "nir 2"]
    bands = ["coastal", "blue", "green", "green", "red", "rededge071", "nir", "nir08"]
    data = np.stack([counts(band, 1 / 5000, "uint16") for band in bands])
    with scene(write_raster(tmp_path / "wv2.tif", data, descriptions=words)) as opened:
        right(opened, ["coastal", "blue", "green", "red", "rededge071", "nir", "nir08"], 1 / 5000)


def test_words_of_planetscope_of_eight_bands(tmp_path: Path) -> None:
    words = ["coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"]
    bands = ["coastal", "blue", "blue", "green", "red", "red", "rededge071", "nir"]
    data = np.stack([counts(band, dtype="uint16") for band in bands])
    with scene(write_raster(tmp_path / "composite.tif", data, descriptions=words)) as opened:
        assert "green05" in opened.band_names
        right(opened, ["coastal", "blue", "green", "red", "rededge071", "nir"], 1e-4)


def test_colour_infrared_of_naip_is_not_read_as_natural_colour(tmp_path: Path) -> None:
    data = np.stack([counts(band, 1 / 400, "uint8") for band in ("nir", "red", "green")])
    path = write_raster(tmp_path / "m_3807708_ne_18_1_20090616_cir.tif", data)
    with pytest.raises(BandError, match="3 uint8 bands without names"):
        scene(path)


def test_a_name_that_fits_two_instruments_decides_nothing() -> None:
    known = {name: sensors()[name] for name in ("sentinel-2-l2a", "hls-s30")}
    known["hls-s30"] = known["hls-s30"].model_copy(update={"file_patterns": (r"HLS\.S30",)})
    name = "S2A_MSIL2A_20230614T100031_HLS.S30_B02.tif"
    with pytest.raises(BandError, match=r"fits sentinel-2-l2a and hls-s30; select one with `--sensor`"):
        recognise(None, Product(name=name, assets=(Asset(path=name),)), (), known)
