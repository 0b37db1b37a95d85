"""The door of vector files: the formats that are read, and the checks before GDAL opens a file."""

from __future__ import annotations

import logging
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import check_beside, check_regular, check_within
from geoseg.files.network import gdal_closed, needs_network, plain
from geoseg.files.scratch import link, scratch_folder, scratching_besides_reading
from geoseg.messages import note
from geoseg.scenes.file_kinds import (
    HEAD,
    PIPELINE,
    SQLITE,
    VECTORS,
    check_vector_kind,
    file_head,
    root_of,
    unknown_vector,
)
from geoseg.scenes.references import check_local
from geoseg.scenes.sqlite_files import settled
from geoseg.spec.band_names import few_names

LOG = logging.getLogger(__name__)

_MEMBER_ROOTS = frozenset({"kml", "gpx", "featurecollection"})
"""First elements of XML that is read from a ZIP, such as a KMZ."""

_MOST_MEMBERS = 10_000

_GML_ROOT = "featurecollection"

_SCHEMAS = frozenset({".xsd", ".gfs"})
"""Suffixes of schemas beside a GML file."""


@contextmanager
def reading_vector(path: Path | str) -> Iterator[Path | str]:
    """Check a vector file, and keep GDAL off the network in the block; yields the path to be read.

    That is the file itself, a copy of a GeoPackage that another program has open (`sqlite_files.settled`), or
    a link to a GML file.

    Vector files are on this machine; a GeoJSON can name a CRS at an address, which GDAL would ask for.

    Raises:
        SceneReadError: as `check_vector`.
    """
    check_vector(path)
    with settled(Path(path)) as whole, _aside(whole) as place, _off_the_network():
        # Names that are no paths of files, such as members of archives, stay as they are.
        yield path if place == Path(path) else place


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Yield the place of a file by which GDAL writes nothing beside it: of GML, a link in a scratch folder.

    Beside a GML file without a schema, GDAL writes the schema that it found (`.gfs`). Schemas that are there
    are linked too: a file names its own, which may have any name.

    Raises:
        OutputError: the folder for temporary files is full.
    """
    if not path.is_file() or root_of(file_head(path)) != _GML_ROOT:
        yield path
        return
    with scratch_folder() as folder, scratching_besides_reading(folder):
        beside = [item for item in path.absolute().parent.iterdir() if item.suffix.lower() in _SCHEMAS]
        for item in (path.absolute(), *beside[:_MOST_MEMBERS]):
            link(item, folder / item.name)
        yield folder / path.name


@contextmanager
def _off_the_network() -> Iterator[None]:
    """Keep the GDAL of pyogrio off the network in the block."""
    import pyogrio  # noqa: PLC0415 - vector files only

    options = gdal_closed()
    # The variables of `close_gdal` are not options to return to.
    found = {name: pyogrio.get_gdal_config_option(name) for name in options}
    before = {name: None if value == options[name] else value for name, value in found.items()}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def layer_of(path: Path | str, file: Path | str, preferred: str = "", *, polygons: bool = False) -> str:
    """Return the layer of a vector file that is read: the first with geometries; a note names it of several.

    Args:
        path: for messages.
        file: from `reading_vector`.
        preferred: a layer that is read where the file has it.
        polygons: whether polygons are needed: the first layer that has any is read.

    Raises:
        SceneError: the file has no layer, or of several none has the polygons that are needed.
    """
    import pyogrio  # noqa: PLC0415 - vector files only

    kinds = {str(name): geometry for name, geometry in pyogrio.list_layers(file)}
    if not kinds:
        raise SceneError(f"{path} has no layer; give a {VECTORS}")
    if preferred in kinds:
        return preferred
    if len(kinds) > 1 and pyogrio.read_info(file, layer=next(iter(kinds)))["driver"] == "ESRI Shapefile":
        # GDAL lists the shapefiles of a folder or ZIP as the disk does.
        kinds = dict(sorted(kinds.items()))
    layers = [name for name, geometry in kinds.items() if geometry is not None] or list(kinds)
    if len(layers) == 1:
        return layers[0]
    all_names = few_names(layers, 12)
    chosen: str | None = layers[0]
    if polygons:
        chosen = next((name for name in layers if _has_polygons(file, name, str(kinds[name]))), None)
    if chosen is None:
        raise SceneError(
            f"{path} has the layers {all_names}, and none holds polygons; give a layer of polygons"
        )
    note(
        LOG,
        f"{path} has the layers {all_names}: {chosen} is read; for another one, give a file that has only "
        "that layer",
    )
    return chosen


def _has_polygons(file: Path | str, layer: str, geometry: str) -> bool:
    """Return whether a layer has polygons; the features of a layer of any kind are read."""
    import pyogrio.raw  # noqa: PLC0415 - vector files only
    import shapely  # noqa: PLC0415 - vector files only

    if geometry.startswith(("Point", "MultiPoint", "LineString", "MultiLineString")):
        return False
    if "Polygon" in geometry:
        return bool(pyogrio.read_info(file, layer=layer, force_feature_count=True)["features"])
    _, _, wkb, _ = pyogrio.raw.read(file, layer=layer, columns=[], force_2d=True)
    parts = shapely.get_parts(shapely.get_parts(shapely.from_wkb(wkb if wkb is not None else [])))
    return bool(((shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)).any())


def crs_of(path: Path, text: str | None) -> CRS | None:
    """Return the CRS that a layer states; None: it has none.

    Raises:
        SceneError: it cannot be read.
    """
    try:
        crs = CRS.from_user_input(text) if text else None
    except CRSError as error:
        raise SceneError(f"{path}: the CRS {text!r} cannot be read: {error}") from error
    # A GeoPackage without a CRS has an "undefined" Cartesian or geographic CRS.
    return None if crs is None or crs.is_engineering or "ndefined" in crs.name else crs


def check_vector(path: Path | str) -> None:
    """Check that a path is a vector file of a known format on this machine, and what it names.

    Raises:
        SceneReadError: it is missing, a pipe or device, or of another format; or it holds queries or
            commands, or names something over the network.
    """
    name = str(path)
    if needs_network(name) or "://" in name or re.match(r"https?:/", name):
        raise SceneReadError(f"{plain(name)}: vector files are read from this machine; download it first")
    if name.startswith("/vsi"):
        check_local(name)
        return
    if not os.path.exists(name):
        raise SceneReadError(f"{plain(name)} does not exist; check the path")
    check_regular(name)
    place = Path(name)
    if place.is_dir():
        if place.suffix.lower() != ".gdb" and not any(place.glob("*.shp")):
            raise unknown_vector(name)
        check_within(place, deep=False)
        return
    check_beside(name)
    head = file_head(place)
    check_vector_kind(name, head)
    if head.startswith(b"PK"):
        _check_members(place)
    else:
        check_local(name)


def _check_members(path: Path) -> None:
    """Check the members of a ZIP by their first bytes: GDAL opens a single member by its content.

    Raises:
        SceneReadError: a member is not of a format that is read from a ZIP.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            if len(members) > _MOST_MEMBERS:
                raise SceneReadError(f"{path} has more than {_MOST_MEMBERS:,} members; give one layer")
            if any(item.filename.lower().endswith(".shp") for item in members):
                # Of a folder with shapefiles, GDAL opens nothing else.
                members = [item for item in members if item.filename.lower().endswith((".shp", ".dbf"))]
            for item in members:
                with archive.open(item) as member:
                    head = member.read(HEAD).lstrip()
                kind = root_of(head)
                refused = head.startswith((SQLITE, b"PK")) or (kind and kind not in _MEMBER_ROOTS)
                if refused or PIPELINE in head:
                    raise SceneReadError(f"{path}: {plain(item.filename)} is not read from a ZIP; unpack it")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        if isinstance(error, SceneReadError):
            raise
        raise SceneReadError(f"{path} is not a ZIP that can be read ({plain(error)}); unpack it") from error
