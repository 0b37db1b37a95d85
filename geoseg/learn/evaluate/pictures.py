"""Pictures of a map beside its label: what is right, what is missed, what is wrongly mapped."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoseg.learn.evaluate.maps import Verdict, classes_of, whole_label
from geoseg.learn.samples import IGNORE
from geoseg.learn.samples.chips import stacked_source
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.outputs.styles import rgb

MOST = 256
"""Pixels a side of a panel at most."""

RIGHT, WRONG, MISSED = (43, 140, 255), (214, 64, 50), (247, 170, 40)
UNKNOWN = (222, 226, 230)


def panels(verdict: Verdict, spec: TrainSpec) -> NDArray[np.uint8]:
    """Draw image, label and errors side by side: (h, 3 w + gaps, 3)."""
    label, mapped = whole_label(verdict.sample, spec), classes_of(verdict.map, spec)
    step = max(1, -(-max(label.shape) // MOST))
    label, mapped = label[::step, ::step], mapped[::step, ::step]
    image = _image(verdict, spec)[::step, ::step]
    gap = np.full((label.shape[0], 6, 3), 255, np.uint8)
    return np.concatenate([image, gap, _classes(label, spec), gap, _errors(label, mapped)], axis=1)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture, (h, w, 3), as PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def _image(verdict: Verdict, spec: TrainSpec) -> NDArray[np.uint8]:
    """Three bands of the image, or one in grey, between their 2nd and 98th percentile."""
    bands = [band.name for band in spec.bands]
    shown: list[str] = [name for name in ("red", "green", "blue") if name in bands]
    shown = shown if len(shown) == 3 else bands[:1]
    with stacked_source(verdict.sample, spec.data, shown) as source:
        values = source.read(source.grid.window, shown).physical()
    planes = []
    for plane in values:
        known = plane[np.isfinite(plane)]
        low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
        planes.append(np.clip((np.nan_to_num(plane, nan=low) - low) / max(high - low, 1e-6), 0, 1))
    grey = np.stack(planes if len(planes) == 3 else planes * 3, axis=-1)
    return (grey * 255).astype(np.uint8)


def _classes(label: NDArray[np.uint8], spec: TrainSpec) -> NDArray[np.uint8]:
    """Classes in their colours."""
    picture = np.full((*label.shape, 3), UNKNOWN, np.uint8)
    for index, entry in enumerate(spec.classes):
        picture[label == index] = rgb(entry.colour)
    return picture


def _errors(label: NDArray[np.uint8], mapped: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blue: right and not background; red: mapped and not there; orange: there and missed; white: neither."""
    picture = np.full((*label.shape, 3), 255, np.uint8)
    right = (label == mapped) & (label != 0)
    picture[right] = RIGHT
    differs = (label != mapped) & (label != IGNORE) & (mapped != IGNORE)
    picture[differs & (mapped != 0)] = WRONG
    picture[differs & (mapped == 0)] = MISSED
    picture[(label == IGNORE) | (mapped == IGNORE)] = UNKNOWN
    return picture
