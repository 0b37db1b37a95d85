"""Measure the cost of masking by a quality layer: a flood map with and without it.

    python bench/quality.py [--work FOLDER] [--side 10980] [--runs 3]

The scene is that of `bench/make_scene.py` (real pixels, repeated, six bands) with a scene classification
layer of half its resolution, in which random blocks are cloud. Runs alternate; figures are medians.
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
    """Return the SCL layer of a scene, made if missing; 10 % of its blocks of 64² pixels are cloud."""
    layer = path.with_name(f"{path.stem}_SCL_20m.tif")
    if layer.exists():
        return layer
    with rasterio.open(path) as file:
        height, width = -(-file.height // 2), -(-file.width // 2)
        crs, transform = file.crs, file.transform
    blocks = np.random.default_rng(0).random((-(-height // 64), -(-width // 64))) < 0.1
    codes = np.where(blocks, 9, 4).astype(np.uint8).repeat(64, 0).repeat(64, 1)[:height, :width]
    options = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    options |= {
        "crs": crs,
        "transform": Affine(2 * transform.a, 0, transform.c, 0, 2 * transform.e, transform.f),
    }
    with rasterio.open(layer, "w", **options, tiled=True, compress="deflate") as file:
        file.write(codes, 1)
    return layer


def main() -> None:
    """Print a row with and a row without the quality layer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path)
    parser.add_argument("--side", type=int, default=10980)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        work = arguments.work or Path(fresh)
        path = scene(work, arguments.side, arguments.side)
        classification(path)
        options = ("--sensor", "sentinel-2-l2a-harmonised", "--method", "mndwi", "-o", work / "map.gpkg")
        commands = {
            name: geoseg("flood", path, *options, "--clouds", clouds)
            for name, clouds in (("without", "none"), ("with SCL", "product"))
        }
        runs = {name: [] for name in commands}
        for _ in range(arguments.runs):
            for name, command in commands.items():
                runs[name].append(measure(command))
        for name, finished in runs.items():
            figures = [median(finished, figure) for figure in ("wall", "cpu", "peak_mib")]
            share = finished[0].record["valid_share"]
            text = f"{figures[0]:6.1f} s {figures[1]:6.1f} s CPU {figures[2]:6.0f} MiB"
            print(f"{name:10} {text}, observed {share}")
        wall = median(runs["with SCL"], "wall") / median(runs["without"], "wall")
        cpu = median(runs["with SCL"], "cpu") / median(runs["without"], "cpu")
        print(f"ratio of wall {wall:.2f}, of CPU {cpu:.2f}")


if __name__ == "__main__":
    main()
