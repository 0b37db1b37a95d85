"""The parts of a file of several parts, as GDAL lists them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from geoseg.files.network import needs_network
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.subdatasets import spelled, subdataset_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Contents of a file of several parts."""

    driver: str
    """GDAL's name of the driver, such as `netCDF`."""
    count: int
    """Number of bands of the file itself."""
    tags: Mapping[str, str]
    """Metadata of the file, keys in lower case."""
    parts: Mapping[str, str]
    """GDAL's name of each part, by the part's own name."""


def contents_of(path: str, driver: str | None = None) -> Contents | None:
    """Return the contents of a file; None if GDAL (or that driver of it) does not open it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = open_dataset(path, driver=driver)
        with file:
            parts = {}
            for name in file.subdatasets:
                part = subdataset_of(name)
                # rasterio drops the quotes, without which GDAL does not find files at addresses.
                if part is not None and part.driver in {"netcdf", "hdf5", "zarr"}:
                    # A file in an archive or at an address is opened in a copy, and keeps its name.
                    own = path if path.startswith("/vsi") else part.file
                    name = spelled(part.driver, own, part.variable)  # noqa: PLW2901
                # A list of parts in a file on this machine does not lead to the network.
                if needs_network(path) or not needs_network(name):
                    parts[part.variable if part else name] = name
            tags = {key.lower(): value for key, value in file.tags().items()}
            return Contents(driver=file.driver, count=file.count, tags=tags, parts=parts)
    except RasterioIOError:
        return None
