"""A cube as it is retrieved: which bands, in what geometry; its pixels copied to scratch files."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.errors import BandError
from geoseg.grid import Grid, Window
from geoseg.messages import replay, warn
from geoseg.methane.absorption import Absorption, absorption_of
from geoseg.methane.orthorectify import ColumnsFile
from geoseg.methane.scratch_store import Spool
from geoseg.methane.surface_brightness import Sunlight, sunlight
from geoseg.methane.view_angles import Angles
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Scene
from geoseg.scenes.swath import Granule, in_sensor_geometry
from geoseg.spec import PlumeSpec

LOG = logging.getLogger(__name__)

COMMON = ("red", "green", "blue", "nir", "cirrus", "swir16", "swir22")
"""Common names of bands that come along where the cube has them: for screens, and for networks."""

STRETCH = 24 * 2**20
"""Bytes that are read at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cube:
    """A cube as it is retrieved: in the geometry of the detector where the files have it."""

    used: Scene
    """The bands that are read, on the map's grid."""
    scene: Scene
    """The same as they are retrieved."""
    absorption: Absorption
    common: tuple[str, ...]
    """Bands by common name that come along."""
    light: Sunlight
    granule: Granule | None
    """Puts the detector's pixels on the ground; None: the cube's own grid is the map's."""
    detectors: bool
    """Whether each column of the image is one detector."""

    @property
    def grid(self) -> Grid:
        """The grid of the retrieval."""
        return self.scene.grid


def look_at_cube(scene: Scene, spec: PlumeSpec, angles: Angles | None) -> Cube:
    """Look at a scene as a cube."""
    absorption = absorption_of(scene, spec.absorption, angles)
    common = _common(scene)
    used = scene.select([*absorption.bands, *common])
    light = sunlight(used, common, angles)
    if not light.factors:
        warn(
            LOG,
            "water-and-clouds-not-masked",
            f"{scene.name}: water and clouds are not screened: "
            + (
                "the sun's height is not known"
                if angles is None
                else "the scale of its radiance is not known"
            ),
        )
    replay(message for message in used.messages if message not in scene.messages)
    raw = in_sensor_geometry(used)
    return Cube(
        used=used,
        scene=used if raw is None else raw[0],
        absorption=absorption,
        common=common,
        light=light,
        granule=None if raw is None else raw[1],
        detectors=raw is not None or scene.grid.crs is None,
    )


def _common(scene: Scene) -> tuple[str, ...]:
    """Return which bands of `COMMON` a scene has."""
    found = []
    for name in COMMON:
        try:
            scene.select([name])
        except BandError:
            continue
        found.append(name)
    return tuple(found)


def _windows(cube: Cube) -> tuple[list[Window], int]:
    """Return windows that cover the cube and hold whole blocks of its file, and bytes to decode one."""
    grid, raster = cube.grid, cube.scene.bands[0].raster
    indexes = [band.index for band in cube.scene.bands if band.raster is raster]
    rows, cols, size = raster.stretch(indexes, STRETCH)
    starts = itertools.product(range(0, grid.height, rows), range(0, grid.width, cols))
    return [
        Window(row=row, col=col, height=rows, width=cols).intersect(grid.window) for row, col in starts
    ], size


def read_into(spool: Spool, file: ColumnsFile, cube: Cube, progress: Progress) -> None:
    """Copy the window's bands to the spool, and those beside to the file."""
    width, (windows, size) = cube.grid.width, _windows(cube)
    with rasterio.Env(GDAL_CACHEMAX=max(2 * size, 4 * STRETCH)):
        for done, window in enumerate(windows, start=1):
            pixels = cube.scene.read(window, cube.absorption.bands)
            radiance = pixels.physical()
            radiance[:, ~usable(pixels, radiance)] = np.nan
            spool.write(window, radiance)
            # From long waves to short: chunks of a netCDF that were decoded for the window serve swir22 too.
            beside = {name: cube.scene.read(window, (name,)).physical()[0] for name in cube.common[::-1]}
            planes = [*cube.light.screens(beside), *(beside[name] for name in cube.common)]
            for index, plane in enumerate(planes, start=3):
                file.write(window, index, plane)
            progress(width * done // len(windows), 2 * width, "columns")


def usable(pixels: Pixels, radiance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether a pixel's spectrum may be looked at, (h, w): finite, lit, and nowhere at the end of its dtype.

    Args:
        pixels: as stored.
        radiance: the same as radiance (B, h, w), NaN where not valid.
    """
    good = np.isfinite(radiance).all(axis=0) & (radiance.sum(axis=0) > 0)
    dtype: np.dtype[Any] = pixels.data.dtype
    if dtype.kind in "iu":
        good &= np.not_equal(pixels.data, np.iinfo(dtype).max).all(axis=0)
    return np.asarray(good)
