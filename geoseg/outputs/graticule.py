"""Meridians and parallels of a map, also where it crosses the antimeridian or holds a pole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoseg.outputs.map_frame import Floats, Place

AnyType = TypeVar("AnyType", bound=np.generic)

NODES = 65
"""Nodes along each side of the map at which longitude and latitude are computed."""

LINES = 4
"""Number of meridians and parallels that a map has, about."""

AROUND = 45
"""Degrees between the meridians of a map with more than half of all longitudes, such as one of a pole."""

GRID_INK = (150, 150, 150, 140)
"""Grey that is visible on dark scenes and on white."""

Mark = tuple[float, str]
"""Position along an edge of the map in pixels, and its longitude or latitude."""


def graticule(picture: Image.Image, place: Place, size: tuple[int, int]) -> tuple[list[Mark], list[Mark]]:
    """Draw meridians and parallels into a map.

    Args:
        picture: of the map.
        place: of the map.
        size: height and width of the background.

    Returns:
        Positions along the lower edge with longitudes, and along the left edge with latitudes.
    """
    height, width = size
    rows, cols = np.meshgrid(np.linspace(0, height, NODES), np.linspace(0, width, NODES), indexing="ij")
    lon, lat = place.lonlat(rows, cols)
    if not np.isfinite(lon + lat).all():
        return [], []
    draw = ImageDraw.Draw(picture, "RGBA")
    nodes = np.stack((cols * (picture.width / width), rows * (picture.height / height)), axis=-1)
    below: list[Mark] = []
    left: list[Mark] = []
    for values, step in _meridians(lon):
        above = _wrapped(lon - values)
        _draw_line(draw, above, nodes)
        text = degree_text(float(_wrapped(np.array(values))), "EW", step)
        below += _crossing(above[-1], picture.width, text)
    for values, step in _levels(lat):
        _draw_line(draw, lat - values, nodes)
        left += _crossing((lat - values)[:, 0], picture.height, degree_text(values, "NS", step))
    return below, left


def _wrapped(degrees: Floats) -> Floats:
    """Return differences of longitudes in -180..180; those that are stay exactly as they are."""
    return np.asarray(degrees - 360 * np.round(degrees / 360), np.float64)


def _meridians(lon: Floats) -> Sequence[tuple[float, float]]:
    """Return the longitudes that are drawn, each with the step between them."""
    middle = float(lon[NODES // 2, NODES // 2])
    inside = lon if np.ptp(lon) <= 180 else middle + _wrapped(lon - middle)
    if np.ptp(inside) > 180:
        return [(float(value), float(AROUND)) for value in range(-180, 180, AROUND)]
    return _levels(inside)


def _levels(degrees: Floats) -> Sequence[tuple[float, float]]:
    low, high = float(degrees.min()), float(degrees.max())
    if low == high:
        return []
    wanted = (high - low) / LINES
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * 0.99)
    return [(number * step, step) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def degree_text(value: float, letters: str, step: float) -> str:
    """Return a longitude or latitude for reading, such as `2.34° E`."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    letter = "" if value == 0 or abs(value) == 180 else letters[0] if value > 0 else letters[1]
    return f"{abs(value):.{digits}f}° {letter}".strip()


def _crossing(above: Floats, length: int, text: str) -> list[Mark]:
    """Return where a line first crosses an edge: `above` holds the degrees from the line at its nodes."""
    near = np.abs(above[:-1] - above[1:]) < 90
    crossings = np.flatnonzero((np.diff(np.sign(above)) != 0) & near)
    if not len(crossings):
        return []
    at = int(crossings[0])
    part = above[at] / (above[at] - above[at + 1])
    return [(float((at + part) / (NODES - 1) * length), text)]


def _draw_line(draw: ImageDraw.ImageDraw, above: Floats, nodes: NDArray[np.float64]) -> None:
    """Draw the line where a mesh is 0, one piece for each cell that it crosses.

    Args:
        draw: into this picture.
        above: (n, n), degrees from the line.
        nodes: (n, n, 2), x and y of the nodes in pixels.
    """
    over = above >= 0
    ends: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for axis in (0, 1):
        first, second = _halves(above, axis)
        crossed = (_halves(over, axis)[0] != _halves(over, axis)[1]) & (np.abs(first - second) < 90)
        for row, col in np.argwhere(crossed).tolist():
            part = first[row, col] / (first[row, col] - second[row, col])
            start, end = (half[row, col] for half in _halves(nodes, axis))
            x, y = start + part * (end - start)
            # An edge belongs to the cells on both of its sides.
            beside = (row, col - 1) if axis == 0 else (row - 1, col)
            for cell in ((row, col), beside):
                ends.setdefault(cell, []).append((float(x), float(y)))
    for points in ends.values():
        if len(points) == 2:
            draw.line(points, fill=GRID_INK, width=1)


def _halves(values: NDArray[AnyType], axis: int) -> tuple[NDArray[AnyType], NDArray[AnyType]]:
    """Return the nodes at the first and at the second end of the edges along an axis."""
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])
