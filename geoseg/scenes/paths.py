"""Convert paths and addresses of users to GDAL's paths, and list the files of folders and archives."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

from geoseg.errors import SceneReadError
from geoseg.files.bounded import decoded, read_bytes, read_part
from geoseg.files.inputs import opened
from geoseg.files.network import shown
from geoseg.files.store_path import SCHEMES, object_path
from geoseg.files.web import read_web
from geoseg.scenes.tar import TAR_ERRORS, is_tar, long_members, members_of, open_tar

_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")

S3 = SCHEMES["s3"]
"""Prefix of GDAL's paths of objects of S3."""

STORES = (SCHEMES["gs"], SCHEMES["az"])
"""Prefixes of GDAL's paths of objects of other stores, whose folders and texts obstore reads."""

_SCHEMES = {
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
    **{f"{scheme}://": prefix for scheme, prefix in SCHEMES.items()},
}
RASTER_SUFFIXES = tuple(
    f".{end}"
    for end in "tif tiff jp2 vrt img png jpg jpeg bmp nc hdf h5 he5 dat bil bip bsq ntf".split()  # noqa: SIM905
)
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".kmz")
"""Suffixes of quicklooks, which are not bands."""

CONTAINERS = (".nc", ".hdf", ".h5", ".he5")
"""Suffixes of files that may hold a product in another format; beside other rasters they are left out."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def gdal_path(text: str) -> str:
    """Return GDAL's path of a path, URL or object address."""
    if text.startswith("file://"):
        return text.removeprefix("file://")
    for scheme, prefix in _SCHEMES.items():
        if text.lower().startswith(scheme):
            return prefix + text[len(scheme) :]
    return text


def is_local(path: str) -> bool:
    """Return True for a plain path of the local file system."""
    return not path.startswith("/vsi") and "://" not in path


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or archive."""

    root: str
    """GDAL's path of the folder or archive, without a slash at the end."""
    names: tuple[str, ...]
    """Relative paths of the files, sorted."""
    text: Callable[[str], str]
    """Reads the text of a file by its relative path."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """GDAL's paths of files that it does not find by root and name, by relative path."""

    def path(self, name: str) -> str:
        """Return GDAL's path of a file by its relative path."""
        return self.elsewhere.get(name, f"{self.root}/{name}")

    def name(self, path: str) -> str:
        """Return the relative path of a file by GDAL's path."""
        names = {there: name for name, there in self.elsewhere.items()}
        return names.get(path, path.removeprefix(f"{self.root}/"))


def listing(path: Path, *, deep: bool = True) -> Listing:
    """List a folder or a zip or tar archive; `deep` includes the files of subfolders.

    Raises:
        SceneReadError: it cannot be listed.
    """
    if path.is_file():
        opened(path)
    try:
        if path.is_dir():
            inside = path.rglob("*") if deep else path.iterdir()
            names = [str(item.relative_to(path)) for item in inside if item.is_file()]
            return Listing(root=str(path), names=_visible(names), text=lambda name: folder_text(path, name))
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
            return Listing(
                root=f"/vsizip/{path}", names=_visible(names), text=lambda name: _from_zip(path, name)
            )
        with open_tar(path) as bundle:
            members = [member for member in members_of(bundle, path) if member.isfile()]
    except SceneReadError:
        raise
    except (OSError, zipfile.BadZipFile, *TAR_ERRORS) as error:
        raise SceneReadError(f"{path} cannot be listed: {error}; check the path") from error
    names = [member.name.removeprefix("./") for member in members]
    return Listing(
        root=f"/vsitar/{path}",
        names=_visible(names),
        text=lambda name: _from_tar(path, name),
        elsewhere=long_members(path, members),
    )


def _visible(names: Iterable[str]) -> tuple[str, ...]:
    """Return relative paths in order, without hidden files and those that macOS adds to archives."""
    return tuple(
        sorted(
            name
            for name in names
            if not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
        )
    )


