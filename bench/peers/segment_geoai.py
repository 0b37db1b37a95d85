"""`predict_geotiff` of geoai.

    python bench/peers/segment_geoai.py SCENE.tif BUNDLE OUT.gpkg

Logits are blended over the overlap in float64.
"""

from __future__ import annotations

import numpy as np
import rasterio
from geoai.inference import predict_geotiff
from unet import OVERLAP, TILE, load, write

scene, network, output = load()
scores = str(output.with_suffix(".geoai.tif"))
predict_geotiff(
    network, scene, scores, tile_size=TILE, overlap=OVERLAP, num_classes=2, output_dtype="uint8",
    output_nodata=255, preprocess_fn=lambda tile: tile, device="cpu", verbose=False,
    postprocess_fn=lambda logits: logits.argmax(axis=0).astype(np.uint8),
)  # fmt: skip
with rasterio.open(scores) as file:
    write(file.read(1), scene, output)
