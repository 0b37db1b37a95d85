"""Run geoseg beside other programs, each in its own environment, and print the ratios.

    python bench/peers/compare.py [--work FOLDER] [--runs 3] [--only change] [--side 4096] [--envs FOLDER]

For each peer an environment with its public packages is made in `FOLDER/envs` (from PyPI by uv, whose
environments share files, or by pip; those with torch have 5 GB); one whose packages cannot be installed, or
that needs a program that is missing, is named and left out. Runs alternate. Ratios are those of the medians
to geoseg: above 1 geoseg is faster or smaller. Start-up is part of all runs, as are reading, writing and,
where a peer makes them, polygons. Scripts state what a peer does less.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from run import Run, geoseg, measure, network  # noqa: E402 - a script beside this folder

WINDOW = 2122.0, 2488.0
"""Absorption window of methane in nm."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A program beside geoseg."""

    name: str
    script: str = ""
    """Script of this folder, or of the one above; empty: `program`."""
    program: tuple[str, ...] = ()
    """Command line; its program is installed, or comes with `packages`."""
    needs: tuple[str, ...] = ()
    """Programs that the script calls."""
    packages: tuple[str, ...] = ()
    """Packages of its environment."""
    environment: str = ""
    """Folder of its environment; empty: named by its packages."""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command of geoseg and its peers."""

    name: str
    command: list[str]
    peers: tuple[Peer, ...]


RASTER = ("numpy", "rasterio", "pyogrio", "shapely", "pyproj", "geopandas")
"""Packages of a script that reads a raster and writes polygons."""

GDAL = ("gdal_calc.py", "gdal_polygonize.py")
OTB = ("otbcli_BandMath", "otbcli_MultivariateAlterationDetector", "gdal_polygonize.py")
"""Programs of Debian's packages gdal-bin and otb-bin."""

TORCH = ("torch", "torchvision", "onnx", *RASTER)
"""Packages of a peer that runs the network of `unet.py`; torch and torchvision are of one build."""

NETWORKS = {
    "torch": ("torch", ()),
    "OmniCloudMask": ("omnicloudmask", ("omnicloudmask",)),
    "TorchGeo": ("torchgeo", ("torchgeo", "requests")),
    "geoai": ("geoai", ("geoai-py",)),
    "Raster Vision": ("raster_vision", ("rastervision_core", "rastervision_pytorch_learner")),
    "geo-inference": ("geo_inference", ("geo-inference",)),
    "TerraTorch": ("terratorch", ("terratorch",)),
}
"""NAME of the script `segment_NAME.py` and of the environment, and packages, by peer."""


def python_of(peer: Peer, envs: Path) -> str:
    """Return the interpreter of a peer, in an environment that is made if missing.

    A script that calls programs alone runs in that of this process.

    Raises:
        subprocess.CalledProcessError: a package cannot be installed.
    """
    if not peer.packages:
        return sys.executable
    folder = envs / (peer.environment or "-".join(sorted(peer.packages)).replace("=", ""))
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "complete"
    if not done.exists():
        uv = shutil.which("uv")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        subprocess.run([*map(str, pip), "--quiet", *peer.packages], check=True)
        done.touch()
    return str(python)


def command_of(peer: Peer, envs: Path) -> list[str] | None:
    """Return the command line of a peer; None: it cannot be run here."""
    if not all(map(shutil.which, peer.needs)):
        return None
    if peer.program and not peer.packages:
        return [*peer.program] if shutil.which(peer.program[0]) else None
    places = (HERE / peer.script, HERE.parent / peer.script)
    script = next((path for path in places if path.is_file()), None)
    if script is None and not peer.program:
        return None
    try:
        python = python_of(peer, envs)
        if script is None:
            return [str(Path(python).with_name(peer.program[0])), *peer.program[1:]]
        return [python, str(script), *peer.arguments]
    except (subprocess.CalledProcessError, OSError):
        return None


def make_inputs(folder: Path, side: int) -> None:
    """Make scenes of `side`², a class raster, a cube and its absorption spectrum, if missing.

    In a process of its own: the peak memory of a child is not below that of the process that starts it.
    """
    import numpy as np  # noqa: PLC0415 - this process only
    from growth import class_raster, dates  # noqa: PLC0415 - this process only
    from spectrometer import BANDS, make_cube  # noqa: PLC0415 - this process only

    from geoseg.methods.gas_absorption import methane  # noqa: PLC0415 - this process only
    from geoseg.methods.unit_absorption import unit_absorption  # noqa: PLC0415 - this process only

    class_raster(folder, dates(folder, side)[1], side)
    network(folder)
    path = folder / "cube.img"
    if not (folder / "absorption.npz").exists():
        make_cube(path, 1000, 640, "bil")
        header = path.with_suffix(".hdr")
        place = "map info = {UTM, 1, 1, 500000, 4000000, 60, 60, 33, North, WGS-84, units=Meters}\n"
        header.write_text(header.read_text() + place)
        centres = np.linspace(381, 2493, BANDS)
        at = np.flatnonzero((centres > WINDOW[0]) & (centres < WINDOW[1]))
        unit = unit_absorption(methane(), centres[at], np.full(len(at), 8.5))
        np.savez(folder / "absorption.npz", bands=at, unit=unit)


