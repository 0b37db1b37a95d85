"""Suppression of all but the best window of a place."""

from __future__ import annotations

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS

from geoseg.grid import Grid
from geoseg.tasks.methane.facility_peaks import REACH, features_of, find_peaks, score_columns
from tests.classifiers import CLASSES

SCORES = arrays(np.float32, (2, 7, 9), elements=st.sampled_from([0.1, 0.4, 0.6, 0.7, 0.9, np.nan]))


@given(SCORES, st.sampled_from([0.4, 0.65]))
def test_what_is_kept_is_apart_and_what_is_dropped_is_near_a_better(
    scores: np.ndarray, threshold: float
) -> None:
    peaks = find_peaks(scores, threshold)
    assert (peaks.score[:-1] >= peaks.score[1:]).all()
    np.testing.assert_array_equal(peaks.score, scores[peaks.kind, peaks.row, peaks.col])
    for kind in range(2):
        own = np.stack([peaks.row, peaks.col], 1)[peaks.kind == kind]
        apart = ((own[:, None] - own[None]) ** 2).sum(-1)
        assert (apart[~np.eye(len(own), dtype=bool)] > REACH**2).all()
        for row, col in np.argwhere(scores[kind] >= np.float32(threshold)):
            near = own[((own - (row, col)) ** 2).sum(1) <= REACH**2]
            assert len(near)
            assert scores[kind][tuple(near.T)].max() >= scores[kind, row, col]


def test_a_place_may_be_of_several_classes() -> None:
    scores = np.zeros((2, 5, 5), np.float32)
    scores[0, 2, 2], scores[1, 2, 3], scores[0, 2, 4] = 0.9, 0.8, 0.7
    peaks = find_peaks(scores, 0.5)
    assert list(zip(peaks.kind, peaks.row, peaks.col, strict=True)) == [(0, 2, 2), (1, 2, 3)]


def test_windows_just_beyond_reach_are_kept() -> None:
    scores = np.zeros((1, 1, 6), np.float32)
    scores[0, 0, [0, 2, 3]] = 0.9, 0.8, 0.7
    assert find_peaks(scores, 0.5).col.tolist() == [0, 3]


def test_equal_scores_go_by_row_and_column() -> None:
    peaks = find_peaks(np.full((1, 4, 4), 0.5, np.float32), 0.5)
    assert list(zip(peaks.row, peaks.col, strict=True)) == [(0, 0), (0, 3), (2, 1), (3, 3)]


def test_features_stand_on_a_rotated_grid_too() -> None:
    grid = Grid(crs=CRS.from_epsg(32633), transform=Affine(300, 120, 5e5, 120, -300, 5e6), height=3, width=3)
    scores = np.zeros((6, 3, 3), np.float32)
    scores[2, 1, 1] = 0.8
    points, squares = features_of(find_peaks(scores, 0.5), scores, grid, CLASSES)
    assert points.columns["label"].tolist() == ["landfills"]
    assert points.columns["score_landfills"].tolist() == [np.float32(0.8)]
    assert (points.geometry[0].x, points.geometry[0].y) == (5e5 + 1.5 * 420, 5e6 - 1.5 * 180)
    assert squares.geometry[0].centroid.distance(points.geometry[0]) < 1e-6
    assert abs(squares.geometry[0].area / (4 * (300 * 300 + 120 * 120)) - 1) < 1e-9
    assert squares.geometry[0].exterior.is_ccw


def test_columns_are_named_by_labels() -> None:
    assert score_columns(CLASSES)[4] == "score_oil_refineries_petroleum_terminals"
