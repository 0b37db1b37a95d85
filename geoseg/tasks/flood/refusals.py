"""Refuse what contradicts a method, a network or a sensor, before pixels are read."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.atmosphere.cloud_warnings import low_sun
from geoseg.bundles.find import list_models
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.messages import held
from geoseg.scenes import Scene
from geoseg.scenes.embeddings import check_not_embedding, check_reads
from geoseg.scenes.sensor_kind import kind_of
from geoseg.spec import FloodSpec, ModelSpec, Units
from geoseg.spec.band_names import plain_name
from geoseg.tasks.flood.choice import CLASSICAL, Candidates
from geoseg.tasks.flood.choose import find_candidates, method_named
from geoseg.tasks.flood.network_bands import check_network, earlier_bands, scene_bands, with_polarisation
from geoseg.tasks.flood.optical_units import check_units
from geoseg.tasks.flood.reference_layers import check_permanent_options
from geoseg.tasks.flood.tile_thresholds import require_backscatter

METHOD_OPTIONS = ("method", "threshold", "thresholding", "speckle")
"""Options of methods, which networks do not read."""


def check_options(spec: FloodSpec, model: ModelSpec | None) -> None:
    """Refuse options that contradict each other, before any scene is opened.

    Args:
        spec: the request.
        model: the network that it names.

    Raises:
        UsageError: an option contradicts a method, the network or another option.
    """
    check_permanent_options(spec)
    if model is None:
        if spec.method not in {"auto", CLASSICAL}:
            method = method_named(spec.method, len(spec.before))
            if spec.by_tile:
                require_backscatter(method)
        return
    for name in METHOD_OPTIONS:
        value = getattr(spec, name)
        if value != FloodSpec.model_fields[name].default:
            raise UsageError(
                f"`--{name} {value}` and `--model {spec.model}` exclude each other: give one of them"
            )
    check_network(model, len(spec.before))


def check_scenes(spec: FloodSpec, model: ModelSpec | None, scene: Scene, before: Sequence[Scene]) -> None:
    """Refuse scenes whose bands, units or sensor do not suit the method, before their clouds are sought.

    Raises:
        UsageError: an option does not go with the sensor.
        BandError: the scenes lack bands of the method, or of every method.
        SceneError: the method is for another kind of sensor or other units.
    """
    names = {"green"} if model is None else {plain_name(band.name) for band in model.bands}
    for item in (scene, *before):
        check_not_embedding(item, names, "a water method" if model is None else f"the network {model.name}")
        if model is not None:
            check_reads(model.features_of, model.name, item)
    if model is not None:
        # Layers may be computed from others, so that a band is missing only where none is given.
        if not spec.layer:
            _check_bands(with_polarisation(model, scene, before, spec.polarisation), scene, before)
        return
    try:
        with held():
            candidates_of(spec, scene, before)
    except (BandError, SceneError):
        if spec.method != "auto" or not _a_network_may_map():
            raise


def _check_bands(model: ModelSpec, scene: Scene, before: Sequence[Scene]) -> None:
    """Raise BandError where scenes lack bands of a network."""
    with held():
        scene.select(scene_bands(model))
        for item in before:
            item.select(earlier_bands(model))


def _a_network_may_map() -> bool:
    """Return whether `auto` may use a network, whose bands and units may be those of no method."""
    return any(model.task == "flood" and not model.objection for model in list_models())


def candidates_of(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> Candidates:
    """Return the methods that the bands of all scenes allow.

    Raises:
        UsageError: an option does not go with the method.
        BandError: the scenes lack bands of the method, or of every method.
        SceneError: a scene is a spectrometer cube of radiance, the method is not for it, or its bands are in
            different units.
    """
    for item in (scene, *before):
        units = {item.units(band) for band in item.band_names}
        if kind_of(item) == "hyperspectral" and units == {"radiance"}:
            raise SceneError(
                f"{item.name} holds radiance at the sensor, and water methods need reflectance: give the "
                "level 2 product of the same scene"
            )
    names = [scene.common_names, *(earlier.common_names for earlier in before)]
    available = [band for band in names[0] if all(band in other for other in names)]
    dates, kind = (scene, *before), kind_of(scene)
    dark = kind != "sar" and any(low_sun(item) is not None for item in dates)
    # Reflectance where all dates have it, as sums of bands need, else the first other unit.
    others = {
        band: [unit for item in dates if (unit := item.units(band)) != "reflectance"] for band in available
    }
    read: dict[str, Units] = {band: units[0] if units else "reflectance" for band, units in others.items()}
    candidates = find_candidates(spec, read, kind, len(before), low_sun=dark)
    check_units((scene, *before[: candidates.before]), candidates)
    return candidates
