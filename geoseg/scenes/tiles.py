"""Join bands that several files hold as tiles of one scene; refuse files that are not tiles of one scene."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from geoseg.errors import BandError, SceneError
from geoseg.messages import note
from geoseg.scenes.bands import Band
from geoseg.scenes.grid_alignment import overlap
from geoseg.scenes.name_time import has_clock, time_in_name
from geoseg.scenes.naming import NamedCandidate
from geoseg.scenes.product import LeftOut
from geoseg.scenes.raster import Raster, base_name
from geoseg.spec.band_names import few_names

if TYPE_CHECKING:
    from geoseg.scenes.mosaic import TileMosaic

LOG = logging.getLogger(__name__)

ONE_PASS = timedelta(hours=3)
"""Longest time between the tiles of one scene; tiles whose names have only a day must be of one day."""

_FORMAT = "%Y-%m-%d %H:%M"

MAY_OVERLAP = 0.25
"""Largest overlap, as a share of the smaller file, with which files without dates are read as tiles."""


def join_tiles(
    named: Sequence[NamedCandidate], bands: Sequence[Band]
) -> tuple[tuple[Band, ...], tuple[LeftOut, ...]]:
    """Return each band once: a band that several files hold becomes a mosaic of them.

    Files keep the order in which they were given, in folders by name; where they overlap, a pixel has the
    value of the first file with a valid value.

    Args:
        named: the bands with their files, in the order of `bands`; names may repeat.
        bands: the same, calibrated.

    Returns:
        The bands, and bands that are left out because not all tiles hold them.

    Raises:
        SceneError: the files differ in date, CRS or pixel size and cannot be one scene.
        BandError: files without dates cover the same area.
    """
    groups: dict[str, list[tuple[NamedCandidate, Band]]] = {}
    for item, band in zip(named, bands, strict=True):
        groups.setdefault(band.name, []).append((item, band))
    most = max((len(group) for group in groups.values()), default=1)
    if most == 1:
        return tuple(bands), ()
    from geoseg.scenes.mosaic import TileMosaic  # noqa: PLC0415 - only scenes of several tiles need it

    complete = {name: group for name, group in groups.items() if len(group) == most}
    incomplete = {name: group for name, group in groups.items() if len(group) < most}
    _check(next(iter(complete.values())))
    if len(incomplete) > len(complete):
        name, group = next(iter(complete.items()))
        raise BandError(
            f"{_in_two_files(name, [item for item, _ in group])}; the other bands are in fewer files"
        )
    mosaics: dict[tuple[Raster, ...], dict[str, list[Band]]] = {}
    for name, group in complete.items():
        key = tuple(band.raster for _, band in group)
        mosaics.setdefault(key, {})[name] = [band for _, band in group]
    joined: dict[str, Band] = {}
    for position, columns in enumerate(mosaics.values()):
        mosaic = TileMosaic(list(zip(*columns.values(), strict=True)))
        for index, (name, column) in enumerate(columns.items(), start=1):
            joined[name] = _band(mosaic, index, column)
        if position == 0:
            note(LOG, _description(mosaic, len(mosaics)))
    left_out = tuple(
        LeftOut(name=f"{name} of {item.candidate.where}", why="not all tiles have this band")
        for name, group in incomplete.items()
        for item, _ in group
    )
    return tuple(joined[name] for name in complete), left_out


def _band(mosaic: TileMosaic, index: int, column: Sequence[Band]) -> Band:
    """Return a band of a mosaic, whose mask replaces the nodata values of the tiles.

    Raises:
        SceneError: the band has different units in the tiles.
    """
    first = column[0]
    other = next(
        (band for band in column if (band.units, band.db_factor) != (first.units, first.db_factor)), None
    )
    if other is not None:
        raise SceneError(
            f"band {first.name} has other units in {base_name(other.raster.path)} ({other.units}) than in "
            f"{base_name(first.raster.path)} ({first.units}); give files with the same units"
        )
    moved = replace(first, raster=mosaic, index=index, nodata=mosaic.nodata[index - 1], zero_with=())
    if mosaic.stored[index - 1]:
        return moved
    return replace(moved, scale=1.0, offset=0.0, scaling=f"{first.scaling}, for each file")


def _description(mosaic: TileMosaic, mosaics: int) -> str:
    """Return the note that lists the tiles of the first of `mosaics` mosaics."""
    files = [base_name(tile.raster.path) for tile in mosaic.tiles]
    each = " per band" if mosaics > 1 else ""
    moved = f", moved by up to {mosaic.nudge:.2f} pixel onto one grid" if mosaic.nudge else ""
    return (
        f"{len(files)} files{each} are tiles of one scene{moved}; where they overlap the first one is "
        f"used: {few_names(files, 4)}"
    )


def _check(group: Sequence[tuple[NamedCandidate, Band]]) -> None:
    """Refuse files of different dates, and files without dates that overlap too much to be tiles.

    Raises:
        SceneError: the files are of different dates.
        BandError: the files have no dates and overlap.
    """
    items = [item for item, _ in group]
    times = [time_of(item) for item in items]
    known = [time for time in times if time is not None]
    if known and not _of_one_pass(known):
        pair = [items[times.index(pick(known))].candidate for pick in (min, max)]
        alike = pair[0].file == pair[1].file
        early, late = (item.raster.path if alike else item.file for item in pair)
        raise SceneError(
            f"files of different dates cannot be one scene: {early} is of {min(known):{_FORMAT}}, {late} of "
            f"{max(known):{_FORMAT}}; give one of them at a time"
        )
    if len(known) == len(times):
        return
    for position, item in enumerate(items):
        for other in items[:position]:
            if overlap(item.candidate.raster.grid, other.candidate.raster.grid) > MAY_OVERLAP:
                raise BandError(_in_two_files(item.name, [other, item]))


def _of_one_pass(times: Sequence[datetime]) -> bool:
    """Return True for files acquired in one pass; on one day where names have only a day."""
    if all(has_clock(time) for time in times):
        return max(times) - min(times) <= ONE_PASS
    return len({time.date() for time in times}) == 1


def _in_two_files(name: str, items: Sequence[NamedCandidate]) -> str:
    first, second = (item.candidate.where for item in items[:2])
    return (
        f"band {name} is in {first} and in {second}; "
        f"give one scene at a time, or select the band with `--band {name}=PATH[:INDEX]`"
    )


def time_of(item: NamedCandidate) -> datetime | None:
    """Return the acquisition time of a band's file: from its product, else its name, else its folders."""
    asset = item.candidate.asset
    names: Iterable[str] = (base_name(asset.path), *reversed(PurePosixPath(asset.path).parts[:-1]))
    return asset.time or next((time for name in names if (time := time_in_name(name))), None)
