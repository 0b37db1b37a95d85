"""Folders at addresses: prefixes of S3, and pages by which HTTP servers list a directory."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from geoseg.errors import SceneReadError
from geoseg.scenes.objects import PREFIX, list_objects
from geoseg.scenes.paths import ARCHIVES, RASTER_SUFFIXES, Listing, fetch_text

HTTP = "/vsicurl/"
PAGES = 60
"""Pages that are read of one directory with all below it."""

_UNLISTED = ("/vsigs/", "/vsiaz/", "/vsiadls/", "/vsioss/", "/vsiswift/")

_FILES = (*RASTER_SUFFIXES, *ARCHIVES, ".zarr", ".nc4", ".hdf5", ".json", ".geojson", ".xml", ".txt", ".gz")


def may_be_folder(path: str) -> bool:
    """Whether a remote path is spelled as that of a folder: without suffix of a file, and without query."""
    last = path.rsplit("/", 1)[-1].lower()
    remote = path.startswith((PREFIX, HTTP, *_UNLISTED))
    return remote and "?" not in path and not last.endswith(_FILES)


def is_listed(path: str) -> bool:
    """Whether folders of a remote path's protocol can be listed."""
    return path.startswith((PREFIX, HTTP))


def remote_listing(path: str) -> Listing | None:
    """List a remote folder (its own files and those below); None where nothing lists it, or it is empty.

    Args:
        path: as GDAL opens it, `/vsis3/…` or `/vsicurl/http…`.

    Raises:
        SceneReadError: the server cannot be reached, or does not let it be listed.
    """
    root = path.rstrip("/")
    if root.startswith(PREFIX):
        names = list_objects(root)
    elif root.startswith(HTTP):
        names = _in_pages(root.removeprefix(HTTP) + "/")
    else:
        return None
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    if not names:
        return None
    return Listing(root=root, names=tuple(sorted(names)), text=lambda name: fetch_text(f"{root}/{name}"))


def _in_pages(url: str) -> list[str]:
    """Return the files that the page of a directory links to; without rasters there, those below it too."""
    files: list[str] = []
    waiting, read = [""], 0
    while waiting:
        folder = waiting.pop(0)
        links = _links(url + folder)
        read += 1
        files += [folder + link for link in links if not link.endswith("/")]
        deeper = [folder + link for link in links if link.endswith("/")]
        if not folder and any(link.lower().endswith(RASTER_SUFFIXES) for link in links):
            return files
        waiting += deeper
        if read >= PAGES and waiting:
            raise SceneReadError(f"{url} holds more than {PAGES} folders; give the folder of one product")
    return files


def _links(url: str) -> list[str]:
    """Return what a page links to directly below its own address; empty where there is no such page."""
    try:
        with urlopen(Request(url), timeout=30) as answer:  # noqa: S310 - the scheme was checked
            if "html" not in answer.headers.get("Content-Type", ""):
                return []
            # Servers send a directory without its slash to the one with it.
            base, text = answer.geturl(), answer.read().decode("utf-8", errors="replace")
    except HTTPError as error:
        if error.code in {401, 403, 404, 405}:
            return []
        raise SceneReadError(f"{url} cannot be read: {error}; check the address") from error
    except (URLError, OSError) as error:
        raise SceneReadError(f"{url} cannot be reached: {error}; check the address") from error
    parser = _Anchors()
    parser.feed(text)
    found = []
    for href in parser.hrefs:
        address = urljoin(base, href)
        rest = address.removeprefix(base)
        plain = rest != address and rest and not urlsplit(address).query and "#" not in rest
        if plain and "/" not in rest.rstrip("/") and PurePosixPath(rest).name not in {"", ".", ".."}:
            found.append(rest)
    return list(dict.fromkeys(found))


class _Anchors(HTMLParser):
    """Collects where a page's links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a link."""
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
