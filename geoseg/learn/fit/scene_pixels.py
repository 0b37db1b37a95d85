"""Open the scenes of a fit, choose the bands that all have, and read the labelled pixels."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.errors import SceneError
from geoseg.grid import Grid, Window
from geoseg.learn.fit.label_pixels import LabelPixels, pixels_of
from geoseg.learn.fit.labels import LabelFile
from geoseg.messages import note, replay
from geoseg.run_record import Progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.embeddings import check_comparable
from geoseg.scenes.sensor_kind import kind_of
from geoseg.scenes.threshold_sample import SAMPLE_CACHE
from geoseg.spec import RunSpec, SceneSpec, Units
from geoseg.spec.fit import FitSpec
from geoseg.spec.presets import sensors
from geoseg.tile_grid import TileGrid

LOG = logging.getLogger(__name__)

OF_AIR = frozenset({"cirrus", "nir09"})
"""Bands of ice clouds and water vapour, which do not show the ground."""

CELL = 256
"""Side in pixels of the squares whose labelled pixels are read together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledScene:
    """A scene that holds labels."""

    scene: Scene
    """With the bands that are used."""
    request: SceneSpec
    pixels: LabelPixels


def open_labelled(
    spec: FitSpec, files: Sequence[LabelFile], stack: ExitStack, progress: Progress
) -> tuple[list[LabelledScene], Units]:
    """Open every scene that holds a label, with the bands that all of them have in one unit.

    Args:
        spec: the request; each path is a scene.
        files: the labels.
        stack: closes the scenes.
        progress: of a cloud network.

    Raises:
        SceneError: a scene cannot be read, none holds a label, or they have no band in common.
    """
    found: list[tuple[Scene, SceneSpec]] = []
    for path in spec.scene.paths:
        request = spec.scene.model_copy(update={"paths": (path,)})
        scene = stack.enter_context(open_scene(request, sensors()))
        pixels = pixels_of(files, scene.grid, scene.name, spec.seed)
        if not len(pixels.labels):
            note(LOG, f"{scene.name}: holds no label and is not used")
            continue
        near = None if spec.suggest or spec.unsure else _around(scene.grid, pixels)
        run = RunSpec(output=Path("unused.gpkg"), bbox=near, bbox_crs=_wkt(scene.grid))
        found.append((with_cloud_mask(scene, request, run, stack, progress), request))
    if not found:
        raise SceneError(
            f"{', '.join(str(file.path) for file in files)}: no label lies in a scene "
            f"({', '.join(spec.scene.paths[:4])}); check the CRS of labels and scenes, and "
            "the order of x and y (lon and lat)"
        )
    scenes = [scene for scene, _ in found]
    if len(scenes) > 1 and any(scene.grid.crs is None for scene in scenes):
        raise SceneError("labels cannot be placed in several scenes without CRS; georeference the scenes")
    for scene in scenes[1:]:
        if "embedding" in {kind_of(scenes[0]), kind_of(scene)}:
            check_comparable(scenes[0], scene)
    bands, units = common_bands(scenes)
    labelled = []
    for scene, request in found:
        selected = scene.select(bands)
        replay(selected.messages, of=scene.name if len(found) > 1 else "")
        pixels = pixels_of(files, selected.grid, scene.name, spec.seed)
        labelled.append(LabelledScene(scene=selected, request=request, pixels=pixels))
    return labelled, units


def common_bands(scenes: Sequence[Scene]) -> tuple[tuple[str, ...], Units]:
    """Return the bands that all scenes have in the same unit, and this unit: that of most bands.

    Raises:
        SceneError: there is none.
    """
    first = scenes[0]
    named = [name for name in first.band_names if name not in OF_AIR]
    shared = [name for name in named if all(scene.has(name) for scene in scenes)]
    lost = sorted({name for scene in scenes for name in scene.band_names} - set(shared) - OF_AIR)
    units = {name: {scene.units(name) for scene in scenes} for name in shared}
    single = Counter(next(iter(found)) for found in units.values() if len(found) == 1)
    if not single:
        listed = "; ".join(f"{scene.name}: {', '.join(scene.band_names)}" for scene in scenes[:4])
        raise SceneError(
            f"the scenes have no band in common with the same unit ({listed}); each argument is a scene of "
            "its own: give the folder that holds the files of a scene, or name its `--sensor`"
        )
    unit = single.most_common(1)[0][0]
    used = tuple(name for name in shared if units[name] == {unit})
    if lost:
        note(LOG, f"bands that not all scenes have are not used: {', '.join(lost)}")
    if others := [name for name in shared if name not in used]:
        note(LOG, f"bands in another unit than {unit} are not used: {', '.join(others)}")
    if unit == "dn":
        note(
            LOG,
            "values are digital numbers: the network fits scenes of the same sensor and processing only",
        )
    return used, unit


def read_values(scene: Scene, pixels: LabelPixels) -> NDArray[np.float32]:
    """Return physical values (n, C) of labelled pixels; NaN where masked or not observed.

    Raises:
        SceneReadError: a file is damaged.
    """
    bands = scene.band_names
    values = np.full((len(pixels.labels), len(bands)), np.nan, np.float32)
    with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
        for _, members in by_cell(pixels, CELL):
            rows, cols = pixels.rows[members], pixels.cols[members]
            window = Window(
                row=int(rows.min()),
                col=int(cols.min()),
                height=int(np.ptp(rows)) + 1,
                width=int(np.ptp(cols)) + 1,
            )
            physical = scene.read(window, bands).physical()
            values[members] = physical[:, rows - window.row, cols - window.col].T
    return values


def by_cell(pixels: LabelPixels, side: int) -> list[tuple[tuple[int, int], NDArray[np.intp]]]:
    """Return the pixels of each cell of a square grid, in row order: (row, column) of the cell, positions."""
    return by_place(pixels.rows // side, pixels.cols // side)


def by_tile(pixels: LabelPixels, tiles: TileGrid) -> list[tuple[Window, NDArray[np.intp]]]:
    """Return the pixels in the core of each tile, in row order: window of the tile, positions."""
    rows, cols = (
        np.searchsorted(axis.edges, at, "right") - 1
        for axis, at in ((tiles.down, pixels.rows), (tiles.across, pixels.cols))
    )
    return [
        (tiles.span_window(row, range(col, col + 1)), members) for (row, col), members in by_place(rows, cols)
    ]


def by_place(
    rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> list[tuple[tuple[int, int], NDArray[np.intp]]]:
    """Return the positions of each pair of a row and a column, in row order."""
    if not len(rows):  # all pixels of a scene may have labels of two classes
        return []
    cells = np.column_stack([rows, cols])
    named, inverse = np.unique(cells, axis=0, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(inverse.reshape(-1)))[:-1])
    return [((int(row), int(col)), group) for (row, col), group in zip(named, groups, strict=True)]


def _around(grid: Grid, pixels: LabelPixels) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of labelled pixels; None without a CRS."""
    if grid.crs is None:
        return None
    rows = np.array([pixels.rows.min(), pixels.rows.max() + 1])
    cols = np.array([pixels.cols.min(), pixels.cols.max() + 1])
    t = grid.transform
    x = [t.a * col + t.b * row + t.c for row in rows for col in cols]
    y = [t.d * col + t.e * row + t.f for row in rows for col in cols]
    return float(min(x)), float(min(y)), float(max(x)), float(max(y))


def _wkt(grid: Grid) -> str:
    return "EPSG:4326" if grid.crs is None else grid.crs.to_wkt()
