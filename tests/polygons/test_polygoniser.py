"""Polygons from strips: exact, valid, the same for every cutting, with statistics that add up."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.features import rasterize
from scipy import ndimage

from geoseg.polygons import Cleaning, Edits
from tests.polygons.raster_maps import (
    UTM,
    Classes,
    burn,
    grid_of,
    map_of,
    rasters,
)


@settings(max_examples=300)
@given(rasters, st.lists(st.integers(0, 12), max_size=6))
def test_polygons_are_the_raster(classes: Classes, cuts: list[int]) -> None:
    scores = (np.arange(classes.size).reshape(classes.shape) * 37 % 256).astype(np.uint8)
    features, _ = map_of(classes, cuts, scores=scores)
    assert shapely.is_valid(features.geometry).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(features.geometry)).all()
    mapped = np.where(classes == 255, 0, classes)
    assert np.array_equal(burn(classes.shape, features), mapped)
    counts = {value: ndimage.label(classes == value)[1] for value in (1, 2)}
    found = features.columns["class"]
    assert {value: int((found == value).sum()) for value in (1, 2)} == counts
    assert np.array_equal(shapely.area(features.geometry), features.columns["pixels"])
    for geometry, mean, pixels in zip(
        features.geometry, features.columns["score_mean"], features.columns["pixels"], strict=True
    ):
        own = rasterize([geometry], classes.shape, transform=Affine.identity()).astype(bool)
        assert own.sum() == pixels
        assert mean == pytest.approx(scores[own].mean() / 255, abs=1e-4)


cleanings = st.sampled_from(
    [
        Cleaning(),
        Cleaning(min_area=150, fill_holes=350, seed=0.3),
        Cleaning(fill_holes=1e6, simplify=15),
        Cleaning(min_patch=450),
        Cleaning(min_patch=650, fill_holes=150),
        Cleaning(min_patch=250, patch_seed=0.7),
    ]
)


@settings(max_examples=200)
@given(rasters, st.lists(st.integers(0, 12), max_size=11), cleanings)
def test_nothing_depends_on_the_strips(classes: Classes, cuts: list[int], cleaning: Cleaning) -> None:
    scores = (np.arange(classes.size).reshape(classes.shape) * 37 % 256).astype(np.uint8)
    grid = grid_of(classes, 32633, UTM)
    whole, edits = map_of(classes, grid=grid, cleaning=cleaning, scores=scores)
    cut, cut_edits = map_of(classes, cuts, grid=grid, cleaning=cleaning, scores=scores)
    assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(cut.geometry).tolist()
    for name, values in whole.columns.items():
        assert np.array_equal(values, cut.columns[name])
    assert _edited(edits) == _edited(cut_edits)


@settings(max_examples=200)
@given(rasters)
def test_rings_start_at_their_least_corner(classes: Classes) -> None:
    features, _ = map_of(classes, [4, 8])
    for polygon in features.geometry:
        corners = [shapely.get_coordinates(ring)[:, ::-1].tolist() for ring in shapely.get_rings(polygon)]
        assert [ring[0] for ring in corners] == [min(ring) for ring in corners]
        assert corners[1:] == sorted(corners[1:])


def _edited(edits: Edits) -> list[tuple[bytes, int]]:
    """Every edit in the order in which it is to be made."""
    return [
        (shapely.to_wkb(geometry), int(value))
        for geometries, values in edits.batches()
        for geometry, value in zip(geometries, values, strict=True)
    ]


def test_a_lake_over_ten_strips_is_one_polygon() -> None:
    rows, cols = np.mgrid[:100, :80]
    classes = (((rows - 50) / 48.0) ** 2 + ((cols - 40) / 30.0) ** 2 < 1).astype(np.uint8)
    classes[45:55, 35:45] = 0
    features, _ = map_of(classes, list(range(10, 100, 10)))
    assert len(features) == 1
    assert features.columns["pixels"][0] == classes.sum()
    assert shapely.get_num_interior_rings(features.geometry[0]) == 1


def test_touching_corners_stay_valid() -> None:
    classes = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    features, _ = map_of(classes, [1, 2, 3])
    assert len(features) == 2
    assert shapely.is_valid(features.geometry).all()
    assert shapely.get_num_interior_rings(features.geometry).tolist() == [1, 0]


def test_an_empty_map_has_the_same_columns() -> None:
    empty, _ = map_of(np.zeros((3, 3), np.uint8))
    full, _ = map_of(np.ones((3, 3), np.uint8))
    assert len(empty) == 0
    assert {n: v.dtype.kind for n, v in empty.columns.items()} == {
        n: v.dtype.kind for n, v in full.columns.items()
    }


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (4326, Affine(9e-5, 0, 91.8, 0, -9e-5, 25.1)),
        (32633, UTM),
        (3857, Affine(10, 0, 1500000, 0, -10, 6500000)),
    ],
)
def test_areas_are_geodesic(crs: int, transform: Affine) -> None:
    classes = np.zeros((60, 70), np.uint8)
    classes[5:50, 8:60] = 1
    features, _ = map_of(classes, [20, 40], grid=grid_of(classes, crs, transform))
    outline = features.geometry[0]
    dense = shapely.segmentize(outline, abs(transform.a) * 2)
    lonlat = grid_of(classes, crs, transform)
    x, y = shapely.get_coordinates(dense).T
    lon, lat = lonlat.lonlat((y - transform.f) / transform.e, (x - transform.c) / transform.a)
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    assert features.columns["area_m2"][0] == pytest.approx(expected, rel=1e-3)
