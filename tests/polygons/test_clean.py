"""Polygons after cleaning: areas, holes, simplification and reprojection."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pyproj import CRS, Geod
from rasterio.features import rasterize
from scipy import ndimage
from shapely.affinity import affine_transform

from geoseg.errors import UsageError
from geoseg.features import Features
from geoseg.polygons import Cleaning, Regions, Storage
from tests.polygons.raster_maps import (
    UTM,
    Classes,
    burn,
    grid_of,
    map_of,
    rasters,
)

# Mostly one class, so that there are holes with something in them.
holey = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(3, 12), st.integers(3, 12)),
    elements=st.sampled_from([1, 1, 1, 1, 0, 0, 2, 255]),
)


def _cleaned(classes: Classes, least: int, most: int) -> tuple[Classes, int]:
    """What cleaning should leave, by labelling: the raster, and how many regions are in it.

    Regions below `least` pixels go; then holes (4-connected parts of what a region is not) of at most
    `most` pixels are filled where they hold background and the region's own class only.
    """
    kept = classes.copy()
    for value in (1, 2):
        labels, count = ndimage.label(classes == value)
        for label in range(1, count + 1):
            if (labels == label).sum() < least:
                kept[labels == label] = 0
    filled = kept.copy()
    regions = []
    for value in (1, 2):
        labels, count = ndimage.label(kept == value)
        regions += [(value, labels == label) for label in range(1, count + 1)]
    swallowed = np.zeros(classes.shape, np.bool_)
    for value, region in regions:
        parts, count = ndimage.label(~region)
        edges = {*parts[0], *parts[-1], *parts[:, 0], *parts[:, -1]}
        for part in set(range(1, count + 1)) - edges:
            hole = parts == part
            if hole.sum() <= most and set(np.unique(kept[hole])) <= {0, value}:
                filled[hole] = value
                swallowed |= hole
    return filled, sum(1 for _, region in regions if not swallowed[region].all())


@given(holey, st.integers(0, 4), st.floats(0, 1), st.lists(st.integers(0, 12), max_size=3))
def test_a_map_without_a_raster_has_the_same_polygons(
    classes: Classes, least: int, seed: float, cuts: list[int]
) -> None:
    cleaning = Cleaning(min_area=least * 100 - 50 if least else 0, seed=seed)
    scores = np.random.default_rng(0).integers(0, 256, classes.shape, np.uint8)
    found = []
    for keep in (True, False):
        told: list[tuple[int, int]] = []

        def dropped(regions: Regions, told: list[tuple[int, int]] = told) -> None:
            told.extend(zip(regions.first.tolist(), regions.pixels.tolist(), strict=True))

        features, _ = map_of(
            classes,
            cuts,
            grid=grid_of(classes, 32633, UTM),
            cleaning=cleaning,
            scores=scores,
            dropped=dropped,
            storage=Storage(keep_edits=keep),
        )
        columns = {name: values.tolist() for name, values in features.columns.items()}
        found.append((shapely.to_wkb(features.geometry).tolist(), columns, sorted(told)))
    assert found[0] == found[1]


@settings(max_examples=400)
@given(holey, st.integers(0, 3), st.integers(1, 12), st.lists(st.integers(0, 12), max_size=3))
def test_cleaning_does_what_labelling_says(classes: Classes, least: int, most: int, cuts: list[int]) -> None:
    grid = grid_of(classes, 32633, UTM)
    cleaning = Cleaning(min_area=least * 100 - 50 if least else 0, fill_holes=most * 100 + 50)
    features, edits = map_of(classes, cuts, grid=grid, cleaning=cleaning)
    expected, count = _cleaned(classes, least, most)
    back = shapely.transform(features.geometry, lambda xy: np.round((xy - (UTM.c, UTM.f)) / (10, -10), 6))
    burned = burn(classes.shape, Features(geometry=back, columns=features.columns))
    assert np.array_equal(burned, np.where(expected == 255, 0, expected))
    assert len(features) == count
    assert shapely.is_valid(features.geometry).all()
    assert np.array_equal(np.rint(shapely.area(back)), features.columns["pixels"])
    assert features.columns["area_m2"] == pytest.approx(features.columns["pixels"] * 100.08, rel=1e-4)
    # A class raster with the edits agrees, nodata included.
    edited = classes.copy()
    for geometries, values in edits.batches():
        rasterize(zip(geometries, values.tolist(), strict=True), out=edited, transform=Affine.identity())
    assert np.array_equal(edited, expected)


@settings(max_examples=100)
@given(rasters)
def test_simplified_maps_stay_coverages(classes: Classes) -> None:
    features, _ = map_of(classes, grid=grid_of(classes, 32633, UTM), cleaning=Cleaning(simplify=15))
    assert shapely.is_valid(features.geometry).all()
    assert not shapely.is_empty(features.geometry).any()
    assert shapely.coverage_is_valid(features.geometry)


def test_region_growing_keeps_what_holds_a_sure_pixel() -> None:
    classes = np.array([[1, 1, 0, 1, 1]], np.uint8)
    scores = np.array([[140, 230, 0, 140, 150]], np.uint8)
    features, edits = map_of(classes, scores=scores, cleaning=Cleaning(seed=0.8))
    assert features.columns["pixels"].tolist() == [2]
    assert [values.tolist() for _, values in edits.batches()] == [[0]]


def test_holes_are_filled_but_never_over_nodata_or_another_class() -> None:
    classes = np.ones((5, 29), np.uint8)
    classes[2, 2] = 0
    classes[2, 6] = 255
    classes[2, 10] = 2
    classes[1:4, 13:16] = 0
    classes[2, 14] = 1
    # Nodata that the outline of its hole does not touch, or beside which it only runs down.
    classes[1:4, 18:21] = classes[1:4, 23:26] = 0
    classes[2, 19] = classes[2, 23] = 255
    grid = grid_of(classes, 32633, UTM)
    scores = np.full(classes.shape, 200, np.uint8)
    scores[classes == 0] = 0
    features, _ = map_of(classes, [2, 3], grid=grid, cleaning=Cleaning(fill_holes=1000), scores=scores)
    lake = features.take(features.columns["class"] == 1)
    assert len(lake) == 1
    assert lake.columns["pixels"].tolist() == [5 * 29 - 2 - 9 - 9]
    assert shapely.get_num_interior_rings(lake.geometry).tolist() == [4]
    assert lake.columns["area_m2"][0] == pytest.approx(125 * 100, rel=2e-3)
    assert lake.columns["score_mean"].tolist() == [round(200 / 255, 4)]


@settings(max_examples=200)
@given(rasters, st.lists(st.integers(0, 12), max_size=6), st.sampled_from([2, 3, 6]))
def test_small_regions_stay_where_all_that_touches_is_large(
    classes: Classes, cuts: list[int], least: int
) -> None:
    grid = grid_of(classes, 32633, UTM)
    features, edits = map_of(classes, cuts, grid=grid, cleaning=Cleaning(min_patch=least * 100 - 50))
    mapped = np.where(classes == 255, 0, classes)
    patches, _ = ndimage.label(mapped)
    expected = np.where(np.bincount(patches.ravel())[patches] >= least, mapped, 0)
    pixels = shapely.transform(features.geometry, lambda xy: (xy - [500000, 5000000]) / [10, -10])
    found = Features(geometry=np.asarray(pixels, object), columns=features.columns)
    assert np.array_equal(burn(classes.shape, found), expected)
    assert sum(len(batch) for batch, _ in edits.batches()) == _regions(mapped) - _regions(expected)


@settings(max_examples=200)
@given(rasters, st.lists(st.integers(0, 12), max_size=6), st.data())
def test_patches_grow_around_a_sure_pixel(classes: Classes, cuts: list[int], data: st.DataObject) -> None:
    """Regions of any class stay where one of all that touch has the seed; others are told as dropped."""
    scores = data.draw(hnp.arrays(np.uint8, classes.shape, elements=st.sampled_from([128, 200, 229, 230])))
    told: list[Regions] = []
    features, edits = map_of(
        classes, cuts, cleaning=Cleaning(patch_seed=0.9), scores=scores, dropped=told.append
    )
    mapped = np.where(classes == 255, 0, classes)
    patches, count = ndimage.label(mapped)
    best = ndimage.maximum(scores, patches, np.arange(count + 1))
    expected = np.where(best[patches] >= 230, mapped, 0)
    assert np.array_equal(burn(classes.shape, features), expected)
    gone = sum(int(part.pixels.sum()) for part in told)
    assert gone == np.count_nonzero(mapped) - np.count_nonzero(expected)
    assert sum(len(batch) for batch, _ in edits.batches()) == sum(len(part) for part in told)


def _regions(classes: NDArray[np.integer]) -> int:
    return sum(int(ndimage.label(classes == value)[1]) for value in (1, 2))


@pytest.mark.parametrize(("crs", "transform"), [(4326, Affine(9e-5, 0, 91.8, 0, -9e-5, 55.1)), (32633, UTM)])
def test_small_is_said_in_square_metres_of_ground(crs: int, transform: Affine) -> None:
    classes = np.zeros((40, 60), np.uint8)
    classes[5:25, 3:23] = 1
    classes[5:26, 30:50] = 1
    grid = grid_of(classes, crs, transform)
    lon, lat = grid.lonlat(np.array([5.0, 25, 25, 5]), np.array([3.0, 3, 23, 23]))
    smaller = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    for least, kept in ((smaller * 0.999, [400, 420]), (smaller * 1.001, [420])):
        features, _ = map_of(classes, [10, 20], grid=grid, cleaning=Cleaning(min_area=least))
        assert features.columns["pixels"].tolist() == kept


@pytest.mark.parametrize(
    "cleaning",
    [
        Cleaning(min_area=1),
        Cleaning(min_patch=1),
        Cleaning(fill_holes=1),
        Cleaning(simplify=1),
        Cleaning(dst_crs=CRS.from_epsg(4326)),
    ],
)
def test_metres_need_a_crs(cleaning: Cleaning) -> None:
    with pytest.raises(UsageError, match="has none"):
        map_of(np.ones((2, 2), np.uint8), cleaning=cleaning)


def test_simplified_neighbours_share_their_edge() -> None:
    rng = np.random.default_rng(2)
    classes = np.where(ndimage.gaussian_filter(rng.random((60, 60)), 4) > 0.5, 1, 2).astype(np.uint8)
    grid = grid_of(classes, 32633, UTM)
    exact, _ = map_of(classes, [30], grid=grid)
    smooth, _ = map_of(classes, [30], grid=grid, cleaning=Cleaning(simplify=20))
    assert shapely.get_num_coordinates(smooth.geometry).sum() < (
        shapely.get_num_coordinates(exact.geometry).sum() / 2
    )
    union = shapely.union_all(smooth.geometry)
    assert shapely.area(smooth.geometry).sum() == pytest.approx(union.area, rel=1e-9)
    assert shapely.get_num_interior_rings(union) == 0


def _turned(degrees: float) -> Affine:
    """Pixels of 10 m, turned about the first corner."""
    along, across = 10 * np.cos(np.radians(degrees)), 10 * np.sin(np.radians(degrees))
    return Affine(along, across, 500_000, across, -along, 5_000_000)


@pytest.mark.parametrize(
    "transform",
    [
        _turned(30),
        _turned(-75),
        Affine(10, 0, 500_000, 0, 10, 5_000_000),
    ],
    ids=["rotated 30", "rotated -75", "south up"],
)
def test_simplifying_does_not_depend_on_the_rotation_of_the_grid(transform: Affine) -> None:
    rng = np.random.default_rng(2)
    classes = np.where(ndimage.gaussian_filter(rng.random((60, 60)), 4) > 0.5, 1, 0).astype(np.uint8)
    # 2.89 pixels: no triangle of pixel corners has this area, so rounding of the pixel size decides nothing.
    cleaning = Cleaning(simplify=17)
    straight, _ = map_of(classes, grid=grid_of(classes, 32633, UTM), cleaning=cleaning)
    turned, _ = map_of(classes, grid=grid_of(classes, 32633, transform), cleaning=cleaning)
    found, wanted = (
        [affine_transform(shape, (~place).to_shapely()) for shape in features.geometry]
        for features, place in ((turned, transform), (straight, UTM))
    )
    assert len(found) == len(wanted) > 2
    first, second = (
        shapely.normalize(shapely.transform(np.array(shapes), np.rint)) for shapes in (found, wanted)
    )
    assert shapely.equals(first, second).all()
    assert shapely.hausdorff_distance(np.array(found), np.array(wanted)).max() < 1e-6


def test_the_tolerance_of_oblong_pixels_is_that_of_squares_of_their_area() -> None:
    rng = np.random.default_rng(2)
    classes = np.where(ndimage.gaussian_filter(rng.random((60, 60)), 4) > 0.5, 1, 0).astype(np.uint8)
    shapes = []
    for place in (UTM, Affine(40, 0, 500_000, 0, -2.5, 5_000_000)):
        assert abs(place.determinant) == abs(UTM.determinant)
        grid = grid_of(classes, 32633, place)
        features, _ = map_of(classes, grid=grid, cleaning=Cleaning(simplify=17))
        pixels = [affine_transform(shape, (~place).to_shapely()) for shape in features.geometry]
        shapes.append(shapely.normalize(shapely.transform(np.array(pixels), np.rint)))
    assert shapely.equals(shapes[0], shapes[1]).all()


def test_reprojection_moves_the_polygons() -> None:
    classes = np.ones((4, 4), np.uint8)
    grid = grid_of(classes, 32633, UTM)
    features, _ = map_of(classes, grid=grid, cleaning=Cleaning(dst_crs=CRS.from_epsg(4326)))
    west, south, east, north = shapely.bounds(features.geometry[0])
    assert 14.99 < west < east < 15.01
    assert 45.1 < south < north < 45.2


def test_reprojection_to_where_there_is_no_place_is_refused() -> None:
    classes = np.ones((4, 4), np.uint8)
    southern = grid_of(classes, 4326, Affine(1, 0, 20, 0, -1, -86))
    with pytest.raises(UsageError, match="outside the domain of"):
        map_of(classes, grid=southern, cleaning=Cleaning(dst_crs=CRS.from_user_input("+proj=gnom +lat_0=90")))


@pytest.mark.parametrize("rows", [1, 7])
def test_a_map_of_one_class_is_one_rectangle(rows: int) -> None:
    features, _ = map_of(np.full((rows, 5), 2, np.uint8), list(range(rows)))
    assert shapely.equals_exact(features.geometry, shapely.box(0, 0, 5, rows), normalize=True).tolist() == [
        True
    ]
    assert shapely.get_num_coordinates(features.geometry).tolist() == [5]
    assert features.columns["label"].tolist() == ["permanent water"]
    assert np.isnan(features.columns["area_m2"]).all()


def test_a_hole_of_just_the_limit_is_filled() -> None:
    classes = np.ones((5, 5), np.uint8)
    classes[2, 2] = 0
    grid = grid_of(classes, 32633, UTM)
    limit = float(np.rint(grid.pixel_areas(np.array([2.5]), np.array([2.5]))[0] * 1e4)) / 1e4
    for size, holes in ((limit, 0), (0.999 * limit, 1)):
        features, _ = map_of(classes, grid=grid, cleaning=Cleaning(fill_holes=size))
        assert shapely.get_num_interior_rings(features.geometry[0]) == holes


@pytest.mark.parametrize(
    "cleaning",
    [Cleaning(), Cleaning(simplify=5), Cleaning(smooth=5), Cleaning(dst_crs=CRS.from_epsg(4326))],
    ids=["as drawn", "simplified", "smoothed", "in degrees"],
)
def test_shells_are_counter_clockwise_and_holes_clockwise(cleaning: Cleaning) -> None:
    classes = np.zeros((12, 12), np.uint8)
    classes[1:11, 1:11] = 1
    classes[4:8, 4:8] = 0
    features, _ = map_of(classes, grid=grid_of(classes, 32633, UTM), cleaning=cleaning)
    (shape,) = np.asarray(features.geometry)
    assert shapely.is_ccw(shapely.get_exterior_ring(shape))
    assert not shapely.is_ccw(shapely.get_interior_ring(shape, 0))
