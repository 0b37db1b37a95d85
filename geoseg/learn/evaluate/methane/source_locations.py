"""Choose locations of simulated sources on clear land, and measure the noise around them."""

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
from geoseg.methods.plume_search import centre_and_spread
from geoseg.run_record import Progress
from geoseg.scenes import open_scene
from geoseg.spec import SatelliteSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.columns import open_scenes, retrieve_columns
from geoseg.tasks.methane.retrieval import SIGNAL, Retrieval
from geoseg.tasks.methane.satellite_bands import satellite_of
from geoseg.tasks.methane.view_angles import angles_of

LOG = logging.getLogger(__name__)

AROUND = 16
"""Half side in pixels of the square around a source in which columns and noise are examined."""

MIN_SHARE = 0.9
"""Least share of the pixels around a source that have a column."""

DOWNWIND_M, MIN_DOWNWIND_SHARE = 1000.0, 0.8
"""Length in m of the plume axis that is examined, and the least share of its pixels that have a column."""

TRIES = 400
"""Number of candidate locations for each requested location."""


@dataclass(frozen=True, kw_only=True)
class SourceLocation:
    """The location of a source."""

    lon: float
    lat: float
    wind_from: float
    """Direction from which the wind blows, in degrees."""
    noise_ppm_m: dict[str, float]
    """Standard deviation of pixels around the source without plume, by method; not limited by the table."""


@dataclass(frozen=True, kw_only=True)
class InjectionSite:
    """A pair of scenes with the locations of its sources."""

    pair: ScenePair
    satellite: SatelliteSpec
    air_mass: float
    grid: Grid
    """Grid of the short-wave infrared bands and of the maps."""
    places: tuple[SourceLocation, ...]


def prepare_site(pair: ScenePair, trial: Trial, scratch: Path, progress: Progress) -> InjectionSite:
    """Open a pair of scenes and draw locations for sources.

    Args:
        pair: the pair of scenes.
        trial: number of locations, methods, and options that open the scenes.
        scratch: folder for the output path of the request, to which nothing is written.
        progress: receives the progress of reading.

    Raises:
        SceneError: no method can be used, or the scene has too little clear land.
        BandError: a band is missing.
    """
    methods = trial.methods_of(pair)
    if not methods:
        raise SceneError(
            f"{pair.name}: {', '.join(trial.methods)} require a reference scene; give one with `--reference`"
        )
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
        # The locations in a scene do not depend on the other scenes.
        rng = np.random.default_rng([trial.seed, zlib.crc32(pair.name.encode())])
        return InjectionSite(
            pair=pair,
            satellite=satellite,
            air_mass=angles.air_mass_factor,
            grid=maps[methods[0]].source.grid,
            places=tuple(_draw(pair, maps, trial, rng)),
        )


def _draw(
    pair: ScenePair, maps: dict[str, Retrieval], trial: Trial, rng: np.random.Generator
) -> list[SourceLocation]:
    """Draw locations until there are enough; warn where there are fewer.

    Raises:
        SceneError: there is no suitable location.
    """
    grid = next(iter(maps.values())).source.grid
    least = 2 * AROUND + 2
    locations: list[SourceLocation] = []
    for _ in range(TRIES * trial.places if min(grid.height, grid.width) >= least else 0):
        row = float(rng.uniform(AROUND, grid.height - AROUND))
        col = float(rng.uniform(AROUND, grid.width - AROUND))
        wind_from = float(rng.uniform(0, 360)) if trial.wind_from is None else trial.wind_from
        if not all(_is_suitable(retrieved, row, col, wind_from) for retrieved in maps.values()):
            continue
        lon, lat = grid.lonlat(np.array([row]), np.array([col]))
        noise = {method: _noise(retrieved, row, col) for method, retrieved in maps.items()}
        locations.append(
            SourceLocation(lon=float(lon[0]), lat=float(lat[0]), wind_from=wind_from, noise_ppm_m=noise)
        )
        if len(locations) == trial.places:
            return locations
    where = (
        f"{AROUND} pixels or more from the edges, with clear land around it and for {DOWNWIND_M:g} m "
        "downwind (pixels of water and cloud have no column)"
    )
    if not locations:
        raise SceneError(f"{pair.name}: no location for a source was found {where}; give a larger scene")
    warn(
        LOG,
        "few-places",
        f"{pair.name}: only {len(locations)} of {trial.places} locations were found {where}",
    )
    return locations


def _is_suitable(retrieved: Retrieval, row: float, col: float, wind_from: float) -> bool:
    """Return whether a location and its downwind axis have enough columns."""
    grid = retrieved.source.grid
    around = _signal(retrieved, row, col)
    if not (np.isfinite(around[AROUND, AROUND]) and np.isfinite(around).mean() >= MIN_SHARE):
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
    return bool(pixels.valid[rows - window.row, cols - window.col].mean() >= MIN_DOWNWIND_SHARE)


def _noise(retrieved: Retrieval, row: float, col: float) -> float:
    """Return the standard deviation of pixels around a location, from the median absolute deviation."""
    around = _signal(retrieved, row, col)
    return centre_and_spread(around[np.isfinite(around)])[1]


def _signal(retrieved: Retrieval, row: float, col: float) -> NDArray[np.float32]:
    """Return the signal around a location; NaN where it is unknown."""
    window = Window(row=int(row), col=int(col), height=1, width=1).pad(AROUND)
    pixels = retrieved.source.read(window, (SIGNAL,))
    return np.where(pixels.valid, pixels.physical()[0], np.float32(np.nan))
