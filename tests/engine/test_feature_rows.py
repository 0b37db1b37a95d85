"""Features at the stride of a network: on one grid, whatever the tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.engine.feature_rows import feature_grid, feature_rows, feature_tiles
from geoseg.engine.recipe import Recipe
from geoseg.errors import UsageError
from geoseg.pixels import Pixels
from geoseg.spec import ClassSpec
from tests.engine.test_scoring import ArraySource

Array = NDArray[np.float32]

CLASSES = tuple(ClassSpec(value=value, label=f"e{value:02d}", colour="#000000") for value in range(2))


class BlockMeans:
    """A network of two features: mean and negative mean of each square of `stride` pixels."""

    planes, description, batch = 2, "means of squares", 3

    def __init__(self, stride: int) -> None:
        self.stride = stride

    def __call__(self, batch: Array) -> Array:
        count, _, height, width = batch.shape
        cells = batch[:, 0].reshape(
            count, height // self.stride, self.stride, width // self.stride, self.stride
        )
        means = cells.mean(axis=(2, 4))
        return np.stack([means, -means], axis=1)

    def close(self) -> None:
        pass


def filled(pixels: Pixels) -> Array:
    return np.where(pixels.valid, pixels.data, 0).astype(np.float32)


def recipe(data: Array, stride: int, tile: int, overlap: int) -> Recipe:
    return Recipe(
        task="embedding",
        layer="",
        classes=CLASSES,
        background=None,
        source=ArraySource(data),
        bands=("green",),
        session=BlockMeans(stride),
        prepare=filled,
        blend="linear",
        tile=tile,
        overlap=overlap,
    )


def whole(made: Recipe, stride: int) -> tuple[Array, NDArray[np.bool_]]:
    rows = list(feature_rows(made, stride))
    assert [row.window.row for row in rows] == sorted(row.window.row for row in rows)
    return np.concatenate([r.values for r in rows], axis=1), np.concatenate([r.valid for r in rows], axis=0)


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize(("tile", "overlap"), [(16, 0), (16, 8), (32, 8), (32, 16), (64, 32)])
@pytest.mark.parametrize("shape", [(50, 45), (16, 16), (9, 130)])
def test_features_lie_on_one_grid_whatever_the_tiles(
    stride: int, tile: int, overlap: int, shape: tuple[int, int]
) -> None:
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values, valid = whole(recipe(data, stride, tile, overlap), stride)
    grid = feature_grid(ArraySource(data).grid, stride)
    assert values.shape == (2, grid.height, grid.width) == (2, *(-(-side // stride) for side in shape))
    padded = np.zeros((grid.height * stride, grid.width * stride), np.float32)
    padded[: shape[0], : shape[1]] = data
    expected = padded.reshape(grid.height, stride, grid.width, stride).mean(axis=(1, 3))
    np.testing.assert_allclose(values[0][valid], expected[valid], atol=1e-5)
    np.testing.assert_allclose(values[1], -values[0], atol=1e-6)
    assert valid[: shape[0] // stride, : shape[1] // stride].all()


def test_features_of_less_than_half_observed_pixels_are_nodata() -> None:
    data = np.ones((32, 32), np.float32)
    data[:4, :2] = np.nan
    data[:4, 4:7] = np.nan
    _, valid = whole(recipe(data, 4, 16, 8), 4)
    assert valid[0, 0]
    assert not valid[0, 1]
    assert valid.sum() == valid.size - 1


def test_an_overlap_between_two_features_is_refused() -> None:
    made = recipe(np.ones((32, 32), np.float32), 4, 16, 8)
    with pytest.raises(UsageError, match="multiple of 8"):
        feature_tiles(made, 4, overlap=4)
    with pytest.raises(UsageError, match="at most half"):
        list(feature_rows(replace(made, overlap=16), 4))
