"""Smoothed outlines: neighbours keep their common edge, and nothing overlaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter

from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Polygoniser
from geoseg.polygons.smoothing import smooth
from tests.classmaps import grid_of


def mapped(classes: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return polygons and classes of a map of pixels of 10 m."""
    grid = grid_of(classes)
    made = Polygoniser(grid, Cleaning(**options), {1: "a", 2: "b", 3: "c"})
    parts = [*made.add(Strip(row=0, classes=classes, scores=classes)), *made.finish()]
    return (
        np.concatenate([part.geometry for part in parts]),
        np.concatenate([part.columns["class"] for part in parts]),
    )


@pytest.fixture(params=["blobs", "noise"])
def classes(request: pytest.FixtureRequest) -> np.ndarray:
    draw = np.random.default_rng(3).random((80, 90))
    if request.param == "blobs":
        draw = gaussian_filter(draw, 4)
        draw = (draw - draw.min()) / np.ptp(draw)
    return np.digitize(draw, [0.3, 0.5, 0.7]).astype(np.uint8)


@pytest.mark.parametrize("tolerance", [5.0, 15.0, 60.0])
def test_the_coverage_stays_a_coverage(classes: np.ndarray, tolerance: float) -> None:
    before, _ = mapped(classes)
    after, _ = mapped(classes, smooth=tolerance)
    assert len(after) == len(before)
    assert shapely.is_valid(after).all()
    assert shapely.coverage_is_valid(after)
    united = shapely.unary_union(after)
    # No gaps inside and no overlaps: the areas of the parts are that of their union.
    assert shapely.area(after).sum() == pytest.approx(united.area, rel=1e-9)
    assert united.area == pytest.approx(shapely.area(before).sum(), rel=0.12)


def test_corners_are_rounded(classes: np.ndarray) -> None:
    if len(np.unique(classes)) < 4:
        pytest.skip("one class")
    simple, _ = mapped(classes, simplify=15.0)
    after, _ = mapped(classes, smooth=15.0)
    assert shapely.length(after).sum() < shapely.length(simple).sum()


def test_a_lone_square_becomes_rounder_and_keeps_its_place() -> None:
    square = np.array([shapely.box(0, 0, 8, 8)], object)
    (found,) = smooth(square)
    assert square[0].contains(found)
    assert 0.8 < found.area / 64 < 1
    assert found.centroid.distance(shapely.Point(4, 4)) < 1e-9


def test_no_polygons() -> None:
    assert len(mapped(np.zeros((5, 5), np.uint8), smooth=10.0)[0]) == 0
