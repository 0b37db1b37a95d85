"""Tables of text: separators, decimal marks, byte order marks, what is no table."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from geoseg.errors import SceneReadError
from geoseg.files.text_tables import read_list, read_table


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("a.csv", b"a,b\n1.5,x\n", 1.5),
        ("a.csv", b"\xef\xbb\xbfa;b\r\n1,5;x\r\n", 1.5),
        ("a.csv", b"a;b\n1.5;x\n", 1.5),
        ("a.tsv", b"a\tb\n1.5\tx\n", 1.5),
        ("a.csv", b"a\tb\n1.5\tx\n", 1.5),
        ("a.txt", b"a\tb, of the lake\n1.5\tx\n", 1.5),
        ("a.csv", "a\tb\r\n1.5\tx\r\n".encode("utf-16"), 1.5),
        ("a.csv", codecs.BOM_UTF16_BE + "a;b\r\n1,5;x\r\n".encode("utf-16-be"), 1.5),
        ("a.csv", b"sep=;\r\na;b\r\n1,5;x\r\n", 1.5),
        ("a.csv", b"\xef\xbb\xbfsep=\t\r\na\tb\r\n1.5\tx\r\n", 1.5),
        ("a.csv", b'"sep=,"\na,b\n1.5,x\n', 1.5),
        ("a.csv", b"SEP=|\na|b\n1.5|x\n", 1.5),
        ("a.csv", b'"a","b"\n" 1.5 ","x"\n', 1.5),
    ],
)
def test_cells_and_numbers(name: str, content: bytes, value: float, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(path)
    assert table.names[0] == "a"
    assert table.lines == (3 if b"sep=" in content.lower() else 2,)
    (row,) = table.rows
    assert row[table.names[1]] == "x"
    assert table.number(row["a"]) == value


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (("1,5", "2,25"), 1.5),
        (("1,500", "-0,25"), 1.5),
        (("3", "2,25"), 3),
        (("1,500", "2.5"), None),
        (("1,500", "2"), None),
        (("1,5", "2.25"), None),
    ],
)
def test_decimal_commas_between_tabs(cells: tuple[str, str], value: float | None, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("a\tb\r\n" + "".join(f"{cell}\tx\r\n" for cell in cells)).encode("utf-16"))
    table = read_table(path)
    if value is None:
        with pytest.raises(ValueError, match="could not convert"):
            table.number(table.rows[0]["a"])
    else:
        assert table.number(table.rows[0]["a"]) == value
        assert float(table.plain(cells[0])) == value
    assert table.plain("x, y") == "x, y"


def test_short_rows_and_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1\n\n2,3\n")
    table = read_table(path)
    assert table.rows == ({"a": "1", "b": ""}, {"a": "2", "b": "3"})
    assert table.lines == (2, 4)
    path.write_text("")
    assert read_table(path).names == ()


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content in (b"a,b\n\xff\xfe", b"\xff\xfe\x00", b"\xff\xfea\x00\x00\xd8"):
        path.write_bytes(content)
        with pytest.raises(SceneReadError, match="is not a table in UTF-8 or UTF-16"):
            read_table(path)


@pytest.mark.parametrize("read", [read_table, read_list])
def test_bytes_of_zero_are_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'scene\n"a\0b.tif"\n')
    with pytest.raises(SceneReadError, match="holds bytes of 0"):
        read(tmp_path / "a.csv")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that fails when it is read")
@pytest.mark.parametrize("read", [read_table, read_list])
def test_a_file_that_cannot_be_read_is_named(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("/proc/self/mem")
    with pytest.raises(SceneReadError, match=r"a\.csv: cannot be read"):
        read(tmp_path / "a.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(SceneReadError, match="is a pipe"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_are_read_by_their_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("# Überflutung\na.tif\n".encode(encoding))
    assert read_list(path).splitlines() == ["# Überflutung", "a.tif"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_lists_in_another_encoding_are_refused(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("# Überflutung\na.tif\n".encode(encoding))
    with pytest.raises(SceneReadError, match="is not text in UTF-8 or UTF-16"):
        read_list(path)
