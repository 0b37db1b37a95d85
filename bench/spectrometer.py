"""Measure the retrieval of methane from a cube of 285 bands: wall time and peak memory.

    python bench/spectrometer.py FOLDER [--rows 2000] [--columns 1280] [--group N] [--method mag1c]

Writes an ENVI cube of simulated radiance with a plume to FOLDER (2.9 GB, and 5.8 GB at twice the rows),
retrieves it in a separate process, and repeats this at twice the rows. Cubes are removed afterwards.
`--group`: number of detector columns with a common background; 0: all; default: the default of geoseg.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from memory import resident

from geoseg.grid import Window
from geoseg.methods.gas_absorption import methane
from geoseg.methods.unit_absorption import unit_absorption
from geoseg.run_record import no_progress
from geoseg.scenes import open_scene
from geoseg.spec import PlumeSpec, RunSpec, SatelliteSpec, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.cube import retrieve_cube

BANDS = 285
PLUME_PPM_M = 2000
ROWS_AT_ONCE = 20


def make_cube(path: Path, rows: int, cols: int, interleave: str) -> None:
    """Write a cube with a plume in its centre, whose columns are detectors with different gains."""
    rng = np.random.default_rng(0)
    centres, width = np.linspace(381, 2493, BANDS), 8.5
    inside = (centres > 2122) & (centres < 2488)
    absorption = np.zeros(BANDS)
    absorption[inside] = unit_absorption(methane(), centres[inside], np.full(inside.sum(), width))
    spectrum = (5 * np.exp(-1.5 * np.linspace(0, 1, BANDS))).astype(np.float32)
    modes = rng.normal(size=(3, BANDS)).astype(np.float32)
    gain = (1 + 0.01 * rng.normal(size=(cols, BANDS))).astype(np.float32)
    with path.open("wb") as file:
        for row in range(0, rows, ROWS_AT_ONCE):
            shape = (min(ROWS_AT_ONCE, rows - row), cols)
            albedo = np.maximum(rng.normal(1, 0.15, (*shape, 1)), 0.3).astype(np.float32)
            ground = rng.normal(0, 0.01, (*shape, 3)).astype(np.float32)
            noise = rng.standard_normal((*shape, BANDS), np.float32)
            cube = albedo * spectrum * (1 + ground @ modes) * gain * (1 + 0.003 * noise)
            line = np.arange(row, row + shape[0])[:, None]
            plume = np.hypot(line - rows / 2, np.arange(cols) - cols / 2) < 20
            cube[plume] *= np.exp(absorption * PLUME_PPM_M / 1e5).astype(np.float32)
            (np.moveaxis(cube, 2, 1) if interleave == "bil" else cube).astype("<f4").tofile(file)
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {cols}\nlines = {rows}\nbands = {BANDS}\nheader offset = 0\ndata type = 4\n"
        f"interleave = {interleave}\nbyte order = 0\nwavelength units = Nanometers\n"
        f"data units = uW/cm^2/SR/nm\nwavelength = {{{', '.join(f'{nm:.3f}' for nm in centres)}}}\n"
        f"fwhm = {{{', '.join([str(width)] * BANDS)}}}\n"
    )


def retrieve_columns(path: Path, group: int | None, method: str) -> dict[str, float]:
    """Retrieve a cube in this process, and return time and peak memory."""
    satellite = SatelliteSpec(
        name="bench", title="bench", kind="spectrometer", wind_slope=1, wind_offset=0, wind_citation=""
    )
    spec = PlumeSpec.model_validate(
        {
            "scene": {"paths": (str(path),)},
            "run": RunSpec(output=path.with_suffix(".gpkg")),
            "method": method,
            "column_group": group,
        }
    )
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        ExitStack() as stack,
        open_scene(SceneSpec(paths=(str(path),)), sensors()) as scene,
    ):
        retrieved = retrieve_cube(scene, spec, satellite, Path(folder), stack, no_progress)
        seconds = time.monotonic() - begun
        grid = retrieved.source.grid
        near = Window(row=grid.height // 2 - 10, col=grid.width // 2 - 10, height=20, width=20)
        inside = float(np.nanmean(retrieved.source.read(near, ("ch4",)).physical()))
        print(f"  {retrieved.method}", file=sys.stderr)
    peak = resident("VmHWM")
    return {"seconds": round(seconds, 1), "peak_mib": round(peak), "plume_ppm_m": round(inside)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=1280)
    parser.add_argument("--interleave", choices=["bil", "bip"], default="bil")
    parser.add_argument("--group", type=int)
    parser.add_argument("--method", choices=["mag1c", "matched-filter"], default="mag1c")
    parser.add_argument("--only", action="store_true", help="retrieve FOLDER/cube.img in this process")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    path = options.folder / "cube.img"
    if options.only:
        print(json.dumps(retrieve_columns(path, options.group, options.method)))
        return
    print(
        "| rows | columns | seconds | peak MiB | in the plume, ppm·m (simulated: 2000) "
        "|\n|---|---|---|---|---|"
    )
    for rows in (options.rows, 2 * options.rows):
        make_cube(path, rows, options.columns, options.interleave)
        command = [sys.executable, __file__, str(options.folder), "--only", "--method", options.method]
        command += [] if options.group is None else ["--group", str(options.group)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout)
        values = [rows, options.columns, figures["seconds"], figures["peak_mib"], figures["plume_ppm_m"]]
        print("|", " | ".join(map(str, values)), "|", flush=True)
        for file in (path, path.with_suffix(".hdr")):
            file.unlink()


if __name__ == "__main__":
    main()
