"""--max-memory: a run keeps to it, or is refused with the least that it needs, which is then enough."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from tests.products.ground import Ground, lake, write_raster
from tests.spectrometer import simulate, write_granule

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised", "--clouds", "none")
PROGRAM = """
import atexit, re, sys
from pathlib import Path
from geoseg.cli import main
def tell():
    text = Path("/proc/self/status").read_text()
    Path(sys.argv[-1]).write_text(re.search(r"VmHWM:\\s+(\\d+)", text)[1])
    sys.argv.pop()
atexit.register(tell)
peak = sys.argv.pop()
try:
    main()
finally:
    sys.argv.append(peak)
"""
"""The peak of the process itself: that of `getrusage` contains the process that started it."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of two dates, classes of noise, and a cube."""
    root = tmp_path_factory.mktemp("scenes")
    kinds = np.tile(lake(150), (4, 8))
    for seed, name in enumerate(("before.tif", "after.tif")):
        ground = Ground(kinds=kinds, seed=seed)
        bands = np.stack([(ground.reflectance(band) * 10_000).round() for band in BANDS])
        write_raster(root / name, bands.astype(np.uint16), descriptions=BANDS, nodata=0)
    noise = np.random.default_rng(0).integers(1, 4, (600, 1200)).astype(np.uint8)
    write_raster(root / "classes.tif", noise)
    write_raster(root / "later.tif", np.roll(noise, 7, axis=1))
    write_granule(root / "EMIT_L1B_RAD_001_20230506T101031_2312607_014.nc", simulate(90, 60))
    return root


TASKS = {
    "vectorize": ("vectorize", "classes.tif"),
    "flood": ("flood", "after.tif", *SENSOR, "--method", "mndwi", "--min-area", "0"),
    "flood, all outputs": (
        *("flood", "after.tif", *SENSOR, "--method", "mndwi"),
        *("--raster", "a.cog.tif", "--scores", "s.cog.tif", "--picture", "a.png"),
    ),
    "change": ("change", "before.tif", "after.tif", *SENSOR, "--method", "ndvi"),
    "change of classes": ("change", "classes.tif", "later.tif", "--method", "classes"),
    "segment": ("segment", "after.tif", *SENSOR, "--model", "water-optical"),
    "methane plume": ("methane", "plume", "EMIT_L1B_RAD_001_20230506T101031_2312607_014.nc"),
}
PLANNED_WITHOUT = ("vectorize", "change of classes", "methane plume")
"""Tasks without a dry run, or whose dry run does not do the work that takes the memory."""
FAST = ("vectorize", "flood")


def run(scenes: Path, folder: Path, words: tuple[str, ...], *more: str) -> tuple[int, float, str]:
    """Return exit code, peak in MiB and stderr of a command in a process of its own."""
    folder.mkdir()
    made = {".cog.tif", ".png"}
    call = [
        str(folder / word) if any(map(word.endswith, made)) else str(scenes / word) if "." in word else word
        for word in words
    ]
    peak = folder.with_suffix(".peak")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *call, "-o", str(folder / "map.gpkg"), *more, str(peak)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    return done.returncode, int(peak.read_text()) / 1024, done.stderr


@pytest.mark.parametrize(
    "task", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in TASKS]
)
def test_the_least_that_is_named_is_enough_and_is_kept(task: str, scenes: Path, tmp_path: Path) -> None:
    code, _, err = run(scenes, tmp_path / "refused", TASKS[task], "--max-memory", "64")
    assert code == 2, err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "`--max-memory 64MiB` is less than this run needs" in line
    assert list((tmp_path / "refused").iterdir()) == []
    if task not in PLANNED_WITHOUT:
        code, _, err = run(scenes, tmp_path / "planned", TASKS[task], "--max-memory", "64", "--dry-run")
        assert code == 2, err
        assert "`--max-memory 64MiB` is less than this run needs" in err
    named = int(re.findall(r"give `--max-memory (\d+)MiB`", line)[0])
    code, peak, err = run(scenes, tmp_path / "bounded", TASKS[task], "--max-memory", str(named))
    assert code == 0, err
    assert peak <= 1.1 * named
    if task in FAST:
        run(scenes, tmp_path / "usual", TASKS[task])
        files = [tmp_path / name / "map.gpkg" for name in ("bounded", "usual")]
        maps = [pyogrio.read_dataframe(file, layer=0) for file in files]
        assert maps[0].equals(maps[1])
