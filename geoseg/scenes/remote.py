"""List folders at addresses: prefixes of stores, and directory pages of HTTP servers."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request

from geoseg.errors import SceneReadError
from geoseg.files.store_path import object_path
from geoseg.files.web import read_web
from geoseg.scenes.paths import ARCHIVES, RASTER_SUFFIXES, S3, STORES, Listing, fetch_text

HTTP = "/vsicurl/"
PAGES = 60
"""Greatest number of directory pages that are read for one listing."""

_UNLISTED = ("/vsiadls/", "/vsioss/", "/vsiswift/")

_FILES = (*RASTER_SUFFIXES, *ARCHIVES, ".zarr", ".nc4", ".hdf5", ".json", ".geojson", ".xml", ".txt", ".gz")


def may_be_folder(path: str) -> bool:
    """Return True for a remote path without the suffix of a file and without a query."""
    last = path.rsplit("/", 1)[-1].lower()
    remote = path.startswith((S3, HTTP, *STORES, *_UNLISTED))
    return remote and "?" not in path and not last.endswith(_FILES)


def is_listed(path: str) -> bool:
    """Return True if folders can be listed with the protocol of a remote path."""
    return path.startswith((S3, HTTP, *STORES))


def remote_listing(path: str) -> Listing | None:
    """List a remote folder with its subfolders; None if it is empty or its server does not list it.

    Args:
        path: GDAL's path, `/vsis3/…`, `/vsigs/…`, `/vsiaz/…` or `/vsicurl/http…`.

    Raises:
        SceneReadError: the server cannot be reached or refuses the request.
        RuntimeMissingError: the store needs obstore, which is not installed.
    """
    root = path.rstrip("/")
    if root.startswith(S3):
        from geoseg.scenes.objects import list_objects  # noqa: PLC0415 - for objects of S3 only

        names = list_objects(root)
    elif root.startswith(STORES) and (folder := object_path(root)):
        from geoseg.files import stores  # noqa: PLC0415 - needs obstore
        from geoseg.scenes.objects import MOST  # noqa: PLC0415 - the same limit

        names = stores.list_objects(folder, most=MOST)
    elif root.startswith(HTTP):
        names = _in_pages(root.removeprefix(HTTP) + "/")
    else:
        return None
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    if not names:
        return None
    return Listing(root=root, names=tuple(sorted(names)), text=lambda name: fetch_text(f"{root}/{name}"))


def _in_pages(url: str) -> list[str]:
    """Return the files that a directory page links to; if there are no rasters, also those of subfolders.

    Raises:
        SceneReadError: there are more than `PAGES` folders, or the server cannot be reached.
    """
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
            raise SceneReadError(f"{url} has more than {PAGES} folders; give the folder of one product")
    return files


def _links(url: str) -> list[str]:
    """Return the links of a page to addresses directly below its own; empty if there is no such page."""
    try:
        answer = read_web(Request(url))  # noqa: S310 - http(s) only
        if "html" not in answer.kind:
            return []
        # Servers redirect a directory without a final slash to the address with it.
        base, text = answer.address, answer.content.decode("utf-8", errors="replace")
    except SceneReadError:
        raise
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
    """Collect the addresses of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a link."""
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
