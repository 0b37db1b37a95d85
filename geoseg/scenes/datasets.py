"""Open rasters with GDAL: the formats that are read, and the checks before and after opening.

Every raster that a user or a file of a user names is opened here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rasterio.env import ensure_env_with_credentials
from rasterio.io import DatasetReader

from geoseg.errors import SceneReadError
from geoseg.files.network import allow_network, needs_network, plain, shown
from geoseg.scenes.hdf5_copies import DRIVERS, local_copy
from geoseg.scenes.paths import fetch_text
from geoseg.scenes.references import check_local, check_remote
from geoseg.scenes.sqlite_files import raster_place
from geoseg.scenes.trial import try_file

FORMATS = (
    "GTiff", "COG", "LIBERTIFF", "VRT", "ENVI", "EHdr", "GenBin", "HFA", "PNG", "JPEG", "JPEGXL", "BMP",
    "GIF", "BIGGIF", "WEBP", "PNM", "AVIF", "HEIF", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID",
    "JP2Lura", "ECW", "MrSID", "netCDF", "HDF5", "HDF5Image", "HDF4", "HDF4Image", "BAG", "S102",
    "S104", "S111", "Zarr", "GRIB", "NITF", "SNAP_TIFF", "GPKG", "KEA", "AAIGrid", "GRASSASCIIGrid",
    "ISG", "AIG", "GSAG", "GSBG", "GS7BG", "SAGA", "RST", "RRASTER", "ILWIS", "RMF", "PCRaster", "XYZ",
    "ZMap", "GXF", "NWT_GRD", "NWT_GRC", "USGSDEM", "DTED", "SRTMHGT", "BT", "BYN", "HF2", "SIGDEM",
    "TGA", "SGI", "LAN", "ROI_PAC", "ISCE", "SNODAS", "GTX", "NTv2", "LCP", "Terragen", "Leveller",
)  # fmt: skip
"""GDAL's drivers for rasters: those whose files hold their pixels, or name the files beside them by the
rule of the format. Not among them: services and catalogues (WMS, WCS, WMTS, STACIT, STACTA, GTI, EEDAI),
formats whose text names any file (MRF, PDS4, DIMAP, TIL, ERS), databases, and memory (MEM)."""

RAW = frozenset({"ENVI", "EHdr", "GenBin"})
"""Drivers of bare pixels beside a header, which read what a file lacks as 0."""

_REMOTE_FORMATS = tuple(name for name in FORMATS if name != "VRT")


def open_dataset(path: str, driver: str | None = None, **options: Any) -> DatasetReader:
    """Open a raster for reading.

    Args:
        path: as GDAL opens it.
        driver: GDAL's name of the only driver to try; empty: all of `FORMATS`.
        options: open options of the driver.

    Raises:
        SceneReadError: the file is a pipe or device, names what it may not name, ends the library that reads
            it, or is at an address and the program is offline.
        RasterioError: it is not a raster that GDAL reads.
    """
    remote = needs_network(path)
    formats: tuple[str, ...] = FORMATS
    if remote:
        allow_network(path)
        if path.partition("?")[0].lower().endswith(".vrt"):
            check_remote(path, fetch_text(path))
        else:
            formats = _REMOTE_FORMATS
    else:
        check_local(path)
        try_file(path)
        path = raster_place(path)
        if path.startswith("/vsi") and not path.lower().endswith(".vrt"):
            formats = _REMOTE_FORMATS
    dataset: DatasetReader = _open(path, driver=[driver] if driver else list(formats), **options)
    if dataset.driver in DRIVERS and (remote or "/vsi" in path):
        dataset.close()
        return open_dataset(local_copy(path), driver=driver, **options)
    if dataset.driver in RAW and not remote and "/vsi" not in path:
        _check_size(dataset, path)
    named = dataset.tags(ns="OVERVIEWS").get("OVERVIEW_FILE", "").removeprefix(":::BASE:::")
    if named and (needs_network(named) or (remote and named.startswith("/"))):
        dataset.close()
        raise SceneReadError(f"{shown(path)} names overviews at {plain(named)}, which geoseg does not follow")
    return dataset


def _check_size(dataset: DatasetReader, path: str) -> None:
    """Check that a file of bare pixels has as many bytes as its header states.

    Raises:
        SceneReadError: it has fewer.
    """
    stated = dataset.tags(ns="ENVI")
    if stated.get("file_compression", "0").strip() not in {"", "0"}:
        return
    sizes = {"complex_int16": 4}
    item = sum(sizes.get(str(name)) or np.dtype(name).itemsize for name in dataset.dtypes)
    offset = stated.get("header_offset", "0").strip()
    needed = dataset.height * dataset.width * item + (int(offset) if offset.isdigit() else 0)
    size = Path(dataset.files[0]).stat().st_size
    if size < needed:
        dataset.close()
        raise SceneReadError(
            f"{plain(path)} has {size:,} bytes of the {needed:,} that its header states: it is incomplete, "
            "or the header is wrong; copy both again"
        )


# As rasterio.open does, which takes one driver only.
@ensure_env_with_credentials  # type: ignore[untyped-decorator]
def _open(path: str, **options: Any) -> DatasetReader:
    return DatasetReader(path, **options)
