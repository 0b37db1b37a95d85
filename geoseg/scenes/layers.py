"""Layers that a scene is combined with: rasters of elevation or classes, polygons of permanent water."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import BandError, SceneReadError
from geoseg.files.doors import opening, reading
from geoseg.grid import Grid, Window, sample_windows
from geoseg.messages import Message
from geoseg.pixels import Pixels
from geoseg.scenes.bands import Band, missing, nodata_as_stored
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.polygon_files import PolygonMask, read_polygons, to_crs
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.scene import Scene, SceneMetadata
from geoseg.scenes.source import Source, SourceView
from geoseg.scenes.untagged_nodata import untagged_nodata

COMPUTED: Mapping[str, Any] = {
    "dtype": "float32", "count": 1, "nodata": np.nan, "tiled": True, "compress": "deflate", "zlevel": 1,
}  # fmt: skip
"""Storage of a scratch raster whose values are computed from another, for `rasterio.open`."""


def open_raster_layer(path: Path | str, name: str, *, categorical: bool, index: int = 1) -> Scene:
    """Open one band of a raster as a layer.

    Args:
        path: the raster.
        name: of the layer's band.
        categorical: whether values are classes, resampled by the nearest pixel; other values are averaged
            where they are finer than the grid, and interpolated bilinearly.
        index: 1-based band.

    Returns:
        A scene of one band, with scale and offset from the tags of the file.

    Raises:
        SceneReadError: the file is missing or not a raster.
        BandError: the raster has no such band.
    """
    with opening(path):
        raster = Raster(gdal_path(str(path)))
        if not 1 <= index <= raster.count:
            count = raster.count
            raster.close()
            raise BandError(f"{path} has {count} band(s), no band {index}; give an index from 1 to {count}")
        nodata, messages = raster.nodata[index - 1], list[Message]()
        if nodata is None and raster.dtypes[index - 1].kind == "f":
            values = raster.sample(index)
            nodata = untagged_nodata(values, reflectance=False)
            if nodata is not None:
                text = f"{base_name(raster.path)}: {nodata:g} without a nodata tag is treated as nodata"
                messages.append(Message(logger=__name__, text=text))
        band = Band(
            name=name,
            raster=raster,
            index=index,
            scale=raster.scales[index - 1],
            offset=raster.offsets[index - 1],
            nodata=nodata_as_stored(nodata, raster.dtypes[index - 1]),
            resampling="nearest" if categorical else "bilinear",
            origin="layer",
            scaling="file tags",
        )
        return Scene(SceneMetadata(name=name, messages=tuple(messages), centres={}), (band,))


def with_nodata(layer: Scene, value: float | None) -> Scene:
    """Return a view of a layer of one band with another nodata value; None: without one."""
    (band,) = layer.bands
    return Scene(layer.metadata, (replace(band, nodata=nodata_as_stored(value, band.dtype)),))


def is_raster(path: Path) -> bool:
    """Return whether GDAL opens a file as a raster."""
    with opening(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with open_dataset(gdal_path(str(path))):
                return True
        except rasterio.errors.RasterioIOError:
            return False


COVERED = 0.99
"""Share of a scene that a layer must cover; below, a warning is given."""


def shares(layer: Source, least: float = 0.5) -> tuple[float, float]:
    """Return the shares (0..1) of a layer's grid where it is known, and above a value, by a sample.

    Args:
        layer: of one band, on the grid of a scene.
        least: the value.
    """
    pixels = known = above = 0
    for window in sample_windows(layer.grid, size=512, most=24):
        read = layer.read(window, layer.band_names[:1])
        pixels += read.valid.size
        known += int(read.valid.sum())
        above += int(np.count_nonzero(read.data[0][read.valid] > least))
    return known / max(pixels, 1), above / max(pixels, 1)


class Derived(SourceView):
    """A layer of one band that is computed from another layer pixel by pixel, after resampling."""

    source: Scene

    def __init__(
        self,
        source: Scene,
        function: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        about: Mapping[str, JsonValue],
    ) -> None:
        """Take a layer and a function.

        Args:
            source: a layer of one band, see `open_raster_layer`.
            function: from physical values to the values of this layer; NaN where not valid in both.
            about: entries for the run record, added to the description of `source`.
        """
        super().__init__(source)
        self._function, self._about = function, dict(about)

    def onto(self, grid: Grid) -> Derived:
        """Return the layer on another grid.

        Raises:
            SceneError: the grids cannot be aligned (no CRS).
        """
        return Derived(self.source.onto(grid), self._function, self._about)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window as float32; pixels are valid where the function returns a finite value."""
        values = self._function(self.source.read(window, bands).physical())
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=values,
            valid=np.isfinite(values[0]),
            scale=(1.0,) * len(bands),
            offset=(0.0,) * len(bands),
        )

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of `source` and the entries of this layer."""
        return {**self.source.describe(), **self._about}

    def close(self) -> None:
        """Close the file."""
        self.source.close()


class VectorLayer:
    """Polygons as a band: 1 where the centre of a pixel lies inside, 0 outside; the whole grid is valid."""

    def __init__(
        self, path: str, name: str, shapes: NDArray[np.object_], crs: CRS | None, grid: Grid | None = None
    ) -> None:
        """Rasterise polygons on a grid; None: on no grid yet, see `onto`."""
        self.path, self.name = path, name
        self.band_names = (name,)
        self._shapes, self._crs, self._grid = shapes, crs, grid
        with opening(path):
            projected = to_crs(shapes, crs, grid.crs, path) if grid is not None else shapes
            self._mask = PolygonMask(projected, grid) if grid is not None else None

    @property
    def grid(self) -> Grid:
        """The grid of the layer.

        Raises:
            SceneReadError: the layer has no grid yet.
        """
        if self._grid is None:
            raise SceneReadError(f"{self.path} is a vector file and has no grid; call `onto` first")
        return self._grid

    def onto(self, grid: Grid) -> VectorLayer:
        """Return the layer on a grid.

        Raises:
            SceneError: one of layer and grid has no CRS.
        """
        return VectorLayer(self.path, self.name, self._shapes, self._crs, grid)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Rasterise a window as uint8: 1 inside, 0 outside.

        Raises:
            BandError: another band than that of the layer is named.
        """
        if tuple(bands) != (self.name,):
            raise missing([name for name in bands if name != self.name], self.band_names)
        valid = np.zeros((window.height, window.width), np.bool_)
        inner = window.intersect(self.grid.window)
        if not inner.empty:
            valid[inner.slices(window)] = True
        with reading(self.path):
            covered = self._mask.read(window) if self._mask is not None else valid
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=covered.astype(np.uint8)[None],
            valid=valid,
            scale=(1.0,),
            offset=(0.0,),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:  # noqa: ARG002 - a Source's signature
        """Return 0: no blocks are decoded."""
        return 0

    def describe(self) -> dict[str, JsonValue]:
        """Return path and number of polygons for the run record."""
        return {"name": self.name, "paths": [self.path], "polygons": len(self._shapes)}

    def close(self) -> None:
        """Do nothing: no file is open."""


def open_vector_layer(
    path: Path | str, name: str, excluded: Mapping[str, Sequence[str | int]] | None = None
) -> VectorLayer:
    """Open the polygons of any vector file as a layer of one band.

    Args:
        path: the file.
        name: of the layer's band.
        excluded: by column, the values of polygons that are left out.

    Raises:
        SceneReadError: the file is missing or not a vector file.
        SceneError: it holds no polygons.
    """
    shapes, crs = read_polygons(path, excluded)
    return VectorLayer(str(path), name, shapes, crs)
