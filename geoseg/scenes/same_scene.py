"""Find one scene that was given for two dates: by its files, by its acquisition time, by its pixels."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from functools import cache
from itertools import combinations

from geoseg.errors import SceneError
from geoseg.grid import sample_windows
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

    Compared are files and bands, the acquisition time of one satellite, and the pixels of a few blocks.

    Args:
        scenes: the scenes.
        role: what the scenes are for, for messages: `change needs`.

    Raises:
        SceneError: two scenes are the same bands of the same files.
    """

    @cache
    def digest(position: int, band: str) -> bytes | None:
        return _digest(scenes[position], band)

    for first, second in combinations(range(len(scenes)), 2):
        one, other = scenes[first], scenes[second]
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
