"""Assign windows to training, validation and testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from geoseg.errors import SceneError, UsageError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.files.text_tables import read_list
from geoseg.learn.samples.chips import SampleWindow
from geoseg.learn.samples.file_patterns import SplitSpec

Role = Literal["train", "val", "test"]


def split(places: Sequence[SampleWindow], spec: SplitSpec) -> Mapping[Role, tuple[SampleWindow, ...]]:
    """Return the windows of each role.

    The column `split` of the table has precedence over the kind of split. All windows of an image have the
    same role, except with strips, which divide images. Samples with doubtful labels are excluded from
    training.

    Raises:
        SceneError: no window is left for training, or a region does not exist.
        SceneReadError: a list of ids cannot be read.
    """
    if any(place.sample.split for place in places):
        roles = [place.sample.split for place in places]
    else:
        part = _parts(places, spec)
        rest = "" if spec.train else "train"
        named = {name: role for role in ("train", "val", "test") for name in getattr(spec, role)}
        roles = [named.get(name, rest) for name in part]
    by_role: dict[Role, tuple[SampleWindow, ...]] = {}
    names: tuple[Role, ...] = ("train", "val", "test")
    for name in names:
        by_role[name] = tuple(place for place, role in zip(places, roles, strict=True) if role == name)
    by_role["train"] = tuple(place for place in by_role["train"] if not place.sample.doubtful)
    if not by_role["train"]:
        raise SceneError("split: no window is left for training; put fewer parts into val and test")
    return by_role


def leave_out(
    places: Sequence[SampleWindow], spec: SplitSpec, part: str
) -> Mapping[Role, tuple[SampleWindow, ...]]:
    """Return the windows of a part for testing and all others for training; no column `split` changes this.

    Raises:
        SceneError: no window is left for training, or a region does not exist.
    """
    plain = [replace(place, sample=replace(place.sample, split="")) for place in places]
    roles = split(plain, spec.model_copy(update={"train": (), "val": (), "test": (part,)}))
    own = dict(zip(plain, places, strict=True))
    return {role: tuple(own[place] for place in found) for role, found in roles.items()}


def part_names(places: Sequence[SampleWindow], spec: SplitSpec) -> tuple[str, ...]:
    """Return the names of all parts: regions, runs or strips."""
    return tuple(dict.fromkeys(sorted(_parts(places, spec), key=lambda name: (len(name), name))))


def _parts(places: Sequence[SampleWindow], spec: SplitSpec) -> list[str]:
    """Return the part of each window, by the names used in `val` and `test`."""
    if spec.kind == "region":
        return _regions(places, spec)
    if spec.kind == "strips":
        position = [place.centre[spec.axis == "y"] for place in places]
        return _equal(np.argsort(np.argsort(position, kind="stable"), kind="stable"), spec.parts)
    ids = list(dict.fromkeys(place.sample.id for place in places))
    if spec.kind == "files":
        names = _file_names(places)
        listed = {path: _ids(path, ids, names) for path in (*spec.train, *spec.val, *spec.test)}
        return [
            next((name for name, listed_ids in listed.items() if p.sample.id in listed_ids), "")
            for p in places
        ]
    order = np.arange(len(ids))
    if spec.kind == "random":
        order = np.random.default_rng(spec.seed).permutation(len(ids))
    part = dict(zip(ids, _equal(order, spec.parts), strict=True))
    return [part[place.sample.id] for place in places]


def _equal(rank: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.intp]], parts: int) -> list[str]:
    """Return the part of each rank 0..n-1, for parts of equal size."""
    return [str(int(value) * parts // len(rank)) for value in rank]


def _regions(places: Sequence[SampleWindow], spec: SplitSpec) -> list[str]:
    known = {place.sample.region for place in places}
    if known == {""}:
        raise UsageError("split.kind is region, but no pattern has {region} and no table has a column region")
    absent = [name for name in (*spec.train, *spec.val, *spec.test) if name not in known]
    if absent:
        raise SceneError(f"split: unknown region {absent[0]!r}; regions are {', '.join(sorted(known))}")
    return [place.sample.region for place in places]


def _file_names(places: Sequence[SampleWindow]) -> Mapping[str, str]:
    """Return the id of the sample by the name of each of its files; not names that several samples have."""
    samples = dict.fromkeys(place.sample for place in places)
    owners: dict[str, set[str]] = {}
    for sample in samples:
        for path in (*sample.images, sample.label):
            owners.setdefault(path.name, set()).add(sample.id)
    return {name: next(iter(ids)) for name, ids in owners.items() if len(ids) == 1}


def _ids(path: str, known: Sequence[str], names: Mapping[str, str]) -> set[str]:
    """Read a list of ids, one in each line; or of rows of a CSV file that name an image or a label."""
    opened(path)
    with opening(path, "give a text file with one id in each line"):
        lines = read_list(Path(path)).splitlines()
    ids, found = set(known), set()
    for line in filter(None, map(str.strip, lines)):
        cells = [cell.strip() for cell in line.split(",")]
        matches = {names[Path(cell).name] for cell in cells if Path(cell).name in names}
        own = {cells[0]} if cells[0] in ids else matches
        if not own:
            raise SceneError(
                f"{path}: no sample, or more than one, has the id or a file named {cells[0]!r}; list the ids"
            )
        if len(own) > 1:
            raise SceneError(f"{path}: the files of one row are of the samples {', '.join(sorted(own))}")
        found |= own
    return found
