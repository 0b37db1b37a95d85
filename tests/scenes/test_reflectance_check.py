"""Values that cannot be reflectance are refused or told, whatever the sensor, dtype and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import BARE, CLOUD, VEGETATION, WATER, Ground, write_raster

LABELS = {
    "sentinel-2-l2a": {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16"},
    "landsat-8-l2": {"SR_B2": "blue", "SR_B3": "green", "SR_B4": "red", "SR_B5": "nir08", "SR_B6": "swir16"},
    "planetscope": {"blue": "blue", "green": "green", "red": "red", "nir": "nir"},
    "hls": {"blue": "blue", "green": "green", "red": "red", "nir08": "nir08", "swir16": "swir16"},
}
SCALING = {"landsat-8-l2": (2.75e-5, -0.2)}


def ground(*shares: int) -> Ground:
    """Ground (60, 60) with columns of kinds in equal parts."""
    row = np.repeat(np.asarray(shares, np.uint8), 60 // len(shares))
    return Ground(kinds=np.tile(row, (60, 1)))


LAND, LAKE, CLOUDS = ground(WATER, VEGETATION, BARE), ground(WATER), ground(CLOUD)


def stack(folder: Path, sensor: str, made: Ground, scale: float, offset: float, dtype: str) -> Path:
    """Write a stack of a sensor's bands: stored = (reflectance - offset) / scale."""
    data = np.stack([(made.reflectance(band) - offset) / scale for band in LABELS[sensor].values()])
    whole = dtype.startswith(("u", "i"))
    stored = np.clip(np.rint(data), 0, np.iinfo(dtype).max) if whole else data
    return write_raster(folder / "stack.tif", stored.astype(dtype), descriptions=list(LABELS[sensor]))


def codes_of(opened: Scene) -> set[str]:
    return {message.code for message in opened.messages}


def scene(path: Path, sensor: str | None, **said: Any) -> Scene:
    return open_scene(SceneSpec(paths=(str(path),), sensor=sensor, **said), sensors())


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
@pytest.mark.parametrize("sensor", LABELS)
@pytest.mark.parametrize("made", [LAND, LAKE, CLOUDS], ids=["land", "lake", "clouds"])
def test_what_the_sensor_delivers_is_not_doubted(
    tmp_path: Path, sensor: str, made: Ground, dtype: str
) -> None:
    scale, offset = SCALING.get(sensor, (1e-4, 0.0))
    with scene(stack(tmp_path, sensor, made, scale, offset, dtype), sensor) as opened:
        assert "reflectance-unlikely" not in codes_of(opened)


@pytest.mark.parametrize("sensor", ["sentinel-2-l2a", "planetscope", "hls"])
def test_the_full_range_of_16_bits_is_no_ten_thousandths(tmp_path: Path, sensor: str) -> None:
    path = stack(tmp_path, sensor, ground(VEGETATION, BARE), 1 / 65535, 0.0, "uint16")
    with pytest.raises(SceneError, match=r"is not reflectance of 0\.\.1: half of .*gdal_edit\.py -a_scale"):
        scene(path, sensor)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_ten_thousandths_are_not_landsats_scale(tmp_path: Path, dtype: str) -> None:
    path = stack(tmp_path, "landsat-8-l2", LAND, 1e-4, 0.0, dtype)
    with pytest.raises(SceneError, match="the brightest band, is below"):
        scene(path, "landsat-8-l2")


@pytest.mark.parametrize("sensor", ["sentinel-2-l2a", "planetscope", "hls"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "int16"])
def test_land_in_percent_is_refused(tmp_path: Path, sensor: str, dtype: str) -> None:
    path = stack(tmp_path, sensor, LAND, 1 / 100, 0.0, dtype)
    with pytest.raises(SceneError, match=r"reaches only .*gdal_edit\.py -a_scale"):
        scene(path, sensor)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "int16"])
@pytest.mark.parametrize("cloudy", [0, 2, 5, 10, 14])
def test_land_in_thousandths_is_refused_whatever_the_share_of_cloud(
    tmp_path: Path, cloudy: int, dtype: str
) -> None:
    kinds = [*[CLOUD] * cloudy, *[VEGETATION, BARE, WATER] * 20][:20]
    path = stack(tmp_path, "sentinel-2-l2a", ground(*kinds), 1 / 1000, 0.0, dtype)
    with pytest.raises(
        SceneError, match=r"reaches only .*`--sensor sentinel-2-l2a` or `gdal_edit\.py -a_scale 0\.0001"
    ):
        scene(path, None)
    with scene(path, "sentinel-2-l2a") as opened:
        assert "reflectance-unlikely" in codes_of(opened)


def dark_land(folder: Path, *scales: float) -> Path:
    """Write land after a fire, whose infrared is 0.04, as reflectance x 10,000."""
    levels = {"blue": 0.015, "green": 0.02, "red": 0.025, "nir": 0.04, "swir16": 0.038}
    noise = np.random.default_rng(1).normal(0, 0.001, (60, 60))
    data = np.stack([np.rint((level + noise) * 1e4) for level in levels.values()]).astype(np.uint16)
    labels = list(LABELS["sentinel-2-l2a"])
    return write_raster(folder / "stack.tif", data, descriptions=labels, scales=scales)


