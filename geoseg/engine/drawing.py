"""The picture of a map: what it shows of many classes, and of two dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoseg.engine.pipeline import Summary
from geoseg.engine.recipe import Recipe
from geoseg.outputs import OutputFiles, draw_picture
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import ClassTotal, RunRecord
from geoseg.spec import ClassSpec

MOST_IN_LEGEND = 14
"""Transitions that a picture names and colours: the most frequent ones."""

FADED = np.float32(0.3)
"""Share of the colours of classes that is left under a map."""


def draw(path: Path, recipe: Recipe, summary: Summary, record: RunRecord, beside: OutputFiles) -> None:
    """The map over the scene, with a legend that gives areas."""
    preview = summary.preview
    second = recipe.extras.second if recipe.extras is not None else ""
    palette = recipe.extras.palette if recipe.extras is not None else None
    before, background = (
        preview.background(prefix) if palette is None else preview.painted(prefix, palette)
        for prefix in ("", second)
    )
    labels, classes = preview.classes, recipe.mapped
    areas: Sequence[ClassTotal] = record.classes
    if recipe.extras is not None:
        labels, classes, areas = _by_legend(labels, recipe, record.classes)
    draw_picture(
        path,
        # Colours of classes would hide those of the map.
        background=background if palette is None else 1 - FADED * (1 - background),
        panels=[("before", before), ("after", background)] if second else (),
        labels=labels,
        classes=classes,
        title=f"{recipe.source.name}: {recipe.task}",
        caption=record.method,
        areas_m2={item.value: item.area_m2 for item in areas},
        pixel_size_m=recipe.source.grid.pixel_size_m[1] * preview.step,
        beside=beside,
    )


def _by_legend(
    labels: Classes, recipe: Recipe, totals: Sequence[ClassTotal]
) -> tuple[Classes, tuple[ClassSpec, ...], Sequence[ClassTotal]]:
    """What a picture shows of many classes: kinds where a table gives them, else the most frequent ones."""
    extras = recipe.extras
    if extras is not None and extras.legend_of is not None:
        unseen = labels == nodata_class(labels.dtype)
        kinds = extras.legend_of[np.where(unseen, 0, labels)]
        drawn = np.where(unseen, nodata_class(np.uint16), kinds).astype(np.uint16)
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
    found = sorted(totals, key=lambda item: -item.pixels)[:MOST_IN_LEGEND]
    listed = {item.value for item in found}
    return labels, tuple(item for item in recipe.mapped if item.value in listed), totals
