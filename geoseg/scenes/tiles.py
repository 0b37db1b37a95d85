"""Bands that several files hold side by side become one: which files are tiles of one scene, which not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from geoseg.errors import BandError, SceneError
from geoseg.messages import note
from geoseg.scenes.assembly import Named
from geoseg.scenes.bands import Band
from geoseg.scenes.lattice import overlap
from geoseg.scenes.mosaic import Mosaic
from geoseg.scenes.product import LeftOut, time_in_name
from geoseg.scenes.raster import Raster, base_name

LOG = logging.getLogger(__name__)

ONE_PASS = timedelta(hours=3)
"""Tiles of one scene were seen within so long; tiles whose names tell only a day, on one day."""

_FORMAT = "%Y-%m-%d %H:%M"

MAY_OVERLAP = 0.25
"""Share of the smaller file by which files without dates may overlap and are still taken for tiles."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Bands after tiles were joined."""

    bands: tuple[Band, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Bands that not all tiles hold."""


def join_tiles(named: Sequence[Named], bands: Sequence[Band]) -> Joined:
    """Return each band once: those that several files hold become one over all of these.

    Files come in the order given, in folders by name; where they overlap, the first one that observed a pixel
    gives it.

    Args:
        named: the bands with their files, in the order of `bands`; names may repeat.
        bands: the same, calibrated.

    Raises:
        SceneError: the files are of different dates, CRSs or pixels, and so make no one scene.
        BandError: files without dates cover the same ground.
    """
    groups: dict[str, list[tuple[Named, Band]]] = {}
    for item, band in zip(named, bands, strict=True):
        groups.setdefault(band.name, []).append((item, band))
    most = max((len(group) for group in groups.values()), default=1)
    if most == 1:
        return Joined(bands=tuple(bands))
    whole = {name: group for name, group in groups.items() if len(group) == most}
    few = {name: group for name, group in groups.items() if len(group) < most}
    _check(next(iter(whole.values())))
    if len(few) > len(whole):
        name, group = next(iter(whole.items()))
        raise BandError(f"{_twice(name, [item for item, _ in group])}; the other bands are in fewer files")
    mosaics: dict[tuple[Raster, ...], dict[str, list[Band]]] = {}
    for name, group in whole.items():
        key = tuple(band.raster for _, band in group)
        mosaics.setdefault(key, {})[name] = [band for _, band in group]
    found: dict[str, Band] = {}
    for position, columns in enumerate(mosaics.values()):
        mosaic = Mosaic(list(zip(*columns.values(), strict=True)))
        for index, (name, column) in enumerate(columns.items(), start=1):
            found[name] = _band(mosaic, index, column)
        if position == 0:
            note(LOG, _told(mosaic, len(mosaics)))
    return Joined(
        bands=tuple(found[name] for name in whole),
        left_out=tuple(
            LeftOut(name=f"{name} of {item.candidate.where}", why="not all tiles have this band")
            for name, group in few.items()
            for item, _ in group
        ),
    )


def _band(mosaic: Mosaic, index: int, column: Sequence[Band]) -> Band:
    """Return a band of a mosaic; what was not observed its mask says."""
    first = column[0]
    other = next(
        (band for band in column if (band.units, band.db_factor) != (first.units, first.db_factor)), None
    )
    if other is not None:
        raise SceneError(
            f"band {first.name} has other units in {base_name(other.raster.path)} ({other.units}) than in "
            f"{base_name(first.raster.path)} ({first.units}); give files of one kind"
        )
    moved = replace(first, raster=mosaic, index=index, nodata=mosaic.nodata[index - 1], zero_with=())
    if mosaic.stored[index - 1]:
        return moved
    return replace(moved, scale=1.0, offset=0.0, scaling=f"{first.scaling}, each file by its own")


def _told(mosaic: Mosaic, mosaics: int) -> str:
    """Say which files became one, of the first of so many mosaics."""
    files = [base_name(tile.raster.path) for tile in mosaic.tiles]
    each = " a band" if mosaics > 1 else ""
    moved = f", moved by up to {mosaic.nudge:.2f} pixel onto one grid" if mosaic.nudge else ""
    return (
        f"{len(files)} files{each} tile the area and are read as one{moved}; where they overlap the first "
        f"one counts: {_listed(files)}"
    )


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _check(group: Sequence[tuple[Named, Band]]) -> None:
    """Refuse files of different dates, and files without dates that may be two of them.

    Raises:
        SceneError: see above.
    """
    items = [item for item, _ in group]
    times = [time_of(item) for item in items]
    known = [time for time in times if time is not None]
    if known and not _of_one_pass(known):
        pair = [items[times.index(pick(known))].candidate for pick in (min, max)]
        alike = pair[0].file == pair[1].file
        early, late = (item.raster.path if alike else item.file for item in pair)
        raise SceneError(
            f"files of different dates make no one scene: {early} is of {min(known):{_FORMAT}}, {late} of "
            f"{max(known):{_FORMAT}}; give one of them at a time"
        )
    if len(known) == len(times):
        return
    for position, item in enumerate(items):
        for other in items[:position]:
            if overlap(item.candidate.raster.grid, other.candidate.raster.grid) > MAY_OVERLAP:
                raise BandError(_twice(item.name, [other, item]))


def _of_one_pass(times: Sequence[datetime]) -> bool:
    """Whether files were acquired in one pass; on one day where names tell no more than that."""
    if all(time.time() != datetime.min.time() for time in times):
        return max(times) - min(times) <= ONE_PASS
    return len({time.date() for time in times}) == 1


def _twice(name: str, items: Sequence[Named]) -> str:
    one, other = (item.candidate.where for item in items[:2])
    return (
        f"band {name} is in {one} and in {other}; "
        f"give one scene at a time, or say which with --band {name}=PATH[:INDEX]"
    )


def time_of(item: Named) -> datetime | None:
    """Return when a band's file was acquired: by its product, else by its own name, else its folders'."""
    asset = item.candidate.asset
    names: Iterable[str] = (base_name(asset.path), *reversed(PurePosixPath(asset.path).parts[:-1]))
    return asset.time or next((time for name in names if (time := time_in_name(name))), None)
