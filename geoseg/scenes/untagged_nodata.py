"""Fill values in files that state no nodata value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SENTINELS = (
    -9999.0, -32768.0, -99999.0, -10000.0, -28672.0, -32767.0, float(np.finfo(np.float32).min)
)  # fmt: skip
"""Usual nodata values of floats and signed integers without a nodata tag: of GDAL, MAJA (-10000), MODIS
and VIIRS (-28672), netCDF (-32767) and ArcGIS (the lowest float)."""
GREAT = 1e15
"""Size of floats from which they are nodata: 1e20, netCDF's 9.97e36, and the lowest float, often rounded."""
_OFTEN = 0.005
"""Share of a band from which one value may be nodata."""
_VALUES = 16
"""Least number of other values: masks and classes have fewer."""
_OFTEN_OF_BYTES = 0.05
"""Share of a band of 8 bits from which 255 may be nodata: contrast stretches saturate 1 to 2 % of pixels."""
_NEAR_BYTES = 246
_NEAR_SHARE = 0.01
"""Most pixels of 246..254 for each pixel of 255: bright clouds and roofs have more of them."""


def usual_nodata(values: NDArray[Any]) -> float | None:
    """Return the usual nodata value that a sample (n,) contains; None: there is none."""
    return next((value for value in SENTINELS if bool((values == value).any())), None)


def isolated_value(values: NDArray[Any]) -> float | None:
    """Return the lowest or highest value of a sample that is fill by the values themselves; None: neither is.

    Fill is one value of many pixels that is further from all others than these are from one another: 65535
    beside digital numbers up to 12,000, -99 beside backscatter in dB. In 8 bits there is no room for that:
    255 is fill where hardly any pixel is nearly as bright. 0 may be a value of one band; where all bands are
    0 is looked at elsewhere.

    Args:
        values: (n,) stored values, finite.
    """
    if not values.size:
        return None
    for extreme in (values.max(), values.min()):
        rest = values[values != extreme]
        many = values.size - rest.size
        if extreme == 0 or many < _OFTEN * values.size or not rest.size:
            continue
        low, high, value = float(rest.min()), float(rest.max()), float(extreme)
        far = values.dtype != np.uint8 and min(abs(value - low), abs(value - high)) > high - low
        if values.dtype == np.uint8 and value == np.iinfo(np.uint8).max:
            near = np.count_nonzero(rest >= _NEAR_BYTES)
            far = many >= _OFTEN_OF_BYTES * values.size and near < _NEAR_SHARE * many
        if far and len(np.unique(rest)) >= _VALUES:
            return value
    return None


def untagged_nodata(values: NDArray[Any], *, reflectance: bool) -> float | None:
    """Return the value of a sample of a band that is nodata without a tag; None: there is none.

    Args:
        values: (n,) stored values.
        reflectance: whether the band is reflectance.
    """
    kind = values.dtype.kind
    usual = usual_nodata(values) if kind in "fi" else None
    finite = values[np.isfinite(values)]
    if usual is not None or not finite.size:
        return usual
    lowest, highest = float(finite.min()), float(finite.max())
    great = max(lowest, highest, key=abs)
    if kind == "f" and abs(great) >= GREAT:
        return great
    # An index of floats, such as NDVI, may be -1.
    if (kind == "i" or reflectance) and lowest == -1.0 and float(np.mean(finite == -1)) >= _OFTEN:
        return -1.0
    return isolated_value(finite)
