"""Outlines on disk: the polygons are those that fit memory, wherever and however often they were written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.features import Features
from geoseg.files.scratch import Spill
from geoseg.grid import Grid
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Limits, Polygoniser, Storage, outlines, spilled
from geoseg.polygons.limits import MEMORY_MIB
from tests.disks import small_disk

Classes = NDArray[np.uint8]
Polygon = tuple[bytes, tuple[object, ...]]

TINY = Limits(runs=1, segments=1, edits=1)
SMALL = Limits(runs=9, segments=6, edits=30)
UTM = Affine(10, 0, 500000, 0, -10, 5000000)


@pytest.fixture(autouse=True)
def _in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilled, "SHORTEST", 1)
    monkeypatch.setattr(outlines, "MOST_AT_ONCE", 5)


def _polygons(
    classes: Classes, limits: Limits, cuts: list[int], cleaning: Cleaning, spill: Spill | None = None
) -> tuple[list[Polygon], list[Polygon]]:
    """Polygons with their attributes, and edits with their classes."""
    grid = Grid(crs=CRS.from_epsg(32633), transform=UTM, height=classes.shape[0], width=classes.shape[1])
    scores = (np.arange(classes.size).reshape(classes.shape) * 37 % 256).astype(np.uint8)
    storage = Storage(spill=spill or Spill(), limits=limits)
    polygoniser = Polygoniser(grid, cleaning, {1: "flood", 2: "permanent water"}, storage=storage)
    edges = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(classes)), len(classes)]
    found: list[Polygon] = []

    def take(features: Features) -> None:
        shapes = shapely.to_wkb(features.geometry).tolist()
        if features.large is not None:
            assert len(features) == 1
            data = b"".join(features.large.wkb())
            assert len(data) == features.large.nbytes
            assert shapely.equals(features.geometry[0], shapely.box(*shapely.bounds(shapely.from_wkb(data))))
            shapes = [data]
        columns = [column.tolist() for column in features.columns.values()]
        found.extend(zip(shapes, zip(*columns, strict=True), strict=True))

    for start, stop in pairwise(edges):
        strip = Strip(row=start, classes=classes[start:stop], scores=scores[start:stop])
        for features in polygoniser.add(strip):
            take(features)
    for features in polygoniser.finish():
        take(features)
    edits: list[Polygon] = [
        (data, (value,))
        for geometries, values in polygoniser.edits.batches()
        for data, value in zip(shapely.to_wkb(geometries).tolist(), values.tolist(), strict=True)
    ]
    return found, edits


rasters = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 0, 1, 1, 1, 2, 255]),
)
cleanings = st.sampled_from(
    [
        Cleaning(),
        Cleaning(min_area=250, seed=0.3),
        Cleaning(min_area=150, fill_holes=350),
        Cleaning(fill_holes=1e6, simplify=15),
        Cleaning(min_patch=650),
    ]
)


@settings(max_examples=300)
@given(rasters, st.lists(st.integers(0, 14), max_size=4), cleanings, st.sampled_from([TINY, SMALL]))
def test_nothing_depends_on_the_limits(
    classes: Classes, cuts: list[int], cleaning: Cleaning, limits: Limits
) -> None:
    with Spill() as spill:
        assert _polygons(classes, limits, cuts, cleaning, spill) == _polygons(classes, Limits(), [], cleaning)


@settings(max_examples=100)
@given(rasters, st.sampled_from([TINY, SMALL]))
def test_large_polygons_have_the_bytes_of_others(classes: Classes, limits: Limits) -> None:
    large = Limits(runs=limits.runs, segments=limits.segments, large=2)
    with Spill() as spill:
        assert _polygons(classes, large, [], Cleaning(), spill) == _polygons(
            classes, Limits(), [], Cleaning()
        )


def _holes(side: int) -> Classes:
    classes = np.ones((side, side), np.uint8)
    classes[1:-1:2, 1:-1:2] = 0
    return classes


def test_a_polygon_that_no_file_holds_is_refused() -> None:
    limits = Limits(runs=9, segments=6, large=20, polygon_bytes=2000)
    with Spill() as spill, pytest.raises(SceneError, match=r"row 0, column 0 .* corners: the map is noise"):
        _polygons(_holes(21), limits, [], Cleaning(), spill)


@pytest.mark.parametrize("cleaning", [Cleaning(fill_holes=1), Cleaning(dst_crs=CRS.from_epsg(4326))], ids=str)
def test_a_polygon_that_is_too_large_for_cleaning_is_refused(cleaning: Cleaning) -> None:
    limits = Limits(runs=9, segments=6, large=20)
    with Spill() as spill, pytest.raises(SceneError, match="omit `--fill-holes`"):
        _polygons(_holes(21), limits, [], cleaning, spill)


@pytest.mark.parametrize(
    ("cleaning", "told"),
    [
        (Cleaning(simplify=5), "`--fill-holes`, `--simplify` and `--smooth-outlines`"),
        (Cleaning(min_patch=1e6), "touching small changes"),
    ],
    ids=str,
)
def test_more_polygons_than_cleaning_can_hold_are_refused(cleaning: Cleaning, told: str) -> None:
    classes = (np.indices((20, 20)).sum(axis=0) % 2 + 1).astype(np.uint8)
    with Spill() as spill, pytest.raises(SceneError, match=told):
        _polygons(classes, Limits(held=50), [5, 10], cleaning, spill)


def test_the_disk_may_be_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(OSError, match="scratch files cannot be written"), Spill(disk) as spill:
            _polygons(_holes(201), SMALL, [], Cleaning(), spill)
        assert list(disk.iterdir()) == []


def test_limits_follow_the_memory() -> None:
    assert Limits.within(MEMORY_MIB) == Limits()
    assert Limits.within(10**6).polygon_bytes < 10**9
    assert Limits.within(0) == Limits.within(40)
    half = Limits.within(300)
    assert half.runs == Limits().runs // 2
    assert half.polygon_bytes == Limits().polygon_bytes // 2
