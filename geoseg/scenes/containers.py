"""Files of several parts, and GDAL's names of parts: products of spectrometers, and arrays as bands."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from posixpath import dirname

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.arrays import is_array
from geoseg.scenes.contents import contents_of
from geoseg.scenes.paths import Listing, is_local
from geoseg.scenes.product import Asset, Product
from geoseg.scenes.raster import base_name
from geoseg.scenes.readers import SPECTROMETER_SUFFIXES
from geoseg.scenes.subdatasets import Subdataset, spelled

_SIGNATURE_HDF4 = b"\x0e\x03\x13\x01"
_ZARR = {".zgroup", ".zarray", "zarr.json"}
"""Files at the top of a Zarr store."""

_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Answers of a server without the file."""


def container_product(path: str) -> Product | None:
    """Return the product in a file or Zarr store of several parts; None for other rasters.

    Raises:
        SceneReadError: it is damaged, or GDAL has no driver for it.
        SceneError: it has no bands.
    """
    product = _spectrometer_product(path)
    if product is not None:
        return product
    if not is_array(path):
        _refuse_hdf4(path)
        return None
    remote_store = not is_local(path) and path.rstrip("/").lower().endswith(".zarr")
    name = spelled("zarr", path.rstrip("/"), "").rstrip(":/") if remote_store else path
    contents = None if remote_store and not _is_consolidated(path) else contents_of(name)
    if contents is None and remote_store:
        raise SceneReadError(
            f"{path.removeprefix('/vsicurl/')} is not a Zarr store that can be read at an address; it must "
            "be of version 2 and consolidated (zarr.consolidate_metadata)"
        )
    if contents is None:
        return None
    name = re.sub(r"\.\w+$", "", base_name(path.rstrip("/")))
    from geoseg.scenes.variables import variables_product  # noqa: PLC0415 - for arrays only

    return variables_product(path, contents, name)


def _is_consolidated(path: str) -> bool:
    """Return whether a server may have the metadata of a store; True for stores that are not asked by HTTP.

    GDAL asks for a dozen files one after another and waits for each of them: a server that does not answer
    is asked once instead. A server may refuse this request and not those of GDAL, which sends the user's
    headers (`GDAL_HTTP_HEADERS`).

    Raises:
        SceneReadError: the server cannot be reached, or does not answer in time.
    """
    if not path.startswith("/vsicurl/"):
        return True
    from urllib.error import HTTPError, URLError  # noqa: PLC0415 - for addresses only
    from urllib.request import Request  # noqa: PLC0415 - for addresses only

    from geoseg.files.web import read_web  # noqa: PLC0415 - for addresses only

    address = f"{path.removeprefix('/vsicurl/').rstrip('/')}/.zmetadata"
    try:
        read_web(Request(address))  # noqa: S310 - http(s) only
    except HTTPError as error:
        return error.code not in _ABSENT
    except URLError as error:
        raise SceneReadError(f"{address} cannot be reached: {error.reason}; check the address") from error
    return True


def _spectrometer_product(path: str, variable: str | None = None) -> Product | None:
    """Return the EMIT or PRISMA product in a file; None for other files.

    Args:
        path: the file.
        variable: the only variable of an EMIT granule that counts; None: any.
    """
    if not path.lower().endswith(SPECTROMETER_SUFFIXES):
        return None
    from geoseg.scenes import emit, prisma  # noqa: PLC0415 - for their files only

    found = emit.variable_of(path)
    if found is not None and variable in {None, found}:
        return emit.emit_product(path, emit.siblings(path))
    return prisma.prisma_product(path) if prisma.is_prisma(path) else None


