"""Draw the picture of a map: choice of classes for the legend, one or two dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoseg.engine.preview import Preview
from geoseg.engine.recipe import Recipe
from geoseg.outputs import OutputFiles
from geoseg.outputs.picture import draw_picture
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import ClassTotal, RunRecord
from geoseg.spec import ClassSpec

MOST_IN_LEGEND = 14
"""Largest number of classes in the legend of a picture: the most frequent ones."""

FADED = np.float32(0.3)
"""Opacity of class colours in the background of a map."""


def draw(path: Path, recipe: Recipe, preview: Preview, record: RunRecord, beside: OutputFiles) -> None:
    """Write the picture: the map over the scene, with areas in the legend."""
    extras = recipe.extras
    before, background = (
        preview.background(prefix) if extras.palette is None else preview.painted(prefix, extras.palette)
        for prefix in ("", extras.second)
    )
    labels, classes, unlisted = preview.classes, recipe.mapped, 0
    areas: Sequence[ClassTotal] = record.classes
    if extras.schema:
        labels, classes, areas = _by_legend(labels, recipe, record.classes)
        unlisted = len(areas) - len(classes)
    draw_picture(
        path,
        # Class colours of the background would hide those of the map.
        background=background if extras.palette is None else 1 - FADED * (1 - background),
        panels=[("before", before), ("after", background)] if extras.second else (),
        labels=labels,
        classes=classes,
        unlisted=unlisted,
        title=f"{recipe.source.name}: {recipe.task}",
        caption=record.method,
        areas_m2={item.value: item.area_m2 for item in areas},
        pixel_size_m=recipe.source.grid.pixel_size_m[1] * preview.step,
        beside=beside,
    )


def _by_legend(
    labels: Classes, recipe: Recipe, totals: Sequence[ClassTotal]
) -> tuple[Classes, tuple[ClassSpec, ...], Sequence[ClassTotal]]:
    """Return labels, classes and totals by the map's legend; without one, the most frequent classes."""
    extras = recipe.extras
    if extras.legend_of is not None:
        unobserved = labels == nodata_class(labels.dtype)
        legend = extras.legend_of[np.where(unobserved, 0, labels)]
        drawn = np.where(unobserved, nodata_class(np.uint16), legend).astype(np.uint16)
        sums = {
            spec.value: [item for item in totals if int(extras.legend_of[item.value]) == spec.value]
            for spec in extras.legend
        }
        merged = tuple(
            ClassTotal(
                value=spec.value,
                label=spec.label,
                polygons=sum(item.polygons for item in own),
                pixels=sum(item.pixels for item in own),
                area_m2=None if own[0].area_m2 is None else math.fsum(item.area_m2 or 0.0 for item in own),
            )
            for spec in extras.legend
            if (own := sums[spec.value])
        )
        listed = {item.value for item in merged}
        return drawn, tuple(spec for spec in extras.legend if spec.value in listed), merged
    frequent = sorted(totals, key=lambda item: -item.pixels)[:MOST_IN_LEGEND]
    listed = {item.value for item in frequent}
    return labels, tuple(item for item in recipe.mapped if item.value in listed), totals
