"""Check what a raster or vector file names before GDAL opens it, because GDAL follows any name.

A file on this machine may name files on this machine, and nothing else. A file at an address may name other
addresses, and nothing on this machine. What is not understood is refused.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from posixpath import dirname, join, normpath
from xml.etree import ElementTree

from geoseg.errors import SceneReadError
from geoseg.files.bounded import check_beside, check_regular, check_within
from geoseg.files.inputs import is_dataset, local_files
from geoseg.files.network import needs_network, plain, shown
from geoseg.scenes.file_kinds import SQLITE, check_vector_kind, file_head, root_of
from geoseg.scenes.hdf5_references import check_hdf5
from geoseg.scenes.paths import fetch_text
from geoseg.scenes.sqlite_files import check_tables, needs_settling
from geoseg.scenes.subdatasets import subdataset_of

VRT_BYTES = 64 * 2**20
"""Most bytes of a VRT: a mosaic of 100,000 tiles has about 50 MiB."""

VRT_DEPTH = 8
"""Most VRTs inside each other; GDAL stops at 32 with an error that does not name the file."""

VRT_READS = 10_000_000
"""Most times that VRTs in each other name rasters: ten times those of a mosaic of 100,000 tiles of ten bands.
VRTs of ten names each, seven deep, reach it, and take 20 s for the smallest window."""

_ELEMENTS = 100
"""Most levels of elements; a warped VRT has about ten."""

_SIDE_BYTES = 16 * 2**20
"""Most bytes of a `.aux.xml`: attribute tables of 65,536 classes have about 10 MiB."""

_NAMES = frozenset({"sourcefilename", "sourcedataset", "srcdatasource", "dempath", "sourcedsn"})
"""Elements of a VRT whose text is the name of a dataset, in lower case (GDAL: VRT and OGR VRT formats)."""

_PLAIN = frozenset(
    "mdi description category srs srs_wkt layersrs targetsrs sourcesrs unittype unit f name".split()  # noqa: SIM905
)
"""Elements with text for people or with a CRS, which GDAL does not open."""

_KEYS = frozenset({"x_dataset", "y_dataset", "overview_file", "dataset_name"})
"""Metadata items whose value is the name of a dataset."""

_WITHIN = re.compile(r"/vsi(?:zip|tar|gzip|subfile)/")
_SYSTEM = re.compile(r"/vsi[a-z0-9_]+")
_FOR_USERS = frozenset({"/vsi7z", "/vsirar", "/vsimem"})
"""Further file systems of GDAL that a user may name, but no file."""

_ARCHIVES = frozenset({"/vsizip", "/vsitar", "/vsigzip", "/vsisubfile"})
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]+:(?![/\\]{1,2}[^/\\])")
_SOURCES = frozenset(
    {
        "netcdf",
        "hdf5",
        "hdf4",
        "hdf4_sds",
        "hdf4_eos",
        "hdf4_gr",
        "bag",
        "zarr",
        "gtiff_dir",
        "gtiff_dir:off",
        "nitf_im",
        "gpkg",
        "jp2openjpeg",
    }
)
"""Drivers of parts of files that a VRT may name."""


def check_local(name: str) -> None:
    """Check a file or part of a file on this machine, and all that it names.

    Args:
        name: as GDAL opens it.

    Raises:
        SceneReadError: it is a pipe or device, it names something over the network or something that is not
            known to be a file, it runs code, or it is damaged.
    """
    # What a prefix such as `vrt://` names, GDAL opens with any driver, as what a VRT names.
    depth = 0 if os.path.exists(name) or _WITHIN.match(name) else 1
    _check(name, {}, depth=depth, vector=False)


def check_remote(name: str, text: str) -> None:
    """Check a VRT at an address: it may not name files on this machine.

    Args:
        name: as GDAL opens it.
        text: of the VRT.

    Raises:
        SceneReadError: it names a file on this machine, runs code, or is damaged.
    """
    for source, relative in _named(name, text):
        absolute = joined(name, source) if relative else source
        if not needs_network(absolute):
            raise SceneReadError(
                f"{shown(name)} names {plain(source)}, a file on this machine, which a file at an address "
                "may not do; download it, and check what it names"
            )


def joined(name: str, relative: str) -> str:
    """Return GDAL's path of a name relative to the folder of another."""
    folder = dirname(name)
    if "://" in folder:
        scheme, _, rest = folder.partition("://")
        return f"{scheme}://{normpath(join(rest, relative))}"
    return normpath(join(folder, relative))


