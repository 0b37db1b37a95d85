"""Files in the geometry of the detector, looked at on a map grid: each pixel is the nearest of the frame."""

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
"""Lines of the frame that are read at once to fill a window of the map grid."""

Positions = NDArray[np.intp]


class Granule(Raster):
    """A file on a map grid.

    A subclass says by `table` which pixel of the `frame`, the same file in the geometry of the detector, lies
    at each pixel of the grid.
    """

    def __init__(self, path: str, geolocation: str, frame: Raster) -> None:
        """Open the part of a file that places its pixels; `grid` is then that part's until it is set.

        Args:
            path: the file, for messages.
            geolocation: the part, as GDAL opens it.
            frame: the file's bands.

        Raises:
            SceneReadError: it cannot be read.
        """
        super().__init__(geolocation)
        self.path, self.frame = path, frame
        self.count, self.dtypes = frame.count, frame.dtypes
        self.scales, self.offsets = frame.scales, frame.offsets
        self.descriptions, self.nodata = frame.descriptions, frame.nodata

    @abstractmethod
    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the frame for a window of the grid, both (height, width); below 0: none.

        Raises:
            SceneReadError: the table cannot be read.
        """

    @property
    def alpha_candidate(self) -> int | None:
        """There is none."""
        return None

    @property
    def mask_source(self) -> str | None:
        """None: the fill value alone says where nothing was observed."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Those of the frame."""
        return self.frame.tags(index)

    def lookup(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the frame for a window of the grid, both (height, width); -1: none.

        Raises:
            SceneReadError: the table is damaged.
        """
        rows, cols = self.table(window)
        if cols.max(initial=-1) >= self.frame.grid.width or rows.max(initial=-1) >= self.frame.grid.height:
            raise SceneReadError(f"{self.path}: its lookup table points beyond the frame; fetch it again")
        none = (rows < 0) | (cols < 0)
        rows[none] = cols[none] = -1
        return rows, cols

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window, each of the nearest detector pixel.

        Raises:
            SceneReadError: the file is damaged there.
        """
        fill = [self.nodata[index - 1] for index in indexes]
        # NaN in whole numbers is a value that nothing is compared with; `read_mask` counts then.
        values = np.nan_to_num(np.array([value or 0 for value in fill])).astype(self.dtypes[0])
        out = np.empty((len(indexes), window.height, window.width), self.dtypes[0])
        out[:] = (values if self.dtypes[0].kind in "iu" else np.array(fill))[:, None, None]
        self.gather(window, out, lambda lines: self.frame.read(lines, indexes))
        return out

    def gather(
        self, window: Window, out: NDArray[np.generic], read: Callable[[Window], NDArray[np.generic]]
    ) -> None:
        """Fill a window (bands, height, width) of the map grid where the frame has pixels.

        Args:
            window: of the map grid.
            out: what is filled.
            read: returns a window of the frame, (bands, height, width).
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
        """There is none."""
        return None

    def cache_bytes(self, indexes: Sequence[int], first: float, strip: int) -> int:  # noqa: ARG002
        """Bytes of the blocks of one stretch of lines; the map grid's rows do not run along the frame's."""
        return self.frame.cache_bytes(indexes, 0.0, LINES)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self.frame.close()


def in_sensor_geometry(scene: Scene) -> tuple[Scene, Granule] | None:
    """Return a scene's bands in the geometry of the detector, and what puts them on its grid.

    None where the scene's files are on the ground already, or nowhere.
    """
    granule = scene.bands[0].raster
    if not isinstance(granule, Granule) or any(band.raster is not granule for band in scene.bands):
        return None
    # Layers of the same detector hide its pixels there too; others hide those of the map only.
    layers = tuple(
        replace(layer, raster=layer.raster.frame)
        for layer in scene.quality.layers
        if isinstance(layer, RasterLayer) and isinstance(layer.raster, Granule)
    )
    bands = tuple(replace(band, raster=granule.frame) for band in scene.bands)
    quality = Quality(layers=layers, dilate=scene.quality.dilate)
    return Scene(scene.facts, bands, quality=quality), granule
