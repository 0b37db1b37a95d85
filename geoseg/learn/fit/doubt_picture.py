"""Draw where a fitted network is unsure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoseg.engine.drawing import aspect_of, place_of
from geoseg.engine.preview import Preview
from geoseg.files.output_files import OutputFiles
from geoseg.learn.fit.doubt import DoubtTile
from geoseg.learn.fit.next_labels import Suggestion
from geoseg.learn.fit.scene_pixels import LabelledScene
from geoseg.messages import note
from geoseg.outputs.picture import MapPicture, draw_picture
from geoseg.pixels import NODATA_CLASS
from geoseg.spec import ClassSpec, ModelSpec

LOG = logging.getLogger(__name__)

UNSURE, VERY_UNSURE = 0.5, 0.8
"""Doubt above which the picture has a colour: the two best scores differ by less than 0.5, or 0.2."""

DOUBT_CLASSES = (
    ClassSpec(value=1, label="unsure", colour="#fdae61"),
    ClassSpec(value=2, label="very unsure", colour="#d7191c"),
    ClassSpec(value=3, label="label next", colour="#2b83ba"),
)


def draw_doubt(
    path: Path,
    tiles: Sequence[DoubtTile],
    scenes: Sequence[LabelledScene],
    points: Sequence[Suggestion],
    model: ModelSpec,
    beside: OutputFiles,
) -> None:
    """Draw the doubt over the scene that has most of it; only the tiles that were mapped are drawn.

    Args:
        path: of the picture.
        tiles: with their doubt.
        scenes: all scenes.
        points: to label next, drawn as squares.
        model: the network.
        beside: open; has `path` among its targets.
    """
    shares = [
        sum(float(np.nansum(tile.doubt > UNSURE)) for tile in tiles if tile.scene == index)
        for index in range(len(scenes))
    ]
    index = int(np.argmax(shares))
    scene = scenes[index].scene
    if len(scenes) > 1:
        note(LOG, f"{path}: shows {scene.name}, the scene with most doubt")
    preview = Preview(scene.grid, scene.band_names)
    labels = np.full_like(preview.classes, 0)
    step = preview.step
    unseen = np.ones(labels.shape, np.bool_)
    for tile in (item for item in tiles if item.scene == index):
        preview.add_pixels(scene.read(tile.window, scene.band_names))
        rows = np.arange(-(-tile.window.row // step), -(-tile.window.stop_row // step))
        cols = np.arange(-(-tile.window.col // step), -(-tile.window.stop_col // step))
        doubt = tile.doubt[np.ix_(rows * step - tile.window.row, cols * step - tile.window.col)]
        place = np.ix_(rows, cols)
        labels[place] = np.where(doubt > VERY_UNSURE, 2, np.where(doubt > UNSURE, 1, 0))
        unseen[place] = ~np.isfinite(doubt)
    labels[unseen] = NODATA_CLASS
    size = max(2, max(labels.shape) // 150)
    for item in (point for point in points if point.scene == index):
        row, col = item.row // step, item.col // step
        labels[max(0, row - size) : row + size + 1, max(0, col - size) : col + size + 1] = 3
    picture = MapPicture(
        background=preview.background(),
        labels=labels,
        classes=DOUBT_CLASSES if points else DOUBT_CLASSES[:2],
        title=f"{scene.name}: where {model.name} is unsure",
        caption=f"unsure: the two best scores differ by less than {1 - UNSURE:g}; "
        f"very unsure: by less than {1 - VERY_UNSURE:g}",
        pixel_m=scene.grid.pixel_size_m[1] * step,
        place=place_of(scene.grid, step),
        aspect=aspect_of(scene.grid),
    )
    draw_picture(path, picture, beside)
