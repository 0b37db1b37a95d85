"""Choose the method and the bands by which two dates are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from geoseg.change.method import ChangeMethod
from geoseg.change.methods import change_methods
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.methods.relative import Normalisation, Unchanged
from geoseg.methods.speckle_filter import SPECKLE_RADIUS, Speckle
from geoseg.methods.spectral import Rule
from geoseg.spec import ChangeSpec, Units

STANDARD = ("blue", "green", "red", "nir", "swir16", "swir22")
"""Bands that are compared where both dates have three of them or more: those of all land sensors."""

POLARISATIONS = ("vv", "hh", "vh", "hv")
"""In the order in which one is chosen."""

CLASSES = "classes"
"""The `--method` for rasters whose values are classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """How change is measured in this pair."""

    method: ChangeMethod
    """Fitted to the pair after `geoseg.change.fit.fit`."""
    bands: tuple[str, ...]
    """Of each date, in the order of the channels."""
    pairs: tuple[str, ...] = ()
    """Layers that both dates have, compared as further bands."""
    compared: tuple[str, ...] = ()
    """Those of `bands` that the method compares."""
    normalisation: Normalisation = field(default_factory=Unchanged)
    threshold: float = 0.0
    scale: float = 1.0
    """Of the score: how fast it rises about the threshold."""
    radius: int = 0
    """Of the window over which the measure is averaged, in pixels."""
    speckle: Speckle = "none"
    looks: float = 1.0
    rules: tuple[Rule, ...] = ()
    """Of the spectral classes that the bands allow; empty: from and to are not known."""
    other: int = 0
    """Class where no rule fits."""
    air: tuple[Mapping[str, float], Mapping[str, float]] = (MappingProxyType({}), MappingProxyType({}))
    """Path reflectance by band of both dates, subtracted before the rules are applied."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """All bands of one date."""
        return (*self.bands, *self.pairs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The bands and layers that the method compares."""
        return (*self.compared, *self.pairs)

    @property
    def margin(self) -> int:
        """Pixels around a tile that its scores depend on."""
        return self.radius + SPECKLE_RADIUS[self.speckle] + self.method.margin


def check_method(name: str) -> None:
    """Refuse a `--method` that does not exist.

    Raises:
        UsageError: it does not.
    """
    known = ("auto", CLASSES, *change_methods())
    if name not in known:
        raise UsageError(f"--method {name!r} is none of {', '.join(known)}")


def default_method(kind: Literal["optical", "sar", "hyperspectral"]) -> ChangeMethod:
    """Return the method of `auto` for scenes of a kind of sensor."""
    return next(item for item in change_methods().values() if _suits(item, kind))


def choose(
    spec: ChangeSpec,
    kind: Literal["optical", "sar", "hyperspectral"],
    shared: Sequence[str],
    units: set[Units],
) -> Choice:
    """Choose method and bands.

    Args:
        spec: the request.
        kind: of both sensors.
        shared: bands that both dates have.
        units: of these bands.

    Raises:
        UsageError: an option does not go with the method.
        BandError: a band is missing.
        SceneError: the method does not suit the sensor or the units.
    """
    automatic, known = spec.method == "auto", change_methods()
    method = default_method(kind) if automatic else known[spec.method]
    _check(spec, method, kind, shared)
    sar = method.needs.kind == "sar"
    compared = (_polarisation(spec, shared),) if sar else method.bands or _usual(shared)
    if len(compared) < method.needs.least_bands:
        raise BandError(
            f"{method.name} compares {method.needs.least_bands} bands or more; both dates have "
            f"{', '.join(compared)}"
        )
    if method.needs.units and not units <= method.needs.units:
        raise SceneError(
            "backscatter without a unit cannot be compared: say --sar-units db, power or amplitude"
            if sar
            else f"{method.name} compares {', '.join(sorted(method.needs.units))}, and these bands are "
            f"{', '.join(sorted(units))}"
        )
    what = f"method {method.name} ({method.title}, {method.citation})"
    if sar:
        note = f"{what} in {compared[0].upper()}"
    else:
        why = "needs neither radiometric calibration nor one atmosphere" if automatic else "as asked"
        note = f"{what} on {', '.join(compared)}: {why}"
    return Choice(
        method=method,
        bands=compared,
        compared=compared,
        speckle=spec.speckle if method.filters_speckle else "none",
        radius=window_radius(spec, method),
        notes=(note,),
    )


def window_radius(spec: ChangeSpec, method: ChangeMethod) -> int:
    """Return the radius in pixels of the window over which change is averaged."""
    return (spec.smooth or (1 if spec.thresholding == "chi2" else method.smooth)) // 2


def _suits(method: ChangeMethod, kind: str) -> bool:
    """Whether a method is for a kind of sensor; hyperspectral scenes are compared as optical ones."""
    return (method.needs.kind == "sar") == (kind == "sar")


def _check(spec: ChangeSpec, method: ChangeMethod, kind: str, shared: Sequence[str]) -> None:
    """Refuse a method that does not go with the scenes or the options.

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
    if spec.thresholding != "auto" and spec.thresholding not in method.thresholding:
        others = ", ".join(item.name for item in known if spec.thresholding in item.thresholding)
        raise UsageError(f"--thresholding {spec.thresholding} goes with {others}; not {method.name}")
    missing = [band for band in method.bands if band not in shared]
    if missing:
        raise BandError(
            f"{method.name} needs {', '.join(method.bands)} on both dates; {', '.join(missing)} is missing"
        )


def _usual(shared: Sequence[str]) -> tuple[str, ...]:
    """Return the bands that a method without bands of its own compares."""
    usual = tuple(band for band in STANDARD if band in shared)
    return usual if len(usual) >= 3 else tuple(shared)


def _polarisation(spec: ChangeSpec, shared: Sequence[str]) -> str:
    """Choose the polarisation of a radar pair.

    Raises:
        BandError: it is missing.
    """
    there = [band for band in POLARISATIONS if band in shared]
    if not there:
        raise BandError(
            f"no polarisation is in both dates, which have {', '.join(shared)}: use --band vv=PATH"
        )
    if spec.polarisation == "auto":
        return there[0]
    if spec.polarisation not in there:
        raise BandError(f"--polarisation {spec.polarisation}: both dates have {', '.join(there)}")
    return spec.polarisation
