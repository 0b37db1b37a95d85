"""Tell whether the bands of a scene lie in one place."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from pyproj import CRS, Transformer

from geoseg.grid import Grid
from geoseg.messages import warn
from geoseg.scenes.bands import Band
from geoseg.scenes.raster import base_name
from geoseg.scenes.resampling import same_crs

LOG = logging.getLogger(__name__)

LEAST_COMMON = 0.75
"""Share of the smaller band that lies in the other; bands of one scene nest, up to a narrow edge."""


def warn_of_places(bands: Sequence[Band]) -> None:
    """Warn where two bands have little ground in common, as those of two tiles in one folder have."""
    grids = {base_name(band.raster.path): band.raster.grid for band in bands}
    first = next(iter(grids), "")
    for name, grid in grids.items():
        share = _common(grids[first], grid)
        if share < LEAST_COMMON:
            warn(
                LOG,
                "bands-of-several-places",
                f"{first} and {name} have {share:.0%} of the smaller one in common: bands of two places, of "
                "which only the common part can be mapped. Give the files of one place",
            )
            return


def _common(one: Grid, other: Grid) -> float:
    """Return the share of the smaller of two grids that both cover, 0..1; 1 where it is not known.

    Compared are the bounding boxes in the CRS of the first.
    """
    if one.crs is None or other.crs is None:
        return 1.0
    if any(grid.transform.b or grid.transform.d for grid in (one, other)):
        return 1.0
    (left, bottom, right, top), (left2, bottom2, right2, top2) = (
        _bounds(one, one.crs),
        _bounds(other, one.crs),
    )
    width, height = min(right, right2) - max(left, left2), min(top, top2) - max(bottom, bottom2)
    smaller = min((right - left) * (top - bottom), (right2 - left2) * (top2 - bottom2))
    share = max(width, 0.0) * max(height, 0.0) / smaller
    return share if np.isfinite(share) else 1.0


def _bounds(grid: Grid, crs: CRS) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of a grid in a CRS; infinite where it is not defined."""
    rows, cols = grid.outline()
    transform = grid.transform
    x, y = transform.a * cols + transform.c, transform.e * rows + transform.f
    if grid.crs is not None and not same_crs(grid.crs, crs):
        x, y = Transformer.from_crs(grid.crs, crs, always_xy=True).transform(x, y)
    return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))
