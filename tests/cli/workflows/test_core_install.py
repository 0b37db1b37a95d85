"""What the core maps needs no package of an extra; each command runs in a Python that has none of them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from tests.api.pixels import CRS, TRANSFORM, reflectance, write_scene

OF_EXTRAS = (
    "albumentations", "distributed", "exactextract", "geopandas", "lightning", "matplotlib", "obstore",
    "onnx", "onnxscript", "pandas", "pyarrow", "pystac_client", "rioxarray", "segmentation_models_pytorch",
    "tensorboard", "tensorrt", "threadpoolctl", "timm", "torch", "torchgeo", "torchmetrics", "torchvision",
    "ukis_csmask", "xarray",
)  # fmt: skip
"""Packages of the extras as they are imported."""
CORE = """
import sys
sys.modules.update(dict.fromkeys({}))
sys.argv[0] = "geoseg"
from geoseg.cli import main
main()
"""
MAP = ("-o", "m.gpkg", "--overwrite", "--report", "r.html", "--zones", "zones.geojson", "--style", "s.sld")
RASTERS = ("--raster", "c.tif", "--scores", "s.tif", "--picture", "p.png", "--raster-styles")
COMMANDS = {
    "flood": ("flood", "after.tif", "--before", "before.tif", *MAP, *RASTERS),
    "change": ("change", "before.tif", "after.tif", "--method", "cva", *MAP, *RASTERS),
    "segment": (
        "segment",
        "six.tif",
        "--model",
        "water-optical",
        "--sensor",
        "sentinel-2-l2a",
        *MAP,
        *RASTERS,
    ),
    "vectorize": ("vectorize", "mask.tif", *MAP),
    "batch": ("batch", "flood", "many", "-o", "maps", "--merge", "--jobs", "1", "--report", "{scene}.html"),
    "geojson": ("flood", "after.tif", "-o", "m.geojson"),
    "fgb": ("flood", "after.tif", "-o", "m.fgb"),
}
"""A map of each kind that the core makes, with all that can be written beside it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes, a mask and zones."""
    place = tmp_path_factory.mktemp("core")
    before = reflectance()
    after = before.copy()
    after[:, 10:30, 10:30] = before[:, 48:68, 48:68]
    (place / "many").mkdir()
    for name, data in (("before", before), ("after", after), ("many/lake_20240501", after)):
        write_scene(place / f"{name}.tif", data)
    six = np.stack([after[0]] * 3 + [after[1]] * 3)
    for name, array in (("six", six), ("mask", (after[1:] < 0.1).astype(np.uint8))):
        with rasterio.open(
            place / f"{name}.tif", "w", driver="GTiff", height=96, width=96, count=len(array),
            dtype=array.dtype.name, crs=CRS, transform=TRANSFORM,
        ) as file:  # fmt: skip
            file.write(array)
            if name == "six":
                file.descriptions = ("blue", "green", "red", "nir", "swir16", "swir22")
    zone = shapely.box(500_000, 4_599_500, 500_500, 4_600_000)
    table = geopandas.GeoDataFrame({"name": ["west"]}, geometry=[zone], crs=CRS)
    table.to_file(place / "zones.geojson")
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_the_core_maps_without_the_packages_of_extras(name: str, folder: Path) -> None:
    run(folder, OF_EXTRAS, COMMANDS[name])


def test_sums_of_rasters_need_exactextract_alone(folder: Path) -> None:
    pytest.importorskip("exactextract", reason="the extra `exposure` is not installed")
    absent = tuple(name for name in OF_EXTRAS if name != "exactextract")
    run(folder, absent, ("vectorize", "mask.tif", "-o", "sums.gpkg", "--value", "cells=mask.tif"))
    with closing(sqlite3.connect(folder / "sums.gpkg")) as file:
        assert file.execute("SELECT pixels - cells FROM segments").fetchall() == [(0,), (0,)]


def run(folder: Path, absent: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    """Run a command in a Python that has none of some packages."""
    done = subprocess.run(
        [sys.executable, "-c", CORE.format(repr(absent)), *arguments],
        cwd=folder, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "is missing" not in done.stderr
