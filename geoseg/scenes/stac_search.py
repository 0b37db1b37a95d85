"""Find STAC items: by the search of an API, or by reading a catalogue, a collection or an item collection.

A static catalogue has no search, and an API need not know every condition; so all conditions are applied
here to every item, and an API is asked for those that it says it knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import shapely

from geoseg.errors import SceneError
from geoseg.files.network import shown
from geoseg.scenes.paths import gdal_path, is_local
from geoseg.scenes.stac_api import items_of_api
from geoseg.scenes.stac_catalogue import walk
from geoseg.scenes.stac_documents import Table, array_of, read_document, table_of
from geoseg.scenes.stac_items import FoundItem, fits, item_of, own_address
from geoseg.spec.stac_search import StacSearchSpec

MOST = 200_000
"""Greatest number of items that are looked at."""


def search_items(search: StacSearchSpec, area: shapely.Geometry | None = None) -> list[FoundItem]:
    """Return the items of a search, in the order in which the server or the catalogue has them.

    Args:
        search: with an address.
        area: in degrees (WGS 84); only items that intersect it. None: everywhere.

    Raises:
        SceneReadError: the server cannot be reached, or a document cannot be read.
        SceneError: the address is neither an API nor a document of STAC.
        RuntimeMissingError: an API needs pystac-client, which is not installed.
    """
    where = gdal_path(search.stac or "")
    document = read_document(where)
    if "conformsTo" in document:
        tables: Iterator[tuple[Table, str]] = items_of_api(where, search, area)
    elif document.get("type") == "FeatureCollection":
        tables = _of_collection(document, where)
    elif document.get("type") == "Feature":
        tables = iter([(document, where)])
    elif document.get("type") in {"Catalog", "Collection"} or "links" in document:
        tables = walk(document, where, search, area)
    else:
        raise SceneError(
            f"{shown(where)} is neither a STAC API nor a catalogue, a collection or items; check the address"
        )
    found: dict[str, FoundItem] = {}
    for count, (table, address) in enumerate(tables, start=1):
        item = item_of(table, address)
        if item is not None and fits(item, search, area):
            found.setdefault(item.address, item)
        if len(found) == search.max_items:
            break
        if count > MOST:
            raise SceneError(
                f"{shown(where)}: more than {MOST:,} items; narrow the search by `--collection`, dates or an "
                "area"
            )
    return list(found.values())


def _of_collection(document: Table, where: str) -> Iterator[tuple[Table, str]]:
    """Yield the items of an item collection, which has their whole text."""
    for feature in array_of(document.get("features")):
        item = table_of(feature)
        if "id" not in item:
            continue
        own = None if is_local(where) else own_address(item)
        yield item, own or f"{where}#{quote(str(item['id']), safe=':@')}"
