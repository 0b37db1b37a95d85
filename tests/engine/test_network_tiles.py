"""Tiles of a network: the fewest pixels with the overlap that the model states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geoseg.engine.network_tiles import LARGEST, network_tiles
from geoseg.grid import Grid
from geoseg.spec import ClassSpec, ModelBand, ModelSpec, RunSpec
from geoseg.tile_grid import TileGrid


def _model(**changes: Any) -> ModelSpec:
    classes = (
        ClassSpec(value=0, label="land", colour="#000000"),
        ClassSpec(value=1, label="water", colour="#0000ff"),
    )
    given: dict[str, Any] = {"tile": 512, "overlap": 64, "multiple": 32, **changes}
    return ModelSpec(
        name="m",
        bands=(ModelBand(name="b"),),
        units="reflectance",
        classes=classes,
        weights=Path("m.onnx"),
        **given,
    )


def _grid(height: int, width: int) -> Grid:
    return Grid(crs=None, transform=Affine.identity(), height=height, width=width)


def _tiles(
    height: int, width: int, *, fitted: bool = True, run: dict[str, Any] | None = None, **changes: Any
) -> TileGrid:
    run_spec = RunSpec(output=Path("o.gpkg"), **(run or {}))
    return network_tiles(_model(**changes), _grid(height, width), run_spec, fitted=fitted)


@given(
    st.integers(1, 6000),
    st.integers(1, 6000),
    st.sampled_from([0, 32, 64, 160]),
    st.sampled_from([16, 32, 64]),
)
def test_fewer_pixels_than_regular_tiles_of_the_model(
    height: int, width: int, overlap: int, multiple: int
) -> None:
    tiles = _tiles(height, width, overlap=overlap, multiple=multiple)
    assert tiles.size % multiple == 0
    assert tiles.size <= LARGEST * 512
    regular = TileGrid(grid=tiles.grid, size=512, overlap=overlap)
    assert len(tiles) * tiles.size**2 <= len(regular) * 512**2
    assert tiles.overlap == (overlap if len(tiles) > 1 else 0)


@pytest.mark.parametrize(
    ("side", "size", "count"), [(300, 320, 1), (512, 512, 1), (640, 640, 1), (2048, 576, 16), (4096, 640, 49)]
)
def test_sizes(side: int, size: int, count: int) -> None:
    tiles = _tiles(side, side)
    assert (tiles.size, len(tiles)) == (size, count)


@pytest.mark.parametrize(
    ("run", "changes", "expected"),
    [
        ({"tile": 256}, {}, (256, 64)),
        ({"tile": 96}, {}, (96, 48)),
        ({"tile": 256, "overlap": 32}, {}, (256, 32)),
        ({}, {"fixed_tile": True}, (512, 64)),
        ({}, {"fixed_tile": True, "overlap": 512}, (512, 256)),
    ],
)
def test_what_is_asked_for_or_fixed_is_kept(
    run: dict[str, Any], changes: dict[str, Any], expected: tuple[int, int]
) -> None:
    tiles = _tiles(3000, 3000, run=run, **changes)
    assert (tiles.size, tiles.overlap) == expected
    assert tiles.fitted == 32


def test_an_overlap_that_is_asked_for_counts() -> None:
    assert _tiles(4096, 4096, run={"overlap": 128}).overlap == 128


def test_tiles_that_may_not_be_fitted_have_the_size_of_the_model() -> None:
    tiles = _tiles(4096, 4096, fitted=False)
    assert (tiles.size, tiles.overlap, tiles.fitted) == (512, 64, 0)
    assert len(_tiles(600, 600, fitted=False)) == 4
    assert len(_tiles(500, 500, fitted=False)) == 1
