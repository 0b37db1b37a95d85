"""Bands and geometry of a spectrometer scene, and the copy of its pixels to scratch files."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.errors import BandError
from geoseg.grid import Grid, Window
from geoseg.messages import replay, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Scene
from geoseg.scenes.swath import Granule, in_sensor_geometry
from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.absorption import Absorption, absorption_of
from geoseg.tasks.methane.orthorectify import ColumnsFile
from geoseg.tasks.methane.scratch_store import ScratchStore
from geoseg.tasks.methane.surface_brightness import reflectance_factors, screening_planes
from geoseg.tasks.methane.view_angles import Angles

LOG = logging.getLogger(__name__)

COMMON = ("red", "green", "blue", "nir", "cirrus", "swir16", "swir22")
"""Common names of bands that are kept for screening and for networks, where the scene has them."""

READ_BYTES = 24 * 2**20
"""Bytes that are read at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpectrometerCube:
    """A spectrometer scene prepared for the retrieval, in sensor geometry where the files have it."""

    mapped: Scene
    """The bands that are read, on the map grid."""
    scene: Scene
    """The same bands in the geometry of the retrieval."""
    absorption: Absorption
    common: tuple[str, ...]
    """Common names of the bands that are kept for screening and for networks."""
    reflectance_factors: Mapping[str, float]
    """Reflectance divided by radiance, by common name; empty: unknown."""
    granule: Granule | None
    """Geometry lookup table; None: the scene is already on the map grid."""
    detectors: bool
    """Whether each image column is from one detector."""

    @property
    def grid(self) -> Grid:
        """The grid of the retrieval."""
        return self.scene.grid


def prepare_cube(scene: Scene, spec: PlumeSpec, angles: Angles | None) -> SpectrometerCube:
    """Select the bands and the geometry of the retrieval.

    Raises:
        SceneError: the scene has no radiance bands in the absorption window, or `absorption` does not cover
            them.
        SceneReadError: the scene or `absorption` cannot be read.
    """
    absorption = absorption_of(scene, spec.absorption, angles)
    common = _common(scene)
    mapped = scene.select([*absorption.bands, *common])
    factors = reflectance_factors(mapped, common, angles)
    if not factors:
        warn(
            LOG,
            "water-and-clouds-not-masked",
            f"{scene.name}: plumes are not screened for water and cloud, because "
            + ("the solar zenith angle" if angles is None else "the unit of its radiance")
            + " is unknown",
        )
    replay(message for message in mapped.messages if message not in scene.messages)
    swath = in_sensor_geometry(mapped)
    return SpectrometerCube(
        mapped=mapped,
        scene=mapped if swath is None else swath[0],
        absorption=absorption,
        common=common,
        reflectance_factors=factors,
        granule=None if swath is None else swath[1],
        detectors=swath is not None or scene.grid.crs is None,
    )


def _common(scene: Scene) -> tuple[str, ...]:
    """Return the bands of `COMMON` that a scene has."""
    names = []
    for name in COMMON:
        try:
            scene.select([name])
        except BandError:
            continue
        names.append(name)
    return tuple(names)


def reading_mib(cube: SpectrometerCube, read_bytes: int) -> int:
    """Return the MiB that `copy_bands` takes: source blocks, and a window as stored and as radiance."""
    _, size = _windows(cube, read_bytes)
    return (_cache(size, read_bytes) + 2 * max(size, read_bytes)) // 2**20


def _cache(size: int, read_bytes: int) -> int:
    return max(2 * size, 4 * read_bytes)


def _windows(cube: SpectrometerCube, read_bytes: int) -> tuple[list[Window], int]:
    """Return windows of whole blocks that cover the scene, and the bytes that decoding one takes."""
    grid, raster = cube.grid, cube.scene.bands[0].raster
    indexes = [band.index for band in cube.scene.bands if band.raster is raster]
    rows, cols, size = raster.stretch(indexes, read_bytes)
    starts = itertools.product(range(0, grid.height, rows), range(0, grid.width, cols))
    return [
        Window(row=row, col=col, height=rows, width=cols).intersect(grid.window) for row, col in starts
    ], size


def copy_bands(
    store: ScratchStore,
    file: ColumnsFile,
    cube: SpectrometerCube,
    progress: Progress,
    read_bytes: int = READ_BYTES,
) -> None:
    """Copy the bands of the absorption window to the scratch store, and the screening bands to the file.

    Args:
        store: gets the radiance.
        file: gets the screening bands.
        cube: the scene.
        progress: callback.
        read_bytes: of the source blocks that are decoded together, about.
    """
    width, (windows, size) = cube.grid.width, _windows(cube, read_bytes)
    with rasterio.Env(GDAL_CACHEMAX=_cache(size, read_bytes)):
        for done, window in enumerate(windows, start=1):
            pixels = cube.scene.read(window, cube.absorption.bands)
            radiance = pixels.physical()
            store.write(window, radiance, usable(pixels, radiance))
            # From long to short wavelengths, because netCDF chunks decoded for the window also hold swir22.
            common = {name: cube.scene.read(window, (name,)).physical()[0] for name in cube.common[::-1]}
            screens = screening_planes(common, cube.reflectance_factors)
            planes = [*screens, *(common[name] for name in cube.common)]
            for index, plane in enumerate(planes, start=3):
                file.write(window, index, plane)
            progress(width * done // len(windows), 2 * width, "columns")


def usable(pixels: Pixels, radiance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which spectra (h, w) are usable: finite, above 0 in sum and not saturated.

    Args:
        pixels: stored values.
        radiance: (B, h, w) the same as radiance, NaN where not valid.
    """
    total = radiance.sum(axis=0)  # finite only where every band is
    good = np.isfinite(total) & (total > 0)
    dtype: np.dtype[Any] = pixels.data.dtype
    if dtype.kind in "iu":
        good &= np.not_equal(pixels.data, np.iinfo(dtype).max).all(axis=0)
    return np.asarray(good)
