"""Choose the network that `--method auto` uses for a scene, if any."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from geoseg.atmosphere.cloud_warnings import low_sun
from geoseg.bundles.find import list_models
from geoseg.engine.input_check import check_fit
from geoseg.engine.network_on_scene import FIT_SIZE, FITS, clip
from geoseg.errors import BandError, ModelError, SceneError
from geoseg.flood.network_bands import (
    POLARISATIONS,
    earlier_bands,
    scene_bands,
    takes_two_dates,
    with_polarisation,
)
from geoseg.messages import held, note
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import FloodSpec, ModelSpec, Units

LOG = logging.getLogger(__name__)


def convincing_model(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> ModelSpec | None:
    """Return the network that `auto` uses: one that is better than every method on independent data.

    None where no network suits the bands, where an option is for methods only, or where values or pixel size
    differ from the training data.
    """
    options = (spec.threshold, spec.thresholding, spec.polarisation, spec.speckle)
    if options != (None, "auto", "auto", "refined-lee"):
        return None
    for model in (found for found in list_models() if isinstance(found, ModelSpec)):
        evidence = model.evidence
        if model.task != "flood" or evidence is None or not model.weights.is_file():
            continue
        if not _has_inputs(model, scene, before, evidence.units):
            continue
        scores = (
            f"{evidence.score:.2f} against {evidence.rival_score:.2f} of {evidence.rival}, on {evidence.data}"
        )
        if not evidence.convinces:
            note(
                LOG,
                f"mapped by a method: the network {model.name} is not surely better on labelled scenes "
                f"(IoU {scores}); --model {model.name} uses it nevertheless",
            )
            continue
        difference = _difference(model, scene, before, spec)
        if difference:
            note(LOG, f"mapped by a method: the network {model.name} does not fit this scene: {difference}")
            continue
        note(
            LOG,
            f"mapped by the network {model.name}: IoU {scores}; --method classical maps without a network",
        )
        return model
    return None


def _has_inputs(model: ModelSpec, scene: Scene, before: Sequence[Scene], units: Units) -> bool:
    """Return whether the scenes have the bands, dates and units with which a network was evaluated."""
    if len(model.classes) != 2 or len(before) != int(takes_two_dates(model)):
        return False
    model = with_polarisation(model, scene, before)
    try:
        for item, names in zip((scene, *before), (scene_bands(model), earlier_bands(model)), strict=False):
            if {item.units(name) for name in item.select(names).band_names} != {units}:
                return False
    except (BandError, SceneError):
        return False
    return True


def _difference(model: ModelSpec, scene: Scene, before: Sequence[Scene], spec: FloodSpec) -> str:
    """Return how a scene differs from the training data of a network; empty where it does not."""
    radar = set(scene_bands(model)) <= set(POLARISATIONS)
    elevation = None if radar else low_sun(scene)
    if elevation is not None:
        return f"the sun elevation was {elevation:.0f} degrees, and long shadows look like water"
    model = with_polarisation(model, scene, before)
    chosen = clip(as_trained(scene, model.atmosphere).select(scene_bands(model)), spec.run)
    if model.statistics == "scene":
        blocks: list[Pixels] = []
    else:
        blocks = sample(chosen, scene_bands(model), size=FIT_SIZE, most=FITS)
    size = None if chosen.grid.crs is None else chosen.grid.pixel_size_m[0]
    try:
        with held() as messages:
            check_fit(model, {}, blocks, size)
    except ModelError as error:
        return str(error)
    return next((message.text for message in messages if message.code), "")
