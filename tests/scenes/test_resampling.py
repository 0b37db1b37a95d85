"""Places of pixels of one grid on another."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from geoseg.grid import Grid
from geoseg.scenes.resampling import CLOSE, place, taps

UTM = CRS.from_epsg(32633)


def grid(right: float, down: float, side: int = 8) -> Grid:
    transform = Affine(right, 0, 500_000, 0, -down, 5_000_000)
    return Grid(crs=UTM, transform=transform, height=side, width=side)


@pytest.mark.parametrize(
    ("right", "down", "reduction"),
    [(10, 10, 1), (5, 5, 1), (20, 20, 2), (40, 10, 1), (40, 20, 2), (29, 29, 2)],
)
def test_as_many_native_pixels_are_averaged_as_both_sides_hold(
    right: float, down: float, reduction: int
) -> None:
    assert place(grid(right, down), grid(10, 10), what="layer").reduction == reduction


def test_the_edges_of_a_raster_belong_to_it() -> None:
    found = taps(np.array([-0.1, -CLOSE / 2, 0.0, 2.0, 4.0, 4 + CLOSE / 2, 4.1, np.inf]), 4)
    assert found.inside.tolist() == [False, True, True, True, True, True, False, False]
    assert found.nearest[[2, 4]].tolist() == [0, 3]
    assert (found.low[4], found.high[4]) == (3, 3)
