"""A network of 650 million weights: exported, checked and used on a scene, in the memory that docs state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

pytest.importorskip("torch", reason="the extra `train` is not installed")

NAME = "prithvi-600m-random"
SIDE, WEIGHTS = 1024, 650e6

EXPORT = f"""
import sys
from pathlib import Path

import torch
from geoseg.models.networks.published import build_published
from geoseg.models.networks.segmentation import Segmenter

from geoseg.learn.train.bundle_export import ExportOptions, write_network
from geoseg.learn.train.published_bundle import describe_published
from geoseg.spec.presets import published_models

spec = published_models()["prithvi-eo-2.0-300m-tl-sen1floods11"].model_copy(
    update={{"name": "{NAME}", "encoder": "prithvi-eo-2.0-600m", "tile": 224, "overlap": 28}}
)
torch.manual_seed(0)
torch.set_num_threads(2)
network = Segmenter(build_published(spec), None, multiple=spec.tile).eval()
assert sum(weight.numel() for weight in network.parameters()) > 600e6
folder = Path(sys.argv[1])
options = ExportOptions(weights=sys.argv[2])
done = write_network(network, describe_published(spec), folder, options, "upernet", str)
assert done.parity < 1e-4
"""
"""Writes the bundle: an encoder of Prithvi-EO 2.0 600M with UPerNet, of random weights."""


def peak(*command: str | Path, **variables: str) -> float:
    """Run a command; return its greatest resident memory in GiB."""
    process = subprocess.Popen([*map(str, command)], env={**os.environ, **variables})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 2**20


def write_scene(path: Path) -> None:
    values = np.random.default_rng(3).uniform(0.02, 0.4, (6, SIDE, SIDE)).astype(np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=6, height=SIDE, width=SIDE, tiled=True,
        crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = ("blue", "green", "red", "nir08", "swir16", "swir22")


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "each"), [("fp16", 2), ("fp32", 4)])
def test_a_network_of_600_million_weights(weights: str, each: int, tmp_path: Path) -> None:
    """Random weights; needs 10 GiB of memory, 12 GB of disk and five to fifteen minutes of two idle cores.

    As float32 they are 2.6 GB, more than an ONNX file can hold: they lie beside it.
    """
    bundle = tmp_path / NAME
    assert peak(sys.executable, "-c", EXPORT, bundle, weights) < 10
    size = sum(path.stat().st_size for path in bundle.iterdir() if ".onnx" in path.name)
    assert size == pytest.approx(each * WEIGHTS, rel=0.01)
    assets = json.loads((bundle / "model.json").read_text())["assets"]
    if weights == "fp16":
        assert assets["model"]["file:size"] == size
    geoseg = (sys.executable, "-m", "geoseg")
    assert peak(*geoseg, "models", "check", bundle) < 5
    write_scene(tmp_path / "scene.tif")
    used = peak(
        *geoseg, "flood", tmp_path / "scene.tif", "--model", bundle, "-o", tmp_path / "map.gpkg", "--raster",
        tmp_path / "map.tif", "--runtime", "onnxruntime", "--precision", "fp32", "--threads", "2",
    )  # fmt: skip
    assert used < 5
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) != file.nodata).all()
