"""Damage to one file, each kind a function that says what it did; the same seed does the same damage."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.reliability import odd_rasters, odd_vectors

Mutation = Callable[[Path, random.Random], None]
"""Changes a file in place."""

TEXTS = (".json", ".geojson", ".yaml", ".xml", ".txt", ".csv", ".hdr", ".vrt", ".qml", ".gml", ".kml", ".prj")
RASTERS = (".tif", ".TIF", ".jp2", ".png", ".bil", ".img")
VECTORS = (".gpkg", ".geojson", ".fgb", ".shp")

SIDES = (
    ".aux.xml", ".ovr", ".msk", ".hdr", ".prj", ".tfw", ".wld", ".cpg", ".dbf", ".shx", ".qix", ".idm",
    ".csvt", ".gfs", ".xsd", ".qml", ".vat.dbf", ".clr", ".RPB", ".IMD", "_rpc.txt", "_metadata.txt",
    "_MTL.txt", ".xml", ".json", "-wal", "-shm", "-journal",
)  # fmt: skip
"""Ends of names of files beside another: headers, world files, masks, tables, logs, descriptions."""

NUMBERS = (
    "NaN", "-Infinity", "1e999", "-1", "0", "1e308", str(2**63), "9" * 400, '"text"', "null", "[]", "{}",
    "true", "1.5", "-0.0", "[[1, 2], 3]", "99999999",
)  # fmt: skip
"""What takes the place of a number of a text."""

WORDS = (
    "",
    "null",
    "[]",
    "{}",
    "NaN",
    "\u0000",
    "\ud7ff" * 50,
    "../../../etc/passwd",
    "%s%n",
    "x" * 200_000,
    "-1",
)
"""What takes the place of a word of a text."""


def flip_bits(path: Path, rng: random.Random) -> None:
    """Flip one to thirty bits anywhere."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 30)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flip_head(path: Path, rng: random.Random) -> None:
    """Change one to six bytes among the first 512."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 6)):
        if data:
            data[rng.randrange(min(len(data), 512))] = rng.randrange(256)
    path.write_bytes(data)


def truncate(path: Path, rng: random.Random) -> None:
    """Keep the first part."""
    size = path.stat().st_size
    os.truncate(path, rng.choice([1, 7, size // 2, max(size - 1, 0), rng.randrange(size + 1)]))


def empty(path: Path, rng: random.Random) -> None:
    """Leave nothing in the file."""
    path.write_bytes(b"")


def overwrite_block(path: Path, rng: random.Random) -> None:
    """Replace a block by zeros, by ones or by noise."""
    data = bytearray(path.read_bytes())
    size = min(len(data), rng.choice([4, 64, 1024, 65536]))
    start = rng.randrange(len(data) - size + 1)
    data[start : start + size] = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)])
    path.write_bytes(data)


def delete_block(path: Path, rng: random.Random) -> None:
    """Remove a block, so that what follows moves."""
    data = path.read_bytes()
    start = rng.randrange(len(data) + 1)
    path.write_bytes(data[:start] + data[start + rng.choice([1, 4, 100, 5000]) :])


def swap(path: Path, rng: random.Random) -> None:
    """Put another file of the inputs in the place of this one."""
    root = next(parent for parent in path.parents if parent.name == "in")
    others = sorted(item for item in root.rglob("*") if item.is_file() and item != path)
    if others:
        shutil.copyfile(rng.choice(others), path)
    else:
        path.write_bytes(b"PK\x03\x04" + rng.randbytes(100))


def foreign(path: Path, rng: random.Random) -> None:
    """Put the beginning of another format in the place of this one."""
    heads = (
        b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"II*\0\x08\0\0\0", b"GRIB", b"\x89PNG\r\n\x1a\n",
        b"SQLite format 3\0", b"%PDF-1.4\n", b"\x1f\x8b\x08\0", b"CDF\x01", b"fgb\x03fgb\0",
        b"<?xml version='1.0'?><a/>", b"[]", b"{}", b"\xff\xfe{\0}\0", b"- a\n- b\n",
    )  # fmt: skip
    path.write_bytes(rng.choice(heads) + rng.randbytes(rng.choice([0, 10, 3000])))


def directory(path: Path, rng: random.Random) -> None:
    """Put a folder in the place of the file."""
    path.unlink()
    path.mkdir()
    if rng.random() < 0.5:
        (path / "file").write_bytes(rng.randbytes(50))


def missing(path: Path, rng: random.Random) -> None:
    """Remove the file, or leave a link that leads nowhere, to itself or to what GDAL takes for a name."""
    path.unlink()
    end = rng.choice(
        ["", "nowhere", path.name, "/vsicurl/http://127.0.0.1:9/a.tif", "GTIFF_DIR:1:in/scene.tif"]
    )
    if end:
        path.symlink_to(end)


def special(path: Path, rng: random.Random) -> None:
    """Put something that cannot be read as a file in its place; root may read files without permission."""
    mode = path.stat().st_mode
    if os.geteuid() != 0 and rng.random() < 0.7:
        path.chmod(0)
        return
    path.unlink()
    path.symlink_to(
        rng.choice(["/proc/self/mem", "/dev/null", "/proc/self/attr/current", "/proc/1/root/nothing"])
    )
    del mode


def beside(path: Path, rng: random.Random) -> None:
    """Put something beside the file, by a name that a library looks for without being asked."""
    end = rng.choice(SIDES)
    side = path.with_name((path.name if end[0] == "-" or rng.random() < 0.5 else path.stem) + end)
    if side == path or side.is_dir():
        return
    side.unlink(missing_ok=True)
    kind = rng.choice(["pipe", "device", "folder", "itself", "input", "noise", "journal", "log"])
    if kind == "pipe":
        os.mkfifo(side)
    elif kind == "device":
        side.symlink_to("/dev/zero")
    elif kind == "folder":
        side.mkdir()
    elif kind == "itself":
        side.symlink_to(side.name)
    elif kind == "input" and path.is_file():
        shutil.copyfile(path, side)
    else:
        heads = {"journal": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "log": b"\x37\x7f\x06\x82"}
        side.write_bytes(heads.get(kind, b"") + rng.randbytes(3000))


def change_number(path: Path, rng: random.Random) -> None:
    """Replace one to three numbers of a text."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for _ in range(rng.randint(1, 3)):
        found = list(re.finditer(r"-?\d+(\.\d+)?", text))
        if found:
            match = rng.choice(found)
            text = text[: match.start()] + rng.choice(NUMBERS) + text[match.end() :]
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def change_word(path: Path, rng: random.Random) -> None:
    """Replace one or two words of a text."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for _ in range(rng.randint(1, 2)):
        found = list(re.finditer(r"[A-Za-z_]{3,}", text))
        if found:
            match = rng.choice(found)
            text = text[: match.start()] + rng.choice(WORDS) + text[match.end() :]
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def change_lines(path: Path, rng: random.Random) -> None:
    """Remove, repeat or indent a line."""
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True) or [""]
    index = rng.randrange(len(lines))
    lines[index] = rng.choice(
        ["", lines[index] * 2, "    " + lines[index], "\t" + lines[index], lines[index][1:]]
    )
    path.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def encode_otherwise(path: Path, rng: random.Random) -> None:
    """Store a text as UTF-16 or with bytes that are no UTF-8."""
    data = path.read_bytes()
    text = data.decode("utf-8", errors="replace")
    at = rng.randrange(len(data) + 1)
    path.write_bytes(
        rng.choice([text.encode("utf-16"), data[:at] + b"\xff\xfe\xe9" + data[at:], b"\xef\xbb\xbf" + data])
    )


def nest(path: Path, rng: random.Random) -> None:
    """Nest deeper than parsers recurse."""
    depth = rng.choice([200, 5000, 100_000])
    kinds = {
        ".xml": f"{'<a>' * depth}{'</a>' * depth}",
        ".yaml": rng.choice(
            ["[" * depth + "]" * depth, "{a: " * depth + "1" + "}" * depth, "- " * depth + "1"]
        ),
        ".geojson": '{"type": "GeometryCollection", "geometries": [' * depth + "]}" * depth,
    }
    path.write_text(kinds.get(path.suffix, "[" * depth + "]" * depth))


def change_json(path: Path, rng: random.Random) -> None:
    """Replace a value anywhere in a JSON document by one of another type."""
    try:
        table = json.loads(path.read_text())
    except ValueError:
        return change_word(path, rng)
    places: list[tuple[Any, Any]] = []

    def walk(value: object) -> None:
        if isinstance(value, dict | list):
            for key in list(value) if isinstance(value, dict) else range(len(value)):
                places.append((value, key))
                walk(value[key])

    walk(table)
    odd: Sequence[object] = (
        None, [], {}, "", "x", -1, 1e300, float("nan"), True, [None], {"a": []}, 10**30, "9" * 5000,
    )  # fmt: skip
    for _ in range(rng.randint(1, 3)):
        if places:
            inner, key = rng.choice(places)
            if rng.random() < 0.25 and isinstance(inner, dict):
                inner.pop(key, None)
            else:
                inner[key] = rng.choice(odd)
    whole = rng.choice([table, table, table, table, [table], None, "text", 3])
    path.write_text(json.dumps(whole))
    return None


BYTES: Mapping[str, Mutation] = {
    "bits flipped": flip_bits,
    "head changed": flip_head,
    "truncated": truncate,
    "empty": empty,
    "block overwritten": overwrite_block,
    "block deleted": delete_block,
    "another input": swap,
    "another format": foreign,
    "a folder": directory,
    "missing": missing,
    "not a file": special,
    "something beside": beside,
}
TEXT: Mapping[str, Mutation] = {
    "number changed": change_number,
    "word changed": change_word,
    "line changed": change_lines,
    "encoding changed": encode_otherwise,
    "nested deeply": nest,
}


def mutations_for(path: Path) -> dict[str, Mutation]:
    """Return the kinds of damage that suit a file, by name; those of its format come twice as often."""
    found = dict(BYTES)
    if path.suffix in TEXTS or path.name in {".zattrs", ".zarray", ".zmetadata", ".zgroup"}:
        found |= TEXT
    if path.suffix in {".json", ".geojson"} or path.name.startswith(".z"):
        found["value changed"] = change_json
    if path.suffix in RASTERS:
        found |= odd_rasters.KINDS
    if path.suffix in VECTORS:
        found |= odd_vectors.KINDS
    return found


def mutate(path: Path, rng: random.Random) -> str:
    """Damage a file; returns the kind of damage."""
    found = mutations_for(path)
    names = sorted(found)
    weights = [1 if name in BYTES and name != "something beside" else 2 for name in names]
    name = rng.choices(names, weights)[0]
    found[name](path, rng)
    return name
