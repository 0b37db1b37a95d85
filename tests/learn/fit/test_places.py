"""Places: near labels are one, no part of a cross-validation has all labels of a class."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.learn.fit.places import folds_of, ground_positions, places_of


def test_distances_are_metres_in_any_crs() -> None:
    lonlat = np.array(shapely.points([[15.0, 41.0], [15.01, 41.0]]), object)
    east = ground_positions(lonlat, CRS.from_epsg(4326))
    assert np.linalg.norm(east[1] - east[0]) == pytest.approx(841, abs=2)
    with pytest.raises(SceneError, match="outside the area of its CRS"):
        ground_positions(np.array([shapely.Point(1e12, 1e12)], object), CRS.from_epsg(32633))


def test_a_row_of_near_labels_does_not_grow_into_one_place() -> None:
    row = np.column_stack([np.arange(0, 1000, 50.0), np.zeros(20), np.zeros(20)])
    places = places_of(row, 200)
    for place in np.unique(places):
        assert np.ptp(row[places == place, 0]) <= 200
    assert 5 <= len(np.unique(places)) <= 10


def test_many_labels_are_put_into_cells_first() -> None:
    rng = np.random.default_rng(0)
    spots = rng.uniform(0, 1e5, (40, 3))
    near = spots.repeat(200, axis=0) + rng.uniform(-5, 5, (8000, 3))
    places = places_of(near, 400)
    assert len(np.unique(places)) == 40
    assert (places.reshape(40, 200) == places.reshape(40, 200)[:, :1]).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_part_has_all_labels_of_a_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 40, 300)
    classes = np.where(places < 2, 2, rng.integers(0, 2, 300))  # class 2 is in two places
    folds = folds_of(places, classes)
    assert folds.max() < 40
    for place in np.unique(places):
        assert len(np.unique(folds[places == place])) == 1
    for value in range(3):
        assert len(np.unique(folds[classes == value])) > 1


def test_few_places_are_left_out_one_by_one() -> None:
    places = np.array([5, 5, 8, 9])
    assert folds_of(places, np.array([0, 1, 0, 1])).tolist() == [0, 0, 1, 2]
