"""Points of a sample and a map side by side: what is mapped there, and what is there."""

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
from geoseg.learn.evaluate.finished_map import NOT_SEEN, ClassMap
from geoseg.learn.evaluate.sample_reading import Points

EMPTY = -1
"""Class of points whose reference is not filled in."""


def mapped_classes(
    points: Points, classes: ClassMap, sample: Path
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the map's class under each point, and whether the point lies on the map's grid.

    Raises:
        SceneError: one of both has no CRS, or the map cannot be read.
    """
    rows, cols = _place(points, classes.grid, sample, classes.path)
    inside = (rows >= 0) & (cols >= 0) & (rows < classes.grid.height) & (cols < classes.grid.width)
    mapped = np.full(len(rows), NOT_SEEN, np.int64)
    mapped[inside] = classes.at(rows[inside].astype(np.intp), cols[inside].astype(np.intp))
    return mapped, inside


def _place(
    points: Points, grid: Grid, sample: Path, path: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of the pixels under points, -1 of those that are nowhere.

    Raises:
        SceneError: one of both has no CRS.
    """
    if (points.crs is None) != (grid.crs is None):
        without, other = (sample, path) if points.crs is None else (path, sample)
        raise SceneError(f"{without} has no CRS but {other} has one; assign the missing CRS")
    x, y = points.x, points.y
    if points.crs is not None and grid.crs is not None:
        x, y = Transformer.from_crs(points.crs, grid.crs, always_xy=True).transform(x, y)
    back = ~grid.transform
    cols = np.floor(back.a * x + back.b * y + back.c)
    rows = np.floor(back.d * x + back.e * y + back.f)
    nowhere = ~(np.isfinite(rows) & np.isfinite(cols))
    return np.where(nowhere, -1, rows), np.where(nowhere, -1, cols)


def reference_classes(
    reference: NDArray[np.object_], known: Mapping[int, str], sample: Path, path: str
) -> NDArray[np.int64]:
    """Read class numbers or labels; `EMPTY` of what is not filled in.

    Raises:
        SceneError: one is neither.
    """
    times = Counter(label.strip().casefold() for label in known.values())
    by_label = {name: value for value, label in known.items() if times[name := label.strip().casefold()] == 1}
    found, unknown = np.full(len(reference), EMPTY, np.int64), Counter[str]()
    for index, entry in enumerate(reference.tolist()):
        text = "" if entry is None or (isinstance(entry, float) and math.isnan(entry)) else str(entry).strip()
        if not text:
            continue
        value = by_label.get(text.casefold(), _number(text))
        if value is not None and value in known:
            found[index] = value
        else:
            unknown[text] += 1
    if unknown:
        told = ", ".join(f"{text!r} ({number} points)" for text, number in unknown.most_common(4))
        classes = ", ".join(f"{value} {label}" for value, label in sorted(known.items())[:12])
        raise SceneError(f"{sample}: {told}: no class of {path}, whose classes are {classes}")
    return found


def _number(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
