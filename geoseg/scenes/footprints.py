"""Grids of a given pixel size on the ground, for the footprints of scene classifiers."""

from __future__ import annotations

from affine import Affine

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window

SAME = 0.01
"""Relative difference of pixel sizes up to which a grid is not resampled."""


def metric_grid(grid: Grid, resolution: float, what: str) -> Grid:
    """Return a grid of the same extent with pixels of `resolution` m, measured at its centre.

    A grid whose pixels have that size is returned unchanged, so that nothing is interpolated.

    Args:
        grid: of a scene.
        resolution: side of a pixel in m.
        what: name of the scene, for messages.

    Raises:
        SceneError: the grid has no CRS.
    """
    if grid.crs is None:
        raise SceneError(
            f"{what}: has no CRS, so its pixel size in metres is unknown; assign one (`gdal_edit.py -a_srs`)"
        )
    down, right = (
        1.0 if abs(size / resolution - 1) <= SAME else resolution / size for size in grid.pixel_size_m
    )
    return stretched(grid, down, right)


def stretched(grid: Grid, down: float, right: float) -> Grid:
    """Return a grid with pixels `down` times as high and `right` times as wide; it may be larger."""
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
    """Return the number of pixels of size `step` that cover `count` pixels, without rounding errors."""
    return max(1, -int(-(count / step) // 1) if count / step % 1 > 1e-6 else round(count / step))


def centred(grid: Grid, side: int) -> Window:
    """Return the square of `side` pixels around the centre of a grid; it may leave the grid."""
    return Window(row=(grid.height - side) // 2, col=(grid.width - side) // 2, height=side, width=side)