def test_dark_land_is_told_where_its_scale_is_stated(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="nir, the brightest of green, nir, red, reaches only"):
        scene(dark_land(tmp_path / "a"), None)
    product = dark_land(tmp_path / "c").rename(
        tmp_path / "lava_S2A_MSIL2A_20210701T103021_N0300_R108_T33UVP_20210701T150000.tif"
    )
    said = [
        (dark_land(tmp_path / "b", *[1e-4] * 5), None),
        (tmp_path / "a" / "stack.tif", "sentinel-2-l2a"),
        (product, None),
    ]
    for path, sensor in said:
        with scene(path, sensor) as opened:
            assert "reflectance-unlikely" in codes_of(opened)


def test_burnt_land_is_not_refused(tmp_path: Path) -> None:
    levels = {"blue": 0.025, "green": 0.033, "red": 0.038, "nir": 0.048, "swir16": 0.09}
    noise = np.random.default_rng(1).normal(0, 0.006, (5, 60, 60))
    data = np.stack([np.rint((level + noise[i]) * 1e4) for i, level in enumerate(levels.values())])
    path = write_raster(
        tmp_path / "x.tif", data.astype(np.uint16), descriptions=list(LABELS["sentinel-2-l2a"])
    )
    scene(path, None).close()


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_values_below_0_in_all_bands_are_refused(tmp_path: Path, dtype: str) -> None:
    data = np.full((5, 60, 60), -40, dtype)
    path = write_raster(tmp_path / "stack.tif", data, descriptions=list(LABELS["sentinel-2-l2a"]))
    with pytest.raises(SceneError, match="the brightest band, is below"):
        scene(path, "sentinel-2-l2a")


def test_a_few_bright_pixels_are_told_and_mapped(tmp_path: Path) -> None:
    made = ground(*[CLOUD, *[WATER] * 9])
    with scene(stack(tmp_path, "hls", made, 2e-5, 0.0, "uint16"), "hls") as opened:
        assert "reflectance-unlikely" in codes_of(opened)


def test_a_scale_in_the_file_is_the_remedy(tmp_path: Path) -> None:
    data = np.stack([LAND.reflectance(band) * 65535 for band in LABELS["hls"].values()]).astype(np.uint16)
    path = write_raster(
        tmp_path / "stack.tif", data, descriptions=list(LABELS["hls"]), scales=[1 / 65535] * 5
    )
    with scene(path, "hls") as opened:
        assert "reflectance-unlikely" not in codes_of(opened)
        found = opened.read(opened.grid.window, ["nir08"]).physical()[0]
        np.testing.assert_allclose(found, LAND.reflectance("nir08"), atol=1e-4)


@pytest.mark.parametrize("fill", [-9999, -10000, -28672, -32767, -32768])
def test_usual_nodata_without_a_tag_is_not_reflectance(tmp_path: Path, fill: int) -> None:
    bands = LABELS["sentinel-2-l2a"]
    data = np.stack([np.rint(LAND.reflectance(band) * 1e4) for band in bands.values()]).astype(np.int16)
    data[:, :40] = fill
    path = write_raster(tmp_path / "S2A_MSIL2A_20180614.tif", data, descriptions=list(bands))
    with scene(path, "sentinel-2-l2a-harmonised") as opened:
        assert not opened.read(opened.grid.window, ["nir"]).valid[:40].any()
        assert opened.read(opened.grid.window, ["nir"]).valid[40:].all()


def test_the_lowest_float_without_a_tag_is_not_reflectance(tmp_path: Path) -> None:
    bands = LABELS["hls"]
    data = np.stack([LAND.reflectance(band) for band in bands.values()]).astype(np.float32)
    data[:, :10] = np.finfo(np.float32).min
    with scene(write_raster(tmp_path / "stack.tif", data, descriptions=list(bands)), "hls") as opened:
        assert not opened.read(opened.grid.window, ["nir08"]).valid[:10].any()


@pytest.mark.parametrize(
    ("dtype", "fill", "scale"),
    [
        ("float32", -3.4e38, 1.0),
        ("float64", -1e38, 1.0),
        ("float32", 9.96921e36, 1.0),
        ("float32", 1e20, 1e4),
        ("float32", -1, 1.0),
        ("float32", -1, 1e4),
        ("int16", -1, 1e4),
    ],
)
def test_fill_that_no_tag_and_no_list_states_is_not_reflectance(
    tmp_path: Path, dtype: str, fill: float, scale: float
) -> None:
    bands = LABELS["hls"]
    data = np.stack([LAND.reflectance(band) * scale for band in bands.values()]).astype(dtype)
    data[:, :10] = fill
    with scene(write_raster(tmp_path / "stack.tif", data, descriptions=list(bands)), "hls") as opened:
        valid = opened.read(opened.grid.window, ["nir08"]).valid
        assert not valid[:10].any()
        assert valid[10:].all()


