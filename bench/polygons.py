"""Measure the time from class raster to GeoPackage with attributes, in comparison with GDAL's polygoniser.

    python bench/polygons.py [--size 10980] [--rectangles 48500] [--strip 448] [--runs 3] [--profile]

Three simulated rasters of `size`²: about 43,000 regions (rotated rectangles, and a lake across all strips),
the same with 1 % noise, and random pixels of two classes. Both programs start from the class raster in
memory and alternate. `shapes`: iterate over `rasterio.features.shapes`. `geoseg`: strips → regions →
polygons → GeoPackage with class, label, geodesic area, pixels, mean score and spatial index, which another
thread writes. Compare the ratio. Peak memory is measured in a separate process that has only a class raster
in memory.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from memory import resident
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.engine.make_map import SCHEMA
from geoseg.files.background import Background
from geoseg.grid import Grid
from geoseg.outputs.layer import Layer
from geoseg.outputs.table import Table
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Polygoniser, Storage

Classes = NDArray[np.uint8]
LABELS = {1: "water", 2: "permanent water"}


def rectangles(size: int, count: int, rng: np.random.Generator) -> Classes:
    """Draw rotated rectangles of two classes, 4 to 60 pixels a side, and a lake from top to bottom."""
    scale = np.sqrt(size * size / 10980**2)
    count = round(count * scale * scale)
    centres = rng.uniform(0, size, (count, 2))
    halves = rng.uniform(2, 13, (count, 2))
    angles = rng.uniform(0, np.pi, count)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])[None] * halves[:, None]
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x = corners[..., 0] * cos - corners[..., 1] * sin + centres[:, :1]
    y = corners[..., 0] * sin + corners[..., 1] * cos + centres[:, 1:]
    boxes = shapely.polygons(np.stack((x, y), axis=2))
    at = np.linspace(0.02, 0.98, 600) * size
    middle = size * (0.5 + 0.2 * np.sin(at / size * 9) + 0.01 * np.sin(at / size * 211))
    lake = shapely.buffer(shapely.linestrings(np.stack((middle, at), axis=1)), size * 0.01)
    shapes = [*zip(boxes, rng.integers(1, 3, count).tolist(), strict=True), (lake, 1)]
    return np.asarray(rasterio.features.rasterize(shapes, (size, size), dtype="uint8"))


def speckled(classes: Classes, rng: np.random.Generator) -> Classes:
    """Flip 1 % of the pixels between background and class 1."""
    noise = rng.random(classes.shape, np.float32) < 0.01
    return np.where(noise, np.where(classes == 0, 1, 0), classes).astype(np.uint8)


def salt(size: int, rng: np.random.Generator) -> Classes:
    """Scatter single pixels of two classes over 2 % of the background."""
    drawn = rng.random((size, size), np.float32)
    return (drawn < 0.02).astype(np.uint8) + (drawn < 0.01).astype(np.uint8)


def make(name: str, size: int, count: int) -> Classes:
    """Return a raster by its name; equal for every call."""
    rng = np.random.default_rng(7)
    if name == "salt":
        return salt(size, rng)
    drawn = rectangles(size, count, rng)
    return speckled(drawn, rng) if name == "speckled" else drawn


def run_shapes(classes: Classes) -> int:
    """Return the number of GDAL's polygons (4-connected), by iterating over them."""
    return sum(1 for _ in rasterio.features.shapes(classes, mask=classes != 0))


def run_geoseg(classes: Classes, path: Path, rows: int, cleaning: Cleaning) -> tuple[int, float]:
    """Write polygons to a GeoPackage; return their number and the seconds of waiting for the file."""
    height, width = classes.shape
    grid = Grid(
        crs=CRS.from_epsg(32633), transform=Affine(10, 0, 500000, 0, -10, 5000000), height=height, width=width
    )
    polygoniser = Polygoniser(grid, cleaning, LABELS, storage=Storage(keep_edits=False))
    scores = np.full((rows, width), 230, np.uint8)
    background = Background("geoseg-rows")
    layer = Layer(name="flood", schema=SCHEMA, classes=(), crs=grid.crs)
    table = Table(path, layer, index=True, background=background)
    waited = 0.0
    for row in range(0, height + rows, rows):
        part = classes[row : row + rows]
        strip = Strip(row=row, classes=part, scores=scores[: len(part)])
        for features in polygoniser.add(strip) if len(part) else polygoniser.finish():
            begun = time.perf_counter()
            table.add(features)
            waited += time.perf_counter() - begun
    begun = time.perf_counter()
    table.close()
    background.stop()
    return table.rows, waited + time.perf_counter() - begun


def peak(name: str, options: argparse.Namespace) -> float:
    """Return the increase of resident MiB of a process that makes polygons."""
    command = [sys.executable, __file__, "--size", str(options.size), "--strip", str(options.strip)]
    command += ["--rectangles", str(options.rectangles), "--peak-of", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_peak(options: argparse.Namespace) -> None:
    """Print the increase of resident MiB; the raster is made by another process."""
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "classes.npy"
        command = [sys.executable, __file__, "--size", str(options.size), "--save", str(stored)]
        command += ["--rectangles", str(options.rectangles), "--peak-of", options.peak_of]
        subprocess.run(command, check=True)
        classes = np.load(stored)
        before = resident("VmRSS")
        run_geoseg(classes, Path(folder) / "map.gpkg", options.strip, Cleaning())
        print(resident("VmHWM") - before)


def compare(name: str, options: argparse.Namespace) -> None:
    """Print a row of the table."""
    classes = make(name, options.size, options.rectangles)
    shapes, ours, writes = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs):
            begun = time.perf_counter()
            count = run_shapes(classes)
            shapes.append(time.perf_counter() - begun)
            path = Path(folder) / f"{run}.gpkg"
            begun = time.perf_counter()
            written, writing = run_geoseg(classes, path, options.strip, Cleaning())
            ours.append(time.perf_counter() - begun)
            writes.append(writing)
            path.unlink()
    if count != written:
        raise SystemExit(f"{name}: GDAL has {count} regions, geoseg {written}")
    gdal, total, write = map(statistics.median, (shapes, ours, writes))
    print(
        f"| {name} | {written:,} | {gdal:.2f} | {total:.2f} | {write:.2f} | {total / gdal:.2f} "
        f"| {(total - write) / gdal:.2f} | {peak(name, options):.0f} |",
        flush=True,
    )


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=10980)
    parser.add_argument("--rectangles", type=int, default=48500)
    parser.add_argument("--strip", type=int, default=448)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("rectangles", "speckled", "salt"))
    parser.add_argument("--profile", action="store_true", help="print a profile instead of the table")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.save:
        np.save(options.save, make(options.peak_of, options.size, options.rectangles))
    elif options.peak_of:
        measure_peak(options)
    elif options.profile:
        classes = make(options.only or "rectangles", options.size, options.rectangles)
        with tempfile.TemporaryDirectory() as folder, cProfile.Profile() as profile:
            run_geoseg(classes, Path(folder) / "map.gpkg", options.strip, Cleaning())
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    else:
        print("| raster | regions | shapes, s | geoseg, s | waited for the file, s | ratio", end="")
        print(" | ratio without waiting | peak, MiB |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        for name in (options.only,) if options.only else ("rectangles", "speckled", "salt"):
            compare(name, options)


if __name__ == "__main__":
    main()
