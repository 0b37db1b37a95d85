"""Documents of STAC: items, item collections and catalogues, read from files and addresses.

`FILE.json#ID` names the item ID of an item collection, and `.../collections/C/items/ID` is the address of
an item of an API (OGC API - Features, part 1).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urljoin

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.network import shown
from geoseg.scenes.paths import fetch_text, gdal_path, is_local
from geoseg.scenes.references import joined

Table = dict[str, JsonValue]
_TABLE = TypeAdapter(Table)
_OF_API = re.compile(r"/collections/[^/]+/items/[^/?#]+/?(\?[^#]*)?$")
_JSON = (".json", ".geojson")


def is_item_name(path: str) -> bool:
    """Return whether a path or address is that of a STAC item by its form."""
    document, _ = split_name(path)
    if document.lower().partition("?")[0].endswith(_JSON):
        return True
    return not is_local(document) and _OF_API.search(document) is not None


def split_name(path: str) -> tuple[str, str | None]:
    """Return the document of `FILE.json#ID`, and the name of the item; None: the document is the item."""
    document, mark, name = path.rpartition("#")
    if not mark or not name or not document.lower().partition("?")[0].endswith(_JSON):
        return path, None
    if is_local(path) and Path(path).exists():
        return path, None
    return document, unquote(name)


def read_document(path: str) -> Table:
    """Return a document.

    Args:
        path: GDAL's path.

    Raises:
        SceneReadError: it cannot be read or is not a JSON object.
    """
    try:
        return _TABLE.validate_json(fetch_text(path))
    except ValidationError as error:
        raise SceneReadError(f"{shown(path)} is not a JSON object; give a STAC item or a raster") from error


def read_item(path: str) -> tuple[Table, str]:
    """Return a STAC item, and GDAL's path of its document, to which relative addresses of assets refer.

    Raises:
        SceneReadError: the document cannot be read.
        SceneError: it is not an item, or is a collection of several and the path names none of them.
    """
    document, name = split_name(path)
    table = read_document(document)
    if table.get("type") != "FeatureCollection":
        _check_item(table, document, name)
        return table, document
    items = [item for item in array_of(table.get("features")) if isinstance(item, dict)]
    found = items if name is None else [item for item in items if item.get("id") == name]
    if not found or (name is None and len(items) > 1):
        names = ", ".join(str(item.get("id")) for item in items[:3]) + (", …" if len(items) > 3 else "")
        what = f"has no item {name}" if name else f"is a collection of {len(items)} STAC items"
        raise SceneError(
            f"{shown(document)} {what} ({names}); give one of them as {shown(document)}#ID, or map all of "
            "them with `geoseg batch`"
        )
    _check_item(found[0], document, None)
    return found[0], document


def holds_items(path: str) -> bool:
    """Return whether a local file is a STAC item or a collection of items, which are GeoJSON too.

    Raises:
        SceneReadError: a JSON file cannot be read or is not a JSON object.
    """
    if not path.lower().endswith(_JSON):
        return False
    table = read_document(path)
    items = array_of(table.get("features")) if table.get("type") == "FeatureCollection" else [table]
    return any(isinstance(item, dict) and "assets" in item for item in items)


def _check_item(table: Table, document: str, name: str | None) -> None:
    if table.get("type") != "Feature" or "assets" not in table:
        kind = table.get("type") or "unknown"
        raise SceneError(
            f"{shown(document)} is not a STAC item (its type is {json.dumps(kind)}); give one item of the "
            "catalogue"
        )
    if name is not None and table.get("id") != name:
        raise SceneError(f"{shown(document)} is the item {table.get('id')}, not {name}; check the name")


def absolute(href: str, document: str) -> str:
    """Return GDAL's path of an address in a document; a relative one is relative to the document.

    Args:
        href: as the document has it.
        document: GDAL's path.
    """
    if href.startswith("/vsi") or "://" in href:
        return gdal_path(href)
    if is_local(document):
        return href if href.startswith("/") else normpath(join(dirname(document), href))
    if "://" in document:
        return gdal_path(urljoin(document.removeprefix("/vsicurl/"), href))
    return joined(document, href.lstrip("/"))


def table_of(value: JsonValue) -> Table:
    """Return a JSON object; empty if the value is not one."""
    return value if isinstance(value, dict) else {}


def array_of(value: JsonValue) -> list[JsonValue]:
    """Return a JSON array; empty if the value is not one."""
    return value if isinstance(value, list) else []
