"""Trivial maps of water, flood and change, which a method or a network must exceed to be worth its cost.

They need no choice and no training: fixed thresholds of the literature, Otsu's threshold of each scene, and
one class everywhere. Backscatter is averaged over 5 x 5 pixels first, as power where it is in dB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.sar import boxcar, to_db, to_power
from geoseg.methods.sar_water import INITIAL
from geoseg.methods.thresholds import histogram, otsu
from geoseg.methods.water_index import reflectance_difference

Image = NDArray[np.float32]
Bands = Mapping[str, Image]
"""(H, W) physical values by band name; NaN where not observed."""

NOT_OBSERVED = 255
INDEX_THRESHOLDS = (0.0, -0.1, -0.2)
"""MNDWI above which pixels are water: Xu 2006, and lower ones for mixed pixels (Ji 2009,
doi:10.14358/PERS.75.11.1307)."""
POLARISATIONS = ("vv", "vh", "hh", "hv")
FOUND = "Otsu"
_MEAN = "5 x 5 mean"


@dataclass(frozen=True, kw_only=True)
class TrivialRule:
    """One class on one side of a threshold."""

    name: str
    """Name in reports and in the evidence of bundles."""
    measure: Callable[[Bands], Image]
    """Returns the (H, W) measure that is compared, higher for the class; NaN where not observed."""
    threshold: float | None = None
    """None: Otsu's threshold of the scene (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""

    def classes(self, bands: Bands) -> NDArray[np.uint8]:
        """Map a scene: 1 the class, 0 the background, 255 not observed, (H, W)."""
        values = np.asarray(self.measure(bands), np.float32)
        observed = np.isfinite(values)
        threshold = self.threshold
        if threshold is None:
            threshold = otsu(histogram(values)) if observed.any() else 0.0
        mapped = np.where(values > threshold, 1, 0).astype(np.uint8)
        mapped[~observed] = NOT_OBSERVED
        return mapped


def water_rules(bands: Iterable[str], *, db: bool) -> tuple[TrivialRule, ...]:
    """Return the rules for water that the bands of a network or method allow.

    Args:
        bands: names; `before:vv` is a band of the scene before.
        db: whether backscatter is in dB; otherwise it has no unit, and fixed thresholds do not apply.
    """
    names = tuple(bands)
    rules = [_everything(names)]
    if any(name.startswith("before:") for name in names):
        for name in (band for band in POLARISATIONS if {band, f"before:{band}"} <= set(names)):
            rules += [*_dark(name, db=db), _fall(name, db=db)]
        return tuple(rules)
    if {"green", "swir16"} <= set(names):
        mndwi = _index("green", "swir16")
        rules += [
            TrivialRule(name=f"MNDWI > {level:g}", measure=mndwi, threshold=level)
            for level in INDEX_THRESHOLDS
        ]
        rules.append(TrivialRule(name=f"MNDWI > {FOUND}", measure=mndwi))
    if {"green", "nir"} <= set(names):
        ndwi = _index("green", "nir")
        rules.append(TrivialRule(name="NDWI > 0", measure=ndwi, threshold=0.0))
        rules.append(TrivialRule(name=f"NDWI > {FOUND}", measure=ndwi))
    for name in (band for band in POLARISATIONS if band in names):
        rules += _dark(name, db=db)
    return tuple(rules)


def change_rules(bands: Iterable[str]) -> tuple[TrivialRule, ...]:
    """Return the rules for change between the bands of one date and those with the prefix `after:`."""
    names = tuple(bands)
    pairs = tuple((name, f"after:{name}") for name in names if f"after:{name}" in names)
    if not pairs:
        return (_everything(names),)
    magnitude = _magnitude(pairs)
    return (
        _everything(names),
        TrivialRule(name=f"difference > {FOUND}", measure=magnitude),
        TrivialRule(name=f"difference, {_MEAN} > {FOUND}", measure=lambda b: boxcar(magnitude(b))),
    )


def _everything(names: tuple[str, ...]) -> TrivialRule:
    return TrivialRule(
        name="everything",
        measure=lambda bands: np.where(np.isfinite(bands[names[0]]), 1, np.nan),
        threshold=0,
    )


def _index(high: str, low: str) -> Callable[[Bands], Image]:
    return lambda bands: np.asarray(reflectance_difference(bands[high], bands[low]), np.float32)


def _dark(name: str, *, db: bool) -> list[TrivialRule]:
    """Return the rules by which dark backscatter is water."""
    measure = lambda bands: -_mean(bands[name], db=db)  # noqa: E731 - bound to `name`, used twice
    found = [TrivialRule(name=f"{name.upper()} < {FOUND}, {_MEAN}", measure=measure)]
    if db and name in INITIAL:
        level = INITIAL[name]
        title = f"{name.upper()} < {level:g} dB, {_MEAN}"
        found.insert(0, TrivialRule(name=title, measure=measure, threshold=-level))
    return found


def _fall(name: str, *, db: bool) -> TrivialRule:
    """Return the rule by which a fall of backscatter between the dates is flood.

    Without a unit, each date is standardised by its own mean and deviation, because gains may differ.
    """

    def measure(bands: Bands) -> Image:
        dates = [_mean(bands[key], db=db) for key in (f"before:{name}", name)]
        before, after = dates if db else [_standardised(date) for date in dates]
        return np.asarray(before - after, np.float32)

    return TrivialRule(name=f"fall of {name.upper()} > {FOUND}, {_MEAN}", measure=measure)


def _magnitude(pairs: tuple[tuple[str, str], ...]) -> Callable[[Bands], Image]:
    """Return the length of the difference of the dates, each band standardised by its mean and deviation."""

    def measure(bands: Bands) -> Image:
        squares = [(_standardised(bands[two]) - _standardised(bands[one])) ** 2 for one, two in pairs]
        return np.asarray(np.sqrt(np.sum(squares, axis=0)), np.float32)

    return measure


def _mean(values: Image, *, db: bool) -> Image:
    return to_db(boxcar(to_power(values))) if db else boxcar(values)


def _standardised(values: Image) -> Image:
    observed = values[np.isfinite(values)]
    if not observed.size:
        return values
    return np.asarray((values - observed.mean()) / max(float(observed.std()), 1e-12), np.float32)
