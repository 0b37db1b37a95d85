"""Polygons from strips: exact, valid, the same for every cutting, with statistics that add up."""

from __future__ import annotations

from itertools import pairwise

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
from geoseg.grid import Grid
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Dropped, Edits, Polygoniser, Regions, Storage

Classes = NDArray[np.uint8]
LABELS = {1: "flood", 2: "permanent water"}


def _grid(classes: Classes, crs: int | None = None, transform: Affine | None = None) -> Grid:
    return Grid(
        crs=None if crs is None else CRS.from_epsg(crs),
        transform=transform or Affine.identity(),
        height=classes.shape[0],
        width=classes.shape[1],
    )


def _map(
    classes: Classes,
    cuts: list[int] | None = None,
    *,
    cleaning: Cleaning | None = None,
    grid: Grid | None = None,
    scores: Classes | None = None,
    dropped: Dropped | None = None,
    storage: Storage | None = None,
) -> tuple[Features, Edits]:
    """Polygonise a raster in strips that end before the rows `cuts`."""
    grid = grid or _grid(classes)
    scores = np.full(classes.shape, 200, np.uint8) if scores is None else scores
    polygoniser = Polygoniser(grid, cleaning or Cleaning(), LABELS, dropped=dropped, storage=storage)
    edges = [0, *sorted(cut for cut in set(cuts or []) if 0 < cut < len(classes)), len(classes)]
    batches = [
        batch
        for start, stop in pairwise(edges)
        for batch in polygoniser.add(Strip(row=start, classes=classes[start:stop], scores=scores[start:stop]))
    ]
    batches.extend(polygoniser.finish())
    return (
        Features(
            geometry=np.concatenate([batch.geometry for batch in batches]),
            columns={
                name: np.concatenate([batch.columns[name] for batch in batches])
                for name in batches[0].columns
            },
        ),
        polygoniser.edits,
    )


def _burn(shape: tuple[int, ...], features: Features) -> Classes:
    if len(features) == 0:
        return np.zeros(shape, np.uint8)
    pairs = zip(features.geometry, features.columns["class"].tolist(), strict=True)
    return np.asarray(rasterize(pairs, shape, transform=Affine.identity(), dtype="uint8"))


UTM = Affine(10, 0, 500000, 0, -10, 5000000)
# Mostly one class, so that there are holes with something in them.
holey = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(3, 12), st.integers(3, 12)),
    elements=st.sampled_from([1, 1, 1, 1, 0, 0, 2, 255]),
)
rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 1, 1, 2, 255])
)


@settings(max_examples=300)
@given(rasters, st.lists(st.integers(0, 12), max_size=6))
def test_polygons_are_the_raster(classes: Classes, cuts: list[int]) -> None:
    scores = (np.arange(classes.size).reshape(classes.shape) * 37 % 256).astype(np.uint8)
    features, _ = _map(classes, cuts, scores=scores)
    assert shapely.is_valid(features.geometry).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(features.geometry)).all()
    mapped = np.where(classes == 255, 0, classes)
    assert np.array_equal(_burn(classes.shape, features), mapped)
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
    grid = _grid(classes, 32633, UTM)
    whole, edits = _map(classes, grid=grid, cleaning=cleaning, scores=scores)
    cut, cut_edits = _map(classes, cuts, grid=grid, cleaning=cleaning, scores=scores)
    assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(cut.geometry).tolist()
    for name, values in whole.columns.items():
        assert np.array_equal(values, cut.columns[name])
    assert _edited(edits) == _edited(cut_edits)


