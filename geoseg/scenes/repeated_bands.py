"""Select among bands that a scene holds several times: aliases, copies in dB, finer and coarser files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from geoseg.errors import BandError
from geoseg.messages import note
from geoseg.scenes.grid_alignment import are_tiles
from geoseg.scenes.naming import Candidate, NamedCandidate
from geoseg.scenes.raster import Raster
from geoseg.spec import SensorSpec
from geoseg.spec.band_names import few_names

LOG = logging.getLogger(__name__)

COARSER = 1.5
"""Ratio of pixel sizes from which the finer of two files with one band is used; below it is an error."""


def without_later_aliases(named: Sequence[NamedCandidate], sensor: SensorSpec | None) -> list[NamedCandidate]:
    """Return the bands without those that one of an earlier alias replaces, as NBART does NBAR.

    They are bands of one file, or of files whose names are equal but for the alias.
    """
    aliases = {band.name: band.aliases for band in sensor.bands} if sensor else {}
    named = _first_aliases(_without_db_copies(named), aliases)
    files = {(item.name, item.candidate.file) for item in named}
    kept = []
    for item in named:
        own, file = aliases.get(item.name, ()), item.candidate.file
        pairs = [(first, later) for at, later in enumerate(own) for first in own[:at] if f"_{later}." in file]
        better = [
            made for first, later in pairs if (made := file.replace(f"_{later}.", f"_{first}.")) != file
        ]
        used = next((made for made in better if (item.name, made) in files), None)
        if used is None:
            kept.append(item)
        else:
            note(LOG, f"{item.name}: {used} is used, not {file}")
    return kept


def _without_db_copies(named: Sequence[NamedCandidate]) -> list[NamedCandidate]:
    """Return the bands without copies in dB: `Sigma0_VV_db` beside `Sigma0_VV`, as SNAP stores both."""
    labels = [_own_name(item.candidate).lower() for item in named]
    copies = {at for at, label in enumerate(labels) if label.endswith("_db") and label[:-3] in labels}
    if copies:
        note(LOG, f"left out, copies in dB: {few_names([named[at].candidate.where for at in copies], 6)}")
    return [item for at, item in enumerate(named) if at not in copies]


def _own_name(item: Candidate) -> str:
    """Return the name of a file of one band, else the last label of the band."""
    return PurePosixPath(item.file).stem if item.raster.count == 1 else (*item.labels[-1:], "")[0]


def _first_aliases(
    named: Sequence[NamedCandidate], aliases: Mapping[str, Sequence[str]]
) -> list[NamedCandidate]:
    """Return the bands without those for which a band of the same file has an earlier alias."""

    def rank(item: NamedCandidate) -> int:
        labels = {label.strip().lower() for label in item.candidate.labels}
        own = aliases.get(item.name, ())
        return next((at for at, alias in enumerate(own) if alias.lower() in labels), len(own))

    first: dict[tuple[Raster, str], int] = {}
    for item in named:
        key = (item.candidate.raster, item.name)
        first[key] = min(rank(item), first.get(key, rank(item)))
    kept = [item for item in named if rank(item) == first[item.candidate.raster, item.name]]
    for item in named:
        if item not in kept:
            note(LOG, f"{item.name}: another band of the file is used, not {item.candidate.where}")
    return kept


def without_duplicates(named: Sequence[NamedCandidate]) -> list[NamedCandidate]:
    """Return each band of the finest files that hold it; several may hold it as tiles of one area.

    Raises:
        BandError: two files, or two bands of one file, hold a band of the same area at the same pixel size.
    """
    groups: dict[str, list[NamedCandidate]] = {}
    for item in named:
        groups.setdefault(item.name, []).append(item)
    unique: list[NamedCandidate] = []
    for name, group in groups.items():
        if len(group) == 1:
            unique += group
            continue
        finest = min(group, key=_pixel_size)
        tiles: list[NamedCandidate] = []
        for item in group:
            if _pixel_size(item) >= COARSER * _pixel_size(finest):
                note(
                    LOG,
                    f"{name}: {finest.candidate.where} is used, because {item.candidate.where} is coarser",
                )
                continue
            for other in tiles:
                if not are_tiles(other.candidate.raster.grid, item.candidate.raster.grid):
                    raise BandError(
                        f"band {name} is in {other.candidate.where} and in {item.candidate.where}; "
                        f"give one scene at a time, or select the band with `--band {name}=PATH[:INDEX]`"
                    )
            tiles.append(item)
        unique += tiles
    return unique


def _pixel_size(item: NamedCandidate) -> float:
    """Return the side of a pixel in metres; in pixel coordinates where there is no CRS."""
    grid = item.candidate.raster.grid
    if grid.crs is None:
        return float(abs(grid.transform.determinant) ** 0.5)
    down, right = grid.pixel_size_m
    return float((down * right) ** 0.5)
