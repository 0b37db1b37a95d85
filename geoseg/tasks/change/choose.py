"""Choose the method and the bands that compare two dates."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from geoseg.engine.image_pair import STANDARD
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.messages import note
from geoseg.methods.relative import Normalisation, Unchanged
from geoseg.methods.speckle_filter import SPECKLE_RADIUS, Speckle
from geoseg.methods.spectral import Rule
from geoseg.scenes.sensor_kind import SensorKind, family_of
from geoseg.spec import ChangeSpec, Units
from geoseg.tasks.change.method import ChangeMethod
from geoseg.tasks.change.methods import change_methods

LOG = logging.getLogger(__name__)

POLARISATIONS = ("vv", "hh", "vh", "hv")
"""Preferred ones first."""

CLASSES = "classes"
"""Value of `--method` for rasters whose values are classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A method with its bands, normalisation and threshold for one pair of dates."""

    method: ChangeMethod
    """Fitted to the pair by `geoseg.tasks.change.fit.fit`."""
    bands: tuple[str, ...]
    """Bands of each date, in the order of the channels."""
    pairs: tuple[str, ...] = ()
    """Layers of both dates that are compared like bands."""
    compared: tuple[str, ...] = ()
    """Those of `bands` that the method compares."""
    normalisation: Normalisation = field(default_factory=Unchanged)
    threshold: float = 0.0
    seed: float | None = None
    """Value that a place must exceed in one pixel; None: every pixel above the threshold is mapped."""
    scale: float = 1.0
    """Distance from the threshold at which the score is 0.73 or 0.27."""
    radius: int = 0
    """Radius in pixels of the window over which the measure is averaged."""
    speckle: Speckle = "none"
    looks: float = 1.0
    rules: tuple[Rule, ...] = ()
    """Rules of the spectral classes that the bands allow; empty: from and to are unknown."""
    other: int = 0
    """Class of pixels to which no rule applies."""
    classes_known: bool = False
    """Whether the rules were applied to reflectance; otherwise the classes are hints."""
    path_reflectance: tuple[Mapping[str, float], Mapping[str, float]] = (
        MappingProxyType({}),
        MappingProxyType({}),
    )
    """Path reflectance by band, of each date, which is subtracted before the rules are applied."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Bands and layers of one date."""
        return (*self.bands, *self.pairs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The bands and layers that the method compares."""
        return (*self.compared, *self.pairs)

    @property
    def margin(self) -> int:
        """Pixels around a tile that its scores depend on."""
        return self.radius + SPECKLE_RADIUS[self.speckle] + self.method.margin


def check_method(spec: ChangeSpec) -> None:
    """Raise UsageError where there is no such `--method`, or it has no such threshold."""
    methods = change_methods()
    known = ("auto", CLASSES, *methods)
    if spec.method not in known:
        raise UsageError(f"`--method {spec.method}`: there is no such method; there are {', '.join(known)}")
    if spec.method in methods:
        _check_thresholding(spec, methods[spec.method])


def _check_thresholding(spec: ChangeSpec, method: ChangeMethod) -> None:
    """Raise UsageError where a method has no such threshold."""
    if spec.thresholding != "auto" and spec.thresholding not in method.thresholding:
        others = ", ".join(
            item.name for item in change_methods().values() if spec.thresholding in item.thresholding
        )
        raise UsageError(
            f"`--thresholding {spec.thresholding}` can be used with {others}, not with {method.name}"
        )


def default_method(kind: SensorKind) -> ChangeMethod:
    """Return the method of `auto` for scenes of a kind of sensor."""
    return next(item for item in change_methods().values() if _suits(item, kind))


def choose(
    spec: ChangeSpec,
    kind: SensorKind,
    shared: Sequence[str],
    units: set[Units],
) -> Comparison:
    """Choose method and bands.

    Args:
        spec: the request.
        kind: of both sensors.
        shared: bands that both dates have.
        units: of these bands.

    Raises:
        UsageError: an option does not go with the method.
        BandError: a band is missing.
        SceneError: the method is not for this kind of sensor or these units.
    """
    automatic, known = spec.method == "auto", change_methods()
    method = default_method(kind) if automatic else known[spec.method]
    _check(spec, method, kind, shared)
    sar = method.needs.kind == "sar"
    compared = (_polarisation(spec, shared),) if sar else method.bands or _default_bands(shared)
    if len(compared) < method.needs.least_bands:
        raise BandError(
            f"{method.name} compares {method.needs.least_bands} bands or more; both dates have "
            f"{', '.join(compared)}"
        )
    if method.needs.units and not units <= method.needs.units:
        raise SceneError(
            "backscatter without a unit cannot be compared: give `--sar-units db`, power or amplitude"
            if sar
            else f"{method.name} compares {', '.join(sorted(method.needs.units))}, and these bands are "
            f"{', '.join(sorted(units))}"
        )
    what = f"method {method.name} ({method.title}, {method.citation})"
    if sar:
        note(LOG, f"{what} in {compared[0].upper()}")
    elif kind == "embedding":
        note(LOG, f"{what} on {len(compared)} axes")
    else:
        why = "needs neither radiometric calibration nor one atmosphere" if automatic else "as asked"
        note(LOG, f"{what} on {', '.join(compared)}: {why}")
    return Comparison(
        method=method,
        bands=compared,
        compared=compared,
        speckle=spec.speckle if method.filters_speckle else "none",
        radius=window_radius(spec, method),
    )


def window_radius(spec: ChangeSpec, method: ChangeMethod) -> int:
    """Return the radius in pixels of the window over which change is averaged."""
    return (spec.smooth or (1 if spec.thresholding == "chi2" else method.smooth)) // 2


def _suits(method: ChangeMethod, kind: SensorKind) -> bool:
    """Return whether a method is for a kind of sensor; hyperspectral sensors count as optical."""
    return method.needs.kind == family_of(kind)


def _check(spec: ChangeSpec, method: ChangeMethod, kind: SensorKind, shared: Sequence[str]) -> None:
    """Check that the method can be used with the scenes and the options.

    Raises:
        UsageError: it has no such threshold.
        BandError: a band is missing.
        SceneError: it is for another kind of sensor.
    """
    known = change_methods().values()
    if not _suits(method, kind):
        fitting = ", ".join(item.name for item in known if _suits(item, kind))
        raise SceneError(
            f"{method.name} is for {method.needs.kind} scenes, and these are {kind}: use {fitting}"
        )
    _check_thresholding(spec, method)
    missing = [band for band in method.bands if band not in shared]
    if missing:
        raise BandError(
            f"{method.name} needs {', '.join(method.bands)} on both dates; {', '.join(missing)} is missing"
        )


def _default_bands(shared: Sequence[str]) -> tuple[str, ...]:
    """Return the compared bands of a method that names none."""
    standard = tuple(band for band in STANDARD if band in shared)
    return standard if len(standard) >= 3 else tuple(shared)


def _polarisation(spec: ChangeSpec, shared: Sequence[str]) -> str:
    """Choose the polarisation of a radar pair.

    Raises:
        BandError: it is missing.
    """
    there = [band for band in POLARISATIONS if band in shared]
    if not there:
        raise BandError(
            f"the dates share no polarisation, only {', '.join(shared)}: name it with `--band vv=PATH`"
        )
    if spec.polarisation == "auto":
        return there[0]
    if spec.polarisation not in there:
        raise BandError(f"`--polarisation {spec.polarisation}`: both dates have {', '.join(there)}")
    return spec.polarisation