def subdataset_product(path: str, part: Subdataset) -> Product:
    """Return the product of GDAL's name of a part.

    Parts of EMIT and PRISMA products stand for the whole product, which has the georeference.

    Raises:
        SceneReadError: the file does not exist, or has no such part.
        SceneError: its values are not bands.
    """
    if is_local(part.file) and not Path(part.file).exists():
        raise SceneReadError(f"{part.file} does not exist; check the path")
    product = (
        _spectrometer_product(part.file, part.variable) if part.variable else container_product(part.file)
    )
    if product is not None:
        return product
    name = re.sub(r"\.\w+$", "", base_name(part.file))
    if is_array(path):
        from geoseg.scenes.variables import variable_product  # noqa: PLC0415 - for arrays only

        return variable_product(path, part.variable, name)
    _refuse_hdf4(part.file)
    return Product(name=name, assets=(Asset(path=path),), hints=(name,))


def store_product(folder: Path) -> Product | None:
    """Return the product in the folder of a Zarr store; None for other folders.

    Raises:
        SceneReadError: the store is damaged.
        SceneError: it has no bands.
    """
    if not any((folder / name).is_file() for name in _ZARR):
        return None
    path = (
        str(folder)
        if folder.name.lower().endswith(".zarr")
        else spelled("zarr", str(folder), "").rstrip(":/")
    )
    found = container_product(path)
    if found is None:
        raise SceneReadError(f"the Zarr store {folder} cannot be read; write it again")
    return found


def assets_of(path: str) -> tuple[Asset, ...]:
    """Return the rasters of a file in a folder: the file, or its variables."""
    contents = contents_of(path) if is_array(path) else None
    if contents is None:
        return (Asset(path=path, optional=True),)
    from geoseg.scenes.variables import variables_product  # noqa: PLC0415 - for arrays only

    return variables_product(path, contents, base_name(path)).assets


def contained(files: Listing) -> Product | None:
    """Return the only product of several parts in a folder or archive; None if there is none.

    Raises:
        SceneError: there are several, or the product has no bands.
    """
    store = _store(files)
    if store is not None:
        return container_product(store)
    if not any(name.lower().endswith(SPECTROMETER_SUFFIXES) for name in files.names):
        return None
    from geoseg.scenes import emit, prisma  # noqa: PLC0415 - for their files only

    found = {name: emit.variable_of(files.path(name)) for name in files.names if name.lower().endswith(".nc")}
    granules = [name for name, variable in found.items() if variable in emit.SENSORS]
    layers = [name for name, variable in found.items() if variable in emit.LAYERS]
    cubes = [name for name in files.names if prisma.is_prisma(files.path(name))]
    products = granules + cubes
    if len(products) > 1:
        raise SceneError(
            f"{files.root} has {len(products)} products ({', '.join(products[:3])}); give one of them"
        )
    if granules or (layers and not cubes):
        beside = [files.path(name) for name in layers] if granules else []
        return emit.emit_product(files.path((granules or layers)[0]), beside)
    return prisma.prisma_product(files.path(cubes[0])) if cubes else None


def _store(files: Listing) -> str | None:
    """Return GDAL's path of the Zarr store in an archive or remote folder; None if there is none."""
    # The metadata of a store of version 2 are hidden files (`.zgroup`) and not listed: its name is used.
    tops = {found[0] for name in files.names if (found := re.match(r"(?:.*?/)?[^/]+\.zarr(?=/)", name))}
    tops |= {dirname(name) for name in files.names if base_name(name) == "zarr.json"}
    if not tops:
        return None
    top = min(tops, key=lambda folder: (folder.count("/") if folder else -1, folder))
    root = f"{files.root}/{top}" if top else files.root
    return root if root.lower().endswith(".zarr") else spelled("zarr", root, "").rstrip(":/")


def _refuse_hdf4(path: str) -> None:
    """Refuse HDF4 files if this GDAL does not read them.

    Raises:
        SceneReadError: the file is HDF4.
    """
    if not is_local(path) or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        signature = file.read(4)
    if signature == _SIGNATURE_HDF4 and contents_of(path) is None:
        raise SceneReadError(
            f"{path} is HDF4, which this GDAL does not read; convert it to GeoTIFF with "
            "`gdal_translate -sds` of a GDAL that does (libgdal-hdf4 of conda-forge, or gdal-bin of Debian)"
        )
