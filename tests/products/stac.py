"""STAC items, collections and catalogues, and an API that pages and searches as its specification says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import shapely

Table = dict[str, Any]

CORE = "https://api.stacspec.org/v1.0.0/core"
SEARCH = "https://api.stacspec.org/v1.0.0/item-search"
QUERY = "https://api.stacspec.org/v1.0.0/item-search#query"
PAGE = 2
"""Items that the API gives at once."""


def stac_item(
    name: str,
    *,
    time: str = "2024-05-10T10:30:00Z",
    west: float = 10.0,
    cloud: float = 5.0,
    collection: str = "sentinel-2-l2a",
    assets: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Table:
    """An item of one square degree at 50° N; assets are addresses by the names of bands."""
    box = shapely.box(west, 50, west + 1, 51)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": name,
        "collection": collection,
        "geometry": shapely.geometry.mapping(box),
        "bbox": list(box.bounds),
        "properties": {"datetime": time, "eo:cloud_cover": cloud, **(more or {})},
        "links": [],
        "assets": {
            key: {
                "href": href,
                "type": "image/tiff; application=geotiff",
                "eo:bands": [{"name": key, "common_name": key}],
            }
            for key, href in (assets or {"green": "green.tif"}).items()
        },
    }


def item_collection(*items: Table) -> Table:
    return {"type": "FeatureCollection", "features": list(items)}


def write_json(path: Path, table: Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))
    return path


def write_catalogue(folder: Path, items: Sequence[Table]) -> Path:
    """A static catalogue: collections in a catalogue, items in catalogues of their year; relative links."""
    by_collection: dict[str, list[Table]] = {}
    for item in items:
        by_collection.setdefault(item["collection"], []).append(item)
    children = []
    for name, members in by_collection.items():
        years = sorted({item["properties"]["datetime"][:4] for item in members})
        for year in years:
            found = [item for item in members if item["properties"]["datetime"].startswith(year)]
            for item in found:
                write_json(folder / name / year / f"{item['id']}.json", item)
            links = [{"rel": "item", "href": f"./{item['id']}.json"} for item in found]
            links += [{"rel": "root", "href": "../../catalog.json"}, {"rel": "self", "href": "catalog.json"}]
            table = {"type": "Catalog", "stac_version": "1.0.0", "id": year, "description": year}
            write_json(folder / name / year / "catalog.json", {**table, "links": links})
        boxes = [item["bbox"] for item in members]
        times = sorted(item["properties"]["datetime"] for item in members)
        extent = {"spatial": {"bbox": boxes}, "temporal": {"interval": [[times[0], times[-1]]]}}
        table = {"type": "Collection", "stac_version": "1.0.0", "id": name, "description": name}
        links = [{"rel": "child", "href": f"{year}/catalog.json"} for year in years]
        links += [{"rel": "parent", "href": "../catalog.json"}]
        table = {**table, "license": "other", "extent": extent, "links": links}
        write_json(folder / name / "collection.json", table)
        children.append({"rel": "child", "href": f"{name}/collection.json"})
    table = {"type": "Catalog", "stac_version": "1.0.0", "id": "all", "description": "all"}
    return write_json(folder / "catalog.json", {**table, "links": children})


class Api:
    """Items behind a search."""

    def __init__(self, items: Sequence[Table], *, conforms: Sequence[str], own_links: bool) -> None:
        self.items = list(items)
        self.conforms = list(conforms)
        self.own_links = own_links
        self.searches: list[Table] = []
        """Bodies of the searches, in order."""
        self.base = ""

    def landing(self) -> Table:
        links = [
            {"rel": "self", "href": self.base, "type": "application/json"},
            {"rel": "root", "href": self.base, "type": "application/json"},
            {
                "rel": "search",
                "href": f"{self.base}/search",
                "type": "application/geo+json",
                "method": "POST",
            },
            {"rel": "data", "href": f"{self.base}/collections", "type": "application/json"},
        ]
        table = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "api"}
        return {**table, "conformsTo": self.conforms, "links": links}

    def search(self, body: Table) -> Table:
        self.searches.append(body)
        found = [item for item in self.items if self._fits(item, body)]
        start = int(body.get("token", "0"))
        page = [self.shown(item) for item in found[start : start + PAGE]]
        links = []
        if start + PAGE < len(found):
            more = {"token": str(start + PAGE)}
            href = f"{self.base}/search"
            links = [{"rel": "next", "href": href, "method": "POST", "body": more, "merge": True}]
        return {"type": "FeatureCollection", "features": page, "links": links}

    def _fits(self, item: Table, body: Table) -> bool:
        if body.get("collections") and item["collection"] not in body["collections"]:
            return False
        area = body.get("intersects")
        if area and not shapely.intersects(
            shapely.from_geojson(json.dumps(area)), shapely.geometry.shape(item["geometry"])
        ):
            return False
        if "datetime" in body:
            begin, end = body["datetime"].split("/")
            time = datetime.fromisoformat(item["properties"]["datetime"])
            if begin != ".." and time < datetime.fromisoformat(begin):
                return False
            if end != ".." and time > datetime.fromisoformat(end):
                return False
        for name, wanted in body.get("query", {}).items():
            value = item["properties"].get(name)
            if "lt" in wanted and (value is None or value >= wanted["lt"]):
                return False
        return True

    def shown(self, item: Table) -> Table:
        if not self.own_links:
            return item
        href = f"{self.base}/collections/{item['collection']}/items/{item['id']}"
        return {**item, "links": [{"rel": "self", "href": href, "type": "application/geo+json"}]}

    def item(self, path: str) -> Table | None:
        name = path.rpartition("/")[2]
        return next((self.shown(item) for item in self.items if item["id"] == name), None)


@contextmanager
def serving_api(
    items: Sequence[Table], *, conforms: Sequence[str] = (CORE, SEARCH, QUERY), own_links: bool = True
) -> Iterator[Api]:
    """Serve items as a STAC API does."""
    api = Api(items, conforms=conforms, own_links=own_links)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path in {"", "/"}:
                self.reply(api.landing())
            elif parts.path == "/search":
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                self.reply(api.search(query))
            elif item := api.item(parts.path):
                self.reply(item)
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(api.search(body))

        def reply(self, table: Table) -> None:
            content = json.dumps(table).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/geo+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
