"""Rings of corners: walking pointers, cutting at touches, taking outlines apart and together."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine

from geoseg.polygons.outlines import Outlines, join, outline, polygons
from geoseg.polygons.segments import Rings

# A square with a hole, and a square alone, walked with the region on the right (rows downwards).
SQUARES = Outlines(
    cols=np.array([0, 4, 4, 0, 1, 1, 2, 2, 6, 8, 8, 6], np.int32),
    rows=np.array([0, 0, 4, 4, 1, 2, 2, 1, 0, 0, 2, 2], np.int32),
    rings=np.array([0, 4, 8, 12]),
    regions=np.array([0, 2, 3]),
)


@pytest.mark.parametrize(
    "transform",
    [
        None,
        Affine(10, 0, 5e5, 0, -10, 5e6),
        Affine(10, 0, 5e5, 0, 10, 5e6),
        Affine(-10, 0, 5e5, 0, -10, 5e6),
        Affine(7, 7, 5e5, 7, -7, 5e6),
        Affine(0, 10, 5e5, 10, 0, 5e6),
    ],
)
def test_shells_are_counter_clockwise_whatever_way_the_rows_run(transform: Affine | None) -> None:
    found = polygons(SQUARES, transform)
    assert shapely.is_valid(found).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(found)).all()
    assert not shapely.is_ccw(shapely.get_interior_ring(found[0], 0))
    scale = abs(transform.determinant) if transform else 1
    assert shapely.area(found) == pytest.approx([15 * scale, 4 * scale])


def test_outlines_are_taken_apart_and_joined() -> None:
    whole = polygons(SQUARES)
    assert shapely.equals_exact(polygons(SQUARES.take(np.array([1, 0]))), whole[::-1]).all()
    assert shapely.equals_exact(polygons(join([SQUARES, SQUARES]))[2:], whole).all()
    assert len(join([])) == len(polygons(join([]))) == 0
    filled = polygons(SQUARES.without(np.array([1])))
    assert shapely.area(filled).tolist() == [16, 4]
    holes = polygons(SQUARES.as_regions(np.array([1])))
    assert shapely.area(holes).tolist() == [1]
    assert SQUARES.owners.tolist() == [0, 0, 1]


def test_a_ring_that_touches_itself_becomes_a_shell_and_a_hole() -> None:
    """Three pixels of four around a gap that opens only over a corner."""
    rings = Rings(
        regions=np.array([7]),
        offsets=np.array([0, 5]),
        rows=np.array([0, 2, 1, 2, 3]),
        froms=np.array([0, 3, 2, 1, 2]),
        tos=np.array([3, 2, 1, 2, 0]),
    )
    found = polygons(outline(rings, np.array([7])))
    assert shapely.is_valid(found).all()
    assert shapely.area(found).tolist() == [7]
    assert shapely.get_num_interior_rings(found).tolist() == [1]
    assert shapely.get_coordinates(shapely.get_interior_ring(found[0], 0))[0].tolist() == [1, 1]
