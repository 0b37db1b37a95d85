"""Measure what masking by a quality layer costs: a flood map with and without it, side by side.

    python bench/quality.py [--work FOLDER] [--side 10980] [--runs 3]

The scene is that of `bench/make_scene.py` (real pixels, repeated, six bands) with a scene classification of
half its resolution beside it, whose clouds are blocks of made places. Runs alternate; figures are medians.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from run import geoseg, measure, median, scene


def classification(path: Path) -> Path:
    """Write an SCL layer beside a scene unless it is there: 10 % of its blocks of 64² pixels are cloud."""
    layer = path.with_name(f"{path.stem}_SCL_20m.tif")
    if layer.exists():
        return layer
    with rasterio.open(path) as file:
        height, width = -(-file.height // 2), -(-file.width // 2)
        crs, place = file.crs, file.transform
    blocks = np.random.default_rng(0).random((-(-height // 64), -(-width // 64))) < 0.1
    codes = np.where(blocks, 9, 4).astype(np.uint8).repeat(64, 0).repeat(64, 1)[:height, :width]
    options = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    options |= {"crs": crs, "transform": Affine(2 * place.a, 0, place.c, 0, 2 * place.e, place.f)}
    with rasterio.open(layer, "w", **options, tiled=True, compress="deflate") as file:
        file.write(codes, 1)
    return layer


def main() -> None:
    """Print one row a way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path)
    parser.add_argument("--side", type=int, default=10980)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        work = asked.work or Path(fresh)
        path = scene(work, asked.side, asked.side)
        classification(path)
        options = ("--sensor", "sentinel-2-l2a-harmonised", "--method", "mndwi", "-o", work / "map.gpkg")
        ways = {
            name: geoseg("flood", path, *options, "--clouds", clouds)
            for name, clouds in (("without", "none"), ("with SCL", "product"))
        }
        runs = {name: [] for name in ways}
        for _ in range(asked.runs):
            for name, command in ways.items():
                runs[name].append(measure(command))
        for name, found in runs.items():
            figures = [median(found, figure) for figure in ("wall", "cpu", "peak_mib")]
            share = found[0].record["valid_share"]
            told = f"{figures[0]:6.1f} s {figures[1]:6.1f} s CPU {figures[2]:6.0f} MiB"
            print(f"{name:10} {told}, observed {share}")
        wall = median(runs["with SCL"], "wall") / median(runs["without"], "wall")
        cpu = median(runs["with SCL"], "cpu") / median(runs["without"], "cpu")
        print(f"ratio of wall {wall:.2f}, of CPU {cpu:.2f}")


if __name__ == "__main__":
    main()
