"""Where simulated sources stand: clear land away from edges, and how noisy it is around them."""

from __future__ import annotations

import logging
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window
from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
from geoseg.messages import collecting, warn
from geoseg.methane.columns import open_scenes, retrieve_columns
from geoseg.methane.retrieval import SIGNAL, Retrieval
from geoseg.methane.satellite_bands import satellite_of
from geoseg.methane.view_angles import angles_of
from geoseg.methods.plume_search import centre_and_spread
from geoseg.run_record import Progress
from geoseg.scenes import open_scene
from geoseg.spec import SatelliteSpec
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)

AROUND = 16
"""Pixels around a source that are inside the scene and known, and whose noise is its ground's."""

KNOWN = 0.9
"""Share of the ground around a source that must have a column."""

DOWNWIND_M, DOWNWIND_KNOWN = 1000.0, 0.8
"""How far the plume's middle is looked at, and how much of it must have a column."""

TRIES = 400
"""Places drawn for each that is wanted."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a source stands."""

    lon: float
    lat: float
    wind_from: float
    """Degrees."""
    noise_ppm_m: dict[str, float]
    """Standard deviation of single pixels around it without plume, by method; not cut at the table's end."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A pair of scenes with the places of its sources."""

    pair: ScenePair
    satellite: SatelliteSpec
    air_mass: float
    grid: Grid
    """That of the short-wave infrared bands, which maps have too."""
    places: tuple[Place, ...]


def find_site(pair: ScenePair, trial: Trial, scratch: Path, progress: Progress) -> Site:
    """Open a pair as the search does and draw places for sources.

    Args:
        pair: of scenes.
        trial: says how many places, and how scenes are read.
        scratch: a folder, of which only a name is made up.
        progress: is told how far it is.

    Raises:
        SceneError: the scenes do not serve, or too little of them is clear land.
        BandError: a band is missing.
    """
    methods = trial.methods_of(pair)
    if not methods:
        raise SceneError(f"{pair.name}: none of {', '.join(trial.methods)} goes without a reference")
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(pair.scene, sensors()))
        satellite = satellite_of(scene, trial.satellite)
        angles = angles_of(scene, satellite, sun_zenith=trial.sun_zenith, view_zenith=trial.view_zenith)
        maps: dict[str, Retrieval] = {}
        for method in methods:
            request = trial.request(pair, method, scratch / "none.gpkg")
            with collecting():
                opened = open_scenes(request, stack, progress)
                maps[method] = retrieve_columns(request, satellite, opened, angles)
        # Of one scene the same places whatever the other scenes are.
        rng = np.random.default_rng([trial.seed, zlib.crc32(pair.name.encode())])
        return Site(
            pair=pair,
            satellite=satellite,
            air_mass=angles.air_mass_factor,
            grid=maps[methods[0]].source.grid,
            places=tuple(_draw(pair, maps, trial, rng)),
        )


def _draw(pair: ScenePair, maps: dict[str, Retrieval], trial: Trial, rng: np.random.Generator) -> list[Place]:
    """Draw places one after the other until there are enough; a warning tells of fewer.

    Raises:
        SceneError: there is none.
    """
    grid = next(iter(maps.values())).source.grid
    least = 2 * AROUND + 2
    found: list[Place] = []
    for _ in range(TRIES * trial.places if min(grid.height, grid.width) >= least else 0):
        row = float(rng.uniform(AROUND, grid.height - AROUND))
        col = float(rng.uniform(AROUND, grid.width - AROUND))
        wind_from = float(rng.uniform(0, 360)) if trial.wind_from is None else trial.wind_from
        if not all(_serves(retrieved, row, col, wind_from) for retrieved in maps.values()):
            continue
        lon, lat = grid.lonlat(np.array([row]), np.array([col]))
        noise = {method: _noise(retrieved, row, col) for method, retrieved in maps.items()}
        found.append(Place(lon=float(lon[0]), lat=float(lat[0]), wind_from=wind_from, noise_ppm_m=noise))
        if len(found) == trial.places:
            return found
    where = (
        f"{AROUND} pixels from the edges, on clear land, with {DOWNWIND_M:g} m of clear land downwind "
        "(water and what looks like cloud has no columns)"
    )
    if not found:
        raise SceneError(f"{pair.name}: no place for a source was found {where}; give a larger scene")
    warn(LOG, "few-places", f"{pair.name}: only {len(found)} of {trial.places} places were found {where}")
    return found


def _serves(retrieved: Retrieval, row: float, col: float, wind_from: float) -> bool:
    """Whether a place and what lies downwind of it has columns."""
    grid = retrieved.source.grid
    around = _signal(retrieved, row, col)
    if not (np.isfinite(around[AROUND, AROUND]) and np.isfinite(around).mean() >= KNOWN):
        return False
    angle = np.radians(wind_from + 180)
    down, right = grid.pixel_size_m
    along = np.arange(0, DOWNWIND_M, min(down, right))
    rows = np.floor(row - np.cos(angle) * along / down).astype(np.intp)
    cols = np.floor(col + np.sin(angle) * along / right).astype(np.intp)
    window = Window(
        row=int(rows.min()),
        col=int(cols.min()),
        height=int(np.ptp(rows)) + 1,
        width=int(np.ptp(cols)) + 1,
    )
    pixels = retrieved.source.read(window, (SIGNAL,))
    return bool(pixels.valid[rows - window.row, cols - window.col].mean() >= DOWNWIND_KNOWN)


def _noise(retrieved: Retrieval, row: float, col: float) -> float:
    """Standard deviation of single pixels around a place, by the median absolute deviation."""
    around = _signal(retrieved, row, col)
    return centre_and_spread(around[np.isfinite(around)])[1]


def _signal(retrieved: Retrieval, row: float, col: float) -> NDArray[np.float32]:
    """The searched band around a place, NaN where there is none."""
    window = Window(row=int(row), col=int(col), height=1, width=1).pad(AROUND)
    pixels = retrieved.source.read(window, (SIGNAL,))
    return np.where(pixels.valid, pixels.physical()[0], np.float32(np.nan))
