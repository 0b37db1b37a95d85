"""An output folder in a store."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoseg.errors import OutputError
from geoseg.files.store_folder import StoreFolder
from geoseg.files.store_path import StorePath
from tests.stores import BUCKET, empty_bucket, keys, refusing, serving_s3, variables


@pytest.fixture(scope="module")
def module_server() -> Iterator[str]:
    with serving_s3() as place:
        yield place


@pytest.fixture
def server(module_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    empty_bucket(module_server)
    for name, value in variables(module_server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST", raising=False)
    monkeypatch.setenv("GEOSEG_OFFLINE", "")
    return module_server


def store(folder: Path, *kept: str) -> StoreFolder:
    return StoreFolder(StorePath(f"s3://{BUCKET}/out"), folder, kept)


def made(folder: Path, *names: str, content: str = "x") -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return [folder / name for name in names]


def test_files_of_one_machine_are_those_of_the_next(server: str, tmp_path: Path) -> None:
    first = store(tmp_path / "one")
    first.prepare()
    first.publish(made(first.folder, "a/map.gpkg", "a/map.tif"))
    first.publish(made(first.folder, "journal.jsonl", content="lines"))
    assert keys(server) == ["out/a/map.gpkg", "out/a/map.tif", "out/journal.jsonl"]
    second = pickle.loads(pickle.dumps(store(tmp_path / "two", "journal*")))
    second.prepare()
    assert [item.name for item in second.folder.iterdir()] == ["journal.jsonl"]
    assert (second.folder / "journal.jsonl").read_text() == "lines"
    names = [second.folder / "a/map.gpkg", second.folder / "a/map.tif"]
    assert second.holds((name, 1) for name in names)
    assert not second.holds([(names[0], 2)])
    assert not second.holds([(names[0], 1), (second.folder / "b.gpkg", 1)])


def test_files_are_published_together(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = store(tmp_path)
    place.publish(made(tmp_path, "map.gpkg", "map.tif", content="old"))
    before = keys(server)
    with refusing(server, r"PUT .*map\.gpkg$") as at:
        monkeypatch.setenv("AWS_S3_ENDPOINT", at)
        with pytest.raises(OutputError, match=r"map\.gpkg: cannot be written"):
            place.publish(made(tmp_path, "map.gpkg", "map.tif", "map.png", content="new"))
    monkeypatch.setenv("AWS_S3_ENDPOINT", server)
    assert keys(server) == before
    assert StorePath(f"s3://{BUCKET}/out/map.tif").read_text() == "old"
    place.publish(made(tmp_path, "map.gpkg", "map.tif", content="new"))
    assert StorePath(f"s3://{BUCKET}/out/map.tif").read_text() == "new"


def test_a_store_that_is_not_there(server: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no s3://none"):
        StoreFolder(StorePath("s3://none/out"), tmp_path).prepare()
