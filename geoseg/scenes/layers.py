"""Layers beside a scene: a raster of heights or classes, polygons of known water."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import BandError, SceneReadError
from geoseg.grid import Grid, Window
from geoseg.messages import Message
from geoseg.pixels import Pixels
from geoseg.scenes.bands import Band, missing, nodata_as_stored
from geoseg.scenes.cubes import SENTINELS
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.polygon_files import PolygonMask, read_polygons, to_crs
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.scene import Facts, Scene


def open_raster_layer(path: Path | str, name: str, *, categorical: bool, index: int = 1) -> Scene:
    """Open one band of a raster as a layer.

    Args:
        path: the raster.
        name: what its band is called.
        categorical: whether values are classes, brought to a grid by the nearest pixel; else they are
            averaged where finer and interpolated bilinearly.
        index: 1-based band.

    Returns:
        A scene of one band; scale and offset of the file's tags apply.

    Raises:
        SceneReadError: the file is missing or no raster.
        BandError: it has no such band.
    """
    raster = Raster(gdal_path(str(path)))
    if not 1 <= index <= raster.count:
        count = raster.count
        raster.close()
        raise BandError(f"{path} has {count} band(s), not band {index}")
    nodata, messages = raster.nodata[index - 1], list[Message]()
    if nodata is None and raster.dtypes[index - 1].kind == "f":
        values = raster.sample(index)
        nodata = next((value for value in SENTINELS if bool((values == value).any())), None)
        if nodata is not None:
            text = f"{base_name(raster.path)}: {nodata:g} without a nodata tag, taken for not observed"
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
    return Scene(Facts(name=name, messages=tuple(messages), centres={}), (band,))


def with_nodata(layer: Scene, value: float | None) -> Scene:
    """Return a view of a layer of one band where a stored value, or none, means "not observed"."""
    (band,) = layer.bands
    return Scene(layer.facts, (replace(band, nodata=nodata_as_stored(value, band.dtype)),))


def is_raster(path: Path) -> bool:
    """Whether GDAL opens a file as a raster."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(gdal_path(str(path))):
                return True
    except rasterio.errors.RasterioIOError:
        return False


class Derived:
    """A layer of one band whose values are computed from those of another, pixel by pixel.

    They are taken after the other was brought to a grid, by the nearest pixel where it holds classes.
    """

    def __init__(
        self,
        source: Scene,
        function: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        about: Mapping[str, JsonValue],
    ) -> None:
        """Take a layer and what makes its values.

        Args:
            source: a layer of one band, see `open_raster_layer`.
            function: from physical values, NaN where not observed, to values, NaN where not known.
            about: what the run record says of it besides the layer's own description.
        """
        self._source, self._function, self._about = source, function, dict(about)

    @property
    def name(self) -> str:
        """That of the layer."""
        return self._source.name

    @property
    def grid(self) -> Grid:
        """That of the layer."""
        return self._source.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """That of the layer."""
        return self._source.band_names

    def onto(self, grid: Grid) -> Derived:
        """Return the layer on another grid.

        Raises:
            SceneError: the grids cannot be aligned (no CRS).
        """
        return Derived(self._source.onto(grid), self._function, self._about)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window: float32, not valid where not known.

        Raises:
            BandError: a band other than its own is asked for.
            SceneReadError: the file is damaged.
        """
        values = self._function(self._source.read(window, bands).physical())
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=values,
            valid=np.isfinite(values[0]),
            scale=(1.0,) * len(bands),
            offset=(0.0,) * len(bands),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep."""
        return self._source.cache_bytes(bands)

    def describe(self) -> dict[str, JsonValue]:
        """Return the layer's description, and what was made of it."""
        return {**self._source.describe(), **self._about}

    def close(self) -> None:
        """Close the layer's file."""
        self._source.close()


class VectorLayer:
    """Polygons as a band: 1 where a pixel's centre lies inside, 0 outside; all of its grid is valid."""

    def __init__(
        self, path: str, name: str, shapes: NDArray[np.object_], crs: CRS | None, grid: Grid | None = None
    ) -> None:
        """Put polygons on a grid; None: on no grid yet, see `onto`."""
        self.path, self.name = path, name
        self._shapes, self._crs, self._grid = shapes, crs, grid
        moved = to_crs(shapes, crs, grid.crs, path) if grid is not None else shapes
        self._mask = PolygonMask(moved, grid) if grid is not None else None

    @property
    def band_names(self) -> tuple[str, ...]:
        """The one band's name."""
        return (self.name,)

    @property
    def grid(self) -> Grid:
        """The grid it was put on.

        Raises:
            SceneReadError: it was not put on one.
        """
        if self._grid is None:
            raise SceneReadError(f"{self.path} is a vector file: it has no grid before it is put onto one")
        return self._grid

    def onto(self, grid: Grid) -> VectorLayer:
        """Return the layer on a grid.

        Raises:
            SceneError: one of both has no CRS.
        """
        return VectorLayer(self.path, self.name, self._shapes, self._crs, grid)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Burn a window: uint8, 1 inside, 0 outside; valid on the grid.

        Raises:
            BandError: a band other than its own is asked for.
        """
        if tuple(bands) != (self.name,):
            raise missing([name for name in bands if name != self.name], self.band_names)
        valid = np.zeros((window.height, window.width), np.bool_)
        inner = window.intersect(self.grid.window)
        if not inner.empty:
            valid[inner.slices(window)] = True
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
        """No blocks are decoded: 0."""
        return 0

    def describe(self) -> dict[str, JsonValue]:
        """Return path and number of polygons."""
        return {"name": self.name, "paths": [self.path], "polygons": len(self._shapes)}

    def close(self) -> None:
        """Nothing is open."""


def open_vector_layer(
    path: Path | str, name: str, excluded: Mapping[str, Sequence[str | int]] | None = None
) -> VectorLayer:
    """Open the polygons of any vector file as a layer of one band.

    Args:
        path: the file.
        name: what its band is called.
        excluded: by column, the values of polygons that are left out.

    Raises:
        SceneReadError: the file is missing or no vector file.
        SceneError: it holds no polygons.
    """
    shapes, crs = read_polygons(path, excluded)
    return VectorLayer(str(path), name, shapes, crs)
