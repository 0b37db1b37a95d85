"""Items by name: of collections and of APIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.stac_documents import absolute, is_item_name, read_item, split_name
from tests.products.stac import item_collection, stac_item, write_json


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("item.json", True),
        ("a/item.geojson", True),
        ("items.json#S2A_1", True),
        ("/vsicurl/https://h/item.json?signature=x", True),
        ("/vsicurl/https://h/items.json?x=1#a", True),
        ("/vsicurl/https://h/v1/collections/s2/items/S2A_33UXP_20240510_0_L2A", True),
        ("/vsicurl/https://h/v1/collections/s2/items/S2A?f=json", True),
        ("/vsicurl/https://h/v1/collections/s2/items", False),
        ("collections/s2/items/S2A", False),
        ("scene#1.tif", False),
        ("/vsicurl/https://h/a.tif", False),
    ],
)
def test_names_of_items(path: str, expected: bool) -> None:
    assert is_item_name(path) is expected


def test_a_file_whose_name_has_the_mark(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json#1.json", stac_item("x"))
    assert split_name(str(path)) == (str(path), None)
    assert split_name(str(tmp_path / "b.json#1")) == (str(tmp_path / "b.json"), "1")
    assert split_name("b.json#a%20b") == ("b.json", "a b")


def test_an_item_of_a_collection(tmp_path: Path) -> None:
    path = write_json(tmp_path / "items.json", item_collection(stac_item("a"), stac_item("b/c d")))
    assert read_item(f"{path}#a")[0]["id"] == "a"
    item, document = read_item(f"{path}#b/c%20d")
    assert (item["id"], document) == ("b/c d", str(path))


def test_a_collection_of_one(tmp_path: Path) -> None:
    path = write_json(tmp_path / "items.json", item_collection(stac_item("a")))
    assert read_item(str(path))[0]["id"] == "a"


@pytest.mark.parametrize("mark", ["", "#z"])
def test_a_collection_of_several(tmp_path: Path, mark: str) -> None:
    items = [stac_item(name) for name in "abcd"]
    path = write_json(tmp_path / "items.json", item_collection(*items))
    with pytest.raises(SceneError, match=r"\(a, b, c, …\); give one of them as .*items\.json#ID"):
        read_item(f"{path}{mark}")


@pytest.mark.parametrize("table", [{"type": "Catalog"}, {"type": "Feature"}, {}])
def test_other_documents(tmp_path: Path, table: dict[str, object]) -> None:
    path = write_json(tmp_path / "item.json", table)
    with pytest.raises(SceneError, match="is not a STAC item"):
        read_item(str(path))


def test_another_item(tmp_path: Path) -> None:
    path = write_json(tmp_path / "item.json", stac_item("a"))
    with pytest.raises(SceneError, match="is the item a, not b"):
        read_item(f"{path}#b")


def test_a_byte_order_mark_is_not_part_of_a_document(tmp_path: Path) -> None:
    path = write_json(tmp_path / "item.json", stac_item("a"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_item(str(path))[0]["id"] == "a"


def test_what_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text("[1]")
    with pytest.raises(SceneReadError, match="not a JSON object"):
        read_item(str(tmp_path / "item.json"))


@pytest.mark.parametrize(
    ("href", "document", "expected"),
    [
        ("a.tif", "/d/item.json", "/d/a.tif"),
        ("../a.tif", "d/e/item.json", "d/a.tif"),
        ("/x/a.tif", "/d/item.json", "/x/a.tif"),
        ("https://h/a.tif", "/d/item.json", "/vsicurl/https://h/a.tif"),
        ("s3://b/a.tif", "/d/item.json", "/vsis3/b/a.tif"),
        ("az://b/a.tif", "/vsiaz/b/item.json", "/vsiaz/b/a.tif"),
        ("./one/a.tif", "/vsicurl/https://h/d/item.json", "/vsicurl/https://h/d/one/a.tif"),
        ("/a.tif", "/vsicurl/https://h/d/item.json", "/vsicurl/https://h/a.tif"),
        ("one/a.tif", "/vsis3/b/d/item.json", "/vsis3/b/d/one/a.tif"),
    ],
)
def test_addresses(href: str, document: str, expected: str) -> None:
    assert absolute(href, document) == expected
