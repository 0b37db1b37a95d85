"""Measure geoseg end to end and print the tables of BENCHMARKS.md.

    python bench/run.py [--work FOLDER] [--runs 3] [--only NAME]

Runs the installed command in a separate process each time, on scenes of real pixels repeated by mirroring
(`bench/make_scene.py`), with a U-Net of the size of a resnet18 U-Net and fixed weights
(`bench/make_network.py`). Wall time, processor time and peak resident memory are those of the finished
process; the time in the network is from the run record. Figures are medians. Compare ratios within a table;
absolute times depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """Time and memory of a finished process."""

    wall: float
    cpu: float
    peak_mib: float
    record: dict[str, object]


def measure(command: list[str], *, record: bool = True) -> Run:
    """Run a command whose standard output is its run record as JSON; else it is left out."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{err.read().decode()}")
        out.seek(0)
        found = json.loads(out.read() or b"{}") if record else {}
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, found)


def median(runs: list[Run], name: str) -> float:
    """Return the median of a figure."""
    return statistics.median(getattr(run, name) for run in runs)


def scene(folder: Path, height: int, width: int) -> Path:
    """Return a scene, made if missing."""
    path = folder / f"scene_{height}x{width}.tif"
    if not path.exists():
        command = [sys.executable, str(HERE / "make_scene.py"), str(path)]
        subprocess.run([*command, "--height", str(height), "--width", str(width)], check=True)
    return path


def network(folder: Path) -> Path:
    """Return the network, made if missing."""
    path = folder / "unet"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "make_network.py"), str(path)], check=True)
    return path


def geoseg(*arguments: object) -> list[str]:
    """Return the command line of a run."""
    return [sys.executable, "-m", "geoseg", *map(str, arguments), "--json", "--overwrite", "-q"]


def network_table(folder: Path, runs: int) -> None:
    """Print the share of the wall time outside the network, for 4096², six bands, tiles 512, overlap 64."""
    path, model = scene(folder, 4096, 4096), network(folder)
    print("\n| 4096², U-Net, 512 tiles, overlap 64 | wall s | network s | not network | cpu s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for runtime, precision in (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16")):
        command = geoseg(
            "segment", path, "--model", model, "-o", folder / "out.gpkg", "--runtime", runtime,
            "--precision", precision, "--sensor", "sentinel-2-l1c", "--clouds", "none",
        )  # fmt: skip
        done = [measure(command) for _ in range(runs)]
        seconds = statistics.median(run.record["runtime"]["scoring_seconds"] for run in done)
        wall = median(done, "wall")
        print(
            f"| {runtime} {precision} | {wall:.1f} | {seconds:.1f} | {1 - seconds / wall:.0%} "
            f"| {median(done, 'cpu'):.1f} | {median(done, 'peak_mib'):.0f} |",
            flush=True,
        )


def lean_table(folder: Path, runs: int, side: int) -> None:
    """Print geoseg beside `bench/lean.py` on OpenVINO, in turn; ratios above 1 are in favour of geoseg."""
    path, model = scene(folder, side, side), network(folder)
    print(f"\n| {side}², OpenVINO | wall: geoseg, lean, ratio | cpu | peak MiB | mask equal |")
    print("|---|---|---|---|---|")
    for precision in ("fp32", "bf16"):
        raster, mask = folder / "out.tif", folder / "lean.npy"
        ours = geoseg(
            "segment", path, "--model", model, "-o", folder / "out.gpkg", "--raster", raster, "--runtime",
            "openvino", "--precision", precision, "--sensor", "sentinel-2-l1c", "--clouds", "none",
        )  # fmt: skip
        lean = [sys.executable, str(HERE / "lean.py"), str(path), str(model), str(folder / "lean.gpkg")]
        lean += ["--precision", precision, "--mask", str(mask)]
        pairs = [(measure(ours), measure(lean)) for _ in range(runs)]
        cells = []
        for name, form in (("wall", ".1f"), ("cpu", ".1f"), ("peak_mib", ".0f")):
            first, second = (median([pair[index] for pair in pairs], name) for index in (0, 1))
            ratio = statistics.median(getattr(b, name) / getattr(a, name) for a, b in pairs)
            cells.append(f"{first:{form}}, {second:{form}}, {ratio:.2f}")
        with rasterio.open(raster) as file:
            equal = float(np.mean(file.read(1) == np.load(mask)))
        print(f"| {precision} | {' | '.join(cells)} | {equal:.4%} |", flush=True)


def memory_table(folder: Path) -> None:
    """Print peak memory at 10980² and at twice the height."""
    model = network(folder)
    print("\n| scene | job | wall s | cpu s | peak MiB |")
    print("|---|---|---|---|---|")
    for height in (10980, 21960):
        path = scene(folder, height, 10980)
        for name, options in (
            ("flood, MNDWI", ["flood", path, "--method", "mndwi"]),
            ("segment, U-Net, openvino fp32", ["segment", path, "--model", model, "--precision", "fp32"]),
        ):
            extra = ["--runtime", "openvino"] if name.startswith("segment") else []
            command = geoseg(*options, *extra, "-o", folder / "out.gpkg", "--sensor", "sentinel-2-l1c")
            run = measure(command)
            print(
                f"| {height} x 10980 | {name} | {run.wall:.1f} | {run.cpu:.1f} | {run.peak_mib:.0f} |",
                flush=True,
            )


def start_table(runs: int) -> None:
    """Print the wall time of help and of `geoseg doctor`."""
    print("\n| command | wall s | peak MiB |\n|---|---|---|")
    for arguments in (["--help"], ["flood", "--help"], ["doctor"]):
        command = [sys.executable, "-m", "geoseg", *arguments]
        done = []
        for _ in range(runs):
            begun = time.monotonic()
            subprocess.run(command, capture_output=True, check=True)
            done.append(time.monotonic() - begun)
        print(f"| geoseg {' '.join(arguments)} | {statistics.median(done):.2f} | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoseg-bench")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("start", "network", "lean", "memory"))
    parser.add_argument("--side", type=int, default=4096, help="of the scene beside the lean pipeline")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.only in (None, "start"):
        start_table(options.runs)
    if options.only in (None, "network"):
        network_table(options.work, options.runs)
    if options.only in (None, "lean"):
        lean_table(options.work, options.runs, options.side)
    if options.only in (None, "memory"):
        memory_table(options.work)


if __name__ == "__main__":
    main()
