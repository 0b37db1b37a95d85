"""Find out whether one scene was given for both dates: by files, by acquisition time, by pixels."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import shapely
from pyproj import Transformer

from geoseg.errors import SceneError
from geoseg.grid import Grid, sample_windows
from geoseg.messages import warn
from geoseg.scenes.name_time import has_clock
from geoseg.scenes.scene import Scene

LOG = logging.getLogger(__name__)

BLOCK, BLOCKS = 128, 4
"""Side in pixels and largest number of the blocks whose pixels are compared."""
BANDS = 3
"""Largest number of bands whose pixels are compared."""


def check_dates(scenes: Sequence[Scene], role: str) -> None:
    """Check that scenes of several dates are different scenes; warn where they seem to be one.

    Compared are files and bands, the ground that both cover, the acquisition time of one satellite, and the
    pixels of a few blocks.

    Args:
        scenes: the scenes.
        role: what the scenes are for, for messages: `change needs`.

    Raises:
        SceneError: two scenes are the same bands of the same files, or have no ground in common.
    """

    @cache
    def digest(position: int, band: str) -> bytes | None:
        return _digest(scenes[position], band)

    for first, second in combinations(range(len(scenes)), 2):
        one, other = scenes[first], scenes[second]
        if apart(one.grid, other.grid):
            raise SceneError(
                f"{one.name} and {other.name} cover no common ground: {role} scenes of the same "
                "place. Check the files and their CRS"
            )
        shared = [name for name in one.band_names if name in other.band_names]
        if not shared:
            continue
        check_files(one, other, shared, role)
        if (one.grid.height, one.grid.width) == (other.grid.height, other.grid.width):
            pairs = [(digest(first, name), digest(second, name)) for name in shared[:BANDS]]
            known = [pair for pair in pairs if pair[0] is not None or pair[1] is not None]
            if known and all(pair[0] == pair[1] for pair in known):
                warn(
                    LOG,
                    "same-scene",
                    f"{one.name} and {other.name} have the same pixels: {role} different scenes. Check "
                    "their files",
                )
                continue
        if one.time is None or one.time != other.time or not has_clock(one.time):
            continue
        if one.platform == other.platform:
            warn(
                LOG,
                "same-scene",
                f"{one.name} and {other.name} were acquired at the same time ({one.time:%Y-%m-%d %H:%M:%S} "
                f"UTC): {role} different scenes. Check their files",
            )


def apart(one: Grid, other: Grid) -> bool:
    """Return whether two grids cover no common ground; False where that is not known."""
    if one.crs is None or other.crs is None:
        return False
    rows, cols = other.outline()
    own, to_pixels = other.transform, ~one.transform
    x, y = own.a * cols + own.b * rows + own.c, own.d * cols + own.e * rows + own.f
    x, y = Transformer.from_crs(other.crs, one.crs, always_xy=True).transform(x, y)
    cols = to_pixels.a * x + to_pixels.b * y + to_pixels.c
    rows = to_pixels.d * x + to_pixels.e * y + to_pixels.f
    if not np.isfinite(cols + rows).all():
        return False
    outline = shapely.make_valid(shapely.polygons(np.column_stack([cols, rows])))
    return not shapely.intersects(outline, shapely.box(0, 0, one.width, one.height))


def check_files(one: Scene, other: Scene, bands: Sequence[str], role: str) -> None:
    """Check that two scenes are not the same bands of the same files.

    Raises:
        SceneError: they are.
    """
    files = _files(one, bands)
    if files == _files(other, bands):
        raise SceneError(f"{files[0][0]} is given for two dates: {role} different scenes")


def _files(scene: Scene, bands: Sequence[str]) -> list[tuple[str, int]]:
    """Return file and index of bands."""
    found = {band.name: band for band in scene.bands}
    return [(os.path.realpath(found[name].raster.path), found[name].index) for name in bands]


def _digest(scene: Scene, band: str) -> bytes | None:
    """Return a hash of some blocks of a band; None where all valid pixels have one value."""
    hashed, low, high = hashlib.blake2b(digest_size=16), None, None
    for window in sample_windows(scene.grid, size=BLOCK, most=BLOCKS):
        pixels = scene.read(window, [band])
        values = pixels.data[0][pixels.valid]
        if values.size:
            low = values.min() if low is None else min(low, values.min())
            high = values.max() if high is None else max(high, values.max())
        hashed.update(pixels.valid.tobytes() + values.tobytes())
    return None if low is None or low == high else hashed.digest()
