"""Geometries in other reference systems, and on both sides of the antimeridian."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod

from geoseg.batch.degrees import DEGREES, bounds_of, moved, split_at_antimeridian

SQUARE = shapely.box(0, 0, 60_000, 60_000)


def place(west: float, north: float) -> shapely.Geometry:
    return shapely.transform(SQUARE, lambda xy: xy + np.array([west, north]))


def area_km2(shape: shapely.Geometry) -> float:
    geod = Geod(ellps="WGS84")
    return sum(abs(geod.geometry_area_perimeter(part)[0]) for part in shapely.get_parts(shape)) / 1e6


@pytest.mark.parametrize(
    ("west", "north"), [(300_000, 1_000_000), (700_000, 6_600_000), (640_000, 8_900_000)]
)
def test_borders_stay_where_they_are(west: float, north: float) -> None:
    crs = CRS.from_epsg(32633)
    exact = moved(shapely.segmentize(place(west, north), 50.0), crs, DEGREES)
    found = moved(place(west, north), crs, DEGREES)
    assert found.symmetric_difference(exact).area < 1e-5 * exact.area


@pytest.mark.parametrize(("epsg", "west"), [(32601, 320_000), (32660, 620_000), (3338, -2_000_000)])
def test_what_crosses_the_antimeridian_is_split(epsg: int, west: float) -> None:
    crs = CRS.from_epsg(epsg)
    north = 7_000_000 if epsg != 3338 else 500_000
    shape = place(west, north)
    (found,) = moved(np.array([shape], object), crs, DEGREES)
    assert found.is_valid
    assert area_km2(found) == pytest.approx(3600, rel=0.02)
    west_edge, _, east_edge, _ = bounds_of(found)
    assert (east_edge - west_edge) % 360 < 3
    alone = moved(shape, crs, DEGREES)
    assert alone.equals(found)


@pytest.mark.parametrize(
    ("outline", "bounds"),
    [
        (shapely.box(10, 50, 11, 51), (10, 50, 11, 51)),
        (shapely.box(179, 50, 181, 51), (179, 50, -179, 51)),
        (shapely.Polygon([(179, 50), (-179, 50), (-179, 51), (179, 51)]), (179, 50, -179, 51)),
        (shapely.Polygon([(-179, -1), (-179, 1), (178, 1), (178, -1)]), (178, -1, -179, 1)),
        (shapely.Point(179.5, 5), (179.5, 5, 179.5, 5)),
    ],
)
def test_bounds(outline: shapely.Geometry, bounds: tuple[float, float, float, float]) -> None:
    assert bounds_of(split_at_antimeridian(outline)) == pytest.approx(bounds)


@pytest.mark.parametrize(
    ("epsg", "bounds", "found"),
    [
        (4326, (-180, -90, 180, 90), (-180, -90, 180, 90)),
        (4258, (-180, -90, 180, 90), (-180, -90, 180, 90)),
        (4326, (0, -90, 360, 90), (-180, -90, 180, 90)),
        (4326, (-100, -60, 100, 60), (-100, -60, 100, 60)),
        (4326, (170, 0, 190, 10), (170, 0, -170, 10)),
        (3857, (-20037508.34, -1e7, 20037508.34, 1e7), (-180, -66.446, 180, 66.446)),
        (3031, (-2e6, -2e6, 2e6, 2e6), (-180, -90, 180, -64.386)),
    ],
)
def test_wide_maps_and_poles_keep_their_area(
    epsg: int, bounds: tuple[float, ...], found: tuple[float, ...]
) -> None:
    shape = moved(shapely.box(*bounds), CRS.from_epsg(epsg), DEGREES)
    assert shape.is_valid
    assert bounds_of(shape) == pytest.approx(found, abs=1e-3)
    west, south, east, north = found
    wide = (east - west) % 360 or 360
    assert shape.area == pytest.approx(wide * (north - south), rel=1e-3 if epsg != 3031 else 0.3)


def test_a_hole_stays_on_both_sides_of_the_antimeridian() -> None:
    ring = [(178.0, -2.0), (-178.0, -2.0), (-178.0, 2.0), (178.0, 2.0)]
    hole = [(-179.0, -1.0), (179.0, -1.0), (179.0, 1.0), (-179.0, 1.0)]
    assert split_at_antimeridian(shapely.Polygon(ring, [hole])).area == pytest.approx(16 - 4)
