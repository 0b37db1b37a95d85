"""The methods that are chosen by themselves reach on labelled chips what a fixed rule reaches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from geoseg.methods.accuracy import Confusion, confusion, total
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.water import WaterSession, candidate_bands, fix

ALIGNED = ("40_119", "45_90", "50_67", "50_83", "52_67", "52_81", "53_80", "59_27", "62_23")


def mapped(pixels: NDArray[np.float32], bands: Sequence[str], kind: str, method: str) -> NDArray[np.bool_]:
    """Water of a chip that is a scene of its own, regions grown as the pipeline does."""
    spec = FloodSpec(scene=SceneSpec(paths=("chip",)), run=RunSpec(output=Path("none")), method=method)
    radar = kind == "sar"
    found = candidate_bands(spec, bands, "sar" if radar else "optical", 0, "db" if radar else "reflectance")
    layers = dict(zip(bands, pixels, strict=True))
    choice = fix(spec, found, [np.stack([layers[name] for name in found.bands])], (10.0, 10.0))
    scores = WaterSession(choice)(np.stack([layers[name] for name in choice.bands])[np.newaxis])[0, 0]
    labels, count = ndimage.label(scores > 0.5)
    best = ndimage.maximum(scores, labels, np.arange(count + 1))
    keep = best >= (choice.seed or 0.0)
    keep[0] = False
    return np.asarray(keep[labels])


@pytest.fixture(scope="module")
def radar_chips(data_dir: Path) -> list[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    folder = data_dir / "flood-s1" / "bangladesh"
    chips = []
    for path in sorted((folder / "s1").glob("*.tif")):
        if not path.stem.endswith(ALIGNED):
            continue
        with rasterio.open(path) as image, rasterio.open(folder / "label" / path.name) as truth:
            label = np.zeros(image.shape, np.uint8)
            reproject(
                truth.read(1),
                label,
                src_transform=truth.transform,
                src_crs=truth.crs,
                dst_transform=image.transform,
                dst_crs=image.crs,
                src_nodata=0,
                resampling=Resampling.nearest,
            )
            chips.append((image.read().astype(np.float32), label))
    assert len(chips) == len(ALIGNED)
    return chips


@pytest.mark.parametrize(("method", "floor"), [("auto", 0.50), ("sar-vh", 0.45), ("sar-vv", 0.50)])
def test_radar_floods(
    radar_chips: list[tuple[NDArray[np.float32], NDArray[np.uint8]]], method: str, floor: float
) -> None:
    counts: list[Confusion] = [
        confusion(mapped(pixels, ("vv", "vh"), "sar", method), label == 2, label > 0)
        for pixels, label in radar_chips
    ]
    assert total(counts).iou >= floor


@pytest.mark.parametrize(("method", "floor"), [("auto", 0.61), ("ndwi", 0.58)])
def test_optical_water(data_dir: Path, method: str, floor: float) -> None:
    bands = ("blue", "green", "red", "nir", "swir16", "swir22")
    counts: list[Confusion] = []
    for path in sorted((data_dir / "water-hls" / "image").glob("*.tif")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as image:
                pixels = image.read().astype(np.float32) / 10000
            with rasterio.open(data_dir / "water-hls" / "label" / f"{path.stem}.png") as truth:
                water = truth.read(1) > 0
        counts.append(
            confusion(mapped(pixels, bands, "optical", method), water, np.ones(water.shape, np.bool_))
        )
    assert len(counts) >= 200
    assert total(counts).iou >= floor
