"""The installed command on real rasters: every sensor, the promises on tiles and threads, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize
from scipy import ndimage


def geoseg(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; its exit code is checked."""
    done = subprocess.run(
        [sys.executable, "-m", "geoseg", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def record(*arguments: object) -> dict[str, Any]:
    """Run with `--json`; stdout is one JSON object."""
    found: dict[str, Any] = json.loads(geoseg(*arguments, "--json").stdout)
    return found


@pytest.fixture
def sar(data_dir: Path) -> Path:
    return data_dir / "flood-s1" / "bangladesh" / "s1" / "BGD_52_67.tif"


def test_sar_chip_agrees_with_itself_in_all_outputs(sar: Path, tmp_path: Path) -> None:
    """Polygons, class raster and totals tell the same map."""
    gpkg, tif = tmp_path / "a.gpkg", tmp_path / "a.tif"
    found = record("flood", sar, "-o", gpkg, "--raster", tif, "--min-area", 0)
    frame = geopandas.read_file(gpkg, layer="flood")
    with rasterio.open(tif) as dataset, rasterio.open(sar) as source:
        classes = dataset.read(1)
        assert dataset.nodata == 255
        assert (dataset.crs, dataset.transform, dataset.shape) == (
            source.crs,
            source.transform,
            source.shape,
        )
    labels, count = ndimage.label(classes == 1)
    assert len(frame) == count > 0
    assert frame["pixels"].sum() == (labels > 0).sum()
    burned = rasterize(frame.geometry, classes.shape, transform=rasterio.open(tif).transform)
    assert np.array_equal(burned == 1, classes == 1)
    total = {item["value"]: item for item in found["classes"]}[1]
    assert (total["polygons"], total["pixels"]) == (count, int((labels > 0).sum()))
    assert total["area_m2"] == pytest.approx(frame["area_m2"].sum(), abs=0.01)
    assert frame["area_m2"].sum() == pytest.approx(frame.to_crs("EPSG:6933").area.sum(), rel=2e-3)
    assert frame["score_mean"].between(0.5, 1).all()


def _polygons(path: Path) -> list[tuple[bytes, int, float, float]]:
    frame = geopandas.read_file(path, layer="flood")
    return list(
        zip(
            shapely.to_wkb(frame.geometry.values),
            frame["pixels"],
            frame["area_m2"],
            frame["score_mean"],
            strict=True,
        )
    )


@pytest.mark.parametrize(
    "change", [("--tile", 256), ("--tile", 64), ("--threads", 1), ("--batch-size", 3), ("--overlap", 64)]
)
@pytest.mark.parametrize("kind", ["sar", "optical"])
def test_the_map_does_not_depend_on_the_engine(
    kind: str, change: tuple[str, int], data_dir: Path, tmp_path: Path
) -> None:
    scene = {
        "sar": data_dir / "flood-s1" / "bangladesh" / "s1" / "BGD_52_67.tif",
        "optical": data_dir / "change-s2" / "abudhabi" / "after",
    }[kind]
    geoseg("flood", scene, "-o", tmp_path / "a.gpkg", "--tile", 512)
    geoseg("flood", scene, "-o", tmp_path / "b.gpkg", *change)
    assert _polygons(tmp_path / "a.gpkg") == _polygons(tmp_path / "b.gpkg")


@pytest.mark.parametrize(
    ("scene", "options", "sensor"),
    [
        ("change-s2/abudhabi/after", [], "sentinel-2-l1c"),
        ("landsat8-l1", [], "landsat-8-l1"),
        ("series-naip/m_4709963_se_14_1_20200831.tif", ["--sensor", "naip"], "naip"),
        ("water-hls/image/0.tif", ["--sensor", "hls"], "hls"),
        ("s2-jp2", [], None),
        ("sar-dem/test_features", [], "sentinel-1"),
    ],
)
def test_real_scenes_of_every_kind(
    scene: str, options: list[str], sensor: str | None, data_dir: Path, tmp_path: Path
) -> None:
    if scene == "s2-jp2":  # no green band: nothing to tell water by
        done = geoseg("flood", data_dir / scene, "-o", tmp_path / "a.gpkg", *options, code=3)
        assert "green" in done.stderr
        return
    found = record("flood", data_dir / scene, "-o", tmp_path / "a.gpkg", *options)
    assert found["inputs"][0]["sensor"] == sensor
    assert 0 < found["valid_share"] <= 1
    layers = geopandas.list_layers(tmp_path / "a.gpkg")["name"].tolist()
    assert {"flood", "scene"} <= set(layers)


def test_bands_named_by_hand(data_dir: Path, tmp_path: Path) -> None:
    green = data_dir / "scene-s2" / "amazon_manaus_green.tif"
    nir = data_dir / "scene-s2" / "amazon_manaus_nir.tif"
    found = record(
        "flood", green, nir, "--band", f"green={green}:1", "--band", f"nir={nir}:1", "-o", tmp_path / "a.gpkg"
    )
    water = {item["value"]: item for item in found["classes"]}[1]
    assert water["area_m2"] > 1e6


def test_permanent_water_is_told_from_flood(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "sar-dem"
    found = record(
        "flood",
        folder / "test_features",
        "--permanent-water",
        folder / "jrc_extent" / "ayt12.tif",
        "-o",
        tmp_path / "a.gpkg",
    )
    assert [item["label"] for item in found["classes"]] == ["flood", "permanent water"]


def test_bbox_clips(sar: Path, tmp_path: Path) -> None:
    with rasterio.open(sar) as dataset:
        left, bottom, right, top = dataset.bounds
    middle = (left + right) / 2
    geoseg("flood", sar, "-o", tmp_path / "a.gpkg", "--bbox", f"{left},{bottom},{middle},{top}")
    frame = geopandas.read_file(tmp_path / "a.gpkg", layer="flood")
    assert frame.total_bounds[2] <= middle + 9e-5


@pytest.mark.parametrize("suffix", [".fgb", ".parquet", ".geojson"])
def test_other_formats_hold_the_same_polygons(sar: Path, suffix: str, tmp_path: Path) -> None:
    geoseg("flood", sar, "-o", tmp_path / "a.gpkg")
    other = tmp_path / f"b{suffix}"
    geoseg("flood", sar, "-o", other)
    expected = geopandas.read_file(tmp_path / "a.gpkg", layer="flood")
    found = geopandas.read_parquet(other) if suffix == ".parquet" else geopandas.read_file(other)
    assert sorted(found["pixels"]) == sorted(expected["pixels"])
    assert shapely.area(found.geometry.values).sum() == pytest.approx(
        shapely.area(expected.geometry.values).sum(), rel=1e-5
    )


def test_the_record_is_in_the_map(sar: Path, tmp_path: Path) -> None:
    found = record("flood", sar, "-o", tmp_path / "a.gpkg")
    stored = json.loads(geoseg("info", tmp_path / "a.gpkg", "--json").stdout)
    assert stored["method"] == found["method"]
    assert stored["classes"] == found["classes"]


def test_vectorize_gives_back_the_polygons(sar: Path, tmp_path: Path) -> None:
    geoseg("flood", sar, "-o", tmp_path / "a.gpkg", "--raster", tmp_path / "a.tif")
    geoseg("vectorize", tmp_path / "a.tif", "-o", tmp_path / "b.gpkg")
    expected = geopandas.read_file(tmp_path / "a.gpkg", layer="flood")
    layer = geopandas.list_layers(tmp_path / "b.gpkg")["name"][0]
    found = geopandas.read_file(tmp_path / "b.gpkg", layer=layer)
    assert sorted(shapely.to_wkb(found.geometry.values)) == sorted(shapely.to_wkb(expected.geometry.values))
    assert sorted(found["area_m2"]) == sorted(expected["area_m2"])


def _write(path: Path, data: np.ndarray[Any, Any], **profile: Any) -> Path:
    defaults = {
        "driver": "GTiff",
        "count": data.shape[0],
        "height": data.shape[1],
        "width": data.shape[2],
        "dtype": data.dtype,
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(10, 0, 500000, 0, -10, 5000000),
    }
    with rasterio.open(path, "w", **{**defaults, **profile}) as dataset:
        dataset.write(data)
    return path


def test_a_text_file_is_no_scene(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("not a raster")
    done = geoseg("flood", path, "-o", tmp_path / "a.gpkg", code=3)
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.gpkg").exists()


def test_a_truncated_raster_leaves_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = _write(tmp_path / "vv_vh.tif", rng.normal(-15, 3, (2, 600, 600)).astype(np.float32))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    done = geoseg("flood", path, "-o", tmp_path / "a.gpkg", "--sensor", "sentinel-1", code=3)
    assert str(path.name) in done.stderr
    assert sorted(item.name for item in tmp_path.iterdir()) == [path.name]


def test_all_nodata_is_said(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.zeros((2, 40, 40), np.float32), nodata=0)
    done = geoseg("flood", path, "-o", tmp_path / "a.gpkg", "--sensor", "sentinel-1", code=3)
    assert "nodata" in done.stderr


def test_nan_and_one_pixel(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.full((2, 1, 1), -22.0, np.float32))
    found = record("flood", path, "-o", tmp_path / "a.gpkg", "--sensor", "sentinel-1", "--min-area", 0)
    assert found["valid_share"] == 1
    data = np.full((2, 9, 9), -22.0, np.float32)
    data[:, 4] = np.nan
    path = _write(tmp_path / "b.tif", data)
    found = record("flood", path, "-o", tmp_path / "b.gpkg", "--sensor", "sentinel-1", "--min-area", 0)
    assert found["valid_share"] == pytest.approx(8 / 9)


def test_wrong_bands_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.ones((3, 8, 8), np.uint16))
    done = geoseg("flood", path, "-o", tmp_path / "a.gpkg", code=3)
    assert "--band" in done.stderr or "--sensor" in done.stderr


def test_existing_output_is_kept(sar: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_text("mine")
    geoseg("flood", sar, "-o", path, code=6)
    assert path.read_text() == "mine"
    geoseg("flood", sar, "-o", path, "--overwrite")
    assert geopandas.list_layers(path) is not None


def test_no_crs_runs_in_pixel_coordinates(tmp_path: Path, data_dir: Path) -> None:
    done = geoseg(
        "flood", data_dir / "water-hls" / "image" / "0.tif", "--sensor", "hls", "-o", tmp_path / "a.gpkg"
    )
    assert "CRS" in done.stderr
    frame = geopandas.read_file(tmp_path / "a.gpkg", layer="flood")
    if len(frame):
        assert frame["area_m2"].isna().all()


def test_dry_run_writes_nothing(sar: Path, tmp_path: Path) -> None:
    plan = json.loads(geoseg("flood", sar, "-o", tmp_path / "a.gpkg", "--dry-run", "--json").stdout)
    assert plan["tiles"] >= 1
    assert plan["memory_mib"] > 0
    assert not list(tmp_path.iterdir())
