"""Options that contradict the method, the network or the sensor are refused before pixels are read.

The scenes have damaged tiles in the centre, so that reading all pixels, a sample for a threshold or a cloud
mask is another error. Opening a scene reads other tiles, from whose values units and scale are recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.products.ground import write_raster

Geoseg = Callable[..., tuple[str, str]]

REFLECTANCE = ("green", "red", "nir", "swir16", "swir22")
TILE = 256
DATED = "T31UDQ_{}T105019_{}.tif"


def damaged(
    path: Path, bands: int, low: float, high: float, names: Sequence[str] = (), kind: str = "float32"
) -> Path:
    """Write a raster whose two central tiles of 5 x 4 cannot be decompressed."""
    coarse = np.random.default_rng(bands).uniform(low, high, (bands, 5 * TILE // 32, 4 * TILE // 32))
    values = coarse.repeat(32, axis=1).repeat(32, axis=2).astype(kind)
    layout: dict[str, Any] = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "band"}
    write_raster(path, values, descriptions=names, compress="deflate", **layout)
    with rasterio.open(path) as file:
        places = [
            [int(file.get_tag_item(f"BLOCK_{word}_{at}_2", "TIFF", bidx=band)) for word in ("OFFSET", "SIZE")]
            for band in file.indexes
            for at in (1, 2)
        ]
    stored = bytearray(path.read_bytes())
    for start, size in places:
        stored[start : start + size] = bytes(size)
    path.write_bytes(stored)
    return path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scenes")
    for day in ("20170829", "20170929"):
        for band in ("B03", "B04", "B08", "B11", "B12"):
            damaged(folder / day / DATED.format(day, band), 1, 500, 3000, kind="uint16")
    return {
        "OPTICAL": damaged(folder / "optical.tif", 5, 0.05, 0.3, REFLECTANCE),
        "EARLIER": damaged(folder / "earlier.tif", 5, 0.05, 0.3, REFLECTANCE),
        "RADAR": damaged(folder / "radar.tif", 2, -20, -5, ("vv", "vh")),
        "BEFORE": damaged(folder / "before.tif", 2, -20, -5, ("vv", "vh")),
        "NUMBERS": damaged(folder / "numbers.tif", 2, 10, 200, ("vv", "vh"), kind="uint8"),
        "S2": folder / "20170929",
        "S2_BEFORE": folder / "20170829",
    }


PLUME = ("methane", "plume", "S2", "--satellite", "sentinel-2a", "--sun-zenith", "30")

UNREADABLE = "the file may be truncated"

REFUSED = [
    ("flood OPTICAL --thresholding tiles", 2, "`--thresholding tiles` is for backscatter"),
    ("flood OPTICAL --method mndwi --thresholding tiles", 2, "`--thresholding tiles` is for backscatter"),
    ("flood RADAR --before BEFORE --thresholding tiles", 2, "`--thresholding tiles` is for backscatter"),
    ("flood NUMBERS --thresholding tiles", 2, "`--thresholding tiles` is for backscatter"),
    ("flood NUMBERS --thresholding hsba", 2, "needs dB"),
    ("flood OPTICAL --method sar-vh", 3, "is for sar scenes, and this scene is optical"),
    ("flood RADAR --method mndwi", 3, "is for optical scenes, and this scene is sar"),
    ("flood RADAR --method zscore", 2, "needs 2 earlier scenes or more, 0 given: add --before SCENE"),
    ("flood OPTICAL --method awei-sh", 3, "needs blue"),
    ("flood OPTICAL --method nonsense", 2, "no water method"),
    ("flood OPTICAL --permanent-values 1", 2, "give `--permanent-water` too"),
    ("flood OPTICAL --model water-optical --threshold 0", 2, "exclude each other"),
    ("flood OPTICAL --model flood-sar", 3, "vv"),
    ("flood OPTICAL --before EARLIER --model water-optical", 2, "maps one date"),
    ("flood RADAR --model flood-sar-pair", 2, "give one `--before SCENE`"),
    ("change OPTICAL EARLIER --method cva --thresholding chi2", 2, "can be used with"),
    ("change BEFORE RADAR --thresholding chi2", 2, "can be used with"),
    ("change BEFORE RADAR --method mad", 3, "is for optical scenes, and these are sar"),
    ("change OPTICAL RADAR", 3, "one kind of sensor"),
    ("change OPTICAL EARLIER --model water-optical --method mad", 2, "exclude each other"),
    ("change BEFORE RADAR --model flood-sar-pair", 2, "maps flood from two dates"),
    ("change BEFORE RADAR --model water-optical", 3, "is missing"),
    ("segment OPTICAL --model flood-sar-pair", 2, "maps from two dates"),
    ("segment OPTICAL --model flood-sar", 3, "vv"),
    (" ".join((*PLUME, "--method", "mag1c")), 2, "imaging spectrometer"),
    (" ".join((*PLUME, "--method", "mbmp")), 2, "give `--reference SCENE`"),
    (" ".join((*PLUME, "--column-group", "5")), 2, "imaging spectrometers"),
    (" ".join((*PLUME, "--reference", "S2_BEFORE", "--model", "water-optical")), 4, "is for flood"),
]

READ = [
    "flood OPTICAL",
    "flood RADAR --before BEFORE",
    "change EARLIER OPTICAL",
    "segment RADAR --model flood-sar",
    " ".join(PLUME),
]


def arguments(command: str, scenes: dict[str, Path]) -> list[str]:
    return [str(scenes.get(word, word)) for word in command.split()]


@pytest.mark.parametrize(("command", "code", "text"), REFUSED, ids=[command for command, *_ in REFUSED])
def test_contradictions_are_refused_before_pixels_are_read(
    geoseg: Geoseg, tmp_path: Path, scenes: dict[str, Path], command: str, code: int, text: str
) -> None:
    _, err = geoseg(*arguments(command, scenes), "-o", tmp_path / "out.gpkg", code=code)
    assert text.replace("`", "") in err.replace("`", "")
    assert UNREADABLE not in err


@pytest.mark.parametrize("command", READ)
def test_pixels_of_these_scenes_cannot_be_read(
    geoseg: Geoseg, tmp_path: Path, scenes: dict[str, Path], command: str
) -> None:
    _, err = geoseg(*arguments(command, scenes), "-o", tmp_path / "out.gpkg", code=3)
    assert UNREADABLE in err
