"""Measure time, CPU seconds, memory and the share outside the network of `geoseg embed`.

    python bench/embed.py [--side 4096] [--patch 4 8] [--tile PX] [--overlap PX] [--weights FILE]
                          [--city NAME] [--device DEVICE]

The scene is real Sentinel-2 pixels, repeated by mirroring to the size, from GEOSEG_TEST_DATA (default:
../shared/data next to the repository); weights are those of GEOSEG_TEST_WEIGHTS. Prints a Markdown table. The
export of the encoder is made before, and is not in the times; CPU seconds, of user and system, hardly depend
on other work on the machine. Seam: the mean step between neighbouring
features where a tile begins or ends, over the mean step elsewhere; 1 is none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from memory import separately
from numpy.typing import NDArray
from rasterio.enums import Resampling

SHARED = Path(__file__).parents[2] / "shared"
DATA = Path(os.environ.get("GEOSEG_TEST_DATA", SHARED / "data"))
WEIGHTS = Path(os.environ.get("GEOSEG_TEST_WEIGHTS", SHARED / "weights")) / "galileo-nano" / "encoder.pt"
BANDS = {
    "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge071", "B06": "rededge075",
    "B07": "rededge078", "B08": "nir", "B8A": "nir08", "B11": "swir16", "B12": "swir22",
}  # fmt: skip
COLUMNS = (
    "pixels", "patch", "tile", "overlap", "time, s", "CPU, s", "network, s", "outside", "peak MiB",
    "file MiB", "seam",
)  # fmt: skip


def city_bands(folder: Path) -> NDArray[np.uint16]:
    """Return the bands (10, H, W) of a city, on the grid of its blue band."""
    found = {code: next(folder.glob(f"*_{code}.tif")) for code in BANDS}
    with rasterio.open(found["B02"]) as file:
        shape = file.shape
    bands = []
    for path in found.values():
        with rasterio.open(path) as file:
            bands.append(file.read(1, out_shape=shape, resampling=Resampling.bilinear))
    return np.stack(bands).astype(np.uint16)


def write_scene(path: Path, bands: NDArray[np.uint16], side: int) -> None:
    """Write bands repeated by mirroring to a square, as surface reflectance x 10,000."""
    cell = np.concatenate([bands, bands[:, ::-1]], axis=1)
    cell = np.concatenate([cell, cell[:, :, ::-1]], axis=2)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint16",
        count=len(bands),
        height=side,
        width=side,
        crs="EPSG:32631",
        transform=Affine(10, 0, 500_000, 0, -10, 5_400_000),
        nodata=0,
        tiled=True,
        compress="deflate",
        bigtiff="if_safer",
    ) as file:
        file.descriptions = tuple(BANDS.values())
        for row in range(0, side, 512):
            rows = np.arange(row, min(row + 512, side)) % cell.shape[1]
            cols = np.arange(side) % cell.shape[2]
            file.write(cell[:, rows][:, :, cols], window=((row, row + len(rows)), (0, side)))


def run(arguments: list[str]) -> tuple[dict[str, object], float, float]:
    """Run geoseg and return its record, its peak memory in MiB, and its CPU seconds (user and system)."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([sys.executable, "-m", "geoseg", *arguments, "--json", "-q"], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(f"geoseg {' '.join(arguments)} failed")
        out.seek(0)
        return json.load(out), usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def seam(path: Path, tile: int, overlap: int) -> float:
    """Return the mean step of features where tiles begin and end, over that elsewhere; along both axes."""
    with rasterio.open(path) as file:
        side = min(file.width, file.height, 512)
        values = file.read(window=((0, side), (0, side)))
        patch = int(file.tags()["EMBEDDING_PATCH"])
    ends = {(start - overlap // 2) // patch for start in range(0, side * patch, tile - overlap)}
    ends |= {end + overlap // patch for end in ends}
    ratios = []
    for axis in (1, 2):
        other = 3 - axis
        steps = np.linalg.norm(np.diff(values, axis=axis), axis=0)
        profile = np.nanmean(steps, axis=other - 1)
        at = np.array([index + 1 in ends for index in range(len(profile))])
        ratios.append(profile[at].mean() / profile[~at].mean())
    return float(np.mean(ratios))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--patch", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--tile", type=int)
    parser.add_argument("--overlap", type=int)
    parser.add_argument("--weights", default=str(WEIGHTS))
    parser.add_argument("--city", default="paris")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bands = city_bands(DATA / "change-s2" / asked.city / "before")
        scene, small = Path(folder) / "scene.tif", Path(folder) / "small.tif"
        separately(write_scene, scene, bands, asked.side)
        separately(write_scene, small, bands, 128)
        for patch in asked.patch:
            options = ["--sensor", "sentinel-2-l2a-harmonised", "--clouds", "none", "--patch", str(patch)]
            options += ["--weights", asked.weights, "--device", asked.device]
            for name in ("tile", "overlap"):
                if getattr(asked, name) is not None:
                    options += [f"--{name}", str(getattr(asked, name))]
            output = Path(folder) / f"p{patch}.tif"
            run(["embed", str(small), *options, "-o", str(Path(folder) / f"small{patch}.tif")])  # the export
            begun = time.monotonic()
            record, peak, cpu = run(["embed", str(scene), *options, "-o", str(output)])
            whole = time.monotonic() - begun
            runtime = record["runtime"]
            assert isinstance(runtime, dict)
            network = float(runtime["scoring_seconds"])
            tile, overlap = int(runtime["tile"]), int(runtime["overlap"])
            row = (
                f"{asked.side}²", patch, tile, overlap, f"{whole:.1f}", f"{cpu:.1f}", f"{network:.1f}",
                f"{1 - network / whole:.0%}", f"{peak:.0f}", f"{output.stat().st_size / 2**20:.1f}",
                f"{seam(output, tile, overlap):.3f}",
            )  # fmt: skip
            print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
