"""Make a large scene from real pixels, repeated by mirroring, for speed and memory measurements.

    python bench/make_scene.py OUT.tif --height 10980 --width 10980 [--city abudhabi] [--date after]

Six Sentinel-2 bands (B02 B03 B04 B8A B11 B12) of one date of a city in `change-s2`, resampled to 10 m by
nearest neighbour and repeated by mirroring to the requested size; deflate, predictor 2, blocks of 512. State
"real pixels, repeated" with every figure measured on such a scene.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling

BANDS = ("B02", "B03", "B04", "B8A", "B11", "B12")
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GEOSEG_TEST_DATA", ROOT.parent / "shared" / "data"))


def city_pixels(city: str, date: str = "after") -> np.ndarray:
    """Return the six bands (6, H, W) uint16 on the 10 m grid, cropped to the pixels of both dates."""
    folder = DATA / "change-s2" / city
    shapes = []
    for name in ("before", "after"):
        with rasterio.open(next((folder / name).glob("*_B02.tif"))) as dataset:
            shapes.append(dataset.shape)
    bands = []
    for band in BANDS:
        with rasterio.open(next((folder / date).glob(f"*_{band}.tif"))) as dataset:
            shape = shapes[("before", "after").index(date)]
            bands.append(dataset.read(1, out_shape=shape, resampling=Resampling.nearest))
    height, width = np.min(shapes, axis=0)
    return np.stack(bands)[:, :height, :width]


def mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Return positions 0..size-1 of indices into a row that is repeated by mirroring."""
    index = index % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--height", type=int, default=10980)
    parser.add_argument("--width", type=int, default=10980)
    parser.add_argument("--city", default="abudhabi")
    parser.add_argument("--date", choices=("before", "after"), default="after")
    options = parser.parse_args()
    pixels = city_pixels(options.city, options.date)
    cols = mirrored(np.arange(options.width), pixels.shape[2])
    profile = {
        "driver": "GTiff",
        "height": options.height,
        "width": options.width,
        "count": len(BANDS),
        "dtype": "uint16",
        "crs": "EPSG:32640",
        "transform": Affine(10, 0, 300000, 0, -10, 2700000),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 2,
        "num_threads": "all_cpus",
        "bigtiff": "if_safer",
    }
    with rasterio.open(options.output, "w", **profile) as dataset:
        for number, band in enumerate(BANDS, start=1):
            dataset.set_band_description(number, band)
        for row in range(0, options.height, 512):
            rows = mirrored(np.arange(row, min(row + 512, options.height)), pixels.shape[1])
            strip = pixels[:, rows][:, :, cols]
            dataset.write(strip, window=((row, row + len(rows)), (0, options.width)))


if __name__ == "__main__":
    main()
