"""Places that a user names by coordinates: their positions on the grid of a scene."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.messages import note

LOG = logging.getLogger(__name__)

Pixel = tuple[int, int]
"""Row and column."""


def pixels_of(places: Sequence[tuple[float, float]], grid: Grid, name: str) -> list[Pixel]:
    """Return the pixel of each place; all are longitude and latitude, or all positions in the CRS of a scene.

    Args:
        places: X and Y.
        grid: of the scene.
        name: of the scene, for messages.

    Raises:
        UsageError: a place lies outside the scene either way.
    """
    degrees = [_by_degrees(place, grid) for place in places]
    if all(_inside(pixel, grid) for pixel in degrees):
        if grid.crs is not None and not grid.crs.is_geographic:
            note(LOG, f"places: read as longitude, latitude; {name} is in {grid.crs.to_string()}")
        return [pixel for pixel in degrees if pixel is not None]
    plain = [_by_crs(place, grid) for place in places]
    if all(_inside(pixel, grid) for pixel in plain):
        where = "pixels, since it has no CRS" if grid.crs is None else grid.crs.to_string()
        note(LOG, f"places: read as positions in the CRS of {name}: {where}")
        return plain
    both = zip(places, degrees, plain, strict=True)
    outside = next(
        place for place, first, second in both if not (_inside(first, grid) and _inside(second, grid))
    )
    west, north = grid.transform.c, grid.transform.f
    east = west + grid.transform.a * grid.width + grid.transform.b * grid.height
    south = north + grid.transform.d * grid.width + grid.transform.e * grid.height
    read_as = (
        "in pixels, since it has no CRS" if grid.crs is None else "as longitude and latitude and in its CRS"
    )
    bounds = [
        f"{value:.9g}" for value in (min(west, east), max(west, east), min(south, north), max(south, north))
    ]
    raise UsageError(
        f"`--like {outside[0]:.9g},{outside[1]:.9g}` lies outside {name}, {read_as}, where x is {bounds[0]} "
        f"to {bounds[1]} and y {bounds[2]} to {bounds[3]}"
    )


def _by_degrees(place: tuple[float, float], grid: Grid) -> Pixel | None:
    """Return the pixel of a longitude and latitude; None where it has none."""
    if grid.crs is None or abs(place[0]) > 360 or abs(place[1]) > 90:
        return None
    try:
        col, row = grid.from_lonlat(*place)
    except UsageError:
        return None
    return math.floor(row), math.floor(col)


def _by_crs(place: tuple[float, float], grid: Grid) -> Pixel:
    """Return the pixel of a position in the CRS of a grid."""
    back = ~grid.transform
    x, y = place
    return math.floor(back.d * x + back.e * y + back.f), math.floor(back.a * x + back.b * y + back.c)


def _inside(pixel: Pixel | None, grid: Grid) -> bool:
    return pixel is not None and 0 <= pixel[0] < grid.height and 0 <= pixel[1] < grid.width
