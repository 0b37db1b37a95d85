"""Choose the method by which methane columns are retrieved."""

from __future__ import annotations

from geoseg.errors import SceneError, UsageError
from geoseg.methane.method import SpectrometerMethod, TwoBandMethod
from geoseg.methane.methods import methane_methods


def check_method(name: str) -> None:
    """Refuse a `--method` that does not exist.

    Raises:
        UsageError: it does not.
    """
    known = ("auto", *methane_methods())
    if name not in known:
        raise UsageError(f"--method {name!r} is none of {', '.join(known)}")


def two_band_methods() -> dict[str, TwoBandMethod]:
    """Return the methods for two bands by name, preferred ones first."""
    return {name: item for name, item in methane_methods().items() if isinstance(item, TwoBandMethod)}


def spectrometer_methods() -> dict[str, SpectrometerMethod]:
    """Return the methods for imaging spectrometers by name, preferred ones first."""
    return {name: item for name, item in methane_methods().items() if isinstance(item, SpectrometerMethod)}


def choose_two_band_method(name: str, *, references: bool) -> TwoBandMethod:
    """Return the retrieval asked for, or the best that the references allow.

    Args:
        name: of `--method`.
        references: whether there are scenes of other days.

    Raises:
        UsageError: it is for spectrometers, or needs a reference.
    """
    methods = two_band_methods()
    if name == "auto":
        return next(item for item in methods.values() if references or not item.needs.reference)
    if name not in methods:
        raise UsageError(
            f"--method {name} needs the cube of an imaging spectrometer; of two bands there are "
            f"{', '.join(methods)}"
        )
    if methods[name].needs.reference and not references:
        raise UsageError(f"--method {name} compares two days: give --reference SCENE, without plume")
    return methods[name]


def choose_spectrometer_method(name: str, scene: str) -> SpectrometerMethod:
    """Return the retrieval asked for, or the preferred one.

    Args:
        name: of `--method`.
        scene: name of the cube, for the error.

    Raises:
        SceneError: it is not for spectrometers.
    """
    methods = spectrometer_methods()
    if name == "auto":
        return next(iter(methods.values()))
    if name not in methods:
        raise SceneError(
            f"{scene}: --method {name} is for two broad bands, and this is a spectrometer's cube; "
            f"use {' or '.join(methods)}"
        )
    return methods[name]
