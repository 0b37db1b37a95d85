"""Pictures of an image, its label, and the errors of its map."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoseg.learn.evaluate.scene_maps import SceneAccuracy, map_classes, sample_label
from geoseg.learn.samples import IGNORE
from geoseg.learn.samples.chips import stacked_source
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.outputs.styles import rgb

MAX_SIDE = 256
"""Greatest side of a panel in pixels."""

CORRECT, COMMISSION, OMISSION = (43, 140, 255), (214, 64, 50), (247, 170, 40)
UNKNOWN = (222, 226, 230)


def panels(scene: SceneAccuracy, spec: TrainSpec) -> NDArray[np.uint8]:
    """Draw image, label and errors side by side; returns (h, 3 w + gaps, 3)."""
    if scene.map is None:
        raise ValueError(f"the map of {scene.sample.id} was not kept")
    label, mapped = sample_label(scene.sample, spec), map_classes(scene.map, spec)
    step = max(1, -(-max(label.shape) // MAX_SIDE))
    label, mapped = label[::step, ::step], mapped[::step, ::step]
    image = _image(scene, spec)[::step, ::step]
    gap = np.full((label.shape[0], 6, 3), 255, np.uint8)
    return np.concatenate([image, gap, _classes(label, spec), gap, _errors(label, mapped)], axis=1)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture (h, w, 3) as PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def _image(scene: SceneAccuracy, spec: TrainSpec) -> NDArray[np.uint8]:
    """Draw red, green and blue, or the first band in grey, stretched from the 2nd to the 98th percentile."""
    bands = [band.name for band in spec.bands]
    shown: list[str] = [name for name in ("red", "green", "blue") if name in bands]
    shown = shown if len(shown) == 3 else bands[:1]
    with stacked_source(scene.sample, spec.data, shown) as source:
        values = source.read(source.grid.window, shown).physical()
    planes = []
    for plane in values:
        observed = plane[np.isfinite(plane)]
        low, high = np.percentile(observed, [2, 98]) if observed.size else (0.0, 1.0)
        planes.append(np.clip((np.nan_to_num(plane, nan=low) - low) / max(high - low, 1e-6), 0, 1))
    image = np.stack(planes if len(planes) == 3 else planes * 3, axis=-1)
    return (image * 255).astype(np.uint8)


def _classes(label: NDArray[np.uint8], spec: TrainSpec) -> NDArray[np.uint8]:
    """Draw classes in their colours."""
    picture = np.full((*label.shape, 3), UNKNOWN, np.uint8)
    for index, entry in enumerate(spec.classes):
        picture[label == index] = rgb(entry.colour)
    return picture


def _errors(label: NDArray[np.uint8], mapped: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw correct pixels blue, commission errors red, omission errors orange, correct background white."""
    picture = np.full((*label.shape, 3), 255, np.uint8)
    correct = (label == mapped) & (label != 0)
    picture[correct] = CORRECT
    differs = (label != mapped) & (label != IGNORE) & (mapped != IGNORE)
    picture[differs & (mapped != 0)] = COMMISSION
    picture[differs & (mapped == 0)] = OMISSION
    picture[(label == IGNORE) | (mapped == IGNORE)] = UNKNOWN
    return picture
