"""The bands of a water network: of the scene itself and of the scene before."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.scenes import Scene
from geoseg.spec import ModelSpec
from geoseg.spec.band_names import plain_name

BEFORE = "before"
"""Prefix of the bands of the scene before."""

POLARISATIONS = ("vv", "vh", "hh", "hv")
"""Preferred ones first."""


def takes_two_dates(model: ModelSpec) -> bool:
    """Return whether a network reads a scene before."""
    return bool(earlier_bands(model))


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
