"""The bands of a water network: of the scene itself and of the scene before, or of a series of scenes."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.scenes import Scene
from geoseg.spec import ModelSpec
from geoseg.spec.band_names import date_of, plain_name

BEFORE = "before"
"""Prefix of the bands of the scene before."""

AFTER = "after"
"""Prefix of the bands of the later of two scenes in networks of change."""

POLARISATIONS = ("vv", "vh", "hh", "hv")
"""Preferred ones first."""


def takes_two_dates(model: ModelSpec) -> bool:
    """Return whether a network reads a scene before."""
    return bool(earlier_bands(model))


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
