"""The picture of a map: choice of classes for the legend, one or two dates, place and credits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.preview import LONGEST, Preview
from geoseg.engine.recipe import Recipe
from geoseg.errors import UsageError
from geoseg.grid import Grid, Window
from geoseg.messages import counted
from geoseg.outputs.map_frame import ColourBar, Place, ramp
from geoseg.outputs.picture import MapPicture
from geoseg.outputs.words import credits_of, dates_of, day_text, map_title
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import ClassTotal, RunRecord
from geoseg.spec import ClassSpec

MOST_IN_LEGEND = 14
"""Largest number of classes in the legend: the most frequent ones; the others are drawn as one."""

OTHERS = "#868e96"
"""Colour of the other classes."""

FADED = np.float32(0.3)
"""Opacity of class colours in the background of a map."""

OVER_MEASURE = 0.0
"""Opacity of classes over a measured quantity: their outlines are drawn."""

MOST_ASPECT = 4.0
"""Greatest height over width of a drawn pixel: one of degrees at 75° of latitude."""

POLAR = 89.9
"""Degrees of latitude from which the centre of a map counts as a pole, where no direction is north."""

ROWS = 512
"""Rows that are read at once."""


def picture_of(recipe: Recipe, preview: Preview, record: RunRecord) -> MapPicture:
    """Return everything that the picture of a map shows."""
    extras, grid = recipe.extras, recipe.source.grid
    bar: ColourBar | None = None
    if extras.measure is None:
        before, background = (
            preview.background(prefix) if extras.palette is None else preview.painted(prefix, extras.palette)
            for prefix in ("", extras.second)
        )
    else:
        background, bar = _measured(recipe)
        before = background
    labels, classes, areas = _legend(preview.classes, recipe, record.classes)
    return MapPicture(
        # Class colours of the background would hide those of the map.
        background=background if extras.palette is None else 1 - FADED * (1 - background),
        panels=_panels(record, before, background) if extras.second else (),
        labels=labels,
        classes=classes,
        title=map_title(record),
        panel_title="Change",
        caption=record.method,
        totals=areas if len(areas) <= MOST_IN_LEGEND else listed_totals(record),
        areas_m2={item.value: item.area_m2 for item in areas},
        pixel_m=grid.pixel_size_m[1] * preview.step,
        place=place_of(grid, preview.step),
        aspect=aspect_of(grid),
        credits=credits_of(record),
        bar=bar,
        fill=0.5 if bar is None else OVER_MEASURE,
    )


def _panels(
    record: RunRecord, before: NDArray[np.floating], after: NDArray[np.floating]
) -> list[tuple[str, NDArray[np.floating]]]:
    """Return both dates with their titles."""
    dates = dates_of(record)
    names = [day_text(date) for date in dates] if len(dates) == 2 else ["Before", "After"]
    return list(zip(names, (before, after), strict=True))


def place_of(grid: Grid, step: float) -> Place | None:
    """Return where a picture of every `step`-th pixel lies; None without a CRS."""
    if grid.crs is None:
        return None
    crs = grid.crs

    def lonlat(
        rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return grid.lonlat(np.minimum(rows * step, grid.height), np.minimum(cols * step, grid.width))

    middle = np.array([grid.height / 2]), np.array([grid.width / 2])
    lon, lat = (float(values[0]) for values in grid.lonlat(*middle))
    north: tuple[float, float] | None = None
    try:
        col, row = grid.from_lonlat(lon, min(lat + 0.01, 90.0))
        if abs(lat) < POLAR:
            north = (col - grid.width / 2, row - grid.height / 2)
    except UsageError:
        north = (0.0, -1.0)
    authority = crs.to_authority()
    code = f" ({':'.join(authority)})" if authority else ""
    return Place(lonlat=lonlat, north=north, crs=crs.name + code)


def aspect_of(grid: Grid) -> float:
    """Return height over width of a pixel on the ground, within 1/`MOST_ASPECT` and `MOST_ASPECT`."""
    if grid.crs is None:
        return 1.0
    down, right = grid.pixel_size_m
    aspect = down / right if right > 0 else 1.0
    return min(max(aspect, 1 / MOST_ASPECT), MOST_ASPECT) if math.isfinite(aspect) else 1.0


def _measured(recipe: Recipe) -> tuple[NDArray[np.float32], ColourBar]:
    """Read the measured quantity of a map, decimated; return its colours (3, h, w) and its colour bar."""
    measure, grid = recipe.extras.measure, recipe.source.grid
    if measure is None:
        raise ValueError("the map has no measured quantity")
    sampled = Preview(grid, (measure.band,), longest=LONGEST)
    for row in range(0, grid.height, ROWS):
        window = Window(row=row, col=0, height=min(ROWS, grid.height - row), width=grid.width)
        sampled.add_pixels(recipe.source.read(window, (measure.band,)))
    values = sampled.pixels[0]
    known = values[np.isfinite(values)]
    low, high = (0.0, 1.0) if known.size == 0 else (float(value) for value in np.percentile(known, (2, 99.8)))
    low, high = min(low, 0.0), max(high, 1.0)
    bar = ColourBar(title=measure.title, unit=measure.unit, low=low, high=high)
    return ramp((values - low) / (high - low)), bar


def _legend(
    labels: Classes, recipe: Recipe, totals: Sequence[ClassTotal]
) -> tuple[Classes, tuple[ClassSpec, ...], Sequence[ClassTotal]]:
    """Return labels, classes and totals by the legend of the map."""
    extras = recipe.extras
    unobserved = labels == nodata_class(labels.dtype)
    if extras.legend_of is not None:
        legend = extras.legend_of[np.where(unobserved, 0, labels)]
        drawn = np.where(unobserved, nodata_class(np.uint16), legend).astype(np.uint16)
        merged = [
            sum_of(spec.value, spec.label, own)
            for spec in extras.legend
            if (own := [item for item in totals if int(extras.legend_of[item.value]) == spec.value])
        ]
        listed = {item.value for item in merged}
        return drawn, tuple(spec for spec in extras.legend if spec.value in listed), merged
    if not extras.schema and len(recipe.mapped) <= MOST_IN_LEGEND:
        return labels, recipe.mapped, totals
    return with_rare_as_one(labels, recipe.mapped, totals)


def with_rare_as_one(
    labels: Classes, mapped: Sequence[ClassSpec], totals: Sequence[ClassTotal]
) -> tuple[Classes, tuple[ClassSpec, ...], Sequence[ClassTotal]]:
    """Return labels, classes and totals of the most frequent classes; all others are one class."""
    unobserved = labels == nodata_class(labels.dtype)
    frequent = sorted((item for item in totals if item.polygons), key=lambda item: -item.pixels)
    frequent, rare = frequent[:MOST_IN_LEGEND], frequent[MOST_IN_LEGEND:]
    listed = {item.value for item in frequent}
    classes = tuple(item for item in mapped if item.value in listed)
    if not rare:
        return labels, classes, frequent
    value = nodata_class(np.uint16) - 1
    drawn = labels.astype(np.uint16)
    drawn[unobserved] = nodata_class(np.uint16)
    drawn[np.isin(labels, [item.value for item in rare])] = value
    label = counted(len(rare), "smaller class", "smaller classes")
    others = ClassSpec(value=value, label=label, colour=OTHERS)
    return drawn, (*classes, others), (*frequent, sum_of(value, label, rare))


def listed_totals(record: RunRecord) -> Sequence[ClassTotal]:
    """Return the totals of all classes that have polygons, also of those that the legend draws as one."""
    return [item for item in record.classes if item.polygons]


def sum_of(value: int, label: str, parts: Sequence[ClassTotal]) -> ClassTotal:
    """Return the total of several classes."""
    known = [item.area_m2 for item in parts if item.area_m2 is not None]
    return ClassTotal(
        value=value,
        label=label,
        polygons=sum(item.polygons for item in parts),
        pixels=sum(item.pixels for item in parts),
        area_m2=math.fsum(known) if len(known) == len(parts) else None,
    )
