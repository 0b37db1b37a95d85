"""Grids of a wanted pixel size on the ground: what scene classifiers look at."""

from __future__ import annotations

from affine import Affine

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window

SAME = 0.01
"""Share by which pixels may differ in size from those wanted and are taken as they are."""


def metric_grid(grid: Grid, resolution: float, what: str) -> Grid:
    """Return the same ground in pixels of `resolution` m, measured at its centre along rows and columns.

    A grid whose pixels have that size already is returned as it is, so that nothing is interpolated.

    Args:
        grid: of a scene.
        resolution: side of a pixel in m.
        what: the scene's name, for messages.

    Raises:
        SceneError: the grid has no CRS.
    """
    if grid.crs is None:
        raise SceneError(
            f"{what}: has no CRS, so metres are unknown; give the raster its CRS (gdal_edit.py -a_srs)"
        )
    down, right = (
        1.0 if abs(size / resolution - 1) <= SAME else resolution / size for size in grid.pixel_size_m
    )
    return stretched(grid, down, right)


def stretched(grid: Grid, down: float, right: float) -> Grid:
    """Return the same ground in pixels so many times as high and wide; the last ones may reach beyond it."""
    if down == 1 and right == 1:
        return grid
    a, b, c, d, e, f = grid.transform[:6]
    return Grid(
        crs=grid.crs,
        transform=Affine(a * right, b * down, c, d * right, e * down, f),
        height=_pixels(grid.height, down),
        width=_pixels(grid.width, right),
    )


def _pixels(count: int, step: float) -> int:
    """Pixels of `step` that cover `count` ones; rounding makes none of a sliver."""
    return max(1, -int(-(count / step) // 1) if count / step % 1 > 1e-6 else round(count / step))


def centred(grid: Grid, side: int) -> Window:
    """Return the square of `side` pixels around the middle of a grid; it may leave it."""
    return Window(row=(grid.height - side) // 2, col=(grid.width - side) // 2, height=side, width=side)
