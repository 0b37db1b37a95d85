"""Static STAC catalogues: read document by document, as they have no search."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import shapely

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.network import needs_network, plain, shown
from geoseg.messages import warn
from geoseg.scenes.paths import is_local
from geoseg.scenes.stac_documents import Table, absolute, array_of, read_document, table_of
from geoseg.scenes.stac_items import box_of, time_of
from geoseg.spec.stac_search import ALWAYS, StacSearchSpec

LOG = logging.getLogger(__name__)

MOST = 200_000
"""Greatest number of documents that are read."""
AT_ONCE = 8
"""Documents that are read at a time."""
PART = 64
"""Documents that are read before the first of them is used."""


def walk(
    document: Table, where: str, search: StacSearchSpec, area: shapely.Geometry | None
) -> Iterator[tuple[Table, str]]:
    """Yield the items of a static catalogue, level by level; collections that cannot fit are not read."""
    seen, level = {where}, [(document, where)]
    while level:
        names: list[str] = []
        for table, address in level:
            if _may_fit(table, search, area):
                links = _links(table, address)
                names += [name for name in dict.fromkeys(links) if name not in seen]
                seen.update(links)
        if len(seen) > MOST:
            raise SceneError(
                f"{shown(where)}: more than {MOST:,} documents; give a catalogue or a collection of it"
            )
        level = []
        for table, address in _read_all(names):
            # Items are yielded as they come, so that a search for the first of them ends early.
            if table.get("type") == "Feature":
                yield table, address
            else:
                level.append((table, address))


def _read_all(addresses: Sequence[str]) -> Iterator[tuple[Table, str]]:
    """Yield documents with their addresses, in order; some are read at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(addresses), PART):
            part = addresses[start : start + PART]
            yield from zip(pool.map(read_document, part), part, strict=True)


def _may_fit(table: Table, search: StacSearchSpec, area: shapely.Geometry | None) -> bool:
    """Return whether a catalogue or collection may hold items of a search, by its name and its extent."""
    if table.get("type") != "Collection":
        return True
    if search.collection and str(table.get("id")) not in search.collection:
        return False
    extent = table_of(table.get("extent"))
    if area is not None:
        boxes = [box_of(box) for box in array_of(table_of(extent.get("spatial")).get("bbox"))]
        if boxes and all(box is not None and not shapely.intersects(box, area) for box in boxes):
            return False
    intervals = array_of(table_of(extent.get("temporal")).get("interval"))
    if search.datetime is None or not intervals:
        return True
    begin, end = search.period
    for interval in map(array_of, intervals):
        if len(interval) != 2:
            return True
        first, last = time_of(interval[0]) or ALWAYS[0], time_of(interval[1]) or ALWAYS[1]
        if first < end and last >= begin:
            return True
    return False


def _links(table: Table, where: str) -> list[str]:
    """Return the addresses of items and children.

    Raises:
        SceneReadError: a document at an address names one on this machine.
    """
    links = [table_of(link) for link in array_of(table.get("links"))]
    names = [
        absolute(str(link["href"]), where)
        for link in links
        if link.get("rel") in {"item", "child"} and link.get("href")
    ]
    if not is_local(where):
        if here := next((name for name in names if not needs_network(name)), None):
            raise SceneReadError(
                f"{shown(where)} names {plain(here)}, a file on this machine, which a catalogue at an "
                "address may not do; check the catalogue"
            )
        return names
    away = [name for name in names if needs_network(name)]
    if away:
        warn(
            LOG,
            "catalogue-at-addresses",
            f"{where} links to documents at addresses ({len(away)}: {shown(away[0])}, …), which "
            "are left out: a file here does not make geoseg read from the network; give the catalogue's own "
            "address",
        )
    return [name for name in names if not needs_network(name)]
