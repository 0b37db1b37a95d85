"""Sliding windows and smoothed labels of Raster Vision.

    python bench/peers/segment_raster_vision.py SCENE.tif BUNDLE OUT.gpkg

Scores are summed over the overlap in memory.
"""

from __future__ import annotations

import numpy as np
from rastervision.core.data import ClassConfig, SemanticSegmentationLabels
from rastervision.pytorch_learner import (
    SemanticSegmentationGeoDataConfig,
    SemanticSegmentationLearner,
    SemanticSegmentationLearnerConfig,
    SemanticSegmentationSlidingWindowGeoDataset,
    SolverConfig,
)
from unet import OVERLAP, TILE, load, write

scene, network, output = load()
classes = ClassConfig(names=["land", "water"])
dataset = SemanticSegmentationSlidingWindowGeoDataset.from_uris(
    image_uri=scene, image_raster_source_kw={"channel_order": list(range(6))}, size=TILE,
    stride=TILE - OVERLAP, normalize=False, to_pytorch=True,
)  # fmt: skip
config = SemanticSegmentationLearnerConfig(
    data=SemanticSegmentationGeoDataConfig(class_config=classes, num_workers=0),
    solver=SolverConfig(batch_sz=4),
)
learner = SemanticSegmentationLearner(
    cfg=config, output_dir=str(output.parent / "raster-vision"), model=network, training=False
)
found = learner.predict_dataset(dataset, raw_out=True, numpy_out=True, progress_bar=False)
labels = SemanticSegmentationLabels.from_predictions(
    dataset.windows, found, extent=dataset.scene.extent, num_classes=2, smooth=True
)
scores = labels.get_score_arr(dataset.scene.extent)
write(np.argmax(scores, axis=0), scene, output)
