"""Inputs that contradict each other: one file for two dates, another sensor than that of the product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.products.ground import write_raster
from tests.products.landsat import write_landsat

Geoseg = Callable[..., tuple[str, str]]


@pytest.mark.parametrize(
    "command",
    [
        ("flood", "A", "--before", "A"),
        ("flood", "A", "--before", "LINK"),
        ("flood", "A", "--before", "B", "--before", "B"),
        ("change", "A", "A"),
        ("change", "A", "LINK"),
        ("change", "CLASSES", "CLASSES", "--method", "classes"),
        ("methane", "plume", "A", "--reference", "A", "--satellite", "sentinel-2a", "--sun-zenith", "30"),
    ],
)
def test_commands_refuse_one_file_for_two_dates(
    geoseg: Geoseg, tmp_path: Path, command: tuple[str, ...]
) -> None:
    bands = ("green", "nir", "swir16", "swir22")
    values = np.random.default_rng(0).uniform(0.05, 0.3, (2, 4, 96, 96)).astype(np.float32)
    names = {
        "A": write_raster(tmp_path / "a.tif", values[0], descriptions=bands),
        "B": write_raster(tmp_path / "b.tif", values[1], descriptions=bands),
        "CLASSES": write_raster(tmp_path / "c.tif", (values[0, 0] * 20).astype(np.uint8)),
        "LINK": tmp_path / "link.tif",
    }
    names["LINK"].symlink_to(names["A"])
    arguments = [str(names.get(word, word)) for word in command]
    _, err = geoseg(*arguments, "-o", tmp_path / "out.gpkg", code=3)
    assert "is given for two dates" in err
    assert not (tmp_path / "out.gpkg").exists()


def test_another_instrument_than_that_of_the_metadata_is_refused(geoseg: Geoseg, tmp_path: Path) -> None:
    product = write_landsat(tmp_path)
    _, err = geoseg("flood", product.folder, "--sensor", "sentinel-2-l1c", "-o", tmp_path / "o.gpkg", code=3)
    assert "by its metadata" in err
    geoseg("info", product.folder, "--sensor", "landsat-8-l2")


def test_another_sensor_than_that_of_the_names_is_warned_of(geoseg: Geoseg, tmp_path: Path) -> None:
    path = tmp_path / "20170829_105019_1035_3B_AnalyticMS_SR.tif"
    write_raster(path, np.full((4, 16, 16), 900, np.uint16))
    _, err = geoseg("info", path, "--sensor", "naip")
    assert "is named as files of planetscope" in err
    for right in ("planetscope", "planetscope-toar", "generic"):
        _, err = geoseg("info", path, "--sensor", right)
        assert "is named as files of" not in err


def test_the_satellite_of_another_instrument_is_refused(geoseg: Geoseg, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    for band in ("B11", "B12"):
        write_raster(folder / f"T31UDQ_20170829T105019_{band}.tif", np.full((64, 64), 900, np.uint16))
    options = ("methane", "plume", folder, "--dry-run", "-o", tmp_path / "o.gpkg")
    _, err = geoseg(*options, "--satellite", "landsat-8", code=3)
    assert "give `--satellite` with a satellite of sentinel-2" in err
    geoseg(*options, "--satellite", "sentinel-2b")


def test_a_band_name_that_contradicts_the_label_is_warned_of(geoseg: Geoseg, tmp_path: Path) -> None:
    for band in ("B03", "B04", "B8A"):
        write_raster(tmp_path / f"T31UDQ_20170829T105019_{band}.tif", np.full((16, 16), 900, np.uint16))
    path = tmp_path / "T31UDQ_20170829T105019_{}.tif"
    for name, label, wrong in (("green", "B04", True), ("green", "B03", False), ("nir", "B8A", False)):
        _, err = geoseg("info", tmp_path, "--band", f"{name}={str(path).format(label)}")
        assert ("is labelled as red of sentinel-2" in err) is wrong


@pytest.mark.parametrize("option", ["--mask", "--permanent-water"])
@pytest.mark.parametrize("name", ["cut.tif", "cut"])
def test_a_truncated_raster_is_not_called_a_vector_file(
    geoseg: Geoseg, tmp_path: Path, option: str, name: str
) -> None:
    scene = write_raster(
        tmp_path / "scene.tif", np.full((2, 64, 64), 0.1, np.float32), descriptions=("green", "swir16")
    )
    whole = write_raster(tmp_path / "whole.tif", np.ones((64, 64), np.uint8))
    (tmp_path / name).write_bytes(whole.read_bytes()[:40])
    _, err = geoseg("flood", scene, option, tmp_path / name, "-o", tmp_path / "o.gpkg", code=3)
    assert "vector" not in err
    assert name in err
