"""Methane columns of an imaging spectrometer's cube: the matched filter and mag1c over files of any size.

The bands of the absorption window are copied to scratch files once, group by group of detector columns;
each group is then retrieved on its own, in chunks. What comes out is written in the cube's own geometry and,
where that is the detector's, put on the ground.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from geoseg.engine.network_on_scene import clip
from geoseg.errors import SceneError
from geoseg.grid import Window
from geoseg.messages import note, warn
from geoseg.methane.choose import choose_spectrometer_method
from geoseg.methane.cube_columns import CubeColumns
from geoseg.methane.cube_reading import Cube, look_at_cube, read_into
from geoseg.methane.method import SpectrometerMethod
from geoseg.methane.orthorectify import ColumnsFile, on_ground
from geoseg.methane.retrieval import CH4, SIGNAL, Retrieved
from geoseg.methane.scratch_store import Spool
from geoseg.methane.stripes import Stripes
from geoseg.methane.surface_brightness import SCREENS
from geoseg.methane.view_angles import Angles
from geoseg.run_record import Progress
from geoseg.scenes import Scene
from geoseg.spec import PlumeSpec, SatelliteSpec

LOG = logging.getLogger(__name__)

WELL_KNOWN = 50
"""Pixels a band of a group of detector columns, by default.

In simulated scenes 5, 10, 25 and 50 pixels a band made the matched filter's noise 29, 17, 10 and 4 % greater
than 200 did, and its plumes 15, 8, 2 and 2 % weaker; mag1c's plumes stayed the same.
"""

TOO_FEW = 2
"""Pixels a band: groups of fewer are not retrieved."""

SCARCE = 10
"""Pixels a band: with fewer a group's plume is part of its background, and columns come out too small."""


def retrieve_cube(
    scene: Scene,
    spec: PlumeSpec,
    satellite: SatelliteSpec,
    folder: Path,
    stack: ExitStack,
    progress: Progress,
    angles: Angles | None = None,
) -> Retrieved:
    """Retrieve the methane columns of a cube.

    The background is that of the whole scene; `--bbox` and `--aoi` clip the map only.

    Args:
        scene: the whole cube, open; radiance in any unit, bands named by wavelength.
        spec: method, `absorption`, `column_group`, and the area of the map.
        satellite: passed on.
        folder: for scratch files: once the cube's bands within the window as float32 and twice the result.
            It is the caller's to remove, after `stack` is closed.
        stack: closes the result.
        progress: is told how far it is.
        angles: of sun and view, whose air-mass factor geoseg's own table is brought to, and which screens for
            water and cloud need. None: columns count as with sun and sensor overhead, and these screens are
            left out.

    Returns:
        Columns in ppm·m on the scene's grid; plumes are searched in `signal`, which is of either sign where
        mag1c's columns are sparse, and the same as the matched filter's. With it are `water`, `cloud` and
        `albedo` for screens, and the bands of `COMMON` that the cube has.

    Raises:
        SceneError: the scene is no radiance cube that reaches into methane's window, no group of columns has
            enough valid pixels, or the area lies outside.
        SceneReadError: the cube or `absorption` cannot be read.
        OutputError: there is no room for scratch files.
    """
    method = choose_spectrometer_method(spec.method, scene.name)
    cube = look_at_cube(scene, spec, angles)
    bounds = column_groups(cube, spec.column_group)
    columns, names = folder / "columns.tif", (CH4, SIGNAL, *SCREENS, *cube.common)
    with Spool(folder, cube.grid.height, bounds, len(cube.absorption.bands)) as spool:
        with ColumnsFile(columns, cube.grid, names) as file:
            read_into(spool, file, cube, progress)
        _retrieve(spool, method, cube, progress)
        with ColumnsFile(columns, cube.grid, names, again=True) as file:
            _write_result(spool, file, cube)
    if cube.granule is not None:
        columns = on_ground(columns, folder / "ground.tif", cube.granule)
    open_it: Callable[[], CubeColumns] = partial(CubeColumns, columns, cube.used, spec.run)
    low, high = cube.absorption.centres[[0, -1]]
    groups = f"{len(bounds)} groups of columns" if len(bounds) > 1 else "one background"
    return Retrieved(
        source=stack.enter_context(open_it()),
        stored=True,
        searched=SIGNAL,
        beside=SCREENS,
        again=open_it,
        method=f"{method.title}, {len(cube.absorption.bands)} bands from {low:.0f} to {high:.0f} nm, "
        f"{groups}, absorption of {cube.absorption.source}",
        scene=scene,
        satellite=satellite,
    )


