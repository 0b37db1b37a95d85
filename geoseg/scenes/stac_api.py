"""Search a STAC API with pystac-client, whose requests go through `geoseg.files.web`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request

import shapely

from geoseg.errors import GeosegError, RuntimeMissingError, SceneReadError
from geoseg.files.doors import opening
from geoseg.files.network import plain, shown
from geoseg.files.web import read_web
from geoseg.scenes.stac_documents import Table
from geoseg.scenes.stac_items import own_address
from geoseg.spec.dates import Period
from geoseg.spec.stac_search import ALWAYS, Condition, StacSearchSpec

if TYPE_CHECKING:
    from pystac_client import Client

KIND, REMEDY = "the answer of a STAC API", "check the address"

PAGE = 100
"""Items of an answer that an API is asked for."""

_OPERATORS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "!=": "neq"}
"""Names of comparisons in the query extension of STAC API."""
_CQL2 = {"!=": "<>"}


def items_of_api(
    where: str, search: StacSearchSpec, area: shapely.Geometry | None
) -> Iterator[tuple[Table, str]]:
    """Yield the items that an API finds, page by page."""
    client = _client(where.removeprefix("/vsicurl/"))
    with warnings.catch_warnings():
        # That an API does not say it conforms; what it ignores is applied here.
        warnings.simplefilter("ignore")
        results = client.search(
            collections=list(search.collection) or None,
            intersects=None if area is None else json.loads(shapely.to_geojson(area)),
            datetime=None if search.datetime is None else _interval(search.period),
            limit=PAGE,
            **_conditions(client, search.query),
        )
        items = results.items_as_dicts()
    base = where.rstrip("/")
    while True:
        with warnings.catch_warnings(), opening(shown(where), REMEDY, kind=KIND):
            warnings.simplefilter("ignore")
            item = next(items, None)
        if item is None:
            return
        collection, name = (quote(str(item.get(key)), safe=":@") for key in ("collection", "id"))
        yield item, own_address(item) or f"{base}/collections/{collection}/items/{name}"


def _interval(period: Period) -> str:
    """Return a period as an API takes it: the end included, `..` for an open end."""
    begin, end = period
    last = end - timedelta(seconds=1) if end - begin > timedelta(seconds=1) else end
    first_text = ".." if begin == ALWAYS[0] else begin.strftime("%Y-%m-%dT%H:%M:%SZ")
    last_text = ".." if end == ALWAYS[1] else last.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{first_text}/{last_text}"


def _conditions(client: Client, conditions: Sequence[Condition]) -> dict[str, Any]:
    """Return the conditions on properties, in the language of an API; empty if it knows none."""
    from pystac_client import ConformanceClasses  # noqa: PLC0415 - an extra

    if not conditions:
        return {}
    if client.conforms_to(ConformanceClasses.QUERY):
        query: dict[str, dict[str, float | str]] = {}
        for item in conditions:
            query.setdefault(item.name, {})[_OPERATORS[item.comparison]] = item.value
        return {"query": query}
    if client.conforms_to(ConformanceClasses.FILTER):
        parts = [
            {
                "op": _CQL2.get(item.comparison, item.comparison),
                "args": [{"property": item.name}, item.value],
            }
            for item in conditions
        ]
        return {"filter": {"op": "and", "args": parts}, "filter_lang": "cql2-json"}
    return {}


def _client(address: str) -> Client:
    """Return the client of an API, which reads the network as everything else does: bounded, http only.

    Raises:
        RuntimeMissingError: pystac-client is not installed.
        SceneReadError: the server cannot be reached, or is not a STAC API.
    """
    try:
        from pystac_client import Client  # noqa: PLC0415 - an extra
        from pystac_client.stac_api_io import StacApiIO  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeMissingError(
            f"{shown(address)}: a search needs the package pystac-client; pip install 'geoseg[stac]'"
        ) from error

    class Bounded(StacApiIO):
        def request(
            self,
            href: str,
            method: str | None = None,
            headers: dict[str, str] | None = None,
            parameters: dict[str, Any] | None = None,
        ) -> str:
            return _request(href, method or "GET", headers or {}, parameters or {})

    with warnings.catch_warnings(), opening(shown(address), REMEDY, kind=KIND):
        warnings.simplefilter("ignore")
        return Client.open(address, stac_io=Bounded())


def _request(href: str, method: str, headers: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    """Return the answer of an API.

    Raises:
        SceneReadError: it refuses the request, or cannot be reached.
    """
    body, sent = None, dict(headers)
    if method.upper() == "POST":
        body = json.dumps(parameters).encode()
        sent["Content-Type"] = "application/json"
    elif parameters:
        href += ("&" if "?" in href else "?") + urlencode(parameters)
    try:
        request = Request(href, data=body, headers=sent, method=method.upper())  # noqa: S310 - http(s) only
        return read_web(request).content.decode("utf-8", errors="replace")
    except GeosegError:
        raise
    except HTTPError as error:
        text = plain(error.read(2000).decode("utf-8", errors="replace"))
        raise SceneReadError(f"{shown(href)}: refused (HTTP {error.code}): {text}") from error
    except (URLError, OSError, ValueError) as error:
        raise SceneReadError(f"{shown(href)} cannot be read: {error}; check the address") from error
