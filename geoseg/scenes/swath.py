"""Swath files as rasters on a map grid: each pixel has the value of the nearest pixel of the swath."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneReadError
from geoseg.grid import Window
from geoseg.scenes.quality_layers import Quality, RasterLayer
from geoseg.scenes.raster import Raster
from geoseg.scenes.scene import Scene

LINES = 64
"""Lines of the swath that are read at once to fill a window of the map grid."""

Positions = NDArray[np.intp]


class Granule(Raster):
    """A swath on a map grid.

    A subclass returns by `table` the pixel of the swath (`frame`) at each pixel of the grid: a geometry
    lookup table.
    """

    def __init__(self, path: str, geolocation: str, frame: Raster) -> None:
        """Open the part of a file with its geolocation; `grid` is the grid of this part until it is set.

        Args:
            path: the file, for messages.
            geolocation: name of that part, as GDAL opens it.
            frame: the bands in the geometry of the sensor.

        Raises:
            SceneReadError: the part cannot be read.
        """
        super().__init__(geolocation)
        self.path, self.frame = path, frame
        self.count, self.dtypes = frame.count, frame.dtypes
        self.scales, self.offsets = frame.scales, frame.offsets
        self.descriptions, self.nodata = frame.descriptions, frame.nodata

    @abstractmethod
    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the swath for a window of the grid, both (H, W); below 0: no pixel.

        Raises:
            SceneReadError: the table cannot be read.
        """

    @property
    def alpha_candidate(self) -> int | None:
        """None: a swath has no alpha band."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Return the tags of the swath."""
        return self.frame.tags(index)

    def lookup(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the swath for a window of the grid, both (H, W); -1: no pixel.

        Raises:
            SceneReadError: the table is damaged.
        """
        rows, cols = self.table(window)
        if cols.max(initial=-1) >= self.frame.grid.width or rows.max(initial=-1) >= self.frame.grid.height:
            raise SceneReadError(
                f"{self.path}: its geometry lookup table leads outside the swath; download it again"
            )
        none = (rows < 0) | (cols < 0)
        rows[none] = cols[none] = -1
        return rows, cols

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window, each of the nearest pixel of the swath.

        Raises:
            SceneReadError: the file is damaged there.
        """
        fill = [self.nodata[index - 1] for index in indexes]
        # An integer dtype has no NaN: its pixels are masked by `read_mask`.
        values = np.nan_to_num(np.array([value or 0 for value in fill])).astype(self.dtypes[0])
        out = np.empty((len(indexes), window.height, window.width), self.dtypes[0])
        out[:] = (values if self.dtypes[0].kind in "iu" else np.array(fill))[:, None, None]
        self.gather(window, out, lambda lines: self.frame.read(lines, indexes))
        return out

    def gather(
        self, window: Window, out: NDArray[np.generic], read: Callable[[Window], NDArray[np.generic]]
    ) -> None:
        """Fill a window (bands, height, width) of the map grid where the swath has pixels.

        Args:
            window: on the map grid.
            out: array to fill.
            read: returns a window of the swath, (bands, height, width).
        """
        rows, cols = self.lookup(window)
        seen = rows >= 0
        if not seen.any():
            return
        left, right = int(cols[seen].min()), int(cols[seen].max()) + 1
        for top in range(int(rows[seen].min()), int(rows[seen].max()) + 1, LINES):
            here = seen & (rows >= top) & (rows < top + LINES)
            lines = Window(row=top, col=left, height=LINES, width=right - left)
            part = read(lines.intersect(self.frame.grid.window))
            out[:, here] = part[:, rows[here] - top, cols[here] - left]

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:  # noqa: ARG002
        """Return None: there is no mask band."""
        return None

    def cache_bytes(self, indexes: Sequence[int], first: float, strip: int) -> int:  # noqa: ARG002
        """Return the bytes of the blocks of one stretch of lines of the swath."""
        return self.frame.cache_bytes(indexes, 0.0, LINES)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self.frame.close()


def in_sensor_geometry(scene: Scene) -> tuple[Scene, Granule] | None:
    """Return a scene in the geometry of the sensor, and the granule with its lookup table.

    None where the scene is not a swath.
    """
    granule = scene.bands[0].raster
    if not isinstance(granule, Granule) or any(band.raster is not granule for band in scene.bands):
        return None
    # Quality layers of the swath mask its pixels; other layers mask pixels of the map only.
    layers = tuple(
        replace(layer, raster=layer.raster.frame)
        for layer in scene.quality.layers
        if isinstance(layer, RasterLayer) and isinstance(layer.raster, Granule)
    )
    bands = tuple(replace(band, raster=granule.frame) for band in scene.bands)
    quality = Quality(layers=layers, dilate=scene.quality.dilate)
    return Scene(scene.metadata, bands, quality=quality), granule
