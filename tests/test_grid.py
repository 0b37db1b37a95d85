"""Windows, grids and tiles: arithmetic that holds for every grid, and areas beside those of pyproj."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from geoseg.errors import UsageError
from geoseg.grid import Grid, Window, sample_windows

UTM = CRS.from_epsg(32633)
ROTATED = Affine(8.0, 3.0, 500_000.0, 4.0, -9.0, 5_400_000.0)

sides = st.integers(1, 300)
windows = st.builds(
    Window,
    row=st.integers(-50, 50),
    col=st.integers(-50, 50),
    height=st.integers(0, 60),
    width=st.integers(0, 60),
)


def grid_of(height: int, width: int, transform: Affine = ROTATED, crs: CRS | None = UTM) -> Grid:
    """Return a grid; by default rotated and with pixels that are not square."""
    return Grid(crs=crs, transform=transform, height=height, width=width)


def at(grid: Grid, col: float, row: float) -> tuple[float, float]:
    """Return the coordinates of a position in pixels."""
    a, b, c, d, e, f = grid.transform[:6]
    return a * col + b * row + c, d * col + e * row + f


def covered(window: Window) -> set[tuple[int, int]]:
    """Pixels of a window."""
    return {
        (row, col) for row in range(window.row, window.stop_row) for col in range(window.col, window.stop_col)
    }


@given(windows, windows)
def test_an_intersection_holds_the_common_pixels(first: Window, second: Window) -> None:
    common = first.intersect(second)
    assert covered(common) == covered(first) & covered(second)
    assert common.empty == (not covered(common))


@given(windows, st.integers(0, 9))
def test_slices_find_a_window_in_a_padded_one(window: Window, margin: int) -> None:
    padded = window.pad(margin)
    array = np.zeros((padded.height, padded.width), np.int64)
    array[window.slices(padded)] = 1
    assert array.sum() == window.height * window.width
    assert np.array_equal(
        np.argwhere(array),
        [(row + margin, col + margin) for row in range(window.height) for col in range(window.width)]
        or np.empty((0, 2)),
    )


@given(sides, sides, windows)
def test_a_cropped_grid_keeps_pixels_in_their_place(height: int, width: int, window: Window) -> None:
    grid = grid_of(height, width)
    cropped = grid.crop(window)
    assert at(cropped, 0.5, 0.5) == pytest.approx(at(grid, window.col + 0.5, window.row + 0.5))
    assert (cropped.height, cropped.width) == (window.height, window.width)


@given(sides, sides, st.floats(-9, 9), st.floats(-9, 9))
def test_a_moved_grid_lies_so_many_pixels_further(height: int, width: int, rows: float, cols: float) -> None:
    grid = grid_of(height, width)
    assert at(grid.moved(rows, cols), 2.0, 1.0) == pytest.approx(at(grid, 2.0 + cols, 1.0 + rows))


@given(sides, sides, sides, sides)
def test_a_resized_grid_covers_the_same_ground(height: int, width: int, rows: int, cols: int) -> None:
    grid = grid_of(height, width)
    resized = grid.resized(rows, cols)
    for x, y in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        assert at(resized, x * cols, y * rows) == pytest.approx(at(grid, x * width, y * height))


@given(sides, sides, st.integers(1, 64), st.integers(1, 40))
def test_sample_windows_are_few_and_apart(height: int, width: int, size: int, most: int) -> None:
    grid = grid_of(height, width)
    found = sample_windows(grid, size=size, most=most)
    assert 1 <= len(found) <= most
    counts = np.zeros((height, width), np.int64)
    for window in found:
        assert window.intersect(grid.window) == window
        counts[window.slices(grid.window)] += 1
    assert counts.max() == 1
    if -(-height // size) * -(-width // size) <= most:
        assert (counts == 1).all()


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (UTM, Affine(10, 0, 500_000, 0, -10, 5_400_000)),
        (UTM, ROTATED),
        (CRS.from_epsg(4326), Affine(1e-4, 0, 12.0, 0, -1e-4, 60.0)),
        (CRS.from_epsg(3857), Affine(30, 0, 1e6, 0, -30, 8e6)),
    ],
)
def test_pixel_areas_are_geodesic(crs: CRS, transform: Affine) -> None:
    grid = Grid(crs=crs, transform=transform, height=400, width=300)
    corners = [(100, 200), (101, 200), (101, 201), (100, 201)]
    lon, lat = grid.lonlat(
        np.array([row for row, _ in corners], float), np.array([col for _, col in corners], float)
    )
    area = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    assert grid.pixel_areas(np.array([100.5]), np.array([200.5]))[0] == pytest.approx(area, rel=1e-4)
    assert grid.window_areas(Window(row=100, col=200, height=1, width=1))[0, 0] == pytest.approx(
        area, rel=1e-4
    )
    down, right = grid.pixel_size_m
    sheared = abs(transform.determinant) / math.hypot(transform.a, transform.d)
    if transform.b == 0 and crs == UTM:
        assert down == pytest.approx(sheared, rel=1e-3)
        assert right == pytest.approx(transform.a, rel=1e-3)


def test_without_a_crs_areas_are_unknown() -> None:
    grid = grid_of(4, 4, crs=None)
    assert np.isnan(grid.pixel_areas(np.array([0.5]), np.array([0.5]))).all()
    assert all(math.isnan(size) for size in grid.pixel_size_m)
    with pytest.raises(UsageError):
        grid.lonlat(np.array([0.0]), np.array([0.0]))
    with pytest.raises(UsageError):
        grid.from_lonlat(0.0, 0.0)


@given(st.floats(0, 300), st.floats(0, 400))
def test_longitude_and_latitude_lead_back(col: float, row: float) -> None:
    grid = grid_of(400, 300)
    lon, lat = grid.lonlat(np.array([row]), np.array([col]))
    assert grid.from_lonlat(float(lon[0]), float(lat[0])) == pytest.approx((col, row), abs=1e-4)


def test_a_tally_counts_pixels_and_their_ground() -> None:
    grid = Grid(
        crs=CRS.from_epsg(4326), transform=Affine(1e-3, 0, 12.0, 0, -1e-3, 60.0), height=300, width=200
    )
    rng = np.random.default_rng(0)
    window = Window(row=40, col=30, height=100, width=90)
    codes, seen = rng.integers(0, 4, (100, 90)), rng.random((100, 90)) < 0.7
    pixels, areas = grid.tally(codes, seen, window, 5)
    own = grid.window_areas(window)
    for code in range(5):
        chosen = seen & (codes == code)
        assert pixels[code] == chosen.sum()
        assert areas[code] == pytest.approx(own[chosen].sum(), rel=1e-6)
