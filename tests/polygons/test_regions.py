"""Regions across strips: components and statistics as labelling the whole raster gives them, exactly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pyproj import CRS
from scipy import ndimage

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.pixels import Strip
from geoseg.polygons.regions import Regions, RegionTable, Runs, join_regions, score_quantile

Classes = NDArray[np.uint8]
Ints = NDArray[np.int64]
STATISTICS = ("classes", "pixels", "area_cm2", "score_sum", "score_max", "first", "last_row")


def _grid(classes: Classes, *, crs: int | None = 4326) -> Grid:
    """Pixels of 0.01 degrees, so that areas differ from row to row."""
    return Grid(
        crs=None if crs is None else CRS.from_epsg(crs),
        transform=Affine(0.01, 0, 20, 0, -0.01, 60),
        height=classes.shape[0],
        width=classes.shape[1],
    )


def _strips(classes: Classes, scores: Classes, cuts: list[int]) -> list[Strip]:
    edges = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(classes)), len(classes)]
    return [Strip(row=a, classes=classes[a:b], scores=scores[a:b]) for a, b in pairwise(edges)]


def _follow(
    classes: Classes, scores: Classes, cuts: list[int], *, crs: int | None = 4326
) -> tuple[list[Regions], list[Runs]]:
    """What each strip, and the end, closes; and the runs of each strip."""
    table = RegionTable(_grid(classes, crs=crs))
    steps = [table.add(strip) for strip in _strips(classes, scores, cuts)]
    return [*(closed for _, closed in steps), table.finish()], [runs for runs, _ in steps]


def _joined(parts: list[Regions]) -> dict[str, Ints]:
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in STATISTICS}


def _scores(classes: Classes) -> Classes:
    return (np.arange(classes.size).reshape(classes.shape) * 37 % 256).astype(np.uint8)


def _labelled(classes: Classes) -> list[NDArray[np.bool_]]:
    """Mask of each region, by labelling the whole raster."""
    masks = []
    for value in sorted(set(np.unique(classes)) - {0, 255}):
        labels, count = ndimage.label(classes == value)
        masks += [labels == label for label in range(1, count + 1)]
    return masks


rasters = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 1, 1, 2, 254, 255]),
)
cuttings = st.lists(st.integers(1, 11), max_size=11)


@settings(max_examples=200)
@given(rasters, cuttings)
def test_statistics_are_those_of_the_whole_raster(classes: Classes, cuts: list[int]) -> None:
    scores = _scores(classes)
    parts, _ = _follow(classes, scores, cuts)
    found = _joined(parts)
    expected = []
    for mask in _labelled(classes):
        rows, _ = np.nonzero(mask)
        own = scores[mask].astype(np.int64)
        first = int(np.flatnonzero(mask)[0])
        expected.append((rows[-1], first, classes[mask][0], own.size, own.sum(), own.max()))
    names = ("last_row", "first", "classes", "pixels", "score_sum", "score_max")
    assert list(zip(*(found[name].tolist() for name in names), strict=True)) == sorted(expected)


@settings(max_examples=200)
@given(rasters, cuttings)
def test_statistics_and_order_do_not_depend_on_the_strips(classes: Classes, cuts: list[int]) -> None:
    scores = _scores(classes)
    whole, cut = (_joined(_follow(classes, scores, where)[0]) for where in ([], cuts))
    for name in STATISTICS:
        assert np.array_equal(whole[name], cut[name]), name


@settings(max_examples=100)
@given(rasters)
def test_areas_are_sums_over_pixels(classes: Classes) -> None:
    parts, _ = _follow(classes, _scores(classes), [3, 6])
    rows, cols = np.indices(classes.shape) + 0.5
    pixel = _grid(classes).pixel_areas(rows, cols)
    total = pixel[(classes != 0) & (classes != 255)].sum()
    assert _joined(parts)["area_cm2"].sum() / 1e4 == pytest.approx(total, rel=1e-7)


@settings(max_examples=100)
@given(rasters, cuttings)
def test_regions_close_when_their_last_row_is_not_the_strips_last(classes: Classes, cuts: list[int]) -> None:
    scores = _scores(classes)
    parts, _ = _follow(classes, scores, cuts)
    for strip, closed in zip(_strips(classes, scores, cuts), parts, strict=False):
        assert (closed.last_row < strip.stop_row - 1).all()
        assert (closed.last_row >= strip.row - 1).all()
    assert (parts[-1].last_row == len(classes) - 1).all()


@settings(max_examples=100)
@given(rasters, cuttings)
def test_every_run_knows_its_region(classes: Classes, cuts: list[int]) -> None:
    """Names, followed through renamings, tell regions apart just as labelling does."""
    scores = _scores(classes)
    parts, strips_runs = _follow(classes, scores, cuts)
    names = np.full(classes.shape, -1, np.int64)
    for strip, runs in zip(_strips(classes, scores, cuts), strips_runs, strict=True):
        above = names[: strip.row]
        known = np.isin(above, runs.renamed_from)
        above[known] = runs.renamed_to[np.searchsorted(runs.renamed_from, above[known])]
        mapped = (strip.classes != 0) & (strip.classes != 255)
        inside = np.flatnonzero(mapped)
        names[strip.row : strip.stop_row].ravel()[inside] = runs.region_at(inside)
    masks = _labelled(classes)
    found = [np.unique(names[mask]).tolist() for mask in masks]
    assert all(len(each) == 1 for each in found)
    ids = np.concatenate([part.ids for part in parts]).tolist()
    assert sorted(each[0] for each in found) == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_a_spiral_is_one_region() -> None:
    """Arms that meet only at the end are joined late, in both directions."""
    classes = np.zeros((9, 9), np.uint8)
    classes[0, :] = classes[:, 8] = classes[8, :] = classes[2:, 0] = classes[2, :7] = 1
    classes[2:7, 6] = classes[6, 2:7] = 1
    parts, _ = _follow(classes, _scores(classes), list(range(1, 9)))
    found = _joined(parts)
    assert found["pixels"].tolist() == [int(classes.sum())]


def test_diagonal_neighbours_are_two_regions() -> None:
    parts, _ = _follow(np.eye(2, dtype=np.uint8), np.zeros((2, 2), np.uint8), [1])
    assert _joined(parts)["pixels"].tolist() == [1, 1]


def test_without_a_crs_there_is_no_area() -> None:
    classes = np.ones((2, 3), np.uint8)
    parts, _ = _follow(classes, classes, [], crs=None)
    assert _joined(parts)["area_cm2"].tolist() == [0]


@pytest.mark.parametrize("value", [0, 255])
def test_background_and_nodata_are_no_regions(value: int) -> None:
    parts, _ = _follow(np.full((3, 4), value, np.uint8), np.full((3, 4), 9, np.uint8), [1])
    assert [len(part) for part in parts] == [0, 0, 0]


def test_strips_of_uncopied_columns_are_understood() -> None:
    """Strips may be views of a wider array."""
    wide = np.zeros((4, 10), np.uint8)
    wide[1:3, 2:5] = 1
    table = RegionTable(_grid(wide[:, 2:8]))
    _, closed = table.add(Strip(row=0, classes=wide[:, 2:8], scores=(wide * 7)[:, 2:8]))
    assert closed.pixels.tolist() == [6]
    assert closed.score_sum.tolist() == [42]


def test_a_grid_may_end_at_the_poles() -> None:
    classes = np.ones((180, 360), np.uint8)
    grid = Grid(crs=CRS.from_epsg(4326), transform=Affine(1, 0, -180, 0, -1, 90), height=180, width=360)
    table = RegionTable(grid)
    table.add(Strip(row=0, classes=classes, scores=classes))
    assert table.finish().area_cm2[0] / 1e4 == pytest.approx(510.0656e12, rel=1e-3)


def test_pixels_without_a_place_on_the_ground_are_refused() -> None:
    classes = np.ones((4, 4), np.uint8)
    grid = Grid(crs=CRS.from_epsg(4326), transform=Affine(1, 0, 20, 0, -1, 92), height=4, width=4)
    with pytest.raises(SceneError, match="row 0, column 0 lies outside"):
        RegionTable(grid).add(Strip(row=0, classes=classes, scores=classes))


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_quantiles_of_scores_do_not_depend_on_strips(rows: int) -> None:
    rng = np.random.default_rng(1)
    classes = (rng.random((64, 40)) > 0.35).astype(np.uint8)
    scores = rng.integers(0, 256, classes.shape).astype(np.uint8)
    table = RegionTable(_grid(classes, crs=None), histograms=True)
    parts = []
    for row in range(0, 64, rows):
        strip = Strip(row=row, classes=classes[row : row + rows], scores=scores[row : row + rows])
        parts.append(table.add(strip)[1])
    parts.append(table.finish())
    regions = join_regions(parts)
    assert regions.histogram is not None
    np.testing.assert_array_equal(regions.histogram.sum(axis=1), regions.pixels)
    labelled, count = ndimage.label(classes)
    assert len(regions) == count
    at = np.divmod(regions.first, classes.shape[1])
    for share in (0.1, 0.5, 0.9):
        found = score_quantile(regions.histogram, share)
        for value, label, pixels in zip(found, labelled[at], regions.pixels, strict=True):
            own = np.sort(scores[labelled == label]) / 255
            exact = own[max(0, int(np.ceil(share * pixels)) - 1)]
            assert abs(value - exact) <= 8 / 255 + 1e-9


def test_scores_are_not_counted_unasked() -> None:
    classes = np.ones((3, 3), np.uint8)
    table = RegionTable(_grid(classes, crs=None))
    table.add(Strip(row=0, classes=classes, scores=classes))
    assert table.finish().histogram is None
