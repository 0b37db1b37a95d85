"""geo-inference of NRCan, with its overlap of half a patch and its own polygons (GeoJSON).

    python bench/peers/segment_geo_inference.py SCENE.tif BUNDLE OUT.gpkg

The first run traces the network, which the others load.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from geo_inference.geo_inference import GeoInference
from unet import TILE, load

traced = Path(sys.argv[2]) / "traced.pt"
if not traced.exists():  # in the first run
    with torch.inference_mode():
        torch.jit.trace(load()[1], torch.zeros(1, 6, TILE, TILE)).save(traced)
run = GeoInference(
    model=str(traced), work_dir=str(Path(sys.argv[3]).parent / "geo-inference"), mask_to_vec=True,
    device="cpu", num_classes=2,
)  # fmt: skip
run(inference_input=sys.argv[1], bands_requested=[], patch_size=TILE)
