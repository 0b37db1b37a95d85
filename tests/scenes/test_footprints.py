"""Grids of a wanted pixel size on the ground."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.scenes.footprints import SAME, centred, metric_grid, stretched
from tests.classifiers import positions

UTM, DEGREES, WEB = CRS.from_epsg(32633), CRS.from_epsg(4326), CRS.from_epsg(3857)


def grid(crs: CRS | None, transform: Affine, height: int = 300, width: int = 400) -> Grid:
    return Grid(crs=crs, transform=transform, height=height, width=width)


def test_pixels_of_the_wanted_size_are_kept() -> None:
    """UTM's own scale differs by parts in a thousand: the pixels stay as they are."""
    whole = grid(UTM, Affine(10, 0, 5e5, 0, -10, 5e6))
    assert metric_grid(whole, 10, "scene") is whole


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (DEGREES, Affine(1.2e-4, 0, 15, 0, -0.9e-4, 60)),
        (WEB, Affine(25, 0, 1.6e6, 0, -25, 8e6)),
        (UTM, Affine(3, 4, 5e5, 4, -3, 5e6)),
        (UTM, Affine(0.6, 0, 5e5, 0, -0.6, 5e6)),
    ],
)
def test_others_are_measured_on_the_ground(crs: CRS, transform: Affine) -> None:
    whole = grid(crs, transform)
    found = metric_grid(whole, 10, "scene")
    np.testing.assert_allclose(found.pixel_size_m, (10, 10), rtol=SAME)
    assert (found.transform.c, found.transform.f) == (transform.c, transform.f)
    # It covers the same ground, with less than a pixel beyond.
    a, b, c, d, e, f = found.transform[:6]
    x, y = a * found.width + b * found.height + c, d * found.width + e * found.height + f
    col, row = positions(transform, x, y)
    down, right = (10 / size for size in whole.pixel_size_m)
    assert -1e-6 < col - 400 < right * 1.01
    assert -1e-6 < row - 300 < down * 1.01


def test_no_crs() -> None:
    with pytest.raises(SceneError, match="scene: has no CRS, so its pixel size in metres is unknown"):
        metric_grid(grid(None, Affine.identity()), 10, "scene")


@given(st.integers(1, 500), st.integers(1, 20))
def test_halves_and_tenths_leave_no_sliver(count: int, parts: int) -> None:
    whole = grid(UTM, Affine(10, 0, 5e5, 0, -10, 5e6), count, count)
    found = stretched(whole, 1 / parts, 1 / parts)
    assert (found.height, found.width) == (count * parts, count * parts)


def test_the_middle() -> None:
    found = centred(grid(UTM, Affine.identity(), 80, 71), 72)
    assert (found.row, found.col, found.height, found.width) == (4, -1, 72, 72)
