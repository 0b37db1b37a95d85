"""Arguments that are no paths of files that can be read or written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

PATHS = (
    "in/" + "x" * 300 + ".tif", "/".join(["in"] + ["d" * 200] * 25) + ".tif",
    "in/none.tif", "", "-",
    ".", "..", "in", "in/\n.tif", "in/\udcff.tif", "\u202e.tif", "/vsizip/in/none.zip/a.tif",
    'NETCDF:"in/none.nc":x',
    "http://127.0.0.1:9/none.tif", "s3://", "file:///none", "/vsimem/none", "/dev/null", "/proc/self/mem",
    "in/*.tif", "~/none.tif", "/dev/stdin", "GTIFF_DIR:9:in/scene.tif", "in/scene.tif:99", "%",
    "/proc/1/root/none", "::",
)  # fmt: skip
"""What takes the place of a path among the arguments of a command."""

OUTPUTS = (
    "out/" + "x" * 300 + ".gpkg", "out/none/map.gpkg", "/proc/map.gpkg", "in/scene.tif", "out", "out/map.xyz",
    "/dev/full", "out/map", "/sys/map.gpkg", "in/scene.tif/map.gpkg", "",
    "out/\udcff.gpkg", "/dev/null/map.gpkg",
)  # fmt: skip
"""What takes the place of an output."""


NAMES = (
    "-o", "--help", "a\nb", "\udcff", "\x1b[31m", " ", "a:b", "a,b", "a;b", "a?b", "a#b", "a%20b", "%d",
    "{0}", "[1]", "*", "$HOME", "`id`", "'", '"', "<b>&amp;", "\u202ea", "é", "x" * 240, "NETCDF:x",
    "vrt:", "..a", "a|b", "a\\b",
)  # fmt: skip
"""What takes the place of the stem of an input."""


def rename_argument(folder: Path, command: Sequence[str], rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """Give a file among the arguments of a command an odd name; returns the damage and the command."""
    changed = list(command)
    places = [
        index for index, word in enumerate(command) if word.startswith("in/") and (folder / word).is_file()
    ]
    if not places:
        return "none", tuple(command)
    index = rng.choice(places)
    old = folder / command[index]
    new = old.with_name(rng.choice(NAMES) + old.suffix)
    old.rename(new)
    changed[index] = str(new.relative_to(folder))
    return "odd name", tuple(changed)


def mutate_argument(command: Sequence[str], rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """Replace a path among the arguments of a command; returns the kind of damage and the command."""
    changed = list(command)
    paths = [index for index, word in enumerate(command) if word.startswith(("in/", "out/"))]
    if not paths:
        return "none", tuple(command)
    index = rng.choice(paths)
    into = command[index].startswith("out/")
    changed[index] = rng.choice(OUTPUTS if into else PATHS)
    return "odd output" if into else "odd path", tuple(changed)
