"""The catalogue: a STAC collection that pystac opens and validates without the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoseg.batch.catalogue import catalogue
from geoseg.batch.outcome import Outcome, OutputFile
from geoseg.bundles.find import find_model
from geoseg.run_record import ClassTotal, RunWarning
from tests.stac_facts import check_item

SQUARE = {"type": "Polygon", "coordinates": [[[10, 50], [11, 50], [11, 51], [10, 51], [10, 50]]]}
TIME = "2026-06-30T10:00:00.123456+00:00"


def outcomes() -> list[Outcome]:
    model = find_model("flood-sar")
    return [
        Outcome(
            scene="a",
            status="done",
            sources=("/data/a;1.tif", "/data/b.json#item-1"),
            outputs=(
                OutputFile(role="output", href="june/a.gpkg", size=10),
                OutputFile(role="picture", href="a.png", size=5),
            ),
            method="MNDWI > 0",
            sensor="sentinel-2-l2a",
            acquired="2021-06-10T10:11:12+00:00",
            crs="EPSG:32633",
            valid_share=0.75,
            classes=(ClassTotal(value=1, label="water", polygons=2, pixels=30, area_m2=300.0),),
            footprint=SQUARE,
            warnings=(RunWarning(code="flood-not-separated", text="x"),),
            created=TIME,
        ),
        Outcome(
            scene="b",
            status="done",
            sources=("s3://bucket/b.tif",),
            outputs=(OutputFile(role="output", href="b.fgb"), OutputFile(role="scene", href="b.scene.fgb")),
            method="network",
            model={"name": model.name, "sha256": model.sha256},
            created=TIME,
        ),
        Outcome(scene="broken", status="failed", code=3, message="x", created=TIME),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in catalogue("flood", outcomes()).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_only_maps_have_items(folder: Path) -> None:
    assert sorted(path.name for path in (folder / "stac").glob("*.json")) == ["a.json", "b.json"]
    collection = json.loads((folder / "collection.json").read_text())
    assert collection["extent"]["spatial"]["bbox"] == [[10, 50, 11, 51]]
    assert collection["extent"]["temporal"]["interval"] == [["2021-06-10T10:11:12Z", "2021-06-10T10:11:12Z"]]


def test_an_item_says_how_the_map_was_made(folder: Path) -> None:
    item = json.loads((folder / "stac" / "a.json").read_text())
    assert item["assets"]["map"]["href"] == "../june/a.gpkg"
    assert item["assets"]["picture"]["roles"] == ["overview"]
    assert item["properties"]["datetime"] == "2021-06-10T10:11:12Z"
    assert item["properties"]["processing:lineage"] == "MNDWI > 0"
    assert item["properties"]["geoseg:classes"][0]["area_m2"] == 300.0
    assert item["properties"]["geoseg:warnings"] == ["flood-not-separated"]
    for name in ("a%3B1.tif", "b.json#item-1"):
        link = {"rel": "derived_from", "href": f"file:///data/{name}", "title": "scene"}
        assert link in item["links"]
    assert "mlm:name" not in item["assets"]["map"]


def test_maps_of_a_network_name_its_item(folder: Path) -> None:
    asset = json.loads((folder / "stac" / "b.json").read_text())["assets"]["map"]
    model = json.loads((folder / "stac" / asset["processing:expression"]["expression"]).read_text())
    assert asset["mlm:name"] == model["properties"]["mlm:name"]
    assert Path(next(iter(model["assets"].values()))["href"]).is_absolute()


def test_items_meet_the_demands_of_the_extensions_they_claim(folder: Path) -> None:
    paths = [*(folder / "stac").rglob("*.json")]
    assert [path.name for path in paths if path.parent.name == "models"] == ["flood-sar.json"]
    for path in paths:
        check_item(json.loads(path.read_text()))


def test_pystac_opens_and_validates_it(folder: Path) -> None:
    pystac = pytest.importorskip("pystac", reason="needs pystac[validation]")
    pytest.importorskip("jsonschema", reason="needs pystac[validation]")
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    items = list(collection.get_items(recursive=True))
    assert [item.id for item in items] == ["a", "b"]
    collection.validate()
    for item in items:
        assert item.get_collection() is collection
        item.stac_extensions = []  # their schemas are at addresses
        item.validate()


def test_the_time_of_the_run_is_not_that_of_a_scene(folder: Path) -> None:
    """STAC allows no time only with an interval, which ends when the map was made."""
    properties = json.loads((folder / "stac" / "b.json").read_text())["properties"]
    assert properties["datetime"] is None
    assert properties["start_datetime"] < properties["end_datetime"] == properties["created"]
