"""Files that are in one folder and no one scene, and fill that no tag states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import BandError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import Ground, lake, write_raster

GROUND = Ground(kinds=lake(60), noise=0.01)


def scene(*paths: Path, **said: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **said), sensors())


@pytest.mark.parametrize(
    ("form", "bands", "days", "mixed"),
    [
        ("T33UXP_{day}T101031_{band}.tif", {"B03": "green", "B08": "nir"}, ("20160504", "20171026"), True),
        ("T33UXP_{day}T101031_{band}.tif", {"B03": "green", "B08": "nir"}, ("20160504", "20160504"), False),
        ("lake_{day}_{band}.tif", {"green": "green", "nir": "nir"}, ("2018-05-04", "2021-09-01"), True),
        ("lake_{day}_{band}.tif", {"green": "green", "nir": "nir"}, ("2018-05-04", "2018-05-05"), False),
        (
            "LC08_L2SP_008059_{day}_20200825_02_T1_SR_{band}.TIF",
            {"B3": "green", "B5": "nir08"},
            ("20191201", "20180701"),
            True,
        ),
    ],
)
def test_files_of_several_dates_are_no_scene(
    tmp_path: Path, form: str, bands: dict[str, str], days: tuple[str, str], mixed: bool
) -> None:
    for day, (label, band) in zip(days, bands.items(), strict=True):
        stored = np.rint(GROUND.reflectance(band) * 1e4 + 8000).astype(np.uint16)
        write_raster(tmp_path / form.format(day=day, band=label), stored)
    with scene(tmp_path) as opened:
        found = [message.text for message in opened.messages if message.code == "bands-of-several-dates"]
    assert len(found) == mixed
    assert all(day in text for text in found for day in days)


@pytest.mark.parametrize(("low", "count"), [(-19.0, 2), (3000.0, 6)], ids=["radar", "optical"])
def test_files_of_several_bands_without_names_are_scenes(tmp_path: Path, low: float, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        write_raster(tmp_path / f"chip{number}.tif", rng.normal(low, 2, (count, 60, 60)).astype(np.float32))
    with pytest.raises(BandError, match=r"3 such files are 3 scenes .* `geoseg batch`"), scene(tmp_path):
        pass


@pytest.mark.parametrize(
    ("dtype", "scale", "fill"),
    [
        ("uint16", 1e4, 65_535),
        ("int16", 1e4, 32_767),
        ("float32", 1.0, 65_535),
        ("float32", 1e4, 65_535),
        ("uint8", 300, 255),
    ],
)
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_fill_that_no_tag_states_is_not_observed(
    tmp_path: Path, dtype: str, scale: float, fill: float, share: float
) -> None:
    bands = ("blue", "green", "red", "nir")
    data = np.stack([GROUND.reflectance(band) * scale for band in bands])
    stored = (np.rint(data) if dtype.startswith(("u", "i")) else data).astype(dtype)
    columns = round(share * 60)
    stored[:, :, :columns] = fill
    with scene(write_raster(tmp_path / "made.tif", stored, descriptions=list(bands))) as opened:
        read = opened.read(opened.grid.window, ["nir"])
        assert not read.valid[:, :columns].any()
        assert read.valid[:, columns:].all()


@pytest.mark.parametrize("fill", [-99, -999, -9999])
def test_fill_of_backscatter_in_db_is_not_observed(tmp_path: Path, fill: float) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal([[[-12.0]], [[-19.0]]], 2, (2, 60, 60)).astype(np.float32)
    data[:, :12] = fill
    path = write_raster(tmp_path / "made.tif", data, descriptions=["VV", "VH"])
    with scene(path, sensor="sentinel-1") as opened:
        read = opened.read(opened.grid.window, ["vh"])
        assert not read.valid[:12].any()
        assert read.valid[12:].all()