def test_values_near_0_that_are_below_it_are_observed(tmp_path: Path) -> None:
    bands = LABELS["hls"]
    data = np.stack([LAND.reflectance(band) * 1e4 for band in bands.values()]).astype(np.int16)
    data[:, :10] = np.random.default_rng(3).integers(-4, 40, (len(bands), 10, 60))
    with scene(write_raster(tmp_path / "stack.tif", data, descriptions=list(bands)), "hls") as opened:
        assert opened.read(opened.grid.window, ["green", "nir08"]).valid.all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("files", [1, 4])
def test_0_in_all_bands_without_a_known_nodata_value_is_not_observed(
    tmp_path: Path, dtype: str, files: int
) -> None:
    names = list(LABELS["planetscope"])
    scale = {"uint8": 250, "float32": 1.0}.get(dtype, 1e4)
    data = np.stack([LAND.reflectance(name) * scale + 1e-3 for name in names]).astype(dtype) + 1
    data[:, :10] = 0
    data[0, 20] = 0
    if files == 1:
        path = write_raster(tmp_path / "x" / "mosaic.tif", data, descriptions=names)
    else:
        for name, band in zip(names, data, strict=True):
            path = write_raster(tmp_path / "x" / f"{name}.tif", band).parent
    with scene(path, None) as opened:
        valid = opened.read(opened.grid.window, ["blue", "nir"]).valid
        assert not valid[..., :10, :].any()
        assert valid[..., 10:, :].all()


@pytest.mark.parametrize("stated", ["tag", "mask"])
def test_0_is_observed_where_a_tag_or_mask_says_what_is_not(tmp_path: Path, stated: str) -> None:
    names = list(LABELS["planetscope"])
    data = np.stack([LAND.reflectance(name) * 1e4 for name in names]).astype(np.uint16)
    data[:, :10] = 0
    path = write_raster(
        tmp_path / "x.tif", data, descriptions=names, nodata=65535 if stated == "tag" else None
    )
    if stated == "mask":
        with rasterio.open(path, "r+") as file:
            file.write_mask(np.full(data.shape[1:], 255, np.uint8))
    with scene(path, None) as opened:
        assert opened.read(opened.grid.window, ["nir"]).valid.all()


SCALED_FILL = [
    ("landsat-8-l2", "float32", -0.2),
    ("landsat-8-l2", "float64", -0.2),
    ("sentinel-2-l2a", "float32", -0.1),
    ("sentinel-2-l2a", "int16", -1000),
    ("hls", "float32", -0.9999),
    ("planetscope", "float64", -0.9999),
    ("generic", "float32", -0.9999),
]


@pytest.mark.parametrize(("sensor", "dtype", "fill"), SCALED_FILL)
@pytest.mark.parametrize("tag", ["none", "nan", "before"])
def test_nodata_that_was_scaled_too_is_not_observed(
    tmp_path: Path, sensor: str, dtype: str, fill: float, tag: str
) -> None:
    before = sensors()[sensor].nodata
    if (tag == "nan" and dtype == "int16") or (tag == "before" and before is None):
        pytest.skip("no such tag")
    nodata = {"none": None, "nan": float("nan"), "before": before}[tag]
    bands = LABELS.get(sensor, LABELS["planetscope"])
    times = 1e4 if dtype == "int16" else 1.0
    data = np.stack([LAND.reflectance(band) * times for band in bands.values()]).astype(dtype)
    data[:, :10] = fill
    path = write_raster(tmp_path / "x.tif", data, descriptions=list(bands), nodata=nodata)
    with scene(path, sensor) as opened:
        valid = opened.read(opened.grid.window, ["green"]).valid
        assert not valid[:10].any()
        assert valid[10:].all()
        assert "reflectance-unlikely" not in codes_of(opened)


@pytest.mark.parametrize(
    ("sensor", "dtype", "fill"),
    [("hls", "int16", -9999), ("modis", "int16", -28672), ("landsat-8-l2", "float32", 0)],
)
def test_nodata_of_stored_values_is_not_told_as_scaled(
    tmp_path: Path, sensor: str, dtype: str, fill: int
) -> None:
    bands = LABELS.get(sensor, LABELS["hls"])
    scale, offset = SCALING.get(sensor, (1e-4, 0.0))
    data = np.stack([(LAND.reflectance(band) - offset) / scale for band in bands.values()]).astype(dtype)
    data[:, :10] = fill
    path = write_raster(tmp_path / "x.tif", data, descriptions=list(bands), nodata=fill)
    with scene(path, sensor) as opened:
        assert not opened.read(opened.grid.window, ["green"]).valid[:10].any()
        assert not [message for message in opened.messages if "that was scaled" in message.text]


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reflectance_of_landsat_without_its_offset_is_told(tmp_path: Path, missing: bool, dtype: str) -> None:
    bands = LABELS["landsat-8-l2"]
    data = np.stack([LAND.reflectance(band) + 0.2 * missing for band in bands.values()]).astype(dtype)
    with scene(write_raster(tmp_path / "x.tif", data, descriptions=list(bands)), "landsat-8-l2") as opened:
        assert ("reflectance-unlikely" in codes_of(opened)) == missing
