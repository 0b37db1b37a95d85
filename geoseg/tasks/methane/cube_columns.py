"""Source of the column enhancements and screening bands of a spectrometer scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from geoseg.files.closing import Closing
from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.bands import Band
from geoseg.scenes.raster import Raster
from geoseg.scenes.scene import SceneMetadata
from geoseg.spec import RunSpec
from geoseg.tasks.methane.retrieval import CH4


class SpectrometerColumns(Closing):
    """A source that reads a `ColumnsFile`, clipped to the mapped area; a context manager."""

    def __init__(self, path: Path, cube: Scene, run: RunSpec) -> None:
        """Open the file.

        Args:
            path: the file.
            cube: the scene that it was retrieved from.
            run: with `bbox` and `aoi` of the map.

        Raises:
            SceneError: the mapped area lies outside the scene.
        """
        raster = Raster(str(path))
        bands = tuple(
            Band(name=name or "", raster=raster, index=index, origin="retrieved", scaling="as stored")
            for index, name in enumerate(raster.descriptions, start=1)
        )
        try:
            # The quality layers are on the map grid, whatever the geometry of the retrieval.
            whole = Scene(SceneMetadata(name=cube.name, centres={}), bands, quality=cube.quality)
            self._scene = whole.clip(run.bbox, run.bbox_crs, run.aoi)
        except BaseException:
            raster.close()
            raise
        self._cube, self._raster = cube, raster
        self.name, self.grid, self.band_names = self._scene.name, self._scene.grid, self._scene.band_names

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window as float32; pixels are valid where there is a column enhancement.

        Other bands are NaN where unknown.

        Raises:
            BandError: a band is missing.
            SceneReadError: the file is damaged.
        """
        column = self._scene.read(window, (CH4,))
        planes = [
            column.physical()[0] if name == CH4 else self._scene.read(window, (name,)).physical()[0]
            for name in bands
        ]
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=np.stack(planes),
            valid=column.valid,
            scale=(1.0,) * len(planes),
            offset=(0.0,) * len(planes),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Return the size of the block cache."""
        return self._scene.cache_bytes(tuple(dict.fromkeys((CH4, *bands))))

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the bands that were retrieved from."""
        return self._cube.describe()

    def close(self) -> None:
        """Close the file. The scene closes the quality layers."""
        self._raster.close()
