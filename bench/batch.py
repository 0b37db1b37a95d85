"""Measure `geoseg batch flood` on real chips, and check that it survives kills.

    python bench/batch.py --chips 200 --data ../shared/data

Five broken and two empty chips are added. The table compares processor time per chip with one process that
maps all chips, and with one command per chip. Then the batch is killed (SIGKILL) at five moments and
continued; its maps must equal those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

KILLS = (0.0, 0.15, 0.4, 0.7, 0.95)
"""Share of the maps that exist when the batch is killed."""
PR_SET_CHILD_SUBREAPER = 36
GEOSEG = Path(sys.executable).with_name("geoseg")
ONE_PROCESS = """
import csv, os, sys
from geoseg.errors import GeosegError
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.spec import FloodSpec
from geoseg.spec.request import from_options
for index, row in enumerate(csv.DictReader(open(sys.argv[1]))):
    options = {"scene": [row["scene"]], "output": f"{sys.argv[2]}/{index}.gpkg", "threads": 1}
    try:
        map_flood(from_options(FloodSpec, options | {"sensor": row["sensor"]}))
    except GeosegError:
        pass
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chips", type=int, default=200)
    parser.add_argument("--commands", type=int, default=20, help="chips for one command per chip")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryDirectory(prefix="geoseg-bench-") as name:
        folder = Path(name)
        table = make_set(folder / "in", arguments.data, arguments.chips)
        chips = arguments.chips
        (folder / "one").mkdir()
        _, cpu, wall = run([sys.executable, "-c", ONE_PROCESS, str(table), str(folder / "one")], quiet=True)
        base = cpu / chips
        print(f"{'':24s} CPU s/chip   ratio   wall s   exit")
        show("one process", base, base, wall, 0)
        for jobs in arguments.jobs:
            code, cpu, wall = run(batch(table, folder / f"jobs{jobs}", jobs))
            show(f"geoseg batch --jobs {jobs}", cpu / chips, base, wall, code)
        cpu, wall = commands(table, folder / "commands", arguments.commands)
        show("one command per chip", cpu / arguments.commands, base, wall, 0)
        undisturbed = folder / f"jobs{arguments.jobs[-1]}"
        print(summary(undisturbed))
        kills = killed_run(table, folder / "killed", arguments.jobs[-1], chips)
        same = maps_of(folder / "killed") == maps_of(undisturbed)
        rows = summary_rows(folder / "killed") == summary_rows(undisturbed)
        left = [path.name for path in (folder / "killed").glob(".*")]
        print(
            f"killed with {', '.join(map(str, kills))} maps done: maps equal {same}, summary equal {rows}, ",
            end="",
        )
        print(f"leftovers {left or 'none'}")


def make_set(folder: Path, data: Path, count: int) -> Path:
    """Write broken and empty chips and a table of all chips; return its path."""
    folder.mkdir(parents=True)
    radar = sorted(data.glob("flood-s1/*/s1/*.tif"))
    optical = sorted(data.glob("water-hls/image/*.tif"), key=lambda path: int(path.stem))
    rows = [(path, "sentinel-1") for path in radar][: count // 6]
    rows += [(path, "hls") for path in optical][: count - len(rows)]
    whole = optical[-1].read_bytes()
    broken = {
        "truncated": whole[: len(whole) // 3],
        "text": b"this is no raster\n",
        "empty": b"",
        "damaged": whole[:8] + bytes(range(256)) * (len(whole) // 256),
    }
    for name, content in broken.items():
        (folder / f"{name}.tif").write_bytes(content)
    with rasterio.open(optical[-1]) as file:
        profile, values = file.profile, file.read()
    with rasterio.open(folder / "oneband.tif", "w", **{**profile, "count": 1}) as file:
        file.write(values[:1])
    for index in (1, 2):
        with rasterio.open(folder / f"nodata{index}.tif", "w", **{**profile, "nodata": -9999}) as file:
            file.write(np.full_like(values, -9999), window=Window(0, 0, *values.shape[:0:-1]))
    for index, name in enumerate((*broken, "oneband", "nodata1", "nodata2")):
        rows.insert(4 * index + 2, (folder / f"{name}.tif", "hls"))
    table = folder / "scenes.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("scene", "sensor"), *rows])
    return table


def batch(table: Path, folder: Path, jobs: int) -> list[str]:
    return [str(GEOSEG), "batch", "flood", str(table), "-o", str(folder), "--jobs", str(jobs), "-q"]


def run(command: list[str], *, quiet: bool = True) -> tuple[int, float, float]:
    """Run a command; return its exit code, processor time with all its descendants, and wall time."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    sink = subprocess.DEVNULL if quiet else None
    code = subprocess.run(command, stdout=sink, stderr=sink, check=False).returncode
    with suppress(ChildProcessError):
        while True:  # workers whose parent has ended, which come to this process
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return code, used, time.monotonic() - begun


def commands(table: Path, folder: Path, count: int) -> tuple[float, float]:
    """Map the first real chips with one command each."""
    folder.mkdir()
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["scene"].startswith(str(table.parent))]
    cpu = wall = 0.0
    for index, row in enumerate(rows[:: max(1, len(rows) // count)][:count]):
        output = str(folder / f"{index}.gpkg")
        sensor = ["--sensor", row["sensor"], "--threads", "1"]
        _, used, took = run([str(GEOSEG), "flood", row["scene"], "-o", output, *sensor])
        cpu, wall = cpu + used, wall + took
    return cpu, wall


def killed_run(table: Path, folder: Path, jobs: int, chips: int) -> list[int]:
    """Kill a batch at several moments and let it finish; return the number of maps at each moment."""
    found = []
    for share in KILLS:
        process = subprocess.Popen(
            batch(table, folder, jobs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(folder.glob("*.gpkg"))) <= share * chips:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found.append(len(list(folder.glob("*.gpkg"))))
    code, _, _ = run(batch(table, folder, jobs))
    if code != 7:
        raise SystemExit(f"the continued batch ended with exit code {code}, not 7")
    return found


def maps_of(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all maps: geometry as bytes, and attributes."""
    found = {}
    for path in sorted(folder.glob("*.gpkg")):
        if path.stem in {"summary", "merged"}:
            continue
        with closing(sqlite3.connect(path)) as file:
            found[path.name] = file.execute("SELECT * FROM flood ORDER BY fid").fetchall()
            found[f"{path.name} scene"] = file.execute("SELECT * FROM scene").fetchall()
    return found


def summary_rows(folder: Path) -> list[dict[str, str]]:
    """Return the summary without times and memory."""
    with (folder / "summary.csv").open(newline="") as file:
        varying = {"seconds", "cpu_seconds", "peak_mib"}
        return [{k: v for k, v in row.items() if k not in varying} for row in csv.DictReader(file)]


def summary(folder: Path) -> str:
    counts: dict[str, int] = {}
    for row in summary_rows(folder):
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return f"summary: {json.dumps(counts)}"


def show(what: str, cpu: float, base: float, wall: float, code: int) -> None:
    print(f"{what:24s} {cpu:10.3f} {cpu / base:7.2f} {wall:8.1f} {code:6d}", flush=True)


if __name__ == "__main__":
    main()
