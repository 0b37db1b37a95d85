"""Values that hold a raster become paths that `geoseg.scenes` opens."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from geoseg.api.georeference import Georeference, affine_of, wkt_of
from geoseg.errors import SceneError, UsageError
from geoseg.files.disk import writing
from geoseg.messages import counted
from geoseg.scenes import Scene

if TYPE_CHECKING:
    import xarray

REQUESTS: WeakKeyDictionary[Scene, tuple[str, ...]] = WeakKeyDictionary()
"""Paths of the scenes that `geoseg.open_scene` opened."""

SAME_PLACE = 1e-4
"""Pixels between two places that are one but for rounding."""

BLOCK = 512
"""Rows and columns of a block of a raster that an array is written to."""

PLAIN = frozenset({"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"})
"""Types of pixels that are written as they are."""


def paths_of(value: object, folder: Path, place: Georeference) -> str | list[str]:
    """Return the path or paths of a scene or raster; arrays in memory are written to a GeoTIFF.

    Args:
        value: a path, a `rasterio` dataset, an `xarray` array (y, x) or (band, y, x) or data set,
            an array of numpy in the same order, or a scene of `geoseg.open_scene`; or several of these.
        folder: for the files of arrays.
        place: georeference, band names and time of arrays of numpy; band names and time of xarray objects
            without their own.

    Raises:
        UsageError: the value is none of these, or its georeference is not valid.
        SceneError: the type of the pixels cannot be written.
        OutputError: a file cannot be written.
    """
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, Scene):
        return _paths_of_scene(value)
    if isinstance(value, DatasetReader | WarpedVRT):
        return _path_of_dataset(value, folder)
    if isinstance(value, np.ndarray):
        return _write(_Layers(value), folder, place)
    if is_xarray(value):
        written = [_write(layers, folder, place) for layers in _from_xarray(value, place)]
        return written[0] if len(written) == 1 else written
    if isinstance(value, list | tuple) and value:
        found = [paths_of(item, folder, place) for item in value]
        return [path for item in found for path in (item if isinstance(item, list) else [item])]
    raise UsageError(
        f"a {type(value).__name__} is not a scene; give a path, a list of paths, a rasterio dataset, an "
        "xarray array, or an array of numpy with `transform` and `crs`"
    )


def holds_array(value: object) -> bool:
    """Return whether a value is an array, or has one in it."""
    if isinstance(value, list | tuple):
        return any(holds_array(item) for item in value)
    return isinstance(value, np.ndarray) or is_xarray(value)


def is_xarray(value: object) -> bool:
    """Return whether a value is a DataArray or Dataset, without importing xarray."""
    return type(value).__module__.partition(".")[0] == "xarray" and hasattr(value, "dims")


def _paths_of_scene(scene: Scene) -> str | list[str]:
    """Return the paths that a scene was opened from."""
    if scene not in REQUESTS:
        raise UsageError(f"{scene.name} was not opened by geoseg.open_scene; give its path")
    paths = REQUESTS[scene]
    return paths[0] if len(paths) == 1 else list(paths)


def _path_of_dataset(dataset: DatasetReader | WarpedVRT, folder: Path) -> str:
    """Return the path of an open dataset; a dataset in memory or a view of another is copied."""
    if not isinstance(dataset, WarpedVRT) and not dataset.name.startswith("/vsimem/"):
        return str(dataset.name)
    path = _new(folder, None)
    # With all that tells bands, units and unobserved pixels: colours, masks, tags of all domains, GCPs.
    with writing(path), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        rasterio.shutil.copy(dataset, str(path), driver="GTiff", tiled=True, bigtiff="IF_SAFER")
    return str(path)


@dataclass(frozen=True)
class _Layers:
    """An array and what it states of itself."""

    data: NDArray[Any]
    """(height, width) or (bands, height, width); also of dask."""
    transform: Affine | None = None
    crs: object = None
    bands: tuple[str, ...] = ()
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    time: datetime | str | None = None

    @property
    def stored(self) -> tuple[object, ...]:
        """How pixels are stored: type, nodata (text, as NaN is not equal to itself), scale, offset, time."""
        return self.data.dtype, str(self.nodata), self.scale, self.offset, str(self.time)


def _from_xarray(value: Any, place: Georeference) -> list[_Layers]:
    """Return the pixels of an xarray object with its CRS, transform and band names.

    Variables of a data set that are stored alike are one raster, others are one raster each: an array of all
    would have lost their scales and nodata values.

    Raises:
        UsageError: it has a dimension besides band, y and x, or several variables have one besides y and x.
        RuntimeMissingError: `rioxarray` is not installed.
    """
    from geoseg.api.xarrays import rioxarray  # noqa: PLC0415 - only for xarray objects

    rioxarray()
    if {"lat", "lon"} <= {*value.dims}:
        value = value.rename(lat="y", lon="x")
    if not {*value.dims} & {"x", "y", "longitude", "latitude"}:
        raise UsageError(
            f"the array has the dimensions {', '.join(map(str, value.dims))}; rename two to y and x"
        )
    crs, transform = value.rio.crs, _transform(value)
    if not hasattr(value, "data_vars"):
        return [_from_data_array(value, place, crs, transform, tuple(place.bands or ()))]
    layers = {str(name): item for name, item in value.data_vars.items() if value.rio.x_dim in item.dims}
    further = {
        name: dim
        for name, item in layers.items()
        for dim in item.dims
        if dim not in (value.rio.x_dim, value.rio.y_dim) and item.sizes[dim] > 1
    }
    if further and len(layers) == 1:
        (only,) = layers.values()
        return [_from_data_array(only, place, crs, transform, tuple(place.bands or ()))]
    if further:
        name, dim = next(iter(further.items()))
        raise UsageError(
            f"the variable {name} has the dimension {dim}; select one of it, for example "
            f"`dataset.isel({dim}=0)`"
        )
    names = tuple(place.bands or layers)
    if len(names) != len(layers):
        raise UsageError(f"`bands` names {counted(len(names), 'band')}, and the data set has {len(layers)}")
    each = [
        _from_data_array(item, place, crs, transform, (name,))
        for name, item in zip(names, layers.values(), strict=True)
    ]
    first = each[0]
    if any(item.stored != first.stored or item.data.ndim != 2 for item in each):
        return each
    whole = value[list(layers)].to_dataarray("band").transpose("band", value.rio.y_dim, value.rio.x_dim, ...)
    return [replace(first, data=whole.data, bands=names)] if whole.ndim == 3 else each


def _from_data_array(
    array: xarray.DataArray, place: Georeference, crs: object, transform: Affine, bands: tuple[str, ...]
) -> _Layers:
    """Return the pixels of a DataArray and what it states of them."""
    y, x = array.rio.y_dim, array.rio.x_dim
    time = array.coords["time"].values if "time" in array.coords else None
    array = array.squeeze([dim for dim in array.dims if dim not in (y, x) and array.sizes[dim] == 1])
    further = [str(dim) for dim in array.dims if dim not in (y, x)]
    if len(further) > 1:
        raise UsageError(
            f"the array has the dimensions {', '.join(map(str, array.dims))}; select one of "
            f"{further[0]}, for example `array.isel({further[0]}=0)`"
        )
    array = array.transpose(*further, y, x)
    if not bands:
        bands = _band_names(array, further)
    stored = {**array.encoding, **array.attrs}
    decoded = "scale_factor" in array.encoding and "scale_factor" not in array.attrs
    return _Layers(
        # Of dask, blocks are computed when they are written.
        array.data if array.chunks else array.to_numpy(),
        transform=transform,
        crs=crs,
        bands=bands,
        nodata=array.rio.nodata if place.nodata is None else place.nodata,
        scale=1.0 if decoded else float(np.ravel(stored.get("scale_factor", 1.0))[0]),
        offset=0.0 if decoded else float(np.ravel(stored.get("add_offset", 0.0))[0]),
        time=None if time is None or np.size(time) != 1 else str(np.ravel(time)[0])[:19],
    )


def _transform(value: Any) -> Affine:
    """Return the stored transform, or that of the coordinates where they differ: after a selection or a flip.

    Steps of coordinates are rounded, so that polygons would differ from those of the file in the last digit.

    Raises:
        UsageError: rows or columns are not evenly spaced.
    """
    for name in (value.rio.x_dim, value.rio.y_dim):
        if name in value.coords and value.sizes[name] > 2:
            steps = np.diff(value.coords[name].to_numpy().astype(float))
            if not np.allclose(steps, steps[0], rtol=1e-3):
                raise UsageError(
                    f"the coordinates {name} of the array are not evenly spaced; resample it first"
                )
    stored = Affine(*value.rio.transform(recalc=False)[:6])
    found = Affine(*value.rio.transform(recalc=True)[:6])
    ends = np.array([[0.0, 0.0], [value.sizes[value.rio.x_dim], value.sizes[value.rio.y_dim]]])
    apart = [
        np.array([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f]) for t in (stored, found) for x, y in ends
    ]
    limit = SAME_PLACE * np.abs([[found.a], [found.e]]).min()
    same = np.abs(np.subtract(apart[:2], apart[2:])).max() <= limit
    return stored if same else found


def _band_names(array: xarray.DataArray, further: Sequence[str]) -> tuple[str, ...]:
    """Return the band names of an array: its attribute `long_name`, or the texts of its band axis."""
    named = array.attrs.get("long_name")
    if isinstance(named, list | tuple):
        return tuple(str(name) for name in named)
    if not further:
        return (named,) if named else (str(array.name),) if array.name else ()
    values = array.coords[further[0]].values if further[0] in array.coords else np.array([])
    return tuple(str(name) for name in values) if values.dtype.kind in "UOT" else ()


def _write(layers: _Layers, folder: Path, place: Georeference) -> str:
    """Write an array to a GeoTIFF and return its path."""
    data, mask = layers.data, None
    if isinstance(data, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(data)
        mask = ~(hidden.any(axis=0) if hidden.ndim == 3 else hidden)
        data = data.data
    data = _storable(data)
    if data.ndim == 2:
        data = data[np.newaxis]
    if data.ndim != 3 or 0 in data.shape:
        raise UsageError(
            f"an array of shape {layers.data.shape} is not (height, width) or (bands, height, width)"
        )
    if data.dtype.name not in PLAIN:
        raise SceneError(
            f"pixels of type {data.dtype} cannot be read; convert them to one of {', '.join(sorted(PLAIN))}"
        )
    bands = layers.bands or tuple(place.bands or ())
    if bands and len(bands) != len(data):
        raise UsageError(f"`bands` names {counted(len(bands), 'band')}, and the array has {len(data)}")
    path = _new(folder, layers.time or place.time)
    nodata = layers.nodata if layers.nodata is not None else place.nodata
    if nodata is not None and data.dtype.kind in "iu" and not _fits(nodata, data.dtype):
        raise UsageError(
            f"`nodata={nodata}` is not a value of {data.dtype}; leave it out, or convert the array"
        )
    crs = layers.crs if layers.crs is not None else place.crs
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": data.shape[1],
        "width": data.shape[2],
        "count": len(data),
        "dtype": data.dtype.name,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "bigtiff": "if_safer",
        "nodata": nodata,
        "transform": layers.transform or affine_of(place.transform),
        "crs": None if crs is None else wkt_of("crs", crs),
    }
    with ExitStack() as stack:
        stack.enter_context(writing(path))
        stack.enter_context(rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True))
        with warnings.catch_warnings():
            # A map without georeference has a warning of geoseg's own.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = stack.enter_context(rasterio.open(path, "w", **profile))
        file.scales, file.offsets = (layers.scale,) * len(data), (layers.offset,) * len(data)
        for index, name in enumerate(bands, start=1):
            file.set_band_description(index, name)
        for rows in _stretches(data):
            window = ((rows.start, rows.stop), (0, data.shape[2]))
            file.write(np.asarray(data[:, rows]), window=window)
        if mask is not None:
            file.write_mask(mask)
    return str(path)


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    """Return an array in a type that files have, where no value changes: bool, float16 and int64 of numpy."""
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype == np.float16:
        return data.astype(np.float32)
    if data.dtype in (np.int64, np.uint64) and data.size:
        least, most = int(data.min()), int(data.max())
        for kind in (np.int32, np.uint32):
            if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
                return data.astype(kind)
    return data


def _stretches(data: NDArray[Any]) -> list[slice]:
    """Return the rows that are written at once: the rows of chunks of dask, else all."""
    chunks = getattr(data, "chunks", None)
    if chunks is None:
        return [slice(0, data.shape[1])]
    stops = np.cumsum(chunks[1]).tolist()
    return [slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    """Return whether an integer type has a value."""
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max and float(value).is_integer()


def _new(folder: Path, time: datetime | str | None) -> Path:
    """Return a new path in a folder; its name states the acquisition time, as names of products do."""
    stamp = ""
    if time is not None:
        try:
            moment = time if isinstance(time, datetime) else datetime.fromisoformat(str(time)[:26])
        except ValueError as error:
            raise UsageError(
                f"`time={time!r}` is not a time in ISO 8601, such as 2024-05-28T10:30:00"
            ) from error
        stamp = f"_{moment:%Y%m%dT%H%M%S}"
    number = sum(1 for _ in folder.glob("array*.tif")) + 1
    return folder / f"array{number}{stamp}.tif"
