"""How the grids of files relate: tiles of one grid, copies of one extent, or neither."""

from __future__ import annotations

from collections.abc import Sequence

from affine import Affine

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.resampling import CLOSE, place, same_crs

NUDGE = 0.25
"""Pixels by which a tile may lie off the grid of the first tile; it is shifted without interpolation."""


def are_tiles(one: Grid, other: Grid) -> bool:
    """Return whether two grids of one pixel size cover different ground: they are tiles, not duplicates."""
    if one.crs is None or other.crs is None or not same_crs(one.crs, other.crs):
        return one.crs is not None and other.crs is not None
    # Compared in pixels, for coordinates of one corner differ by rounding.
    move = _corner(one, other)
    return max(abs(move[0]), abs(move[1]), abs(one.height - other.height), abs(one.width - other.width)) >= 1


def _corner(one: Grid, other: Grid) -> tuple[float, float]:
    """Return the upper left corner of `other` in pixels (column, row) of `one`."""
    back: Affine = ~one.transform
    x, y = other.transform.c, other.transform.f
    return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f


def overlap(one: Grid, other: Grid) -> float:
    """Return the share of the smaller of two grids of one CRS and pixel size that both cover, 0..1."""
    if one.crs is None or other.crs is None or not same_crs(one.crs, other.crs):
        return 0.0
    col, row = _corner(one, other)
    height = min(one.height, row + other.height) - max(0.0, row)
    width = min(one.width, col + other.width) - max(0.0, col)
    area = max(0.0, height) * max(0.0, width)
    return area / min(one.height * one.width, other.height * other.width)


def common_grid(rasters: Sequence[Raster]) -> tuple[Grid, list[tuple[int, int]], float]:
    """Return the grid that covers all rasters, the first pixel of each on it, and the largest shift.

    Returns:
        The grid of the first raster, extended; first pixels (row, col); the largest shift in pixels.

    Raises:
        SceneError: the rasters differ in CRS, pixel size or alignment; the message says what to do.
    """
    first = rasters[0].grid
    places, nudge = [], 0.0
    for raster in rasters:
        grid = raster.grid
        if grid.crs is None or first.crs is None:
            raise SceneError(
                f"{base_name(raster.path)} is one of {len(rasters)} files with the same bands, and some "
                "have no CRS: they cannot be mosaicked; give one file, or assign a CRS "
                "(`gdal_edit.py -a_srs`)"
            )
        placement = place(first, grid, what=base_name(raster.path))
        if placement.transformer is not None:
            raise SceneError(
                f"{base_name(rasters[0].path)} and {base_name(raster.path)} lie in different CRSs "
                f"({first.crs.to_string()}, {grid.crs.to_string()}): give files of one CRS, or reproject the "
                f"others first: `gdalwarp -t_srs {first.crs.to_string()} {_pixels(first)}-tap IN OUT`"
            )
        move, reach = placement.forward, max(grid.height, grid.width, 1)
        drift = max(abs(move.a - 1), abs(move.e - 1), abs(move.b), abs(move.d)) * reach
        off = max(abs(move.c - round(move.c)), abs(move.f - round(move.f)))
        if drift > max(CLOSE, NUDGE / 2) or off > NUDGE:
            what = (
                "pixels of different size" if drift > NUDGE / 2 else f"pixels that lie {off:.2f} pixel apart"
            )
            raise SceneError(
                f"{base_name(rasters[0].path)} and {base_name(raster.path)} have {what}: resample them to "
                f"one grid first: `gdalwarp {_pixels(first)}-tap IN OUT`"
            )
        nudge = max(nudge, off)
        places.append((-round(move.f), -round(move.c)))
    top, left = min(row for row, _ in places), min(col for _, col in places)
    bottom = max(row + raster.grid.height for (row, _), raster in zip(places, rasters, strict=True))
    right = max(col + raster.grid.width for (_, col), raster in zip(places, rasters, strict=True))
    grid = first.crop(Window(row=top, col=left, height=bottom - top, width=right - left))
    return grid, [(row - top, col - left) for row, col in places], nudge if nudge > CLOSE else 0.0


def _pixels(grid: Grid) -> str:
    """Return the pixel size as an option of gdalwarp."""
    return f"-tr {abs(grid.transform.a):g} {abs(grid.transform.e):g} " if grid.north_up else ""