def is_archive(path: Path) -> bool:
    """Return True for a file with the contents of a zip or tar archive."""
    return path.is_file() and (zipfile.is_zipfile(path) or (path.suffix != ".vrt" and is_tar(path)))


def looks_like_raster(name: str, siblings: frozenset[str]) -> bool:
    """Return True for a file of a folder that is a raster by its suffix, or has an ENVI header."""
    lower = name.lower()
    if lower.endswith((".hdr", ".aux.xml", ".ovr", ".msk")):
        return False
    stem = lower.rsplit(".", 1)[0]
    return (
        lower.endswith(RASTER_SUFFIXES)
        or f"{lower}.hdr" in siblings
        or ("." in lower and f"{stem}.hdr" in siblings and not lower.endswith((".txt", ".xml", ".json")))
    )


def fetch_text(path: str) -> str:
    """Return the text of a local file, of a member of a local archive, or at an address (http(s), stores).

    Raises:
        SceneReadError: it cannot be read, has more than `TEXT_BYTES`, or declares XML entities.
    """
    if path.startswith(S3):
        from geoseg.scenes.objects import read_object  # noqa: PLC0415 - for objects of S3 only

        return _decoded(read_object(path), path)
    if path.startswith(STORES) and (item := object_path(path)):
        return _decoded(item.read_bytes(), path)
    address = path.removeprefix("/vsicurl/")
    try:
        if address.startswith(("http://", "https://")):
            return _decoded(read_web(Request(address)).content, path)  # noqa: S310 - http(s)
        for prefix, read in (("/vsizip/", _from_zip), ("/vsitar/", _from_tar)):
            if path.startswith(prefix):
                inner = Path(path.removeprefix(prefix))
                archive = next((item for item in inner.parents if item.is_file()), inner)
                return read(archive, inner.relative_to(archive).as_posix())
        file = Path(path)
        return folder_text(file.parent, file.name)
    except SceneReadError:
        raise
    except (OSError, URLError, KeyError, RuntimeError, zipfile.BadZipFile, *TAR_ERRORS) as error:
        raise SceneReadError(f"{path} cannot be read: {error}; check the path or address") from error


def _decoded(content: bytes, name: Path | str) -> str:
    """Return content as text, in the encoding of its byte order mark or XML declaration, else UTF-8.

    Raises:
        SceneReadError: it declares entities of XML, which no product does: they multiply or name other files;
            or it is JSON of another encoding, whose names would not be those of files and bands.
    """
    text = _in_its_encoding(content, name)
    # Not of the bytes: those of UTF-16 do not contain these.
    if "<!ENTITY" in text:
        raise SceneReadError(
            f"{shown(str(name))} declares entities of XML, which are not read; check the file"
        )
    return text


def _in_its_encoding(content: bytes, name: Path | str) -> str:
    """Return content as text, with marks in place of what is not of its encoding.

    Raises:
        SceneReadError: it is JSON, and neither UTF-8 nor UTF-16.
    """
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        if content.lstrip()[:1] in {b"{", b"["}:
            raise SceneReadError(
                f"{shown(str(name))} is not text in UTF-8 or UTF-16 ({error.reason} at byte {error.start}); "
                "save it as UTF-8"
            ) from error
    declared = _XML_ENCODING.match(content)
    try:
        return content.decode(declared[1].decode("ascii") if declared else "utf-8", errors="replace")
    except (LookupError, UnicodeError):
        # An unknown encoding, or one such as `idna` that replaces nothing.
        return content.decode(errors="replace")


def folder_text(path: Path, name: str) -> str:
    """Return the text of a file in a folder."""
    opened(path / name)
    return _decoded(read_bytes(path / name), path / name)


def _from_zip(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as archive, archive.open(name) as member:
        return _decoded(read_part(member, path / name), path / name)


def _from_tar(path: Path, name: str) -> str:
    with open_tar(path) as bundle:
        try:
            member = bundle.extractfile(name)
        except KeyError:
            member = bundle.extractfile(f"./{name}")
        return _decoded(read_part(member, path / name), path / name) if member else ""
