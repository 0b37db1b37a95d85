"""Measure how time and memory grow with the size of a scene, and the floor of each job beside it.

    python bench/growth.py [--work FOLDER] [--sides 2048 4096 8192] [--runs 1]

Scenes are real pixels, repeated by mirroring (`bench/make_scene.py`). The exponent is the slope of a line
through the logarithms of processor time (less that of a chip of 256²) and of the number of pixels: 1 is
proportional. The floor is the processor time of reading the scenes alone, in strips of 512 rows.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from run import HERE, Run, geoseg, measure

SMALL = 256
"""Side of the scene whose time is that of starting."""

READ = """
import sys, rasterio
from rasterio.windows import Window
for path in sys.argv[1:]:
    with rasterio.open(path) as file:
        for row in range(0, file.height, 512):
            file.read(window=Window(0, row, file.width, min(512, file.height - row)))
"""


def dates(folder: Path, side: int) -> list[Path]:
    """Return the scenes of both dates, made if missing."""
    paths = []
    for date in ("before", "after"):
        path = folder / f"{date}_{side}.tif"
        if not path.exists():
            command = [sys.executable, str(HERE / "make_scene.py"), str(path), "--date", date]
            subprocess.run([*command, "--height", str(side), "--width", str(side)], check=True)
        paths.append(path)
    return paths


def class_raster(folder: Path, scene: Path, side: int) -> Path:
    """Return a class raster of bright pixels, made if missing."""
    path = folder / f"classes_{side}.tif"
    if not path.exists():
        with rasterio.open(scene) as file:
            red, profile = file.read(3), file.profile
        profile.update(count=1, dtype="uint8")
        with rasterio.open(path, "w", **profile) as file:
            file.write((red > np.median(red)).astype(np.uint8), 1)
    return path


def make_inputs(folder: Path, side: int) -> None:
    """Make the scenes and the class raster of a side, if missing.

    In a process of its own: the peak memory of a child is not below that of the process that starts it.
    """
    inputs = ["--make", "--work", str(folder), "--sides", str(side)]
    subprocess.run([sys.executable, __file__, *inputs], check=True)


def jobs(folder: Path, side: int) -> dict[str, tuple[list[str], list[Path]]]:
    """Return the command and the inputs of each job."""
    make_inputs(folder, side)
    before, after, classes = (folder / f"{name}_{side}.tif" for name in ("before", "after", "classes"))
    out = ["-o", folder / "out.gpkg"]
    return {
        "flood, MNDWI": (geoseg("flood", after, "--method", "mndwi", "--clouds", "none", *out), [after]),
        "change, MAD": (
            geoseg("change", before, after, "--method", "mad", "--no-coregister", "--clouds", "none", *out),
            [before, after],
        ),
        "vectorize": (geoseg("vectorize", classes, *out), [classes]),
    }


def middle(command: list[str], runs: int) -> Run:
    """Return the run with the median processor time."""
    done = sorted((measure(command) for _ in range(runs)), key=lambda run: run.cpu)
    return done[len(done) // 2]


def slope(pixels: list[int], values: list[float]) -> float:
    """Return the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(pixels), np.log(np.maximum(values, 1e-3)), 1)[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoseg-bench")
    parser.add_argument("--sides", type=int, nargs="+", default=[2048, 4096, 8192])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.make:
        for side in options.sides:
            class_raster(options.work, dates(options.work, side)[1], side)
        return
    print("| job | " + " | ".join(f"{side}² CPU s (floor), MiB" for side in options.sides), end="")
    print(" | exponent of CPU | of memory |\n|---|" + "---|" * (len(options.sides) + 2))
    started = {name: middle(job, 3).cpu for name, (job, _) in jobs(options.work, SMALL).items()}
    done: dict[str, list[tuple[Run, float]]] = {name: [] for name in started}
    for side in options.sides:
        for name, (command, inputs) in jobs(options.work, side).items():
            read = [sys.executable, "-c", READ, *map(str, inputs)]
            floor = statistics.median(measure(read, record=False).cpu for _ in range(options.runs))
            done[name].append((middle(command, options.runs), floor))
    pixels = [side * side for side in options.sides]
    for name, runs in done.items():
        cells = [f"{run.cpu:.1f} ({floor:.1f}), {run.peak_mib:.0f}" for run, floor in runs]
        time = slope(pixels, [run.cpu - started[name] for run, _ in runs])
        memory = slope(pixels, [run.peak_mib for run, _ in runs])
        print(f"| {name} | {' | '.join(cells)} | {time:.2f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
