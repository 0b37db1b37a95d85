"""`tiled_inference` of TerraTorch.

    python bench/peers/segment_terratorch.py SCENE.tif BUNDLE OUT.gpkg

The whole scene is in memory as float32.
"""

from __future__ import annotations

import torch
from terratorch.tasks.tiled_inference import tiled_inference
from unet import OVERLAP, TILE, load, read, write

scene, network, output = load()
with torch.inference_mode():
    logits = tiled_inference(
        network, torch.from_numpy(read(scene))[None], out_channels=2, crop=TILE, stride=TILE - OVERLAP,
        delta=0, batch_size=4, padding=False, device="cpu",
    )  # fmt: skip
write(logits[0].argmax(0).numpy(), scene, output)
