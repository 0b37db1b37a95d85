"""The legend of a picture: rare classes are one class, and nothing is left out."""

from __future__ import annotations

import numpy as np

from geoseg.engine.drawing import MOST_IN_LEGEND, place_of, with_rare_as_one
from geoseg.grid import Grid
from geoseg.run_record import ClassTotal
from geoseg.spec import ClassSpec
from tests.classmaps import grid_of


def totals(count: int) -> tuple[list[ClassSpec], list[ClassTotal]]:
    specs = [ClassSpec(value=n, label=f"c{n}", colour="#123456") for n in range(1, count + 1)]
    sums = [
        ClassTotal(value=n, label=f"c{n}", polygons=1, pixels=1000 - n, area_m2=10.0 * n)
        for n in range(1, count + 1)
    ]
    return specs, sums


def test_rare_classes_are_drawn_as_one_with_their_area() -> None:
    specs, sums = totals(20)
    labels = np.arange(25, dtype=np.uint8).reshape(5, 5)
    labels[0, 0] = 255
    drawn, classes, listed = with_rare_as_one(labels, specs, sums)
    assert len(classes) == MOST_IN_LEGEND + 1
    assert classes[-1].label == "6 smaller classes"
    assert listed[-1].polygons == 6
    assert listed[-1].area_m2 == sum(10.0 * n for n in range(15, 21))
    assert sum(item.area_m2 or 0 for item in listed) == sum(item.area_m2 or 0 for item in sums)
    assert drawn[0, 0] == np.iinfo(np.uint16).max
    assert (drawn[np.isin(labels, np.arange(15, 21))] == classes[-1].value).all()
    assert (drawn[labels == 3] == 3).all()


def test_few_classes_stay() -> None:
    specs, sums = totals(3)
    labels = np.ones((2, 2), np.uint8)
    drawn, classes, listed = with_rare_as_one(labels, specs, sums)
    assert drawn is labels
    assert [item.label for item in classes] == [item.label for item in listed] == ["c1", "c2", "c3"]


def test_north_is_up_on_a_grid_with_rows_to_the_south() -> None:
    grid: Grid = grid_of(np.zeros((100, 80), np.uint8))
    place = place_of(grid, 2.0)
    assert place is not None
    assert place.north is not None
    right, down = place.north
    assert down < 0
    assert abs(right) < abs(down) / 10
    assert "EPSG" in place.crs
    lon, lat = place.lonlat(np.array([0.0, 50.0]), np.array([0.0, 40.0]))
    assert lat[0] > lat[1]
    assert lon[0] < lon[1]


def test_pixel_coordinates_have_no_place() -> None:
    assert place_of(grid_of(np.zeros((4, 4), np.uint8), crs=None), 1.0) is None