def _check(name: str, seen: dict[str, int], *, depth: int, vector: bool) -> int:
    """Check a name on this machine, and return how many files are read for it, each as often as it is named.

    Args:
        name: as GDAL opens it.
        seen: the files that were checked, and this number for each.
        depth: number of files that name it.
        vector: whether it is named by a VRT of OGR.
    """
    if name.lstrip().startswith("<"):
        raise SceneReadError(f"{plain(name)}: a description in place of a path is not supported; give a file")
    if depth > VRT_DEPTH:
        raise SceneReadError(f"{plain(name)}: more than {VRT_DEPTH} VRTs name each other; give the rasters")
    systems = set() if os.path.exists(name) else set(_SYSTEM.findall(name.lower()))
    if not systems <= _ARCHIVES | _FOR_USERS:
        other = ", ".join(sorted(systems - _ARCHIVES - _FOR_USERS))
        raise SceneReadError(f"{plain(name)}: {other} is not supported; give a file or an archive")
    reads = 0
    for file in local_files(name):
        if file not in seen:
            seen[file] = 1
            check_regular(file)
            check_beside(file)
            seen[file] = max(1, _check_file(file, seen, depth, vector=vector))
        reads += seen[file]
    if _WITHIN.match(name) and name.lower().endswith(".vrt"):
        reads += _check_names(name, fetch_text(name), seen, depth)
    if reads > VRT_READS:
        raise SceneReadError(
            f"{plain(name)} names rasters more than {VRT_READS:,} times over; give the rasters"
        )
    return reads


def _check_file(file: str, seen: dict[str, int], depth: int, *, vector: bool) -> int:
    """Check the contents of a file, and the metadata beside it; returns how many files it makes GDAL read."""
    reads = 0
    if os.path.isdir(file):
        _check_store(Path(file))
        return reads
    head = file_head(file)
    if depth and vector:
        check_vector_kind(file, head)
    elif depth and (head.startswith((b"{", b"[")) or ".gti." in file.lower()):
        raise SceneReadError(f"{file} is not a raster that a VRT may name; give the rasters")
    check_hdf5(Path(file))
    if head.startswith(SQLITE):
        check_tables(Path(file))
        if depth and needs_settling(Path(file)):
            raise SceneReadError(
                f"{file} has a write-ahead log, beside which GDAL writes to read it: close it in the program "
                "that has it open, or give the file itself in place of the VRT that names it"
            )
    elif kind := root_of(head):
        if kind in {"vrtdataset", "ogrvrtdatasource"}:
            text = _text(file, VRT_BYTES)
            reads += _check_names(file, text, seen, depth, vector=kind == "ogrvrtdatasource")
        elif depth and not vector:
            raise SceneReadError(f"{file} is not a raster that a VRT may name ({kind}); give the rasters")
    elif head.startswith(b"{") and b'"refs"' in head:
        raise SceneReadError(f"{file} lists parts of other files (Kerchunk), which geoseg does not follow")
    side = f"{file}.aux.xml"
    if os.path.isfile(side):
        reads += _check_names(side, _text(side, _SIDE_BYTES), seen, depth, only_keys=True)
    return reads


def _check_store(folder: Path) -> None:
    """Check the files of a folder; refuse a Zarr store that is a list of parts of other files."""
    check_within(folder, deep=is_dataset(folder))
    metadata = folder / ".zmetadata"
    if metadata.is_file() and b'"record_size"' in file_head(metadata):
        raise SceneReadError(f"{folder} lists parts of other files (Kerchunk), which geoseg does not follow")


def _text(file: str, most: int) -> str:
    """Return the text of a description."""
    if os.path.getsize(file) > most:
        raise SceneReadError(f"{file} has more than {most // 2**20} MiB, the limit for a description")
    return Path(file).read_text(encoding="utf-8", errors="replace")


