"""Plain torch, eager: tiles of 512 with overlap 64, scores blended in memory, polygons.

    python bench/peers/segment_torch.py SCENE.tif BUNDLE OUT.gpkg

The whole scene and the sums of scores are in memory.
"""

from __future__ import annotations

import numpy as np
import torch
from unet import OVERLAP, TILE, load, read, write

scene, network, output = load()
image = read(scene)
height, width = image.shape[1:]
ramp = np.minimum(np.arange(TILE) + 0.5, TILE - np.arange(TILE) - 0.5).clip(max=OVERLAP).astype(np.float32)
weights = torch.from_numpy(np.minimum.outer(ramp, ramp))
sums = torch.zeros(2, height, width)


def starts(length: int) -> list[int]:
    """Return the first pixel of each tile."""
    return sorted({min(at, length - TILE) for at in range(0, length - OVERLAP, TILE - OVERLAP)})


with torch.inference_mode():
    for row in starts(height):
        for col in starts(width):
            tile = torch.from_numpy(image[None, :, row : row + TILE, col : col + TILE])
            sums[:, row : row + TILE, col : col + TILE] += network(tile).softmax(1)[0] * weights
write(sums.argmax(0).numpy(), scene, output)
