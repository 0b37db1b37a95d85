"""Inputs are opened at two doors: `open_dataset` for rasters, `reading_vector` for vector files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rasterio.drivers import raster_driver_extensions
from rasterio.errors import RasterioIOError

from geoseg.errors import SceneReadError
from geoseg.scenes.datasets import FORMATS, open_dataset
from tests.products.ground import write_raster

ROOT = Path(__file__).parents[2] / "geoseg"
OWN = {
    "tasks/methane/column_cache.py",
    "tasks/methane/orthorectify.py",
    "api/arrays.py",
    "api/map.py",
    "batch/footprint.py",
    "batch/merge.py",
    "batch/merged_metadata.py",
    "engine/map_report.py",
    "outputs/embedding.py",
    "tasks/segment/embedding_report.py",
    "scenes/elevation.py",
    "scenes/phase.py",
    "learn/samples/dataset_import.py",
    "learn/samples/meter_ml.py",
    "atmosphere/cloud_mask.py",
    "learn/evaluate/scene_maps.py",
    "demo/flood_demo.py",
    "files/disk.py",
    "outputs/cog.py",
    "outputs/measure.py",
    "learn/evaluate/methane/plume_injection.py",
    "learn/evaluate/methane/simulated_ground.py",
    "learn/evaluate/methane/trial_runs.py",
}
"""Modules that write files, or read back what they or geoseg wrote."""

READERS = {"read", "read_info", "read_dataframe", "list_layers", "read_file", "open_arrow", "read_arrow"}


def _calls(path: Path) -> Iterator[str]:
    """Calls of functions of modules, such as `rasterio.open`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func)


def test_every_raster_is_opened_at_the_door() -> None:
    opening = {
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if "rasterio.open" in set(_calls(path))
    }
    assert opening <= OWN


def test_every_layer_is_read_at_the_door() -> None:
    reading = set()
    for path in ROOT.rglob("*.py"):
        packages = ("pyogrio.", "geopandas.", "raw.")
        reads = any(name.startswith(packages) and name.rpartition(".")[2] in READERS for name in _calls(path))
        if reads and "reading_vector(" not in path.read_text(encoding="utf-8"):
            reading.add(str(path.relative_to(ROOT)))
    assert {name for name in reading if not name.startswith("outputs/")} <= OWN


def test_formats_that_follow_any_name_are_not_read(tmp_path: Path) -> None:
    services = {
        "WMS",
        "WCS",
        "WMTS",
        "GTI",
        "STACIT",
        "STACTA",
        "EEDAI",
        "HTTP",
        "MRF",
        "PDS4",
        "DIMAP",
        "MEM",
    }
    assert not services & set(FORMATS)
    assert {"GTiff", "VRT", "JP2OpenJPEG", "netCDF", "HDF5", "Zarr", "GRIB"} <= set(FORMATS)
    assert {raster_driver_extensions()[end] for end in ("tif", "vrt", "img", "png", "nc")} <= set(FORMATS)
    path = write_raster(tmp_path / "a.tif", np.ones((9, 9), np.uint8))
    with open_dataset(str(path)) as dataset:
        assert dataset.driver == "GTiff"
    with pytest.raises(RasterioIOError):
        open_dataset(str(path), driver="PNG")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "complex64"])
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_half_a_file_of_bare_pixels_is_refused(dtype: str, interleave: str, tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "scene.img", np.ones((3, 40, 50), dtype), driver="ENVI", interleave=interleave
    )
    with open_dataset(str(path)) as dataset:
        assert dataset.count == 3
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(SceneReadError, match=r"bytes of the .* that its header states"):
        open_dataset(str(path))
    # A header that takes pixels for larger than they are is the same fault.
    path.write_bytes(whole)
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace("lines   = 40", "lines   = 80"))
    with pytest.raises(SceneReadError, match="or the header is wrong"):
        open_dataset(str(path))
