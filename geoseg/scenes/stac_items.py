"""STAC items of a search: what they state, and whether they meet the conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import shapely
from pydantic import JsonValue

from geoseg.files.network import needs_network
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.product import iso_time
from geoseg.scenes.stac_documents import Table, array_of, table_of
from geoseg.spec.dates import Period
from geoseg.spec.stac_search import StacSearchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """A STAC item of a search."""

    name: str
    """Its `id`."""
    address: str
    """By which a scene is opened: address or path of the item, or `DOCUMENT#ID`."""
    collection: str
    begin: datetime | None
    """UTC; None: the item states no time."""
    end: datetime | None
    geometry: shapely.Geometry | None
    """In degrees (WGS 84)."""
    properties: Mapping[str, JsonValue]


def item_of(table: Table, address: str) -> FoundItem | None:
    """Return an item; None if it is not one."""
    if table.get("type") != "Feature" or not table.get("id") or "assets" not in table:
        return None
    properties = table_of(table.get("properties"))
    begin = time_of(properties.get("start_datetime")) or time_of(properties.get("datetime"))
    end = time_of(properties.get("end_datetime")) or time_of(properties.get("datetime"))
    return FoundItem(
        name=str(table["id"]),
        address=address.removeprefix("/vsicurl/"),
        collection=str(table.get("collection") or ""),
        begin=begin,
        end=end,
        geometry=_geometry(table),
        properties=properties,
    )


def own_address(item: Table) -> str | None:
    """Return the address that an item states as its own, if it is one of the network."""
    for link in map(table_of, array_of(item.get("links"))):
        href = str(link.get("href") or "")
        if link.get("rel") == "self" and "://" in href and needs_network(href):
            return gdal_path(href)
    return None


def _geometry(table: Table) -> shapely.Geometry | None:
    """Return the footprint of an item; without one, its bounding box."""
    try:
        if table.get("geometry"):
            return shapely.from_geojson(json.dumps(table["geometry"]))
        return box_of(table.get("bbox"))
    except (shapely.errors.GEOSException, ValueError, TypeError):
        return None


def box_of(value: JsonValue) -> shapely.Geometry | None:
    """Return a bounding box of four or six numbers; None if it is not one."""
    numbers = [float(str(number)) for number in array_of(value)]
    if len(numbers) not in {4, 6}:
        return None
    half = len(numbers) // 2
    west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
    if west <= east:
        return shapely.box(west, south, east, north)
    # RFC 7946: it crosses the antimeridian.
    return shapely.union_all([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])


def time_of(value: JsonValue) -> datetime | None:
    """Return a time in UTC; None if the text is not one."""
    return iso_time(str(value)) if value else None


def fits(item: FoundItem, search: StacSearchSpec, area: shapely.Geometry | None) -> bool:
    """Return whether an item meets all conditions; one that states no time or place meets none on them."""
    if search.collection and item.collection and item.collection not in search.collection:
        return False
    if search.datetime is not None and not _during(item.begin, item.end, search.period):
        return False
    if area is not None and (item.geometry is None or not shapely.intersects(item.geometry, area)):
        return False
    return all(condition.holds(item.properties) for condition in search.query)


def _during(begin: datetime | None, end: datetime | None, period: Period) -> bool:
    if begin is None or end is None:
        return False
    return begin < period[1] and end >= period[0]
