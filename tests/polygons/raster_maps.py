"""Maps of small rasters and rasters of maps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from affine import Affine
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize

from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Dropped, Edits, Polygoniser, Storage

Classes = NDArray[np.uint8]
LABELS = {1: "flood", 2: "permanent water"}


def grid_of(classes: Classes, crs: int | None = None, transform: Affine | None = None) -> Grid:
    return Grid(
        crs=None if crs is None else CRS.from_epsg(crs),
        transform=transform or Affine.identity(),
        height=classes.shape[0],
        width=classes.shape[1],
    )


def map_of(
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
    grid = grid or grid_of(classes)
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


def burn(shape: tuple[int, ...], features: Features) -> Classes:
    if len(features) == 0:
        return np.zeros(shape, np.uint8)
    pairs = zip(features.geometry, features.columns["class"].tolist(), strict=True)
    return np.asarray(rasterize(pairs, shape, transform=Affine.identity(), dtype="uint8"))


UTM = Affine(10, 0, 500000, 0, -10, 5000000)
rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 1, 1, 2, 255])
)
