"""Requests with reference layers, and the layers they open."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.scenes.stack import StackLayer
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.reference_layers import open_references
from tests.messages import Messages, listening
from tests.products.ground import CRS, EAST, NORTH, SIDE
from tests.products.references import (
    RIVER,
    Reference,
    kinds,
)

GRID = Grid(
    crs=ProjCRS.from_user_input(CRS),
    transform=Affine(10, 0, EAST, 0, -10, NORTH),
    height=SIDE,
    width=SIDE,
)
GROUND = kinds()


def request(**options: Any) -> FloodSpec:
    run = RunSpec(output=Path("flood.gpkg"))
    return FloodSpec(scene=SceneSpec(paths=("scene.tif",)), run=run, **options)


def layer(grid: Grid = GRID, /, **options: Any) -> tuple[NDArray[np.float32], Messages]:
    """Values of the one layer that a request names, on a grid, NaN where not known."""
    with listening() as heard, ExitStack() as stack:
        found = open_references(request(**options), grid, stack)
        (one,) = found.layers
        assert isinstance(one, StackLayer)
        return one.source.onto(grid).read(grid.window, found.names).physical()[0], heard


def water(path: Path, **options: Any) -> tuple[NDArray[np.float32], Messages]:
    return layer(permanent_water=path, **options)


def refused(path: Path, match: str, **options: Any) -> str:
    with pytest.raises(SceneError, match=match) as caught:
        water(path, **options)
    assert caught.value.exit_code == 3
    return str(caught.value)


def holds_the_river(found: NDArray[np.float32], product: Reference) -> None:
    np.testing.assert_array_equal(found == 1, GROUND == RIVER)
    if product.fill is not None:
        stored = product.values()
        gone = np.isnan(stored) if np.isnan(product.fill) else stored == product.fill
        if product.fill not in (product.land, product.plain):
            np.testing.assert_array_equal(np.isnan(found), gone)
