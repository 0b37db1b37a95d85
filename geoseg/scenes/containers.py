"""Files of several parts, and GDAL's names of parts: spectrometers' products, and arrays as bands."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes import emit, prisma
from geoseg.scenes.arrays import is_array
from geoseg.scenes.paths import Listing, is_local
from geoseg.scenes.product import Asset, Product
from geoseg.scenes.raster import base_name
from geoseg.scenes.subdatasets import Subdataset, contents_of, spelled
from geoseg.scenes.variables import variable_product, variables_product

_SIGNATURE_HDF4 = b"\x0e\x03\x13\x01"
_ZARR = {".zgroup", ".zarray", "zarr.json"}
"""Files at the top of a Zarr store."""


def container_product(path: str) -> Product | None:
    """Return what a file or Zarr store of several parts holds; None for a raster of its own.

    Raises:
        SceneReadError: it is damaged, or GDAL has no driver for it.
        SceneError: it holds no bands.
    """
    if emit.variable_of(path) is not None:
        return emit.emit_product(path, emit.siblings(path))
    if prisma.is_prisma(path):
        return prisma.prisma_product(path)
    if not is_array(path):
        _refuse_hdf4(path)
        return None
    remote_store = not is_local(path) and path.rstrip("/").lower().endswith(".zarr")
    contents = contents_of(spelled("zarr", path.rstrip("/"), "").rstrip(":/") if remote_store else path)
    if contents is None and remote_store:
        raise SceneReadError(
            f"{path.removeprefix('/vsicurl/')} is no Zarr store that can be read at an address; it must be "
            "of version 2 and consolidated (zarr.consolidate_metadata)"
        )
    if contents is None:
        return None
    name = re.sub(r"\.\w+$", "", base_name(path.rstrip("/")))
    return variables_product(path, contents, name)


def subdataset_product(path: str, part: Subdataset) -> Product:
    """Return what GDAL's name of a part stands for.

    Parts of EMIT's and PRISMA's products stand for the whole product, which alone says where they lie.

    Raises:
        SceneReadError: the file does not exist, or has no such part.
        SceneError: its values are no bands.
    """
    if is_local(part.file) and not Path(part.file).exists():
        raise SceneReadError(f"{part.file} does not exist; check the path")
    if not part.variable:
        found = container_product(part.file)
        if found is not None:
            return found
    if emit.variable_of(part.file) == part.variable or prisma.is_prisma(part.file):
        whole = container_product(part.file)
        if whole is not None:
            return whole
    name = re.sub(r"\.\w+$", "", base_name(part.file))
    if is_array(path):
        return variable_product(path, part.variable, name)
    _refuse_hdf4(part.file)
    return Product(name=name, assets=(Asset(path=path),), hints=(name,))


def is_store(folder: Path) -> bool:
    """Whether a folder is a Zarr store, by what is at its top."""
    return any((folder / name).is_file() for name in _ZARR)


def store_product(folder: Path) -> Product:
    """Return what a Zarr store holds.

    Raises:
        SceneReadError: it is damaged.
        SceneError: it holds no bands.
    """
    path = (
        str(folder)
        if folder.name.lower().endswith(".zarr")
        else spelled("zarr", str(folder), "").rstrip(":/")
    )
    found = container_product(path)
    if found is None:
        raise SceneReadError(f"{folder} is a Zarr store that cannot be read; write it again")
    return found


def assets_of(path: str) -> tuple[Asset, ...]:
    """Return the rasters of a file that was found in a folder: itself, or its variables."""
    contents = contents_of(path) if is_array(path) else None
    if contents is None:
        return (Asset(path=path, spare=True),)
    return variables_product(path, contents, base_name(path)).assets


def contained(files: Listing) -> Product | None:
    """Return the one product of several parts in a folder or archive; None where there is none.

    Raises:
        SceneError: there are several, or it holds no bands.
    """
    store = _store(files)
    if store is not None:
        return container_product(store)
    found = {name: emit.variable_of(files.path(name)) for name in files.names if name.lower().endswith(".nc")}
    granules = [name for name, variable in found.items() if variable in emit.SENSORS]
    layers = [name for name, variable in found.items() if variable in emit.LAYERS]
    cubes = [name for name in files.names if prisma.is_prisma(files.path(name))]
    whole = granules + cubes
    if len(whole) > 1:
        raise SceneError(
            f"{files.root} holds {len(whole)} products ({', '.join(whole[:3])}); give one of them"
        )
    if granules or (layers and not cubes):
        beside = [files.path(name) for name in layers] if granules else []
        return emit.emit_product(files.path((granules or layers)[0]), beside)
    return prisma.prisma_product(files.path(cubes[0])) if cubes else None


def _store(files: Listing) -> str | None:
    """Return the Zarr store that an archive or remote folder holds, as GDAL opens it; None: there is none."""
    # What describes a store of version 2 is hidden (`.zgroup`) and not listed: its name tells.
    tops = {found[0] for name in files.names if (found := re.match(r"(?:.*?/)?[^/]+\.zarr(?=/)", name))}
    tops |= {dirname(name) for name in files.names if base_name(name) == "zarr.json"}
    if not tops:
        return None
    top = min(tops, key=lambda folder: (folder.count("/") if folder else -1, folder))
    root = f"{files.root}/{top}" if top else files.root
    return root if root.lower().endswith(".zarr") else spelled("zarr", root, "").rstrip(":/")


def _refuse_hdf4(path: str) -> None:
    """Refuse HDF4, which GDAL of Python wheels does not read.

    Raises:
        SceneReadError: the file is HDF4.
    """
    if not is_local(path) or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        signature = file.read(4)
    if signature == _SIGNATURE_HDF4 and contents_of(path) is None:
        raise SceneReadError(
            f"{path} is HDF4, which this GDAL does not read; make GeoTIFFs of it with a GDAL that does "
            "(conda-forge's libgdal-hdf4, or Debian's gdal-bin): gdal_translate -sds"
        )
