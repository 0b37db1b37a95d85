"""The points to label next: where a network is unsure, far from each other and from all labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyproj import CRS
from scipy.ndimage import uniform_filter

from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.learn.fit.doubt import DoubtTile
from geoseg.learn.fit.places import ground_positions
from geoseg.learn.fit.scene_pixels import LabelledScene
from geoseg.spec import ClassSpec

SMOOTHING = 5
"""Side in pixels of the mean of the doubt: pixels of a mixed edge are less useful than a doubtful area."""

CANDIDATES = 400
"""Most doubtful pixels of a tile among which points are chosen."""

LAYER = "next_labels"


@dataclass(frozen=True, kw_only=True, eq=False)
class Suggestion:
    """A point to label next."""

    scene: int
    row: int
    col: int
    doubt: float
    guess: int
    """Position of the class with the best score."""


def next_points(
    tiles: Sequence[DoubtTile],
    grids: Sequence[Grid],
    labelled: NDArray[np.float64],
    number: int,
    place: float,
) -> list[Suggestion]:
    """Return the most doubtful points that are far from each other and from all labels.

    The distance is that at which `number` points fill a hexagonal lattice over the tiles, and is halved until
    enough points are found.

    Args:
        tiles: with their doubt.
        grids: of the scenes.
        labelled: (m, 3) positions of the labels, in metres, or pixels without a CRS.
        number: of points.
        place: least distance, in the same unit.
    """
    options = [option for tile in tiles for option in _candidates(tile)]
    if not options:
        return []
    options.sort(key=lambda item: (-item.doubt, item.scene, item.row, item.col))
    positions = _positions(grids, options)
    pixel = [1.0 if grid.crs is None else grid.pixel_size_m[0] for grid in grids]
    area = sum(tile.window.height * tile.window.width * pixel[tile.scene] ** 2 for tile in tiles)
    apart = float(np.sqrt(area / number))
    to_labels = np.full(len(positions), np.inf)
    for label in labelled:
        to_labels = np.minimum(to_labels, _squared(positions, label))
    while True:
        chosen = _apart(positions, to_labels, number, apart**2)
        if len(chosen) == number or apart < place:
            return [options[index] for index in chosen]
        apart /= 2


def _squared(positions: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distance of each position to one."""
    return np.asarray(np.sum((positions - position) ** 2, axis=1))


def _apart(
    positions: NDArray[np.float64], nearest: NDArray[np.float64], number: int, least: float
) -> list[int]:
    """Return the first `number` positions, in order, that are at least as far from all before.

    Args:
        positions: (n, 3).
        nearest: (n,) squared distance to the nearest label.
        number: of positions wanted.
        least: squared distance between positions, and to labels.
    """
    chosen: list[int] = []
    start = 0
    while len(chosen) < number:
        far = np.flatnonzero(nearest[start:] >= least)
        if not far.size:
            break
        index = start + int(far[0])
        chosen.append(index)
        nearest = np.minimum(nearest, _squared(positions, positions[index]))
        start = index + 1
    return chosen


def _candidates(tile: DoubtTile) -> list[Suggestion]:
    """Return the most doubtful pixels of a tile, the doubt smoothed."""
    seen = np.isfinite(tile.doubt)
    weight = uniform_filter(seen.astype(np.float64), SMOOTHING, mode="constant")
    total = uniform_filter(np.where(seen, tile.doubt, 0).astype(np.float64), SMOOTHING, mode="constant")
    smooth = np.where(seen, total / np.maximum(weight, 1e-9), -1)
    # One pixel of each small block, so that candidates are not all of one spot.
    thin = np.full_like(smooth, -1)
    thin[SMOOTHING // 2 :: SMOOTHING, SMOOTHING // 2 :: SMOOTHING] = smooth[
        SMOOTHING // 2 :: SMOOTHING, SMOOTHING // 2 :: SMOOTHING
    ]
    order = np.argsort(-thin, axis=None, kind="stable")[:CANDIDATES]
    rows, cols = np.unravel_index(order, thin.shape)
    return [
        Suggestion(
            scene=tile.scene,
            row=tile.window.row + int(row),
            col=tile.window.col + int(col),
            doubt=float(thin[row, col]),
            guess=int(tile.mapped[row, col]),
        )
        for row, col in zip(rows, cols, strict=True)
        if thin[row, col] >= 0
    ]


def _xy(grid: Grid, item: Suggestion) -> tuple[float, float]:
    """Return the coordinates of the centre of a pixel."""
    t = grid.transform
    row, col = item.row + 0.5, item.col + 0.5
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def _lonlat(grid: Grid, item: Suggestion) -> tuple[float, float]:
    lon, lat = grid.lonlat(np.array([item.row + 0.5]), np.array([item.col + 0.5]))
    return float(lon[0]), float(lat[0])


def _positions(grids: Sequence[Grid], options: Sequence[Suggestion]) -> NDArray[np.float64]:
    """Return the positions (n, 3) of pixels on the ground."""
    positions = np.empty((len(options), 3))
    for scene, grid in enumerate(grids):
        own = [index for index, item in enumerate(options) if item.scene == scene]
        points = shapely.points(np.array([_xy(grid, options[index]) for index in own]).reshape(-1, 2))
        positions[own] = ground_positions(points, grid.crs)
    return positions


def write_points(
    path: Path,
    points: Sequence[Suggestion],
    scenes: Sequence[LabelledScene],
    classes: Sequence[ClassSpec],
    column: str,
    beside: OutputFiles,
) -> None:
    """Write points as a GeoPackage with an empty class column, in the CRS of the scenes, or in WGS 84.

    Args:
        path: of the output.
        points: in order of doubt.
        scenes: that hold them.
        classes: of the network.
        column: of the class, which is left empty.
        beside: open; has `path` among its targets.
    """
    grids = [item.scene.grid for item in scenes]
    same = len({None if grid.crs is None else grid.crs.to_wkt() for grid in grids}) == 1
    places = [(_xy if same else _lonlat)(grids[item.scene], item) for item in points]
    crs = grids[0].crs if same else CRS.from_epsg(4326)
    raw.write(
        beside.path(path),
        np.asarray(shapely.to_wkb(shapely.points(places)), object),
        [
            np.arange(1, len(points) + 1, dtype=np.int32),
            np.full(len(points), None, object),
            np.array([classes[item.guess].label for item in points], object),
            np.array([item.doubt for item in points]),
            np.array([scenes[item.scene].scene.name for item in points], object),
        ],
        ["id", column, "guess", "doubt", "scene"],
        layer=LAYER,
        driver="GPKG",
        geometry_type="Point",
        crs=None if crs is None else crs.to_wkt(),
        dataset_options={"VERSION": "1.3"},
    )
