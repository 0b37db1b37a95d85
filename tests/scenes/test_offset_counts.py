"""What the values say of the offset of Sentinel-2."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from geoseg.errors import SceneError
from geoseg.scenes.offset_counts import classify_counts
from tests.products.ground import BARE, Ground, write_raster
from tests.products.sentinel2 import (
    JP2,
    LABELS,
    SIX,
    Sentinel2,
)
from tests.scenes.sentinel2_scenes import (
    NEW,
    OLD,
    SURFACE,
    found,
    is_ground,
    of,
    scene,
)


def reflectance(path: Path, add: float, ground: Ground | None = None, dtype: Any = np.float32) -> Path:
    """Write reflectance of 0..1, and some more."""
    data = np.stack([(ground or Ground()).reflectance(band) + add for band in SIX]).astype(dtype)
    data[:, :5, :5] = np.nan
    return write_raster(path, data, descriptions=[LABELS[band] for band in SIX], nodata=float("nan"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("add", "held", "level"), [(0.0, False, "note"), (0.1, True, "warning")])
def test_scaled_reflectance_may_hold_it_too(
    tmp_path: Path, dtype: Any, add: float, held: bool, level: str
) -> None:
    with scene(reflectance(tmp_path / f"{Sentinel2().name}.tif", add, dtype=dtype)) as opened:
        assert found(opened) == (held, level)
        is_ground(opened, Sentinel2())


def test_scaled_reflectance_where_nothing_is_dark_is_warned_of(tmp_path: Path) -> None:
    with scene(reflectance(tmp_path / f"{Sentinel2().name}.tif", 0.0, of(BARE))) as opened:
        assert found(opened) == (False, "warning")
    with scene(tmp_path / f"{Sentinel2().name}.tif", sensor=f"{SURFACE}-offset") as opened:
        assert found(opened) == (True, "note")


def test_an_offset_taken_off_that_was_not_there_is_refused(tmp_path: Path) -> None:
    path = reflectance(tmp_path / f"T33UXP_{OLD}.tif", -0.1)
    with pytest.raises(SceneError, match=r"add 0\.1 to the reflectance") as caught, scene(path):
        pass
    assert caught.value.exit_code == 3
    with scene(path, sensor=f"{SURFACE}-harmonised") as opened:
        assert found(opened) == (False, "warning")


@pytest.mark.parametrize("held", [False, True])
def test_overviews_are_looked_at_where_there_are_any(tmp_path: Path, held: bool) -> None:
    product = Sentinel2(held=held)
    data = np.tile(np.stack([product.counts(band) for band in SIX]), (1, 12, 12))
    path = write_raster(tmp_path / "x.tif", data, descriptions=[LABELS[band] for band in SIX], nodata=0)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (held, "note")
        assert opened.grid.height == 2160


def test_fill_values_are_no_counts(tmp_path: Path) -> None:
    product = Sentinel2(dtype=np.int16, date=NEW)
    data = np.stack([product.counts(band) for band in SIX])
    data[:, :90] = -9999
    path = write_raster(tmp_path / f"T33UXP_{NEW}.tif", data, descriptions=[LABELS[band] for band in SIX])
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (True, "note")
        assert not opened.read(opened.grid.window, ["red"]).valid[:90].any()


def test_the_spectrum_of_a_scene_with_few_observed_pixels_tells_nothing() -> None:
    few = {band: np.full(30, 200, np.float32) for band in SIX}
    assert classify_counts(few).result == "unknown"
    assert classify_counts({"red": np.full(100, np.nan, np.float32)}).result == "unknown"


def cities(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """All dates of all cities: counts of all bands but cirrus, on the grid of the bands of 20 m."""
    scenes = []
    names = {label: band for band, label in LABELS.items() if band != "cirrus"}
    for folder in sorted((data_dir / "change-s2").glob("*/*/")):
        files = {names[path.stem[-3:]]: path for path in folder.glob("*.tif") if path.stem[-3:] in names}
        with rasterio.open(files["swir16"]) as file:
            shape = file.shape
        counts = {}
        for band, path in files.items():
            with rasterio.open(path) as file:
                values = file.read(1, out_shape=shape).astype(np.float32)
            counts[band] = np.where(values == 0, np.nan, values)
        scenes.append((f"{folder.parent.name} {folder.name}", counts))
    return scenes


def test_no_city_is_misjudged(data_dir: Path) -> None:
    """Level 1C without the offset, and with it made."""
    scenes, judged = cities(data_dir), []
    assert len(scenes) == 16
    rng = np.random.default_rng(0)
    for name, counts in scenes:
        height, width = counts["red"].shape
        parts = [(slice(None), slice(None))]
        for _ in range(20):
            row, col = int(rng.integers(0, height - 40)), int(rng.integers(0, width - 40))
            parts.append((slice(row, row + 40), slice(col, col + 40)))
        for bands in (tuple(counts), SIX, SIX[:4]):
            for part in parts:
                own = {band: counts[band][part].ravel() for band in bands}
                without = classify_counts(own).result
                assert without in {"absent", "probably absent", "unknown"}, (name, bands, part)
                with_it = classify_counts({band: values + 1000 for band, values in own.items()}).result
                assert with_it in {"present", "unknown"}, (name, bands, part)
                judged += [(without, with_it)] if part == parts[0] and bands == SIX else []
    assert sum(without == "absent" for without, _ in judged) >= 12
    assert sum(with_it == "present" for _, with_it in judged) >= 8


def test_no_chip_of_surface_reflectance_is_misjudged(data_dir: Path) -> None:
    verdicts = []
    for path in sorted((data_dir / "water-hls" / "image").iterdir()):
        with rasterio.open(path) as file:
            data = file.read().astype(np.float32)
        data[data <= -9999] = np.nan
        own = dict(zip(SIX, data.reshape(6, -1), strict=True))
        without = classify_counts(own).result
        with_it = classify_counts({band: values + 1000 for band, values in own.items()}).result
        assert without in {"absent", "unknown"}, path.name
        assert with_it in {"present", "unknown"}, path.name
        verdicts.append((without, with_it))
    assert sum(without == "absent" for without, _ in verdicts) > 200
    assert sum(with_it == "present" for _, with_it in verdicts) > 150


@pytest.mark.parametrize("folder", ["L1C_20210908", "L2A_20210122", "L2A_20230821"])
def test_real_metadata_with_made_bands(data_dir: Path, tmp_path: Path, folder: str) -> None:
    source = next((data_dir / "products").glob(f"S2?_MSI{folder}*.SAFE"))
    root = tmp_path / source.name
    shutil.copytree(source, root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    held = "_N05" in source.name
    product = Sentinel2(held=held, level=folder[1:3])
    text = next(root.glob("MTD_MSIL*.xml")).read_text()
    for band in product.bands:
        wanted = f"_{LABELS[band]}</IMAGE_FILE>" if product.level == "1C" else f"_{LABELS[band]}_"
        lines = [line for line in text.splitlines() if "IMAGE_FILE" in line and wanted in line]
        for line in lines:
            name = line.partition(">")[2].partition("<")[0]
            metres = int(name[-3:-1]) if product.level == "2A" else 10
            write_raster(root / f"{name}.jp2", product.counts(band, metres), pixel=metres, **JP2)
    with scene(root) as opened:
        assert found(opened) == (held, "note")
        is_ground(opened, replace(product, ground=Ground()))
