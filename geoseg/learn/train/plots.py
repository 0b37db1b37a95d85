"""Figures of a training: curves of loss and score, and the windows with the most errors."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.losses import as_classes
from geoseg.outputs.charts import draw_svg
from geoseg.outputs.report import Chart, Series
from geoseg.outputs.styles import rgb
from geoseg.spec import ClassSpec

WORST = 6
"""Number of windows in the figure."""

SIDE = 256
"""Greatest side of a panel in pixels."""

CURVES = {
    "Loss": {"train_loss": "training", "val_loss": "validation"},
    "IoU on val": {"val_iou": "validation"},
    "Mean average precision on val": {"val_ap": "validation"},
}
"""Columns of the log in each chart, with their names in the legend."""


def draw_curves(logs: Sequence[Path], path: Path) -> None:
    """Draw training loss, validation loss and validation score of CSV logs as SVG; no file for empty logs."""
    rows: list[dict[str, str]] = []
    for log in logs:
        with log.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)

    def series(name: str) -> list[tuple[float, float]]:
        return sorted((float(row["epoch"]), float(row[name])) for row in rows if row.get(name))

    charts = []
    for title, columns in CURVES.items():
        lines = [Series(name=name, points=series(column)) for column, name in columns.items()]
        charts.append(Chart(title=title, x_label="epoch", y_label="", series=lines, integer_x=True))
    if drawn := [chart for chart in charts if not chart.empty]:
        path.write_text(draw_svg(drawn), encoding="utf-8")


def draw_worst(
    network: nn.Module,
    windows: Dataset[tuple[torch.Tensor, torch.Tensor]],
    count: int,
    classes: tuple[ClassSpec, ...],
    path: Path,
) -> None:
    """Draw the windows with the greatest share of wrong pixels as PNG, with input, label and map.

    Args:
        network: returns logits.
        windows: normalised pixels and classes.
        count: number of windows to examine.
        classes: in order.
        path: the PNG file.
    """
    rows: list[tuple[float, NDArray[np.uint8]]] = []
    network.eval()
    for index in range(count):
        planes, label = windows[index]
        with torch.inference_mode():
            mapped = as_classes(network(planes[None]))[0].argmax(dim=0).numpy()
        reference = label.numpy()
        labelled = reference != IGNORE
        wrong = float((mapped != reference)[labelled].mean()) if labelled.any() else 0.0
        panels = _panels(planes.numpy(), reference, np.where(labelled, mapped, IGNORE), classes)
        rows = sorted([*rows, (wrong, panels)], key=lambda item: -item[0])[:WORST]
    if not rows:
        return
    width = max(panel.shape[1] for _, panel in rows)
    padded = [np.pad(p, ((0, 6), (0, width - p.shape[1]), (0, 0)), constant_values=255) for _, p in rows]
    Image.fromarray(np.concatenate(padded)).save(path)


def _panels(
    planes: NDArray[np.float32],
    label: NDArray[np.int64],
    mapped: NDArray[np.int64],
    classes: tuple[ClassSpec, ...],
) -> NDArray[np.uint8]:
    """Return input (first band, from -2 to 2 standard deviations), label and map side by side."""
    step = max(1, -(-max(label.shape) // SIDE))
    grey = np.clip((planes[0] + 2) / 4, 0, 1) * 255
    image = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    drawn = [image[::step, ::step]]
    for values in (label, mapped):
        picture = np.full((*values.shape, 3), 222, np.uint8)
        for index, entry in enumerate(classes):
            picture[values == index] = rgb(entry.colour)
        drawn.append(picture[::step, ::step])
    gap = np.full((drawn[0].shape[0], 6, 3), 255, np.uint8)
    return np.concatenate([drawn[0], gap, drawn[1], gap, drawn[2]], axis=1)
