"""Pixels under labels: the pixel of a point, a sample of those of a polygon, only inside the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.learn.fit.label_pixels import MOST_PIXELS, contradicted, pixels_of
from geoseg.learn.fit.labels import LabelFile

GRID = Grid(crs=CRS.from_epsg(32633), transform=Affine(10, 0, 5e5, 0, -10, 4.6e6), height=100, width=200)


def labels(*shapes: shapely.Geometry, crs: int | None = 32633) -> LabelFile:
    return LabelFile(
        path=Path("labels.gpkg"),
        shapes=np.array(shapes, object),
        names=("a",) * len(shapes),
        crs=None if crs is None else CRS.from_epsg(crs),
    )


@pytest.mark.parametrize("crs", [32633, 4326, 3857])
def test_a_point_is_the_pixel_that_holds_it(crs: int) -> None:
    x, y = Transformer.from_crs(32633, crs, always_xy=True).transform(
        [5e5 + 1234, 5e5 - 1, 5e5 + 1999], [4.6e6 - 567, 4.6e6 - 5, 4.6e6 - 999]
    )
    found = pixels_of([labels(*shapely.points(x, y), crs=crs)], GRID, "scene", 0)
    assert list(zip(found.labels, found.rows, found.cols, strict=True)) == [(0, 56, 123), (2, 99, 199)]


def test_a_polygon_gives_pixels_inside_it_and_inside_the_scene() -> None:
    beyond = shapely.box(5e5 - 500, 4.6e6 - 300, 5e5 + 200, 4.6e6 + 500)
    small = shapely.box(5e5 + 501, 4.6e6 - 503, 5e5 + 503, 4.6e6 - 501)
    outside = shapely.box(4e5, 4.6e6, 4e5 + 100, 4.6e6 + 100)
    found = pixels_of([labels(beyond, small, outside)], GRID, "scene", 0)
    first = found.labels == 0
    assert first.sum() == MOST_PIXELS
    assert found.rows[first].max() < 30
    assert found.cols[first].max() < 20
    assert len(set(zip(found.rows[first], found.cols[first], strict=True))) == MOST_PIXELS
    assert found.labels[~first].tolist() == [1]
    assert (found.rows[~first].tolist(), found.cols[~first].tolist()) == ([50], [50])


def test_a_large_polygon_is_sampled_and_the_sample_depends_on_the_seed_alone() -> None:
    grid = Grid(crs=GRID.crs, transform=GRID.transform, height=10_000, width=10_000)
    large = labels(shapely.box(5e5, 4.5e6, 6e5, 4.6e6))
    one, two, other = (pixels_of([large], grid, "scene", seed) for seed in (0, 0, 1))
    assert len(one.rows) == MOST_PIXELS
    assert np.ptp(one.rows) > 5000
    assert (one.rows == two.rows).all()
    assert not np.array_equal(one.rows, other.rows)


def test_the_crs_of_labels_and_scene_are_both_known_or_both_unknown() -> None:
    with pytest.raises(SceneError, match=r"labels.gpkg has no CRS, but scene has one"):
        pixels_of([labels(shapely.Point(1, 1), crs=None)], GRID, "scene", 0)
    plain = Grid(crs=None, transform=Affine(1, 0, 0, 0, 1, 0), height=10, width=10)
    found = pixels_of([labels(shapely.Point(3.5, 7.5), crs=None)], plain, "scene", 0)
    assert (found.rows.tolist(), found.cols.tolist()) == ([7], [3])


def test_polygons_of_two_classes_contradict_each_other_where_they_overlap() -> None:
    """Also where the samples of their pixels have none in common, and in files of other CRS."""
    left, right = shapely.box(5e5, 4.599e6, 5.012e5, 4.6e6), shapely.box(5.008e5, 4.599e6, 5.02e5, 4.6e6)
    move = Transformer.from_crs(32633, 4326, always_xy=True).transform
    point, beyond = shapely.Point(5e5 + 1005, 4.6e6 - 55), shapely.Point(5.5e5, 4.6e6)
    geographic = shapely.transform(right, lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1])))
    files = [labels(left, point, beyond), labels(geographic, crs=4326)]
    found = pixels_of(files, GRID, "scene", 0)
    for classes, both in (([0, 1, 0, 1], True), ([0, 0, 0, 0], False), ([0, 0, 0, 1], True)):
        twice = contradicted(files, GRID, found, np.array(classes))
        overlap = (found.cols >= 80) & (found.cols < 120)
        assert twice.tolist() == (overlap & both).tolist()
    assert overlap.sum() > 20
    assert not contradicted(files[:1], GRID, pixels_of(files[:1], GRID, "scene", 0), np.zeros(3, int)).any()