def jobs(folder: Path, side: int) -> list[Job]:
    """Return the jobs on scenes of `side`²."""
    before, after, classes = (str(folder / f"{name}_{side}.tif") for name in ("before", "after", "classes"))
    spectra, unit = str(folder / "cube.img"), str(folder / "absorption.npz")
    out, other = folder / "geoseg.gpkg", str(folder / "peer.gpkg")
    plume = ("--satellite", "emit", "--wind", "4", "--sun-zenith", "30", "--column-group", "0")
    flooded = (after, other)
    filtered = (spectra, unit, str(folder / "peer.npy"))
    bundle = str(folder / "unet")
    return [
        Job(
            name=f"segment, U-Net, {side}²",
            command=geoseg(
                "segment", after, "--model", bundle, "--precision", "fp32", "--sensor", "sentinel-2-l1c",
                "--clouds", "none", "-o", out,
            ),
            peers=tuple(
                Peer(
                    name=name,
                    script=f"segment_{script}.py",
                    environment=script,
                    packages=(*TORCH, *packages),
                    arguments=(after, bundle, other),
                )
                for name, (script, packages) in NETWORKS.items()
            ),
        ),
        Job(
            name="info",
            command=[sys.executable, "-m", "geoseg", "info", after, "--json"],
            peers=(
                Peer(name="rio info", program=("rio", "info", after), packages=("rasterio",)),
                Peer(name="gdalinfo", program=("gdalinfo", after)),
            ),
        ),
        Job(
            name=f"flood, MNDWI, {side}²",
            command=geoseg("flood", after, "--method", "mndwi", "--clouds", "none", "-o", out),
            peers=(
                Peer(name="strips and shapes", script="strips.py", packages=RASTER, arguments=flooded),
                Peer(name="gdal_calc, polygonize", script="flood_gdal.py", needs=GDAL, arguments=flooded),
                Peer(name="Orfeo ToolBox, polygonize", script="flood_otb.py", needs=OTB, arguments=flooded),
            ),
        ),
        Job(
            name=f"change, MAD, {side}²",
            command=geoseg(
                "change", before, after, "--method", "mad", "--thresholding", "chi2", "--no-coregister",
                "--clouds", "none", "-o", out,
            ),
            peers=(
                Peer(
                    name="numpy",
                    script="mad_numpy.py",
                    packages=(*RASTER, "scipy"),
                    arguments=(before, after, other),
                ),
                Peer(
                    name="Orfeo ToolBox, polygonize",
                    script="change_otb.py",
                    needs=OTB,
                    arguments=(before, after, other),
                ),
            ),
        ),
        Job(
            name=f"polygons, {side}²",
            command=geoseg("vectorize", classes, "-o", out),
            peers=(
                Peer(name="gdal_polygonize", program=("gdal_polygonize.py", "-q", classes, other)),
                Peer(
                    name="GDALPolygonize of pyogrio's GDAL",
                    script="polygons_gdal.py",
                    packages=("pyogrio",),
                    arguments=(classes, other),
                ),
                Peer(
                    name="shapes, geopandas",
                    script="polygons_geopandas.py",
                    packages=RASTER,
                    arguments=(classes, other),
                ),
            ),
        ),
        Job(
            name="matched filter, 1000 × 640 × 285",
            command=geoseg("methane", "plume", spectra, "--method", "matched-filter", *plume, "-o", out),
            peers=(
                Peer(name="numpy", script="filter_numpy.py", packages=("numpy",), arguments=filtered),
                Peer(
                    name="spectral",
                    script="filter_spectral.py",
                    packages=("numpy", "spectral"),
                    arguments=filtered,
                ),
                Peer(
                    name="marshsi, a background each column",
                    script="filter_marshsi.py",
                    packages=("marshsi", "spectral"),
                    arguments=filtered,
                ),
            ),
        ),
        Job(
            name="mag1c, 1000 × 640 × 285",
            command=geoseg("methane", "plume", spectra, "--method", "mag1c", *plume, "-o", out),
            peers=(
                Peer(
                    name="mag1c",
                    script="filter_mag1c.py",
                    packages=("numpy", "spectral", "mag1c", "setuptools<81"),
                    arguments=filtered,
                ),
                Peer(
                    name="fastmag1c",
                    script="filter_fastmag1c.py",
                    packages=("numpy", "spectral", "fastmag1c"),
                    arguments=filtered,
                ),
            ),
        ),
    ]  # fmt: skip


def row(name: str, ours: list[Run], theirs: list[Run]) -> str:
    """Return a row of the table."""

    def middle(runs: list[Run], figure: str) -> float:
        return statistics.median(getattr(run, figure) for run in runs)

    figures = ("wall", "cpu", "peak_mib")
    ratios = " | ".join(f"{middle(theirs, figure) / middle(ours, figure):.2f}" for figure in figures)
    own = [middle(ours, figure) for figure in figures]
    return f"| {name} | {ratios} | {own[0]:.1f} s, {own[1]:.1f} s, {own[2]:.0f} MiB |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoseg-bench")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--only", default="", help="only jobs whose name begins with this text")
    parser.add_argument("--envs", type=Path, help="folder of environments, instead of FOLDER/envs")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.make:
        make_inputs(options.work, options.side)
        return
    inputs = ["--make", "--work", str(options.work), "--side", str(options.side)]
    subprocess.run([sys.executable, __file__, *inputs], check=True)
    print("| job: peer | wall | CPU | memory | geoseg: wall, CPU, memory |\n|---|---|---|---|---|")
    for job in jobs(options.work, options.side):
        if not job.name.startswith(options.only):
            continue
        for peer in job.peers:
            command = command_of(peer, options.envs or options.work / "envs")
            if command is None:
                print(f"| {job.name}: {peer.name} | cannot be installed or run here | | | |", flush=True)
                continue
            ours, theirs = [], []
            for _ in range(options.runs):
                (options.work / "peer.gpkg").unlink(missing_ok=True)
                ours.append(measure(job.command))
                theirs.append(measure(command, record=False))
            print(row(f"{job.name}: {peer.name}", ours, theirs), flush=True)


if __name__ == "__main__":
    main()
