"""Retrieval of methane columns from scenes of imaging spectrometers of any size.

The bands of the absorption window are copied to scratch files, ordered by group of detector columns. Each
group is retrieved separately, in chunks. The result is written in the geometry of the scene and, where that
is the sensor geometry, orthorectified.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from geoseg.engine.plan import LATER_MIB, PROCESS_MIB
from geoseg.errors import SceneError
from geoseg.files.process_memory import resident_mib
from geoseg.grid import Window
from geoseg.messages import note, warn
from geoseg.methods.matched_filter import Over
from geoseg.run_record import Progress
from geoseg.runtimes.machine import usable_threads
from geoseg.runtimes.memory import hold
from geoseg.scenes import Scene
from geoseg.scenes.area_of_interest import clip
from geoseg.spec import PlumeSpec, RunSpec, SatelliteSpec
from geoseg.tasks.methane.choose import choose_spectrometer_method
from geoseg.tasks.methane.cube_columns import SpectrometerColumns
from geoseg.tasks.methane.cube_reading import (
    READ_BYTES,
    SpectrometerCube,
    copy_bands,
    prepare_cube,
    reading_mib,
)
from geoseg.tasks.methane.method import SpectrometerMethod
from geoseg.tasks.methane.orthorectify import ColumnsFile, orthorectify
from geoseg.tasks.methane.retrieval import CH4, SIGNAL, Retrieval
from geoseg.tasks.methane.scratch_store import ScratchStore
from geoseg.tasks.methane.stripes import Stripes
from geoseg.tasks.methane.surface_brightness import SCREENS
from geoseg.tasks.methane.view_angles import Angles

LOG = logging.getLogger(__name__)

DEFAULT_PIXELS = 50
"""Pixels per band of a group of detector columns, by default.

