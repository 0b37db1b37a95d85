"""Accuracy and area of a finished map, by a reference sample of points."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.learn.evaluate.finished_map import NOT_SEEN, ClassMap, Stratum
from geoseg.learn.evaluate.pairing import EMPTY, mapped_classes, reference_classes
from geoseg.learn.evaluate.sample_reading import KnownStratum, read_points
from geoseg.learn.evaluate.sample_writing import REFERENCE
from geoseg.messages import collecting, warn
from geoseg.methods.area_estimate import FEWEST, AreaEstimate, estimate
from geoseg.run_record import RunWarning, run_warnings

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaReport:
    """What a sample says of a map."""

    map: str
    sample: str
    classes: tuple[Stratum, ...]
    """(K,) classes mapped or found by the sample; 0 pixels where not mapped."""
    counts: NDArray[np.int64]
    """(K, K) points: rows what they are mapped as, columns what they are."""
    estimate: AreaEstimate
    """Areas in m², or in pixels where the map has no CRS."""
    left_out: Mapping[str, int]
    """Points that do not count, by why."""
    drawn_here: bool
    """Whether the sample is a stratified random one of this map, as far as can be told."""
    warnings: tuple[RunWarning, ...]

    @property
    def located(self) -> bool:
        """Whether areas are in m²."""
        return self.classes[0].area_m2 is not None


def judge_area(path: str, sample: Path, *, column: str = REFERENCE) -> AreaReport:
    """Compare a map with a sample and estimate areas.

    Args:
        path: a class raster.
        sample: points; see `read_points`.
        column: of the sample: class numbers or labels; empty: not known.

    Raises:
        SceneError: one of both cannot be read, they do not fit, a class is unknown, or nothing is left.
    """
    points = read_points(sample, column)
    with ClassMap(path) as classes:
        strata = classes.census()
        known = {stratum.value: stratum.label for stratum in strata} | classes.labels
        truth = reference_classes(points.reference, known, sample, path)
        mapped, inside = mapped_classes(points, classes, sample)
        uneven = classes.uneven
    seen = mapped != NOT_SEEN
    used = seen & (truth != EMPTY)
    left_out = {
        "outside the map": int((~inside).sum()),
        "where the map observed nothing": int((inside & ~seen).sum()),
        f"without {column}": int((seen & ~used).sum()),
    }
    if not used.any():
        raise SceneError(
            f"{sample}: no point can be used: {_listed(left_out) or 'it holds none'}; fill in the column "
            f"{column} with class numbers or labels"
        )
    own = _present(strata, known, truth[used])
    values = [item.value for item in own]
    counts = np.zeros((len(own), len(own)), np.int64)
    np.add.at(counts, (np.searchsorted(values, mapped[used]), np.searchsorted(values, truth[used])), 1)
    _need_points(own, counts, sample)
    reason = _not_drawn_here(points.strata, own, counts)
    with collecting() as found:
        _warn(left_out, reason, own, counts, sample)
        if uneven:
            warn(
                LOG,
                "pixels-of-unequal-area",
                f"{path}: its pixels differ in area by more than a tenth, but points count as if drawn evenly"
                " over the ground; warp the map to an equal-area CRS first",
            )
    return AreaReport(
        map=path,
        sample=str(sample),
        classes=own,
        counts=counts,
        estimate=estimate(counts, np.array([item.size for item in own])),
        left_out=left_out,
        drawn_here=not reason,
        warnings=run_warnings(found.warnings),
    )


def _present(
    strata: Sequence[Stratum], known: Mapping[int, str], truth: NDArray[np.int64]
) -> tuple[Stratum, ...]:
    """Return the classes that are mapped or that points are, by value."""
    nothing = None if strata[0].area_m2 is None else 0.0
    mapped = {stratum.value for stratum in strata}
    others = (
        Stratum(value=value, label=known[value], pixels=0, area_m2=nothing)
        for value in set(truth.tolist()) - mapped
    )
    return tuple(sorted((*strata, *others), key=lambda item: item.value))


def _need_points(classes: Sequence[Stratum], counts: NDArray[np.int64], sample: Path) -> None:
    """Refuse a sample that says nothing of part of the map.

    Raises:
        SceneError: a mapped class has no point.
    """
    bare = [
        f"{item.label} ({item.value})"
        for item, number in zip(classes, counts.sum(axis=1).tolist(), strict=True)
        if item.pixels and not number
    ]
    if bare:
        raise SceneError(
            f"{sample}: no point with a reference lies on {', '.join(bare)} of the map, so that areas cannot"
            f" be estimated; add at least {FEWEST} points to each class mapped"
        )


def _not_drawn_here(
    strata: Mapping[int, KnownStratum] | None, classes: Sequence[Stratum], counts: NDArray[np.int64]
) -> str:
    """Say why a sample is not a stratified one of this map; empty where it is."""
    if strata is None:
        return "it has no table of strata"
    pixels = {item.value: item.pixels for item in classes if item.pixels}
    if {value: item.pixels for value, item in strata.items()} != pixels:
        return "its strata are those of another map"
    drawn = [strata[item.value].drawn if item.value in strata else 0 for item in classes]
    return "it holds more points than were drawn" if (counts.sum(axis=1) > drawn).any() else ""


def _warn(
    left_out: Mapping[str, int],
    reason: str,
    classes: Sequence[Stratum],
    counts: NDArray[np.int64],
    sample: Path,
) -> None:
    if any(left_out.values()):
        warn(
            LOG, "points-left-out", f"{sample}: {sum(left_out.values())} points left out: {_listed(left_out)}"
        )
    if reason:
        warn(
            LOG,
            "sample-not-of-this-map",
            f"{sample}: was not drawn from this map by geoseg evaluate sample ({reason}); intervals hold "
            "only for a random sample within each mapped class",
        )
    few = [
        f"{item.label} ({item.value})"
        for item, number in zip(classes, counts.sum(axis=1).tolist(), strict=True)
        if item.pixels and number < FEWEST
    ]
    if few:
        warn(
            LOG,
            "too-few-points",
            f"{sample}: only one point lies on {', '.join(few)} of the map: intervals cannot be told; add"
            " points",
        )


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {why}" for why, number in left_out.items() if number)
