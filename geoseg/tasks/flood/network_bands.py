"""The bands of a water network: of the scene itself and of the scene before, or of a series of scenes.

Also whether a network is one of land and water, for the dates that a request gives.
"""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.errors import UsageError
from geoseg.scenes import Scene
from geoseg.spec import ModelSpec
from geoseg.spec.band_names import date_of, plain_name

BEFORE = "before"
"""Prefix of the bands of the scene before."""

AFTER = "after"
"""Prefix of the bands of the later of two scenes in networks of change."""

POLARISATIONS = ("vv", "vh", "hh", "hv")
"""Preferred ones first."""


def takes_series(model: ModelSpec) -> bool:
    """Return whether a network reads scenes of several dates without roles (`t2:vv`), not a scene before."""
    return bool({date_of(band.name) for band in model.bands} - {"", BEFORE, AFTER})


def scene_bands(model: ModelSpec) -> tuple[str, ...]:
    """Return the bands of the scene itself that a network reads."""
    return tuple(band.name for band in model.bands if ":" not in band.name)


def earlier_bands(model: ModelSpec) -> tuple[str, ...]:
    """Return the bands of the scene before that a network reads, without prefix."""
    prefix = f"{BEFORE}:"
    return tuple(band.name.removeprefix(prefix) for band in model.bands if band.name.startswith(prefix))


def with_polarisation(
    model: ModelSpec, scene: Scene, before: Sequence[Scene], asked: str = "auto"
) -> ModelSpec:
    """Return the network with a polarisation of all scenes, if it reads one and normalises by scene."""
    own = set(scene_bands(model)) | set(earlier_bands(model))
    if model.statistics == "training" or len(own) != 1 or not own <= set(POLARISATIONS):
        return model
    shared = [name for name in POLARISATIONS if all(name in item.band_names for item in (scene, *before))]
    wanted = [name for name in shared if asked in {"auto", name}]
    if not wanted:
        return model
    bands = tuple(
        band.model_copy(update={"name": band.name.replace(plain_name(band.name), wanted[0])})
        for band in model.bands
    )
    return model.model_copy(update={"bands": bands})


def check_network(model: ModelSpec, before: int) -> None:
    """Check that a network has the classes land and water, and reads as many scenes before as are given.

    Raises:
        UsageError: it does not.
    """
    _check_classes(model)
    if takes_series(model):
        if before:
            dates = len({date_of(band.name) for band in model.bands})
            raise UsageError(
                f"{model.name} reads {dates} dates: give the scenes of all dates as SCENE, without `--before`"
            )
        return
    if earlier_bands(model) and before != 1:
        raise UsageError(f"{model.name} maps flood from two dates: give one `--before SCENE`")
    if before and not earlier_bands(model):
        raise UsageError(
            f"{model.name} maps one date: give `--before` with a method or a network of two dates"
        )


def _check_classes(model: ModelSpec) -> None:
    """Check that a network has the classes land and water.

    Raises:
        UsageError: it has others, or does not say which is water.
    """
    if len(model.classes) != 2:
        raise UsageError(
            f"{model.name} has {len(model.classes)} classes, and flood needs a network of two (land, water): "
            "use geoseg segment"
        )
    if not model.has_background:
        names = " or ".join(entry.label for entry in model.classes)
        raise UsageError(
            f"the model.json of {model.name} does not name the class ({names}) that is not water: add "
            "geoseg:background"
        )
