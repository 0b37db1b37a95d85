"""Searches of an API, of static catalogues and of item collections find the same items."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from geoseg.errors import RuntimeMissingError, SceneError, SceneReadError
from geoseg.scenes.stac_search import search_items
from geoseg.spec.stac_search import StacSearchSpec
from tests.products.server import serving
from tests.products.stac import (
    CORE,
    QUERY,
    SEARCH,
    item_collection,
    serving_api,
    stac_item,
    write_catalogue,
    write_json,
)

ITEMS = [
    stac_item("a", time="2023-12-31T23:00:00Z", cloud=5, west=10),
    stac_item("b", time="2024-05-10T10:30:00Z", cloud=10, west=10, more={"sat:relative_orbit": 65}),
    stac_item("c", time="2024-05-10T10:30:00Z", cloud=60, west=10),
    stac_item("d", time="2024-05-20T10:30:00Z", cloud=10, west=30),
    stac_item("e", time="2024-06-01T00:00:00Z", cloud=19.9, west=10.5),
    stac_item("f", time="2024-05-11T10:30:00Z", cloud=10, west=10, collection="landsat"),
]
S2 = {"collection": ["sentinel-2-l2a"]}
NEAR = shapely.box(10.2, 50.2, 10.4, 50.4)


@pytest.fixture(
    scope="module",
    params=["api", "api without query", "catalogue", "local catalogue", "collection", "local file"],
)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the items are."""
    kind = request.param
    if kind.startswith("api"):
        pytest.importorskip("pystac_client")
        with serving_api(ITEMS, conforms=(CORE, SEARCH, QUERY) if kind == "api" else (CORE, SEARCH)) as api:
            yield api.base
        return
    folder = tmp_path_factory.mktemp("served")
    write_catalogue(folder, ITEMS)
    write_json(folder / "items.json", item_collection(*ITEMS))
    name = "catalog.json" if "catalogue" in kind else "items.json"
    if kind.startswith("local"):
        yield str(folder / name)
        return
    with serving(folder) as place:
        yield f"http://{place}/{name}"


def names(address: str, area: shapely.Geometry | None = None, **conditions: object) -> list[str]:
    search = StacSearchSpec.model_validate({"stac": address, **conditions})
    return sorted(item.name for item in search_items(search, area))


@pytest.mark.parametrize(
    ("conditions", "area", "expected"),
    [
        ({}, None, "abcdef"),
        (S2, None, "abcde"),
        ({"collection": ["sentinel-2-l2a", "landsat"]}, None, "abcdef"),
        ({"collection": ["other"]}, None, ""),
        ({"datetime": "2024-05"}, None, "bcdf"),
        ({"datetime": "2024-05-10/2024-05-20"}, None, "bcdf"),
        ({"datetime": "2024-05-10"}, None, "bc"),
        ({"datetime": "../2023"}, None, "a"),
        ({"datetime": "2024-06/.."}, None, "e"),
        ({"datetime": "2024/"}, None, "bcdef"),
        ({}, NEAR, "abcf"),
        ({}, shapely.box(0, 0, 1, 1), ""),
        ({"query": ["eo:cloud_cover<20"]}, None, "abdef"),
        ({"query": ["eo:cloud_cover<=10", "eo:cloud_cover>5"]}, None, "bdf"),
        ({"query": ["sat:relative_orbit=65"]}, None, "b"),
        ({"query": ["sat:relative_orbit=065"]}, None, "b"),
        ({"query": ["no:such<20"]}, None, ""),
        ({**S2, "datetime": "2024", "query": ["eo:cloud_cover < 20"]}, NEAR, "b"),
    ],
)
def test_conditions(
    address: str, conditions: dict[str, object], area: shapely.Geometry | None, expected: str
) -> None:
    assert names(address, area, **conditions) == list(expected)


def test_the_first_items(address: str) -> None:
    search = StacSearchSpec(stac=address, max_items=3)
    assert len(search_items(search)) == 3


def test_what_is_known_of_an_item(address: str) -> None:
    search = StacSearchSpec.model_validate({"stac": address, "query": ["sat:relative_orbit=65"]})
    (item,) = search_items(search)
    assert (item.name, item.collection) == ("b", "sentinel-2-l2a")
    assert (item.properties["eo:cloud_cover"], item.properties["sat:relative_orbit"]) == (10, 65)
    assert item.begin is not None
    assert item.begin.isoformat() == "2024-05-10T10:30:00+00:00"
    assert item.geometry is not None
    assert item.geometry.bounds == (10, 50, 11, 51)


@pytest.mark.parametrize("own_links", [True, False])
def test_an_api_is_read_page_by_page(own_links: bool) -> None:
    """Also where items do not state their addresses."""
    pytest.importorskip("pystac_client")
    with serving_api(ITEMS, own_links=own_links) as api:
        found = search_items(
            StacSearchSpec.model_validate({"stac": api.base, "query": ["eo:cloud_cover<50"]})
        )
        assert [item.name for item in found] == list("abdef")
        assert found[0].address == f"{api.base}/collections/sentinel-2-l2a/items/a"
        assert len(api.searches) == 3
        assert api.searches[0]["query"] == {"eo:cloud_cover": {"lt": 50.0}}


def test_a_search_for_few_items_reads_few_pages() -> None:
    pytest.importorskip("pystac_client")
    with serving_api(ITEMS) as api:
        search_items(StacSearchSpec(stac=api.base, max_items=2))
        assert len(api.searches) == 1


