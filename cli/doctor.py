"""`geoseg doctor`: list installed and missing components, with remedies."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from typing import Literal

import typer

from geoseg import __version__
from geoseg.errors import RuntimeMissingError
from geoseg.text_columns import align

from . import options as shared
from .console import print_json, print_text

PACKAGES = ("numpy", "scipy", "rasterio", "pyproj", "shapely", "pyogrio", "pydantic", "pillow")
OPTIONAL = {
    "pyarrow": "GeoParquet output: pip install 'geoseg[parquet]'",
    "matplotlib": "charts in reports: pip install 'geoseg[report]'",
    "obstore": "outputs at s3://, gs:// and az://: pip install 'geoseg[cloud]'",
    "pystac-client": "searches of STAC APIs: pip install 'geoseg[stac]'",
    "geopandas": "polygons in Python as a GeoDataFrame: pip install 'geoseg[xarray]'",
    "rioxarray": "results in Python as xarray: pip install 'geoseg[xarray]'",
    "exactextract": "--value, sums of rasters per polygon: pip install 'geoseg[exposure]'",
    "distributed": "geoseg batch --scheduler: pip install 'geoseg[distributed]'",
    "threadpoolctl": "geoseg fit: pip install 'geoseg[fit]'",
    "torchgeo": "geoseg bench import: pip install 'geoseg[torchgeo]'",
    "ukis-csmask": "cloud masks by a network: pip install 'geoseg[clouds]'",
}
IMPORTED = {"pillow": "PIL", "pystac-client": "pystac_client", "ukis-csmask": "ukis_csmask"}
"""Import names that differ from the distribution name."""
DRIVERS = {
    "GTiff": "scenes and rasters",
    "COG": "class and score rasters",
    "JP2OpenJPEG": "Sentinel-2 products",
    "VRT": "virtual rasters",
    "netCDF": "EMIT scenes",
}
NEEDED = {"GTiff", "COG"}

State = Literal["ok", "missing", "optional"]
Check = tuple[str, str, State, str]
"""Component, its version or location, its state, the remedy."""


def doctor(
    context: typer.Context,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Check runtimes, devices, GDAL and packages; list what is missing and the remedy.

    The exit code is 5 if a component that mapping needs is missing.
    """
    verbosity = shared.verbosity(context, quiet, verbose)
    checks = [*_machine(), *_packages(), *_gdal(), *_runtimes(), *_networks(), *_measured()]
    if as_json:
        keys = ("what", "found", "state", "remedy")
        print_json(
            {"geoseg": __version__, "checks": [dict(zip(keys, check, strict=True)) for check in checks]}
        )
    else:
        shown = [check for check in checks if verbosity.level >= 0 or check[2] != "ok"]
        rows = [(mark(state), what, found, remedy) for what, found, state, remedy in shown]
        print_text(align(rows, indent="") if rows else "nothing is missing")
    missing = [what for what, _, state, _ in checks if state == "missing"]
    if missing:
        raise RuntimeMissingError(f"missing: {', '.join(missing)}")


def mark(state: State) -> str:
    """Return the word for a state."""
    return {"ok": "ok", "missing": "MISSING", "optional": "-"}[state]


def _machine() -> list[Check]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [
        ("geoseg", __version__, "ok", ""),
        ("python", f"{platform.python_version()} ({sys.executable})", "ok", ""),
        ("system", f"{platform.platform()}, {usable} CPUs", "ok", ""),
    ]


def _packages() -> list[Check]:
    """Check that each package is installed and can be imported."""
    from importlib.metadata import PackageNotFoundError, version

    found: list[Check] = []
    for name in (*PACKAGES, *OPTIONAL):
        needed = name not in OPTIONAL
        try:
            number = version(name)
            import_module(IMPORTED.get(name, name))
        except PackageNotFoundError:
            remedy = f"pip install {name}" if needed else OPTIONAL[name]
            found.append((name, "not installed", "missing" if needed else "optional", remedy))
        except ImportError as error:
            remedy = f"cannot be imported ({error}): pip install --force-reinstall {name}"
            found.append((name, number, "missing" if needed else "optional", remedy))
        else:
            found.append((name, number, "ok", ""))
    return found


