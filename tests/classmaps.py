"""Maps of classes for tests, written as `--raster` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.grid import Grid
from geoseg.outputs import open_raster
from geoseg.pixels import Strip
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

LABELS = {0: "background", 1: "flood", 2: "permanent water"}
UTM = CRS.from_epsg(32633)
TENS = Affine(10, 0, 500_000, 0, -10, 5_000_000)
"""Pixels of 10 m."""

Classes = NDArray[np.unsignedinteger[Any]]


def grid_of(classes: Classes, crs: CRS | None = UTM, transform: Affine = TENS) -> Grid:
    """The grid that `write_map` puts classes on."""
    return Grid(crs=crs, transform=transform, height=classes.shape[0], width=classes.shape[1])


def write_map(
    path: Path,
    classes: Classes,
    *,
    labels: Mapping[int, str] = LABELS,
    crs: CRS | None = UTM,
    transform: Affine = TENS,
) -> Path:
    """Write classes as geoseg's own class raster; their greatest dtype value is not observed."""
    specs = [ClassSpec(value=value, label=label, colour="#2b83ba") for value, label in labels.items()]
    record = RunRecord(
        geoseg="0", task="flood", command={}, inputs=(), method="", created="", crs=None, valid_share=1,
        classes=(),
    )  # fmt: skip
    grid = grid_of(classes, crs, transform)
    with (
        together(path, overwrite=True) as beside,
        open_raster(path, None, grid=grid, classes=specs, beside=beside, threads=1) as sink,
    ):
        sink.write(Strip(row=0, classes=classes, scores=np.zeros(classes.shape, np.uint8)))
        sink.finish(record)
    return path


def patchy(shape: tuple[int, int] = (240, 310), seed: int = 3) -> NDArray[np.uint8]:
    """Three classes, the last one rare, and places that were not observed."""
    rng = np.random.default_rng(seed)
    return rng.choice([0, 1, 2, 255], size=shape, p=[0.8, 0.14, 0.01, 0.05]).astype(np.uint8)
