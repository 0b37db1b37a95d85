"""Map class and reference class of each point of a sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.learn.evaluate.class_raster import NOT_OBSERVED, ClassRaster
from geoseg.learn.evaluate.sample_reading import Points

EMPTY = -1
"""Reference class of points without an entry."""


def mapped_classes(
    points: Points, classes: ClassRaster, sample: Path
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the map's class under each point, and whether the point lies on the map's grid.

    Raises:
        SceneError: only one of sample and map has a CRS, or the map cannot be read.
    """
    rows, cols = _pixel_positions(points, classes.grid, sample, classes.path)
    inside = (rows >= 0) & (cols >= 0) & (rows < classes.grid.height) & (cols < classes.grid.width)
    mapped = np.full(len(rows), NOT_OBSERVED, np.int64)
    mapped[inside] = classes.at(rows[inside].astype(np.intp), cols[inside].astype(np.intp))
    return mapped, inside


def _pixel_positions(
    points: Points, grid: Grid, sample: Path, path: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of the pixels under points; -1 without coordinates.

    Raises:
        SceneError: only one of sample and map has a CRS.
    """
    if (points.crs is None) != (grid.crs is None):
        without, other = (sample, path) if points.crs is None else (path, sample)
        raise SceneError(f"{without} has no CRS, but {other} has one; assign the missing CRS")
    x, y = points.x, points.y
    if points.crs is not None and grid.crs is not None:
        x, y = Transformer.from_crs(points.crs, grid.crs, always_xy=True).transform(x, y)
    t = ~grid.transform
    cols = np.floor(t.a * x + t.b * y + t.c)
    rows = np.floor(t.d * x + t.e * y + t.f)
    unknown = ~(np.isfinite(rows) & np.isfinite(cols))
    return np.where(unknown, -1, rows), np.where(unknown, -1, cols)


def reference_classes(
    reference: NDArray[np.object_], known: Mapping[int, str], sample: Path, path: str
) -> NDArray[np.int64]:
    """Return classes from class numbers or labels; `EMPTY` without an entry.

    Raises:
        SceneError: an entry is neither the number nor the label of a class.
    """
    occurrences = Counter(label.strip().casefold() for label in known.values())
    by_label = {
        name: value for value, label in known.items() if occurrences[name := label.strip().casefold()] == 1
    }
    classes, unknown = np.full(len(reference), EMPTY, np.int64), Counter[str]()
    for index, entry in enumerate(reference.tolist()):
        text = "" if entry is None or (isinstance(entry, float) and math.isnan(entry)) else str(entry).strip()
        if not text:
            continue
        value = by_label.get(text.casefold(), _number(text))
        if value is not None and value in known:
            classes[index] = value
        else:
            unknown[text] += 1
    if unknown:
        entries = ", ".join(f"{text!r} ({number} points)" for text, number in unknown.most_common(4))
        legend = ", ".join(f"{value} {label}" for value, label in sorted(known.items())[:12])
        raise SceneError(f"{sample}: {entries}: not a class of {path}; its classes are {legend}")
    return classes


def _number(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