def _gdal() -> list[Check]:
    """Check the GDAL of rasterio and pyogrio, and the drivers that scenes and maps need."""
    try:
        import pyogrio
        import rasterio
        from rasterio.drivers import raster_driver_extensions
        from rasterio.env import Env
    except ImportError:
        return [("GDAL", "not installed", "missing", "pip install rasterio pyogrio")]
    found: list[Check] = [
        ("GDAL of rasterio", rasterio.__gdal_version__, "ok", ""),
        ("GDAL of pyogrio", ".".join(map(str, pyogrio.__gdal_version__)), "ok", ""),
    ]
    with Env() as env:
        known = {*env.drivers(), *raster_driver_extensions().values()}
    for name, use in DRIVERS.items():
        state: State = "ok" if name in known else "missing" if name in NEEDED else "optional"
        remedy = (
            ""
            if state == "ok"
            else f"{use}: install a GDAL with the driver {name}, and rasterio built against it"
        )
        found.append((f"GDAL driver {name}", use if state == "ok" else "not available", state, remedy))
    return found


def _runtimes() -> list[Check]:
    """Check GPUs and runtimes. Methods need none, but networks need one runtime."""
    from geoseg.errors import RuntimeMissingError
    from geoseg.runtimes import cuda
    from geoseg.runtimes.choose import available

    try:
        gpus = [(f"cuda:{gpu.index}", gpu.text) for gpu in cuda.gpus()]
        why = ""
    except RuntimeMissingError as error:
        gpus, why = [], str(error)
    statuses = available()
    any_usable = any(status.usable for status in statuses)
    found: list[Check] = [(name, text, "ok", "") for name, text in gpus]
    if not gpus:
        found.append(("GPU", "none", "optional", why or "the NVIDIA driver finds no GPU"))
    for status in statuses:
        state: State = "ok" if status.usable else "optional" if any_usable else "missing"
        text = " on ".join(part for part in (status.version, ", ".join(status.devices)) if part)
        remedy = "" if status.usable else f"{status.why_not}: {status.remedy}"
        # A runtime without CUDA is reported only if there is a GPU that it could use.
        if gpus and status.usable and not status.has_cuda and status.name != "openvino":
            remedy = f"not on the GPU: {status.why_no_cuda}: {status.cuda_remedy}"
        if not text:
            cpu = status.name == "torch" and not gpus
            text = "not usable; the build for processors is enough (docs/install.md)" if cpu else "not usable"
        found.append((status.name, text, state, remedy))
    return found


def _networks() -> list[Check]:
    """Report which installed networks are defaults, and why others are used with --model only."""
    from geoseg.bundles.find import list_models
    from geoseg.errors import ModelError

    from .models import default_of

    try:
        models = list_models()
    except ModelError as error:
        return [("networks", "a bundle is invalid", "optional", str(error))]
    found: list[Check] = []
    for model in models:
        reason = default_of(model)
        use = "network, with --model only" if reason else "network, used by default"
        found.append((model.name, use, "ok", reason))
    return found


def _measured() -> list[Check]:
    """Report what was measured of networks on this processor, and what `auto` takes for it."""
    from geoseg.errors import RuntimeMissingError
    from geoseg.runtimes.choose import available, default_ways
    from geoseg.runtimes.fastest import choose
    from geoseg.runtimes.measured import all_kept

    try:
        ways = default_ways()
    except RuntimeMissingError:
        return []
    versions = {status.name: status.version for status in available()}
    found: list[Check] = []
    for item in all_kept():
        if not item.versions.items() <= versions.items():
            continue
        runtime, precision = choose(item.timings, ways)
        times = ", ".join(f"{timing.name} {timing.seconds:.3g}" for timing in item.timings)
        text = f"auto: {runtime} {precision} (seconds for a tile of {item.tile} px: {times})"
        found.append((f"times of {item.model}", text, "ok", ""))
    return found
