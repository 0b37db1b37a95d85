"""Files of others are read within limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geoseg.errors import SceneReadError
from geoseg.files.bounded import (
    LABEL_LENGTH,
    check_beside,
    check_label,
    check_regular,
    check_within,
    parse_json,
    read_bytes,
)
from geoseg.files.inputs import opened


@pytest.mark.parametrize("size", [10, 11])
def test_a_file_within_the_limit(size: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    if size == 10:
        assert len(read_bytes(tmp_path / "a", 10)) == 10
    else:
        with pytest.raises(SceneReadError, match="has more than"):
            read_bytes(tmp_path / "a", 10)


@pytest.mark.parametrize("name", ["pipe", "link", "/dev/zero", "/dev/null"])
def test_pipes_and_devices(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for check in (check_regular, read_bytes, opened):
        with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
            check(tmp_path / name)


@pytest.mark.parametrize(
    "other",
    ["map.img.aux.xml", "map.hdr", "MAP.HDR", "map_rpc.txt", "map.img-wal", "DIM_1.XML", "map.vat.dbf"],
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_libraries_open_beside_a_file(other: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "map.img"
    path.write_bytes(b"x")
    check_beside(path)
    if kind == "pipe":
        os.mkfifo(tmp_path / other)
    else:
        (tmp_path / other).symlink_to("/dev/zero")
    os.utime(tmp_path, ns=(1, 1))
    with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
        check_beside(path)


def test_pipes_of_others_beside_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "control")
    os.mkfifo(tmp_path / "maps.sock")
    (tmp_path / "map.hdr").symlink_to("nowhere")
    (tmp_path / "map.img").write_bytes(b"x")
    check_beside(tmp_path / "map.img")
    check_beside(tmp_path / "none" / "map.img")


@pytest.mark.parametrize("deep", [True, False])
def test_pipes_in_a_folder_that_is_one_dataset(deep: bool, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "b" / "0").write_bytes(b"x")
    check_within(tmp_path, deep=deep)
    os.mkfifo(tmp_path / "a" / "b" / "1")
    if deep:
        with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
            check_within(tmp_path, deep=deep)
    else:
        check_within(tmp_path, deep=deep)
    os.mkfifo(tmp_path / "2")
    with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
        check_within(tmp_path, deep=deep)


def test_paths_of_nothing_are_left_to_the_reader(tmp_path: Path) -> None:
    check_regular(tmp_path / "none")
    check_regular("a\0b")
    check_regular(tmp_path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300, "9" * 5000]
)
def test_json_beyond_the_limits(text: str) -> None:
    with pytest.raises(SceneReadError, match=r"levels deep|digits"):
        parse_json(text, "a.json")


@pytest.mark.parametrize("text", ["[", "x", b"\xff"])
def test_what_is_not_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        parse_json(text, "a.json")


def test_json() -> None:
    assert parse_json('{"a": [1, {"b": null}]}', "a.json") == {"a": [1, {"b": None}]}


def test_labels() -> None:
    check_label("x" * LABEL_LENGTH, "a")
    with pytest.raises(SceneReadError, match=r"the label has 200,000 characters"):
        check_label("x" * 200_000, "the label")
