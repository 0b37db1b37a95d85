"""What arrays of numpy do not state: place, band names, nodata and time, once for all arrays of a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Georeference:
    """What a plain array does not state; each field is for all arrays of a call."""

    transform: Affine | Sequence[float] | None = None
    """Affine transform from (column, row) to coordinates: an `Affine`, or its first six numbers."""
    crs: object = None
    """Anything that `pyproj.CRS.from_user_input` accepts."""
    bands: Sequence[str] | str | None = None
    """Band names such as green, nir, swir16, vv, in the order of the array's axis; a text is one."""
    nodata: float | None = None
    """Value of pixels that were not observed; NaN always is."""
    time: datetime | str | None = None
    """Acquisition time, UTC; text in ISO 8601."""

    def __post_init__(self) -> None:
        """Check what a caller may confuse.

        Raises:
            UsageError: `nodata` is not a number.
        """
        if isinstance(self.bands, str):
            object.__setattr__(self, "bands", (self.bands,))
        if self.nodata is not None and not isinstance(self.nodata, int | float | np.number):
            raise UsageError(f"`nodata={self.nodata!r}` is not a number")


def check_same_pixels(values: Mapping[str, object]) -> None:
    """Check that arrays of numpy have one height and width: `transform` is one for all arrays of a call.

    Args:
        values: inputs and options by name.

    Raises:
        UsageError: two arrays differ.
    """
    named = [(name, item.shape) for name, value in values.items() for item in _plain_arrays(value)]
    for name, shape in named[1:]:
        first, known = named[0]
        if shape[-2:] != known[-2:]:
            raise UsageError(
                f"`{name}` is an array of {shape[-2]} x {shape[-1]} pixels, and `{first}` of {known[-2]} x "
                f"{known[-1]}: NumPy arrays share one `transform`, so they must have the same size; pass the "
                "other one as an xarray array or a rasterio dataset, which have their own georeference"
            )


def _plain_arrays(value: object) -> Iterator[NDArray[Any]]:
    """Yield the rasters of numpy in a value."""
    if isinstance(value, np.ndarray) and value.ndim >= 2:
        yield value
    elif isinstance(value, list | tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _plain_arrays(item)


def affine_of(transform: Affine | Sequence[float] | None) -> Affine | None:
    """Return a transform.

    Raises:
        UsageError: it is not an affine transform, or its numbers are in the order of GDAL.
    """
    if transform is None:
        return None
    try:
        numbers = [float(number) for number in tuple(transform)[:6]]
        affine = Affine(*numbers)
    except (TypeError, ValueError) as error:
        raise UsageError(f"`transform={transform!r}` is not an Affine or its six numbers") from error
    # GDAL has the corner first: (x, width, 0, y, 0, -height).
    a, b, c, _, e, f = numbers
    if c == e == 0 and b and f and (a or affine.is_degenerate):
        raise UsageError(
            f"`transform={tuple(numbers)}` is in the order of GDAL; give `Affine.from_gdal(*transform)` of "
            "the package affine"
        )
    if affine.is_degenerate:
        raise UsageError(
            f"`transform={tuple(numbers)}` gives pixels no area; the first number is their width"
        )
    return affine


def wkt_of(name: str, crs: object) -> str:
    """Return a CRS, such as an EPSG code or a `pyproj.CRS`, as WKT.

    Args:
        name: of the argument, for messages.
        crs: anything that `pyproj.CRS.from_user_input` accepts.

    Raises:
        UsageError: it is not a CRS.
    """
    try:
        return str(CRS.from_user_input(crs).to_wkt())
    except CRSError as error:
        raise UsageError(f"`{name}={crs!r}` is not a coordinate reference system") from error