def _check_names(
    name: str, text: str, seen: dict[str, int], depth: int, *, vector: bool = False, only_keys: bool = False
) -> int:
    """Check the names in a description on this machine, and return how many files are read for them."""
    reads = 0
    for source, relative in _named(name, text, only_keys=only_keys):
        where = f"{name} names {plain(source)}"
        if needs_network(source):
            raise SceneReadError(
                f"{where}, which is on the network; a file on this machine does not make geoseg go there: "
                "download what it names, or give the address itself"
            )
        if source.lstrip().startswith("<") or "file://" in source.lower():
            raise SceneReadError(f"{where}, which is not the path of a file; write the path of a file")
        beside = source if os.path.isabs(source) else joined(name, source)
        if not _is_file_name(beside if relative else source):
            raise SceneReadError(f"{where}, which is not known to be a file; give the raster or layer itself")
        # Whether a name is relative can be stated in ways that are not known here.
        paths = dict.fromkeys((beside, source))
        reads += max(_check(path, seen, depth=depth + 1, vector=vector) for path in paths)
    return reads


def _is_file_name(path: str) -> bool:
    """Return whether GDAL takes a name as that of a file, in an archive or as part of a file as well."""
    if os.path.exists(path):
        return True
    if systems := _SYSTEM.findall(path.lower()):
        return set(systems) <= _ARCHIVES
    if path.startswith("vrt://"):
        return _is_file_name(path.removeprefix("vrt://").split("?")[0])
    part = subdataset_of(path)
    if part is not None:
        return part.driver in _SOURCES and _is_file_name(part.file)
    return not _PREFIX.match(path)


def _named(name: str, text: str, *, only_keys: bool = False) -> list[tuple[str, bool]]:
    """Return the names of datasets in an XML description, and whether each is relative to its folder.

    Raises:
        SceneReadError: it runs code, or is not XML.
    """
    if "<!ENTITY" in text:
        raise SceneReadError(f"{shown(name)} declares entities of XML, which are not read; check the file")
    names = _Names(shown(name), only_keys=only_keys)
    parser = ElementTree.XMLParser(target=names)  # noqa: S314 - no entities
    try:
        parser.feed(text)
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        if only_keys and not any(key in text.lower() for key in _KEYS):
            return []  # GDAL ignores damaged metadata
        raise SceneReadError(f"{shown(name)} is not XML that can be read: {plain(error)}") from error
    return names.found


class _Names:
    """Target of an XML parser that keeps the names of datasets only, as GDAL reads them.

    GDAL compares elements without regard to case, takes an attribute for an element of that name, and takes
    the text of an element wherever it stands among its children.
    """

    def __init__(self, name: str, *, only_keys: bool) -> None:
        self.found: list[tuple[str, bool]] = []
        self._name, self._only_keys = name, only_keys
        self._open: list[tuple[str, dict[str, str], list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note an element."""
        lower = {key.lower(): value for key, value in attributes.items()}
        self._open.append((tag.rpartition("}")[2].lower(), lower, []))
        if len(self._open) > _ELEMENTS:
            raise SceneReadError(f"{self._name} is nested more than {_ELEMENTS} levels deep; check the file")

    def data(self, text: str) -> None:
        """Note a part of the text of the innermost element."""
        if self._open:
            self._open[-1][2].append(text)

    def end(self, _: str) -> None:
        """Keep the names in an element."""
        tag, attributes, parts = self._open.pop()
        text = "".join(parts).strip()
        if tag == "mdi":
            if attributes.get("key", "").lower() in _KEYS and text:
                self.found.append((text.removeprefix(":::BASE:::"), text.startswith(":::BASE:::")))
        elif not self._only_keys and tag not in _PLAIN:
            self._keep(tag, attributes, text)

    def _keep(self, tag: str, attributes: dict[str, str], text: str) -> None:
        """Keep the names in an element that GDAL interprets."""
        if tag == "srcsql" or "srcsql" in attributes:
            raise SceneReadError(f"{self._name} runs SQL, which geoseg does not; save its result as a file")
        for key, value in ((tag, text), *attributes.items()):
            if key == "pixelfunctionlanguage" and value.lower() == "python":
                raise SceneReadError(
                    f"{self._name} runs Python code, which geoseg never does; compute the raster"
                )
            if key in _NAMES and value:
                # GDAL reads `1`, `true`, `yes` and `on` as true.
                self.found.append((value, attributes.get("relativetovrt", "") in {"1", "true", "yes", "on"}))
            elif not key.startswith("{") and (needs_network(value) or "/vsi" in value.lower()):
                self.found.append((value, False))

    def close(self) -> None:
        """End the document."""