@settings(max_examples=200)
@given(rasters)
def test_rings_start_at_their_least_corner(classes: Classes) -> None:
    features, _ = _map(classes, [4, 8])
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

        features, _ = _map(
            classes,
            cuts,
            grid=_grid(classes, 32633, UTM),
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
    grid = _grid(classes, 32633, UTM)
    cleaning = Cleaning(min_area=least * 100 - 50 if least else 0, fill_holes=most * 100 + 50)
    features, edits = _map(classes, cuts, grid=grid, cleaning=cleaning)
    expected, count = _cleaned(classes, least, most)
    back = shapely.transform(features.geometry, lambda xy: np.round((xy - (UTM.c, UTM.f)) / (10, -10), 6))
    burned = _burn(classes.shape, Features(geometry=back, columns=features.columns))
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
    features, _ = _map(classes, grid=_grid(classes, 32633, UTM), cleaning=Cleaning(simplify=15))
    assert shapely.is_valid(features.geometry).all()
    assert not shapely.is_empty(features.geometry).any()
    assert shapely.coverage_is_valid(features.geometry)


def test_a_lake_over_ten_strips_is_one_polygon() -> None:
    rows, cols = np.mgrid[:100, :80]
    classes = (((rows - 50) / 48.0) ** 2 + ((cols - 40) / 30.0) ** 2 < 1).astype(np.uint8)
    classes[45:55, 35:45] = 0
    features, _ = _map(classes, list(range(10, 100, 10)))
    assert len(features) == 1
    assert features.columns["pixels"][0] == classes.sum()
    assert shapely.get_num_interior_rings(features.geometry[0]) == 1


def test_touching_corners_stay_valid() -> None:
    classes = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    features, _ = _map(classes, [1, 2, 3])
    assert len(features) == 2
    assert shapely.is_valid(features.geometry).all()
    assert shapely.get_num_interior_rings(features.geometry).tolist() == [1, 0]


def test_an_empty_map_has_the_same_columns() -> None:
    empty, _ = _map(np.zeros((3, 3), np.uint8))
    full, _ = _map(np.ones((3, 3), np.uint8))
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
    features, _ = _map(classes, [20, 40], grid=_grid(classes, crs, transform))
    outline = features.geometry[0]
    dense = shapely.segmentize(outline, abs(transform.a) * 2)
    lonlat = _grid(classes, crs, transform)
    x, y = shapely.get_coordinates(dense).T
    lon, lat = lonlat.lonlat((y - transform.f) / transform.e, (x - transform.c) / transform.a)
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    assert features.columns["area_m2"][0] == pytest.approx(expected, rel=1e-3)


def test_region_growing_keeps_what_holds_a_sure_pixel() -> None:
    classes = np.array([[1, 1, 0, 1, 1]], np.uint8)
    scores = np.array([[140, 230, 0, 140, 150]], np.uint8)
    features, edits = _map(classes, scores=scores, cleaning=Cleaning(seed=0.8))
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
    grid = _grid(classes, 32633, UTM)
    scores = np.full(classes.shape, 200, np.uint8)
    scores[classes == 0] = 0
    features, _ = _map(classes, [2, 3], grid=grid, cleaning=Cleaning(fill_holes=1000), scores=scores)
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
    grid = _grid(classes, 32633, UTM)
    features, edits = _map(classes, cuts, grid=grid, cleaning=Cleaning(min_patch=least * 100 - 50))
    mapped = np.where(classes == 255, 0, classes)
    patches, _ = ndimage.label(mapped)
    expected = np.where(np.bincount(patches.ravel())[patches] >= least, mapped, 0)
    pixels = shapely.transform(features.geometry, lambda xy: (xy - [500000, 5000000]) / [10, -10])
    found = Features(geometry=np.asarray(pixels, object), columns=features.columns)
    assert np.array_equal(_burn(classes.shape, found), expected)
    assert sum(len(batch) for batch, _ in edits.batches()) == _regions(mapped) - _regions(expected)


@settings(max_examples=200)
@given(rasters, st.lists(st.integers(0, 12), max_size=6), st.data())
def test_patches_grow_around_a_sure_pixel(classes: Classes, cuts: list[int], data: st.DataObject) -> None:
    """Regions of any class stay where one of all that touch has the seed; others are told as dropped."""
    scores = data.draw(hnp.arrays(np.uint8, classes.shape, elements=st.sampled_from([128, 200, 229, 230])))
    told: list[Regions] = []
    features, edits = _map(
        classes, cuts, cleaning=Cleaning(patch_seed=0.9), scores=scores, dropped=told.append
    )
    mapped = np.where(classes == 255, 0, classes)
    patches, count = ndimage.label(mapped)
    best = ndimage.maximum(scores, patches, np.arange(count + 1))
    expected = np.where(best[patches] >= 230, mapped, 0)
    assert np.array_equal(_burn(classes.shape, features), expected)
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
    grid = _grid(classes, crs, transform)
    lon, lat = grid.lonlat(np.array([5.0, 25, 25, 5]), np.array([3.0, 3, 23, 23]))
    smaller = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    for least, kept in ((smaller * 0.999, [400, 420]), (smaller * 1.001, [420])):
        features, _ = _map(classes, [10, 20], grid=grid, cleaning=Cleaning(min_area=least))
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
        _map(np.ones((2, 2), np.uint8), cleaning=cleaning)


def test_simplified_neighbours_share_their_edge() -> None:
    rng = np.random.default_rng(2)
    classes = np.where(ndimage.gaussian_filter(rng.random((60, 60)), 4) > 0.5, 1, 2).astype(np.uint8)
    grid = _grid(classes, 32633, UTM)
    exact, _ = _map(classes, [30], grid=grid)
    smooth, _ = _map(classes, [30], grid=grid, cleaning=Cleaning(simplify=20))
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
    straight, _ = _map(classes, grid=_grid(classes, 32633, UTM), cleaning=cleaning)
    turned, _ = _map(classes, grid=_grid(classes, 32633, transform), cleaning=cleaning)
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


def test_reprojection_moves_the_polygons() -> None:
    classes = np.ones((4, 4), np.uint8)
    grid = _grid(classes, 32633, UTM)
    features, _ = _map(classes, grid=grid, cleaning=Cleaning(dst_crs=CRS.from_epsg(4326)))
    west, south, east, north = shapely.bounds(features.geometry[0])
    assert 14.99 < west < east < 15.01
    assert 45.1 < south < north < 45.2


def test_reprojection_to_where_there_is_no_place_is_refused() -> None:
    classes = np.ones((4, 4), np.uint8)
    southern = _grid(classes, 4326, Affine(1, 0, 20, 0, -1, -86))
    with pytest.raises(UsageError, match="outside the domain of"):
        _map(classes, grid=southern, cleaning=Cleaning(dst_crs=CRS.from_user_input("+proj=gnom +lat_0=90")))


@pytest.mark.parametrize("rows", [1, 7])
def test_a_map_of_one_class_is_one_rectangle(rows: int) -> None:
    features, _ = _map(np.full((rows, 5), 2, np.uint8), list(range(rows)))
    assert shapely.equals_exact(features.geometry, shapely.box(0, 0, 5, rows), normalize=True).tolist() == [
        True
    ]
    assert shapely.get_num_coordinates(features.geometry).tolist() == [5]
    assert features.columns["label"].tolist() == ["permanent water"]
    assert np.isnan(features.columns["area_m2"]).all()


def test_a_hole_of_just_the_limit_is_filled() -> None:
    classes = np.ones((5, 5), np.uint8)
    classes[2, 2] = 0
    grid = _grid(classes, 32633, UTM)
    limit = float(np.rint(grid.pixel_areas(np.array([2.5]), np.array([2.5]))[0] * 1e4)) / 1e4
    for size, holes in ((limit, 0), (0.999 * limit, 1)):
        features, _ = _map(classes, grid=grid, cleaning=Cleaning(fill_holes=size))
        assert shapely.get_num_interior_rings(features.geometry[0]) == holes
