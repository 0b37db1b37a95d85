"""Which windows are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.files.inputs import opened
from geoseg.learn.samples.chips import Place
from geoseg.learn.samples.sample_spec import SplitSpec

Role = Literal["train", "val", "test"]


def split(places: Sequence[Place], spec: SplitSpec) -> Mapping[Role, tuple[Place, ...]]:
    """Deal windows out.

    Where a table says so in its column `split`, it decides; else the split's kind does. All windows of an
    image stay together, but for strips, which cut through images. Doubtful labels are not trained on.

    Raises:
        SceneError: no window is left to train on, or a region is not there.
        SceneReadError: a list of ids cannot be read.
    """
    if any(place.sample.split for place in places):
        roles = [place.sample.split for place in places]
    else:
        part = _parts(places, spec)
        roles = ["test" if p in spec.test else "val" if p in spec.val else "train" for p in part]
    dealt: dict[Role, tuple[Place, ...]] = {}
    names: tuple[Role, ...] = ("train", "val", "test")
    for name in names:
        dealt[name] = tuple(place for place, role in zip(places, roles, strict=True) if role == name)
    dealt["train"] = tuple(place for place in dealt["train"] if not place.sample.doubtful)
    if not dealt["train"]:
        raise SceneError("the split leaves nothing to train on")
    return dealt


def part_names(places: Sequence[Place], spec: SplitSpec) -> tuple[str, ...]:
    """Name the parts that may be left out in turn: regions, runs, strips."""
    return tuple(dict.fromkeys(sorted(_parts(places, spec), key=lambda name: (len(name), name))))


def _parts(places: Sequence[Place], spec: SplitSpec) -> list[str]:
    """The part that each window belongs to, as `val` and `test` name it."""
    if spec.kind == "region":
        return _regions(places, spec)
    if spec.kind == "strips":
        position = [place.centre[spec.axis == "y"] for place in places]
        return _equal(np.argsort(np.argsort(position, kind="stable"), kind="stable"), spec.parts)
    ids = list(dict.fromkeys(place.sample.id for place in places))
    if spec.kind == "files":
        listed = {path: _ids(path, ids) for path in (*spec.val, *spec.test)}
        return [next((name for name, own in listed.items() if p.sample.id in own), "") for p in places]
    order = np.arange(len(ids))
    if spec.kind == "random":
        order = np.random.default_rng(spec.seed).permutation(len(ids))
    part = dict(zip(ids, _equal(order, spec.parts), strict=True))
    return [part[place.sample.id] for place in places]


def _equal(rank: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.intp]], parts: int) -> list[str]:
    """Cut ranks 0..n-1 into parts of equal size."""
    return [str(int(value) * parts // len(rank)) for value in rank]


def _regions(places: Sequence[Place], spec: SplitSpec) -> list[str]:
    known = {place.sample.region for place in places}
    if known == {""}:
        raise UsageError("split by region: no pattern has {region}, and the table no such column")
    absent = [name for name in (*spec.val, *spec.test) if name not in known]
    if absent:
        raise SceneError(f"no region is called {absent[0]!r}; there are {', '.join(sorted(known))}")
    return [place.sample.region for place in places]


def _ids(path: str, known: Sequence[str]) -> set[str]:
    """A list of ids, one a line."""
    opened(path)
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SceneReadError(f"{path}: the list of ids cannot be read: {error}") from error
    unknown = sorted(set(lines) - set(known))
    if unknown:
        raise SceneError(f"{path}: no sample is called {unknown[0]!r}")
    return set(lines)
