"""Kinds of inputs: which scenes are in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoseg.batch.inputs import read_inputs, without_outputs
from geoseg.batch.tasks import task_of
from geoseg.errors import SceneError, SceneReadError, UsageError
from tests.batch.lakes import write_lake
from tests.messages import Messages

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
    with pytest.raises(UsageError, match="contains no scene"):
        names(tmp_path / "empty")
    with pytest.raises(UsageError, match="contains no scene"):
        names(tmp_path / "*.tif")
    with pytest.raises(SceneReadError, match="does not exist"):
        names(tmp_path / "missing.tif")


@pytest.mark.parametrize(
    ("paths", "scenes"),
    [
        (("A.tif", "a.tif"), ["in-A", "in-a-2"]),
        (("p/x.tif", "p/x.tiff", "p-x-2.tif"), ["p-x", "p-x-3", "p-x-2"]),
        (("x#1.tif", "y;2.tif"), ["x_1", "y_2"]),
    ],
)
def test_names_differ_also_without_case(paths: tuple[str, ...], scenes: list[str], tmp_path: Path) -> None:
    assert names(*(write_lake(tmp_path / "in" / path) for path in paths)) == scenes
    (tmp_path / "in" / "list.txt").write_text("".join(f"{path}  # a comment\n" for path in paths))
    if not any(";" in path for path in paths):
        assert names(tmp_path / "in" / "list.txt") == scenes


def test_links_to_folders_do_not_repeat_scenes(tmp_path: Path) -> None:
    write_lake(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "loop").symlink_to(".")
    (tmp_path / "in" / "b.tif").symlink_to("a.tif")
    (tmp_path / "link").symlink_to("in")
    assert names(tmp_path / "in" / "**" / "*.tif") == ["a", "b"]
    assert names(tmp_path / "in" / "a.tif", tmp_path / "link" / "a.tif") == ["a"]


@pytest.mark.parametrize("ids", [("x", "x"), (None, None), ("x", "y")])
def test_each_item_of_a_collection_is_a_scene(ids: tuple[str | None, ...], tmp_path: Path) -> None:
    """An id is unique in its collection only."""
    items = [
        {"type": "Feature", "collection": f"c{index}", "assets": {"data": {"href": f"{index}.tif"}}}
        | ({} if name is None else {"id": name})
        for index, name in enumerate(ids)
    ]
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    entries = read_inputs([str(path)], FLOOD)
    assert len({entry.scene for entry in entries}) == 2
    assert [entry.item and entry.item["assets"]["data"]["href"] for entry in entries] == [
        str(tmp_path / f"{index}.tif") for index in range(2)
    ]
    assert len(read_inputs([str(path), str(path)], FLOOD)) == 2


def test_one_item_of_a_collection(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text("{}")
    assert names(f"{tmp_path}/items.json#S2B_33") == ["S2B_33"]
    (tmp_path / "list.txt").write_text("items.json#S2B_33\nitems.json#S2B_34  # later\n")
    entries = read_inputs([str(tmp_path / "list.txt")], FLOOD)
    assert [entry.paths for entry in entries] == [(f"{tmp_path}/items.json#S2B_{n}",) for n in (33, 34)]


def test_outputs_are_no_scenes(tmp_path: Path) -> None:
    for name in ("a.tif", "out/a.tif", "out/b.tif"):
        write_lake(tmp_path / name)
    found = read_inputs([str(tmp_path), str(tmp_path / "out" / "b.tif")], FLOOD)
    kept = without_outputs(found, tmp_path / "out", {"a.tif"})
    assert [entry.paths[0] for entry in kept] == [str(tmp_path / "a.tif"), str(tmp_path / "out" / "b.tif")]
    with pytest.raises(UsageError, match="all inputs are outputs"):
        without_outputs(read_inputs([str(tmp_path / "out" / "a.tif")], FLOOD), tmp_path / "out", {"a.tif"})


def test_outputs_in_a_linked_folder_are_no_scenes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        write_lake(tmp_path / "maps" / name)
    (tmp_path / "link").symlink_to("maps")
    for given, folder in (("link", "link"), ("maps", "link"), ("link", "maps")):
        found = read_inputs([str(tmp_path / given / name) for name in ("a.tif", "b.tif")], FLOOD)
        kept = without_outputs(found, tmp_path / folder, {"a.tif"})
        assert [entry.scene for entry in kept] == ["b"]


@pytest.mark.parametrize("journal", ["journal.jsonl", "journal-0-of-2.jsonl"])
def test_the_maps_of_another_batch_are_no_scenes(folder: Path, journal: str, messages: Messages) -> None:
    write_lake(folder / "maps" / "a-classes.tif")
    (folder / "maps" / journal).write_text('{"event": "begun", "task": "flood"}\n')
    assert "maps" not in {entry.scene for entry in read_inputs([str(folder)], FLOOD)}
    assert any("holds the maps of a batch" in note for note in messages.notes)
    assert [entry.scene for entry in read_inputs([str(folder / "maps")], FLOOD)] == ["a-classes"]
