"""Arguments that are no paths of files that can be read or written."""

from __future__ import annotations

import random
from collections.abc import Sequence

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
