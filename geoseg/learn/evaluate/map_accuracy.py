"""Estimate accuracy and area of a map from a reference sample of points."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.learn.evaluate.class_raster import NOT_OBSERVED, ClassRaster, Stratum
from geoseg.learn.evaluate.point_classes import EMPTY, mapped_classes, reference_classes
from geoseg.learn.evaluate.sample_reading import read_points
from geoseg.learn.evaluate.sample_writing import REFERENCE
from geoseg.messages import collecting, warn
from geoseg.methods.area_estimate import FEWEST, AreaEstimate, estimate
from geoseg.run_record import RunWarning, run_warnings

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaReport:
    """Accuracy and areas of a map, estimated from a sample."""

    map: str
    """Path of the map."""
    sample: str
    """Path of the sample."""
    classes: tuple[Stratum, ...]
    """(K,) classes of the map and of the sample; 0 pixels where a class is not mapped."""
    counts: NDArray[np.int64]
    """(K, K) error matrix in points: map classes in rows, reference classes in columns."""
    estimate: AreaEstimate
    """Areas in m², or in pixels where the map has no CRS."""
    left_out: Mapping[str, int]
    """Number of unused points by reason."""
    drawn_from_map: bool
    """Whether the strata of the sample are those of this map."""
    warnings: tuple[RunWarning, ...]

    @property
    def georeferenced(self) -> bool:
        """Whether the map has a CRS, so that areas are in m²."""
        return self.classes[0].area_m2 is not None


def estimate_area(path: str, sample: Path, *, column: str = REFERENCE) -> AreaReport:
    """Compare a map with a reference sample, and estimate accuracy and areas.

    Args:
        path: the class raster.
        sample: the points; see `read_points`.
        column: column of the sample with class numbers or labels; points with an empty entry are not used.

    Raises:
        SceneError: map or sample cannot be read, a class is unknown, or a mapped class has no point.
    """
    points = read_points(sample, column)
    with ClassRaster(path) as raster:
        strata = raster.census()
        legend = {stratum.value: stratum.label for stratum in strata} | raster.labels
        reference = reference_classes(points.reference, legend, sample, path)
        mapped, inside = mapped_classes(points, raster, sample)
        unequal_areas = raster.pixels_differ_in_area
    observed = mapped != NOT_OBSERVED
    used = observed & (reference != EMPTY)
    left_out = {
        "outside the map": int((~inside).sum()),
        "where the map observed nothing": int((inside & ~observed).sum()),
        f"without {column}": int((observed & ~used).sum()),
    }
    if not used.any():
        raise SceneError(
            f"{sample}: no point can be used ({_listed(left_out) or 'the file has no points'}); fill in the "
            f"column {column} with class numbers or labels"
        )
    classes = _all_classes(strata, legend, reference[used])
    values = [item.value for item in classes]
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (np.searchsorted(values, mapped[used]), np.searchsorted(values, reference[used])), 1)
    _require_points(classes, counts, sample)
    reason = _other_design(points.strata, classes, counts)
    with collecting() as messages:
        _warn(left_out, reason, classes, counts, sample)
        if unequal_areas:
            warn(
                LOG,
                "pixels-of-unequal-area",
                f"{path}: pixel areas differ by more than 10 %, but the estimate assumes equal pixel areas; "
                "warp the map to an equal-area CRS first",
            )
    return AreaReport(
        map=path,
        sample=str(sample),
        classes=classes,
        counts=counts,
        estimate=estimate(counts, np.array([item.size for item in classes])),
        left_out=left_out,
        drawn_from_map=not reason,
        warnings=run_warnings(messages.warnings),
    )


def _all_classes(
    strata: Sequence[Stratum], legend: Mapping[int, str], reference: NDArray[np.int64]
) -> tuple[Stratum, ...]:
    """Return the classes of the map and of the sample, by value."""
    no_area = None if strata[0].area_m2 is None else 0.0
    mapped = {stratum.value for stratum in strata}
    others = (
        Stratum(value=value, label=legend[value], pixels=0, area_m2=no_area)
        for value in set(reference.tolist()) - mapped
    )
    return tuple(sorted((*strata, *others), key=lambda item: item.value))


def _require_points(classes: Sequence[Stratum], counts: NDArray[np.int64], sample: Path) -> None:
    """Raise SceneError where a mapped class has no point."""
    missing = [
        f"{item.label} ({item.value})"
        for item, number in zip(classes, counts.sum(axis=1).tolist(), strict=True)
        if item.pixels and not number
    ]
    if missing:
        raise SceneError(
            f"{sample}: no point with a reference class lies on {', '.join(missing)} of the map, so that "
            f"areas cannot be estimated; add at least {FEWEST} points to each mapped class"
        )


def _other_design(
    strata: Mapping[int, Stratum] | None, classes: Sequence[Stratum], counts: NDArray[np.int64]
) -> str:
    """Return why a sample is not a stratified sample of this map; empty where it is one."""
    if strata is None:
        return "the sample has no table of strata"
    pixels = {item.value: item.pixels for item in classes if item.pixels}
    if {value: item.pixels for value, item in strata.items()} != pixels:
        return "the strata of the sample belong to another map"
    drawn = [strata[item.value].drawn if item.value in strata else 0 for item in classes]
    return "the sample has more points than were drawn" if (counts.sum(axis=1) > drawn).any() else ""


def _warn(
    left_out: Mapping[str, int],
    reason: str,
    classes: Sequence[Stratum],
    counts: NDArray[np.int64],
    sample: Path,
) -> None:
    if any(left_out.values()):
        warn(
            LOG,
            "points-left-out",
            f"{sample}: {sum(left_out.values())} points were not used: {_listed(left_out)}",
        )
    if reason:
        warn(
            LOG,
            "sample-not-of-this-map",
            f"{sample}: the sample was not drawn from this map by `geoseg evaluate sample` ({reason}); "
            "confidence intervals are valid only for a random sample within each mapped class",
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
            f"{sample}: only one point lies on {', '.join(few)} of the map, so that confidence intervals "
            "cannot be estimated; add points",
        )


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in left_out.items() if number)
