"""The next points: doubtful, far from each other and from labels, ready to be filled in."""

from __future__ import annotations

import numpy as np
from affine import Affine
from pyproj import CRS

from geoseg.grid import Grid, Window
from geoseg.learn.fit.doubt import DoubtTile
from geoseg.learn.fit.next_labels import next_points

GRID = Grid(crs=CRS.from_epsg(32633), transform=Affine(10, 0, 5e5, 0, -10, 4.6e6), height=128, width=128)
FAR = np.array([[0.0, 0.0, 0.0]])


def tile(doubt: np.ndarray) -> DoubtTile:
    return DoubtTile(
        scene=0,
        window=Window(row=0, col=0, height=128, width=128),
        doubt=doubt.astype(np.float32),
        mapped=np.zeros((128, 128), np.intp),
    )


def test_points_are_where_the_doubt_is_and_apart() -> None:
    doubt = np.full((128, 128), 0.1)
    doubt[:64] = 0.9
    found = next_points([tile(doubt)], [GRID], FAR, 8, 50.0)
    assert len(found) == 8
    assert all(item.row < 68 for item in found)
    for one in found:
        for other in found:
            assert one is other or (one.row - other.row) ** 2 + (one.col - other.col) ** 2 >= 5**2


def test_a_line_of_doubt_is_less_useful_than_an_area() -> None:
    doubt = np.zeros((128, 128))
    doubt[20, :] = 1.0
    doubt[90:110, 90:110] = 0.8
    assert next_points([tile(doubt)], [GRID], FAR, 1, 50.0)[0].row >= 88


def test_nothing_observed_gives_no_point() -> None:
    assert next_points([tile(np.full((128, 128), np.nan))], [GRID], FAR, 3, 50.0) == []
