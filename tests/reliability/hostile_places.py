"""What is no file in the place of an input: pipes, sockets, devices, loops, folders; and texts in depth."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path


def _cleared(path: Path) -> Path:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: _cleared(path).symlink_to(target)


def _socket(path: Path) -> None:
    """A socket at a path: bound by a short name, which is what its address may hold."""
    before = os.getcwd()
    os.chdir(_cleared(path).parent)
    try:
        with socket.socket(socket.AF_UNIX) as open_socket:
            open_socket.bind(path.name[:100])
        if path.name[:100] != path.name:
            os.rename(path.name[:100], path.name)
    finally:
        os.chdir(before)


def _loop(path: Path) -> None:
    _cleared(path).symlink_to(path.name)


def _ring(path: Path) -> None:
    """A folder that holds itself, and a file that is named as the folder."""
    _cleared(path).mkdir()
    (path / path.name).symlink_to("..")


def _text(text: str) -> Callable[[Path], None]:
    return lambda path: (_cleared(path).write_text(text), None)[1]


def _bomb(depth: int = 9, width: int = 9) -> str:
    """Aliases that stand for 9^9 words."""
    lines = ['a0: &a0 "x"']
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, depth + 1)
    ]
    return "\n".join(lines)


PLACES: Mapping[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(_cleared(path)),
    "a socket": _socket,
    "endless zeros": _link("/dev/zero"),
    "a full device": _link("/dev/full"),
    "a terminal": _link("/dev/tty"),
    "the process": _link("/proc/self/mem"),
    "a link to itself": _loop,
    "a link to nothing": _link("nowhere"),
    "a folder in itself": _ring,
    "aliases without end": _text(_bomb()),
    "an alias of itself": _text("&a [*a]"),
    "merges of itself": _text("a: &a\n  <<: *a\n"),
    "deep brackets": _text("[" * 100_000),
    "deep tables": _text('{"a":' * 100_000),
    "deep XML": _text('<?xml version="1.0"?>' + "<a>" * 100_000),
    "a number of a million digits": _text('{"a": ' + "9" * 10**6 + "}"),
    "a line of a million columns": _text("x,y," + ",".join(map(str, range(10**6))) + "\n1,2\n"),
    "nothing but zeros": lambda path: (_cleared(path).write_bytes(bytes(10**6)), None)[1],
    "a database": lambda path: (_cleared(path).write_bytes(b"SQLite format 3\0" + bytes(4096)), None)[1],
    "a table of columns": lambda path: (_cleared(path).write_bytes(b"PAR1" + bytes(64) + b"PAR1"), None)[1],
    "tiles": lambda path: (_cleared(path).write_bytes(b"PMTiles\x03" + b"\xff" * 200), None)[1],
}
"""What stands in the place of an input."""
