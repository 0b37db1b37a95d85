"""Two class maps and the transitions between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
from numpy.typing import NDArray

from geoseg.run_record import RunRecord
from tests.messages import Messages

Codes = NDArray[Any]
Compare = Callable[..., tuple[RunRecord, Messages]]
CLASSES = {"water": 1, "forest": 2, "meadow": 3, "town": 4}
WORLDCOVER = {"tree": 10, "grass": 30, "town": 50, "water": 80}
FIRST, SECOND = "ESA_WorldCover_10m_2020_v100_N48E012_Map.tif", "ESA_WorldCover_10m_2021_v200_N48E012_Map.tif"


def mapped(folder: Path) -> Codes:
    """The class raster of the change."""
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1))


def polygons(folder: Path) -> Any:
    """The polygons of the change."""
    return pyogrio.read_dataframe(folder / "map.gpkg", layer="change")


def pixels_by_pair(table: Any) -> dict[tuple[int, int], int]:
    """Pixels by code before and after."""
    sums = table.groupby(["from_class", "to_class"])["pixels"].sum()
    return {(int(first), int(second)): int(count) for (first, second), count in sums.items()}


def expected_pairs(before: Codes, after: Codes, seen: NDArray[np.bool_] | None = None) -> dict[Any, int]:
    """The same, of the codes themselves."""
    differs = (before != after) & (np.ones(before.shape, bool) if seen is None else seen)
    pairs, counts = np.unique(np.stack([before[differs], after[differs]]), axis=1, return_counts=True)
    return {
        (int(first), int(second)): int(count) for first, second, count in zip(*pairs, counts, strict=True)
    }
