"""A `GridGeoSampler` of TorchGeo, as its tutorials use it: patches are laid over one another.

    python bench/peers/segment_torchgeo.py SCENE.tif BUNDLE OUT.gpkg

It has no blending: of two patches that overlap, each keeps what is nearer to its centre.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import torch
from torch.utils.data import DataLoader
from torchgeo.datasets import RasterDataset, stack_samples
from torchgeo.samplers import GridGeoSampler
from unet import OVERLAP, TILE, load, write

scene, network, output = load()


class Scene(RasterDataset):
    """One GeoTIFF."""

    filename_glob = Path(scene).name
    is_image = True


dataset = Scene(str(Path(scene).parent))
sampler = GridGeoSampler(dataset, size=TILE, stride=TILE - OVERLAP)
with rasterio.open(scene) as file:
    height, width, inverse = file.height, file.width, ~file.transform
mask = np.zeros((height, width), np.uint8)
half = OVERLAP // 2


def inside(first: int, length: int) -> slice:
    """Return the pixels nearest to the centre of a patch; the last patches reach beyond the scene."""
    end = first + TILE
    return slice(first + half if first > 0 else 0, end - half if end < length else length)


with torch.inference_mode():
    places = list(sampler)
    loader = DataLoader(dataset, batch_size=4, sampler=places, collate_fn=stack_samples)
    at = 0
    for batch in loader:
        for found in network(batch["image"].float()).argmax(1).numpy().astype(np.uint8):
            x, y = places[at][0], places[at][1]
            left, top = (round(value) for value in inverse @ (x.start, y.stop))
            at += 1
            rows, cols = inside(top, height), inside(left, width)
            mask[rows, cols] = found[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
write(mask, scene, output)
