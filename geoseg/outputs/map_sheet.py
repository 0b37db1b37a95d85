"""The parts of a map's report other than tables: a picture, polygons to pan and zoom, totals as bars."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources

import numpy as np
import shapely
from numpy.typing import NDArray

MOST_SHAPES = 2000
"""Largest number of polygons in the pannable map: those of the largest area."""
MOST_POINTS = 60_000
"""Largest number of their corners, which take about 0.6 MB."""
TOLERANCE = 0.3
"""Pixels of the background by which outlines are simplified."""
PRINTED_ROWS = 10
"""Rows of totals on the printed page; the others are counted."""
PRINTED_WARNINGS, PRINTED_CHARACTERS = 4, 900
"""Warnings on the printed page, and their characters together; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Total of one class."""

    label: str
    colour: str
    """`#rrggbb`."""
    polygons: int
    area: str
    """For reading; empty without a CRS."""
    share: float
    """Of the mapped area, or of the pixels without a CRS, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A polygon of the pannable map."""

    path: str
    """SVG path in pixels of the background."""
    colour: str
    text: str
    """Is shown when the polygon is picked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A map that can be panned and zoomed."""

    width: int
    height: int
    background: bytes
    """JPEG of the scene."""
    shapes: Sequence[Shape]
    polygons: int
    """Number of polygons of the map."""

    @property
    def caption(self) -> str:
        """Return which polygons are shown."""
        if len(self.shapes) == self.polygons:
            count = "The only polygon" if self.polygons == 1 else f"All {self.polygons:,} polygons"
            return f"{count}, with simplified outlines."
        return (
            f"{len(self.shapes):,} of {self.polygons:,} polygons, the largest first, with simplified "
            "outlines. The map file has all of them."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSheet:
    """The map of a report."""

    picture: bytes
    """JPEG with legend, graticule, north arrow, scale bar and credits."""
    description: str
    """Alternative text."""
    totals: Sequence[Total]
    method: Sequence[str]
    """Paragraphs."""
    cite: Sequence[str]
    viewer: Viewer | None = None

    def printed(self, warnings: Sequence[str]) -> int:
        """Return how many warnings the printed page has."""
        count = used = 0
        for text in warnings[:PRINTED_WARNINGS]:
            used += len(text)
            if count and used > PRINTED_CHARACTERS:
                break
            count += 1
        return count


def svg_paths(shapes: NDArray[np.object_], size: tuple[int, int]) -> list[tuple[int, str]]:
    """Return simplified polygons as SVG paths, as many as a page can hold.

    Args:
        shapes: polygons in pixels of the background (x, y), in order of importance.
        size: height and width of the background.

    Returns:
        Position in `shapes` and path of each.
    """
    height, width = size
    frame = shapely.box(0, 0, width, height)
    paths: list[tuple[int, str]] = []
    points = 0
    for index, shape in enumerate(shapes[:MOST_SHAPES]):
        simple, tolerance = shapely.simplify(shape, TOLERANCE), TOLERANCE
        while shapely.get_num_coordinates(simple) > MOST_POINTS // 4 and tolerance < width:
            tolerance *= 2
            simple = shapely.simplify(simple, tolerance)
        drawn = shapely.intersection(simple, frame) if shapely.is_valid(simple) else simple
        rings = shapely.get_rings(shapely.get_parts(drawn))
        points += int(shapely.get_num_coordinates(rings).sum())
        if points > MOST_POINTS and paths:
            break
        text = "".join(_ring(shapely.get_coordinates(ring)) for ring in rings)
        if text:
            paths.append((index, text))
    return paths


def _ring(xy: NDArray[np.float64]) -> str:
    """Return a closed ring with one decimal."""
    corners = [f"{x:.1f} {y:.1f}".replace(".0", "") for x, y in xy[:-1].tolist()]
    return f"M{'L'.join(corners)}Z"


@cache
def viewer_script() -> str:
    """Return the script of pannable maps."""
    return resources.files("geoseg.outputs").joinpath("report_viewer.js").read_text(encoding="utf-8")


def script_hash() -> str:
    """Return the hash by which the page's policy allows its script and no other."""
    return f"sha256-{b64encode(sha256(viewer_script().encode()).digest()).decode()}"
