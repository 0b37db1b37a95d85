"""The engine of OmniCloudMask with a network of our own.

    python bench/peers/segment_omnicloudmask.py SCENE.tif BUNDLE OUT.gpkg

It normalises each patch by its own mean and standard deviation, so that its mask differs.
"""

from __future__ import annotations

from omnicloudmask import predict_from_array
from unet import OVERLAP, TILE, load, read, write

scene, network, output = load(normalised=True)
mask = predict_from_array(
    read(scene), patch_size=TILE, patch_overlap=OVERLAP, custom_models=network, pred_classes=2,
    inference_device="cpu",
)  # fmt: skip
write(mask[0], scene, output)
