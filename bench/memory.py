"""Measure the peak memory of maps with very many polygons, or with very large ones.

    python bench/memory.py [--height 10980] [--width 10980] [--only NAME] [--max-memory SIZE]

Simulated rasters, the worst for memory: noise of two classes, noise in which one region spans the scene (65 %
of the pixels), one region with a hole in every 4 x 4 pixels, noise of 200 classes. Peak memory is that of the
finished process (`ru_maxrss`). Exit code 3 is a refusal with its reason on stderr.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

ROWS = 512
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised")
CASES = {
    "vectorize, noise": ("vectorize", "noise"),
    "vectorize, noise of one region": ("vectorize", "region"),
    "vectorize, holes": ("vectorize", "holes"),
    "vectorize, noise of 200 classes": ("vectorize", "classes"),
    "flood, noise": ("flood", "noise"),
    "flood, holes": ("flood", "holes"),
    "change, noise": ("change", "noise"),
    "segment, noise": ("segment", "noise"),
}


def resident(field: str) -> float:
    """Return resident MiB on Linux, present (VmRSS) or peak (VmHWM); `getrusage` would include the parent."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match[1]) / 1024 if match else float("nan")


def strips(kind: str, height: int, width: int, seed: int = 5) -> Iterator[NDArray[np.uint8]]:
    """Yield the rows of a class raster."""
    rng = np.random.default_rng(seed)
    for row in range(0, height, ROWS):
        shape = (min(ROWS, height - row), width)
        if kind == "classes":
            yield rng.integers(1, 201, shape, np.uint8)
        elif kind == "holes":
            rows, cols = np.ogrid[row : row + shape[0], :width]
            yield np.where((rows % 4 == 1) & (cols % 4 == 1), 0, 1).astype(np.uint8)
        else:
            share = 0.65 if kind == "region" else 0.5
            yield (rng.random(shape, np.float32) < share).astype(np.uint8)


def write(path: Path, kind: str, height: int, width: int, bands: tuple[str, ...] = (), seed: int = 5) -> None:
    """Write a class raster, or a scene whose bands are bright or dark by class."""
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": max(len(bands), 1),
        "dtype": "uint16" if bands else "uint8",
        "crs": "EPSG:32633",
        "transform": Affine(10, 0, 500000, 0, -10, 5000000),
        "tiled": True,
        "blockxsize": ROWS,
        "blockysize": ROWS,
        "compress": "deflate",
        "zlevel": 1,
        "nodata": 0 if bands else 255,
    }
    with rasterio.open(path, "w", **profile) as file:
        for index, band in enumerate(bands, start=1):
            file.set_band_description(index, band)
        row = 0
        for classes in strips(kind, height, width, seed):
            window = rasterio.windows.Window(0, row, width, len(classes))
            for index, band in enumerate(bands, start=1):
                bright = (classes == 1) == (band in {"blue", "green", "red"})
                file.write(np.where(bright, 2000, 500).astype(np.uint16), index, window=window)
            if not bands:
                file.write(classes, 1, window=window)
            row += len(classes)


def separately(function: Callable[..., None], *arguments: object, **options: object) -> None:
    """Call a function in a process of its own: the peak of a child is not below that of its parent."""
    process = get_context("spawn").Process(target=function, args=arguments, kwargs=options)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def command(task: str, kind: str, folder: Path, height: int, width: int) -> list[object]:
    """Make the inputs of a case and return its arguments."""
    first, second = folder / "first.tif", folder / "second.tif"
    if task == "vectorize":
        separately(write, first, kind, height, width)
        return ["vectorize", first]
    if task == "change":
        separately(write, first, kind, height, width)
        separately(write, second, kind, height, width, seed=6)
        return ["change", first, second, "--method", "classes"]
    if task == "segment":
        separately(write, first, kind, height, width, ("blue", "green", "red", "nir", "swir16", "swir22"))
        return ["segment", first, *SENSOR, "--model", "water-optical", "--min-area", 0]
    separately(write, first, kind, height, width, ("green", "swir16"))
    return ["flood", first, *SENSOR, "--method", "mndwi", "--threshold", 0, "--min-area", 0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--height", type=int, default=10980)
    parser.add_argument("--width", type=int, default=10980)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--max-memory")
    options = parser.parse_args()
    limit = ["--max-memory", options.max_memory] if options.max_memory else []
    print("| raster | size | exit code | wall, s | peak, MiB | output, MB |\n|---|---|--:|--:|--:|--:|")
    for name in (options.only,) if options.only else CASES:
        task, kind = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "map.gpkg"
            arguments = command(task, kind, Path(folder), options.height, options.width)
            call = [sys.executable, "-m", "geoseg", *map(str, arguments), "-o", str(output), "-q", *limit]
            begun = time.monotonic()
            process = subprocess.Popen(call)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            size = output.stat().st_size / 1e6 if output.exists() else 0
            print(
                f"| {name} | {options.height} x {options.width} | {process.returncode} "
                f"| {time.monotonic() - begun:.0f} | {usage.ru_maxrss / 1024:.0f} | {size:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