In simulated scenes with 5, 10, 25 and 50 pixels per band, the noise of the matched filter was 29, 17, 10 and
4 % greater than with 200, and its plumes were 15, 8, 2 and 2 % weaker. Plumes of mag1c stayed the same.
"""

MOST_THREADS = 4
"""Threads by default: each holds a group, or a chunk of one, in memory."""

THREAD_MIB = 45
"""Measured: a group of `MEMORY_BYTES`, or a chunk, with the arrays of its retrieval."""

MAPPING_MIB = 100
"""Measured: the least that the map of the columns takes later, polygons included."""

MIN_PIXELS = 2
"""Pixels per band below which a group is not retrieved."""

FEW_PIXELS = 10
"""Pixels per band below which a plume is a large part of the background and is underestimated."""


def retrieve_cube(
    scene: Scene,
    spec: PlumeSpec,
    satellite: SatelliteSpec,
    folder: Path,
    stack: ExitStack,
    progress: Progress,
    angles: Angles | None = None,
) -> Retrieval:
    """Retrieve the methane columns of a spectrometer scene.

    The background is that of the whole scene; `--bbox` and `--aoi` clip the map only.

    Args:
        scene: the whole scene: radiance in any unit, bands named by wavelength.
        spec: method, `absorption`, `column_group`, and the area of the map.
        satellite: satellite of the scene.
        folder: for scratch files, of the size of the bands in the absorption window as float32 and twice the
            result. The caller removes it after `stack` is closed.
        stack: closes the result.
        progress: callback.
        angles: of sun and satellite, for the air-mass factor of geoseg's absorption table and for screening
            by water and cloud. None: sun and sensor at zenith, without this screening.

    Returns:
        Column enhancements in ppm·m on the grid of the scene. Plumes are searched in `signal`, which has
        noise of either sign also where the enhancement of mag1c is sparse, and is the enhancement of the
        matched filter. With `water`, `cloud` and `albedo` for screening, and the bands of `COMMON` that the
        scene has.

    Raises:
        SceneError: the scene has no radiance bands in the absorption window, no group of columns has enough
            valid pixels, or the mapped area lies outside the scene.
        SceneReadError: the scene or `absorption` cannot be read.
        OutputError: the disk is full.
    """
    method = choose_spectrometer_method(spec.method, scene.name)
    cube = prepare_cube(scene, spec, angles)
    threads, read_bytes = _sizes(cube, spec.run)
    bounds = column_groups(cube, spec.column_group)
    columns, names = folder / "columns.tif", (CH4, SIGNAL, *SCREENS, *cube.common)
    with ScratchStore(folder, cube.grid.height, bounds, len(cube.absorption.bands)) as store:
        with ColumnsFile(columns, cube.grid, names) as file:
            copy_bands(store, file, cube, progress, read_bytes)
        _retrieve(store, method, cube, threads, progress)
        with ColumnsFile(columns, cube.grid, names, update=True) as file:
            _write_result(store, file, cube)
    if cube.granule is not None:
        columns = orthorectify(columns, folder / "orthorectified.tif", cube.granule)
    reopen: Callable[[], SpectrometerColumns] = partial(SpectrometerColumns, columns, cube.mapped, spec.run)
    low, high = cube.absorption.centres[[0, -1]]
    groups = f"{len(bounds)} groups of columns" if len(bounds) > 1 else "one background"
    return Retrieval(
        source=stack.enter_context(reopen()),
        on_disk=True,
        search_band=SIGNAL,
        screening_bands=SCREENS,
        reopen=reopen,
        method=f"{method.title}, {len(cube.absorption.bands)} bands from {low:.0f} to {high:.0f} nm, "
        f"{groups}, absorption of {cube.absorption.source}",
        scene=scene,
        satellite=satellite,
    )


def plan_cube(scene: Scene, spec: PlumeSpec, satellite: SatelliteSpec, angles: Angles) -> Retrieval:
    """Return a placeholder for planning, with one band of the scene in place of the enhancement.

    Raises:
        SceneError: the scene has no radiance bands in the absorption window, the method is not for
            spectrometers, or the mapped area lies outside the scene.
        SceneReadError: the scene or `absorption` cannot be read.
    """
    choose_spectrometer_method(spec.method, scene.name)
    cube = prepare_cube(scene, spec, angles)
    band = clip(cube.mapped.select(cube.absorption.bands[:1]), spec.run)
    return Retrieval(
        source=band,
        search_band=band.band_names[0],
        screening_bands=(),
        reopen=lambda: nullcontext(band),
        method="",
        scene=scene,
        satellite=satellite,
    )


def column_groups(cube: SpectrometerCube, size: int | None) -> list[tuple[int, int]]:
    """Return the first column, and the one after the last, of each group with a common background.

    By default a group has the fewest columns that give `DEFAULT_PIXELS` pixels per band where image columns
    are detectors, and all columns elsewhere. The remainder belongs to the last group.

    Args:
        cube: the scene.
        size: columns of a group; 0: all; None: the default.
    """
    width = cube.grid.width
    if size is None:
        smallest = -(-DEFAULT_PIXELS * len(cube.absorption.bands) // cube.grid.height)
        size = smallest if cube.detectors else 0
    size = min(size or width, width)
    starts = [*range(0, width - size + 1, size), width]
    starts[-1] = width
    return list(itertools.pairwise(starts))


def _sizes(cube: SpectrometerCube, run: RunSpec) -> tuple[int, int]:
    """Return threads and bytes of a block: fewer than usual where `--max-memory` has no room for them.

    Raises:
        UsageError: it has no room for the fewest.
    """
    threads = run.threads or min(usable_threads(), MOST_THREADS)
    if run.max_memory is None:
        return threads, READ_BYTES
    least = READ_BYTES // 4
    work = max(reading_mib(cube, least), THREAD_MIB, MAPPING_MIB)
    hold(run.max_memory, LATER_MIB + work, cube.scene.name)
    room = run.max_memory - (resident_mib() or PROCESS_MIB) - LATER_MIB
    blocks = READ_BYTES if reading_mib(cube, READ_BYTES) <= room else least
    return max(1, min(threads, room // THREAD_MIB)), blocks


def _retrieve(
    store: ScratchStore,
    method: SpectrometerMethod,
    cube: SpectrometerCube,
    threads: int,
    progress: Progress,
) -> None:
    """Retrieve each group that has enough pixels.

    Raises:
        SceneError: no group has enough pixels.
    """
    bands, width = len(cube.absorption.bands), cube.grid.width
    left_out = []
    with ThreadPoolExecutor(threads, "geoseg-retrieve") as pool:

        def retrieve(group: int, over: Over = map) -> bool:
            chunks = store.group(group)
            try:
                if store.counts[group] < MIN_PIXELS * bands:
                    raise SceneError(f"{store.counts[group]} pixels are too few for {bands} bands")
                method.retrieve(chunks, cube.absorption.unit, over)
            except SceneError:
                store.finish(store.invalidate(group))
                return False
            store.finish(chunks)
            return True

        groups = range(len(store.bounds))
        small = all(store.in_memory(group) for group in groups)
        # Small groups at the same time; the chunks of a large one at the same time.
        done = pool.map(retrieve, groups) if small else (retrieve(group, pool.map) for group in groups)
        for group, retrieved in enumerate(done):
            if not retrieved:
                left_out.append(group)
            progress(width + store.bounds[group][1], 2 * width, "columns")
    if len(left_out) == len(store.bounds):
        raise SceneError(
            f"{cube.scene.name}: no group of detector columns has {MIN_PIXELS * bands} valid pixels "
            f"({MIN_PIXELS} per band) with varying radiance; use a larger scene, or larger groups "
            "(`--column-group 0`: all columns)"
        )
    if left_out:
        warn(
            LOG,
            "columns-left-out",
            f"{cube.scene.name}: {len(left_out)} of {len(store.bounds)} groups of detector columns are not "
            "retrieved, because they have too few valid pixels or constant radiance; use larger groups with "
            "`--column-group`",
        )
    fewest = min(count for group, count in enumerate(store.counts) if group not in set(left_out))
    if fewest < FEW_PIXELS * bands:
        warn(
            LOG,
            "columns-with-few-pixels",
            f"{cube.scene.name}: the smallest group of detector columns has {fewest} pixels for {bands} "
            "bands, and enhancements may be underestimated; use larger groups with `--column-group`",
        )


def _write_result(store: ScratchStore, file: ColumnsFile, cube: SpectrometerCube) -> None:
    """Write enhancement and signal in the order of the image, and report stripes."""
    stripes = Stripes(cube.grid.width)
    for row in range(0, cube.grid.height, 256):
        window = Window(row=row, col=0, height=256, width=cube.grid.width).intersect(cube.grid.window)
        file.write(window, 1, store.enhancement(row, window.stop_row))
        signal = store.signal(row, window.stop_row)
        file.write(window, 2, signal)
        stripes.add(signal)
    difference = stripes.difference() if cube.detectors else None
    if difference is not None:
        note(
            LOG,
            f"{cube.scene.name} has stripes: neighbouring detector columns differ by {difference:.0f} ppm·m, "
            "more than their noise; a smaller `--column-group` removes stripes if groups keep enough pixels",
        )