def plan_cube(scene: Scene, spec: PlumeSpec, satellite: SatelliteSpec, angles: Angles) -> Retrieved:
    """Return what stands for a cube's columns in a plan: one of its bands, so that none are retrieved.

    Raises:
        SceneError: the scene is no radiance cube that reaches into methane's window, the method is none of
            cubes, or the area lies outside.
        SceneReadError: the cube or `absorption` cannot be read.
    """
    choose_spectrometer_method(spec.method, scene.name)
    cube = look_at_cube(scene, spec, angles)
    band = clip(cube.used.select(cube.absorption.bands[:1]), spec.run)
    return Retrieved(
        source=band,
        searched=band.band_names[0],
        beside=(),
        again=lambda: nullcontext(band),
        method="",
        scene=scene,
        satellite=satellite,
    )


def column_groups(cube: Cube, asked: int | None) -> list[tuple[int, int]]:
    """Return first column and the one after the last of each group whose background is estimated together.

    By default all columns where the image lies on a map; where its columns are detectors, the fewest that
    give `WELL_KNOWN` pixels a band. The last group takes what is left over.

    Args:
        cube: whose columns.
        asked: columns of a group; 0: all; None: by default.
    """
    width = cube.grid.width
    wide = asked
    if wide is None:
        least = -(-WELL_KNOWN * len(cube.absorption.bands) // cube.grid.height)
        wide = least if cube.detectors else 0
    wide = min(wide or width, width)
    starts = [*range(0, width - wide + 1, wide), width]
    starts[-1] = width
    return list(itertools.pairwise(starts))


def _retrieve(spool: Spool, method: SpectrometerMethod, cube: Cube, progress: Progress) -> None:
    """Retrieve each group; those with too few pixels are left out.

    Raises:
        SceneError: none has enough.
    """
    bands, width = len(cube.absorption.bands), cube.grid.width
    left_out = []
    for group, (_, stop) in enumerate(spool.bounds):
        chunks = spool.group(group)
        try:
            _enough(spool.counts[group], bands)
            method.retrieve(chunks, cube.absorption.unit)
        except SceneError:
            left_out.append(group)
            chunks = spool.skip(group)
        spool.finish(chunks)
        progress(width + stop, 2 * width, "columns")
    if len(left_out) == len(spool.bounds):
        raise SceneError(
            f"{cube.scene.name}: no group of columns has {TOO_FEW * bands} valid pixels ({TOO_FEW} a band) "
            "whose radiance varies; give a larger scene, or wider groups (--column-group 0: all columns)"
        )
    if left_out:
        warn(
            LOG,
            "columns-left-out",
            f"{cube.scene.name}: {len(left_out)} of {len(spool.bounds)} groups of columns have too few valid "
            "pixels, or radiance that does not vary, and are left out; --column-group makes groups wider",
        )
    fewest = min(count for group, count in enumerate(spool.counts) if group not in set(left_out))
    if fewest < SCARCE * bands:
        warn(
            LOG,
            "columns-with-few-pixels",
            f"{cube.scene.name}: groups of columns with {fewest} pixels for {bands} bands; methane may "
            "come out too small: --column-group makes groups wider",
        )


def _enough(pixels: int, bands: int) -> None:
    """Refuse groups that are too small.

    Raises:
        SceneError: this is one.
    """
    if pixels < TOO_FEW * bands:
        raise SceneError(f"{pixels} pixels are too few for {bands} bands")


def _write_result(spool: Spool, file: ColumnsFile, cube: Cube) -> None:
    """Bring the enhancement from the order of groups to that of the image; look for stripes on the way."""
    stripes = Stripes(cube.grid.width)
    for row in range(0, cube.grid.height, 256):
        window = Window(row=row, col=0, height=256, width=cube.grid.width).intersect(cube.grid.window)
        file.write(window, 1, spool.enhancement(row, window.stop_row))
        signal = spool.signal(row, window.stop_row)
        file.write(window, 2, signal)
        stripes.add(signal)
    found = stripes.found() if cube.detectors else None
    if found is not None:
        note(
            LOG,
            f"{cube.scene.name}: stripes: neighbouring detector columns differ by {found:.0f} ppm·m, more "
            "than their noise explains; a smaller --column-group levels them, if groups keep enough pixels",
        )