def test_an_api_that_refuses() -> None:
    pytest.importorskip("pystac_client")
    with serving_api(ITEMS) as api:
        address = api.base
        api.search = lambda body: 1 / 0  # type: ignore[assignment,method-assign,return-value]
        with pytest.raises(SceneReadError, match=r"connection was lost|refused"):
            names(address)
    with pytest.raises(SceneReadError, match=r"cannot be (read|reached)"):
        names(address)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_api(ITEMS) as api:
        monkeypatch.setitem(sys.modules, "pystac_client", None)
        with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[stac\]'"):
            names(api.base)


def test_offline(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    if "://" not in address:
        assert names(address) == list("abcdef")
        return
    with pytest.raises(SceneReadError, match="--offline"):
        names(address)


@pytest.mark.parametrize("table", [{}, {"type": "Topology"}, {"type": "FeatureCollection"}])
def test_other_documents(table: dict[str, object], tmp_path: Path) -> None:
    path = write_json(tmp_path / "other.json", table)
    if table.get("type") == "FeatureCollection":
        assert names(str(path)) == []
        return
    with pytest.raises(SceneError, match="neither a STAC API nor a catalogue"):
        names(str(path))


def test_items_that_state_too_little(tmp_path: Path) -> None:
    """Without a time, an item is in no period; without a place, in no area."""
    bare = {**stac_item("bare"), "properties": {}, "geometry": None, "bbox": None}
    path = write_json(tmp_path / "items.json", item_collection(bare, {"type": "Feature"}, {"id": "x"}))
    assert names(str(path)) == ["bare"]
    assert names(str(path), datetime="2024") == []
    assert names(str(path), NEAR) == []


def test_a_period_of_an_item(tmp_path: Path) -> None:
    item = stac_item(
        "long", more={"start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-03-01T00:00:00Z"}
    )
    item["properties"]["datetime"] = None
    path = write_json(tmp_path / "items.json", item_collection(item))
    assert names(str(path), datetime="2024-02") == ["long"]
    assert names(str(path), datetime="2024-04") == []


def test_a_box_over_the_antimeridian(tmp_path: Path) -> None:
    item = {**stac_item("pacific"), "geometry": None, "bbox": [179, -10, -179, 10]}
    path = write_json(tmp_path / "items.json", item_collection(item))
    assert names(str(path), shapely.box(-180, 0, -179.5, 1)) == ["pacific"]
    assert names(str(path), shapely.box(0, 0, 1, 1)) == []


def test_a_catalogue_that_names_itself(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path, ITEMS)
    child = {"rel": "child", "href": "catalog.json"}
    table = {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "description": "x"}
    links = [child, {"rel": "child", "href": "landsat/collection.json"}]
    write_json(path, {**table, "links": links})
    assert names(str(path)) == ["f"]


def test_collections_that_cannot_fit_are_not_read(tmp_path: Path) -> None:
    """Documents of another collection, place or time are not even opened."""
    path = write_catalogue(tmp_path, ITEMS)
    (tmp_path / "landsat" / "2024" / "catalog.json").unlink()
    assert names(str(path), **S2) == list("abcde")
    assert names(str(path), datetime="2023") == ["a"]
    with pytest.raises(SceneReadError, match=r"catalog\.json"):
        names(str(path))


@pytest.mark.parametrize("href", ["file:///etc/hostname", "/vsizip//tmp/a.zip/a.json", "/vsimem/a.json"])
def test_a_catalogue_at_an_address_names_no_file_of_this_machine(tmp_path: Path, href: str) -> None:
    table = {"type": "Catalog", "id": "x", "links": [{"rel": "child", "href": href}]}
    write_json(tmp_path / "catalog.json", table)
    with serving(tmp_path) as place, pytest.raises(SceneReadError, match="a file on this machine"):
        names(f"http://{place}/catalog.json")


def test_a_catalogue_on_this_machine_does_not_lead_to_the_network(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_catalogue(tmp_path, ITEMS[-1:])
    table = {"type": "Catalog", "id": "x"}
    links = [
        {"rel": "child", "href": "http://127.0.0.1:9/catalog.json"},
        {"rel": "child", "href": "landsat/collection.json"},
    ]
    write_json(path, {**table, "links": links})
    assert names(str(path)) == ["f"]
    assert "documents at addresses (1: " in caplog.text


def test_an_item_that_states_an_address_of_this_machine(tmp_path: Path) -> None:
    """It is opened from the document that was given."""
    item = stac_item("a")
    item["links"] = [{"rel": "self", "href": "file:///etc/hostname"}]
    write_json(tmp_path / "items.json", item_collection(item))
    with serving(tmp_path) as place:
        (found,) = search_items(StacSearchSpec(stac=f"http://{place}/items.json"))
        assert found.address == f"http://{place}/items.json#a"


@pytest.mark.parametrize("text", ["eo:cloud_cover", "eo:cloud_cover<", "<20", "a b<3", "a~3"])
def test_conditions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a condition"):
        StacSearchSpec.model_validate({"stac": "x", "query": [text]})


@pytest.mark.parametrize("text", ["yesterday", "2024-13", "2024-05/2024-04", "2024-05-10/x"])
def test_dates_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not an interval"):
        StacSearchSpec.model_validate({"stac": "x", "datetime": text})
