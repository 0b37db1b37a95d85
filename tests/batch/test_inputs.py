"""Kinds of inputs: which scenes are in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoseg.batch.inputs import read_inputs
from geoseg.batch.tasks import task_of
from geoseg.errors import SceneError, SceneReadError, UsageError
from tests.batch.lakes import write_lake

FLOOD = task_of("flood")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rasters with sidecar files, a product, a folder of bands, and what is no scene."""
    for name in ("b.tif", "a.tif"):
        write_lake(tmp_path / "in" / name)
    (tmp_path / "in" / "a.tif.aux.xml").write_text("<x/>")
    (tmp_path / "in" / "notes.md").write_text("x")
    (tmp_path / "in" / ".hidden.tif").write_bytes(b"")
    (tmp_path / "in" / "S2A.SAFE").mkdir()
    write_lake(tmp_path / "in" / "bands" / "B03.tif")
    (tmp_path / "in" / "empty").mkdir()
    return tmp_path / "in"


def names(*inputs: object, task: str = "flood") -> list[str]:
    return [entry.scene for entry in read_inputs([str(item) for item in inputs], task_of(task))]


def test_a_folder_holds_rasters_products_and_folders_of_bands(folder: Path) -> None:
    assert names(folder) == ["S2A", "a", "b", "bands"]


def test_a_product_folder_is_one_scene(folder: Path) -> None:
    (folder / "bands" / "LC08_MTL.txt").write_text("x")
    assert names(folder / "S2A.SAFE", folder / "bands") == ["S2A", "bands"]


def test_a_pattern(folder: Path) -> None:
    assert names(folder / "*.tif") == ["a", "b"]


def test_a_list_with_comments_and_several_files_of_a_scene(folder: Path) -> None:
    table = folder / "list.txt"
    table.write_text(f"# scenes\n\n{folder}/a.tif   # first\nb.tif; bands/B03.tif\nhttps://x.org/c.tif#1\n")
    entries = read_inputs([str(table)], FLOOD)
    assert [entry.scene for entry in entries] == ["a", "b", "c"]
    assert entries[1].paths == (str(folder / "b.tif"), str(folder / "bands" / "B03.tif"))
    assert entries[2].paths == ("https://x.org/c.tif#1",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_of_editors_and_spreadsheets(folder: Path, encoding: str) -> None:
    table = folder / "list.txt"
    table.write_bytes("a.tif\r\nb.tif\r\n".encode(encoding))
    assert names(table) == ["a", "b"]
    table.write_bytes("# Überflutung\na.tif".encode("latin-1"))
    with pytest.raises(SceneReadError, match=r"list\.txt: is not text in UTF-8 or UTF-16"):
        names(table)


def test_scenes_that_are_named_twice_are_mapped_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names("a.tif", folder / "*.tif", folder) == ["a", "b", "S2A", "bands"]


def test_equal_names_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    paths = [write_lake(tmp_path / name / "scene.tif") for name in ("june", "july")]
    assert names(*paths) == ["june-scene", "july-scene"]
    assert names(*reversed(paths)) == ["july-scene", "june-scene"]
    deep = [write_lake(tmp_path / name / "x" / "scene.tif") for name in ("p", "q")]
    assert names(*deep) == ["x-scene", "x-scene-2"]


def test_an_item_collection_and_an_item(tmp_path: Path) -> None:
    item = {
        "type": "Feature",
        "id": "one/1",
        "assets": {"green": {"href": "./g.tif"}, "w": {"href": "s3://b/w"}},
    }
    collection = tmp_path / "items.json"
    collection.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    (entry,) = read_inputs([str(collection)], FLOOD)
    assert entry.scene == "one_1"
    assert entry.item is not None
    assert entry.item["assets"]["green"]["href"] == str(tmp_path / "g.tif")
    assert entry.item["assets"]["w"]["href"] == "s3://b/w"
    single = tmp_path / "item.json"
    single.write_text(json.dumps(item))
    assert names(single) == ["item"]
    (tmp_path / "other.json").write_text('{"type": "Catalog"}')
    with pytest.raises(SceneError, match="neither a STAC item nor an item collection"):
        names(tmp_path / "other.json")


def test_inputs_without_scenes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no scene is in it"):
        names(tmp_path / "empty")
    with pytest.raises(UsageError, match="no scene is in it"):
        names(tmp_path / "*.tif")
    with pytest.raises(SceneReadError, match="does not exist"):
        names(tmp_path / "missing.tif")
