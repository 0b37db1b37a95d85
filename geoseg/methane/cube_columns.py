"""The source of a cube's methane columns: a raster of its own, and what screens look at beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import JsonValue

from geoseg.grid import Grid, Window
from geoseg.methane.retrieval import CH4
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.bands import Band
from geoseg.scenes.raster import Raster
from geoseg.scenes.scene import Facts
from geoseg.spec import RunSpec


class CubeColumns:
    """Columns as written by `ground.ColumnsFile`, clipped to the area of a map; a context manager."""

    def __init__(self, path: Path, cube: Scene, run: RunSpec) -> None:
        """Open the file.

        Args:
            path: of the columns.
            cube: the bands that they were retrieved from.
            run: whose `bbox` and `aoi` clip the map.

        Raises:
            SceneError: the area lies outside.
        """
        raster = Raster(str(path))
        bands = tuple(
            Band(name=name or "", raster=raster, index=index, origin="retrieved", scaling="as stored")
            for index, name in enumerate(raster.descriptions, start=1)
        )
        try:
            # What hides the ground on the map does so whatever geometry the columns were retrieved in.
            whole = Scene(Facts(name=cube.name, centres={}), bands, quality=cube.quality)
            self._scene = whole.clip(run.bbox, run.bbox_crs, run.aoi)
        except BaseException:
            raster.close()
            raise
        self._cube, self._raster = cube, raster

    @property
    def name(self) -> str:
        """That of the cube."""
        return self._scene.name

    @property
    def grid(self) -> Grid:
        """That of the map."""
        return self._scene.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """`ch4`, what screens look at, and bands of the cube by common name."""
        return self._scene.band_names

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window: float32; valid where there is a column. Other bands are NaN where not known.

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
        """Bytes of decoded blocks to keep."""
        return self._scene.cache_bytes(tuple(dict.fromkeys((CH4, *bands))))

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the cube's bands that were read."""
        return self._cube.describe()

    def close(self) -> None:
        """Close the file; quality layers are the cube's to close."""
        self._raster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
