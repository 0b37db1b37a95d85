"""Choice of the retrieval method."""

from __future__ import annotations

from geoseg.errors import SceneError, UsageError
from geoseg.tasks.methane.method import SpectrometerMethod, TwoBandMethod
from geoseg.tasks.methane.methods import methane_methods


def check_method(name: str) -> None:
    """Check that a `--method` exists.

    Raises:
        UsageError: it does not.
    """
    known = ("auto", *methane_methods())
    if name not in known:
        raise UsageError(f"`--method {name}` is unknown; choose one of {', '.join(known)}")


def two_band_methods() -> dict[str, TwoBandMethod]:
    """Return the methods for two bands by name, preferred ones first."""
    return {name: item for name, item in methane_methods().items() if isinstance(item, TwoBandMethod)}


def spectrometer_methods() -> dict[str, SpectrometerMethod]:
    """Return the methods for imaging spectrometers by name, preferred ones first."""
    return {name: item for name, item in methane_methods().items() if isinstance(item, SpectrometerMethod)}


def choose_two_band_method(name: str, *, references: bool) -> TwoBandMethod:
    """Return the method of a multispectral scene; for `auto` the preferred one.

    Args:
        name: of `--method`.
        references: whether there are reference scenes.

    Raises:
        UsageError: the method is for spectrometers, or needs a reference.
    """
    methods = two_band_methods()
    if name == "auto":
        return next(item for item in methods.values() if references or not item.needs.reference)
    if name not in methods:
        raise UsageError(
            f"`--method {name}` needs a scene of an imaging spectrometer; for multispectral scenes use one "
            f"of {', '.join(methods)}"
        )
    if methods[name].needs.reference and not references:
        raise UsageError(
            f"`--method {name}` compares two dates; give `--reference SCENE`, a scene without a plume"
        )
    return methods[name]


def choose_spectrometer_method(name: str, scene: str) -> SpectrometerMethod:
    """Return the method of a spectrometer scene; for `auto` the preferred one.

    Args:
        name: of `--method`.
        scene: name of the scene, for the error.

    Raises:
        SceneError: the method is not for spectrometers.
    """
    methods = spectrometer_methods()
    if name == "auto":
        return next(iter(methods.values()))
    if name not in methods:
        raise SceneError(
            f"{scene}: `--method {name}` is for multispectral scenes, but this scene is from an imaging "
            f"spectrometer; use {' or '.join(methods)}"
        )
    return methods[name]
