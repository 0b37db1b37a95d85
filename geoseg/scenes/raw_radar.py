"""Refuse Sentinel-1 products as delivered by ESA (GRD, SLC): neither calibrated nor on a map grid."""

from __future__ import annotations

import re
import warnings
from pathlib import PurePosixPath

import numpy as np
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from geoseg.errors import SceneError
from geoseg.scenes.datasets import open_dataset

# ESA, Sentinel-1 Product Specification (S1-RS-MDA-52-7441), section 3: names of products and of measurement
# files; the Registry of Open Data on AWS and the Planetary Computer name them `iw-vv.tiff`.
_PRODUCT = re.compile(r"^S1[A-D]_(IW|EW|SM|WV|S[1-6])_(RAW|SLC|GRD|OCN)[FHM_]_.*\.SAFE$", re.IGNORECASE)
_MEASUREMENT = re.compile(
    r"^(s1[a-d]-(iw|ew|wv|s[1-6])\d?-(grd|slc)-(vv|vh|hh|hv)-.*|(iw|ew|s[1-6])-(vv|vh|hh|hv))\.tiff?$",
    re.IGNORECASE,
)


def is_raw_name(name: str) -> bool:
    """Return True for the path of a Sentinel-1 product (`S1….SAFE`), or of a file in its `measurement`."""
    parts = PurePosixPath(name).parts
    products = [bool(_PRODUCT.match(part)) for part in parts]
    if "measurement" in parts:
        return any(products) or bool(_MEASUREMENT.match(parts[-1]))
    return bool(products) and products[-1]


def refuse_raw(path: str) -> None:
    """Refuse a file of a Sentinel-1 product, unless it is on a map grid and calibrated.

    Raises:
        SceneError: the file is as delivered by ESA.
    """
    name = PurePosixPath(path).name
    if is_raw_name(path) or (_MEASUREMENT.match(name) and not _processed(path)):
        raise raw_error(path)


def raw_error(where: str) -> SceneError:
    """Return the error for a raw product, with the processing that it needs."""
    return SceneError(
        f"{where} is a Sentinel-1 product that is neither calibrated nor on a map grid; "
        "process it to backscatter first (SNAP, pyroSAR or an RTC service) and give that GeoTIFF"
    )


def _processed(path: str) -> bool:
    """Return True for a raster with a CRS and float values, as calibrated backscatter has."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = open_dataset(path)
        with file:
            kinds = {np.dtype(name).kind for name in file.dtypes}
            return file.crs is not None and kinds == {"f"}
    except (RasterioIOError, TypeError):
        return False
