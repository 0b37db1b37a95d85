"""Choose the network that `--method auto` uses for a scene, if any."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from geoseg.atmosphere.cloud_warnings import low_sun
from geoseg.bundles.find import list_models
from geoseg.errors import BandError, ModelError, SceneError
from geoseg.messages import held, note
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import Evidence, FloodSpec, ModelSpec, Units
from geoseg.tasks.flood.network_bands import (
    POLARISATIONS,
    earlier_bands,
    scene_bands,
    takes_series,
    with_polarisation,
)

LOG = logging.getLogger(__name__)


def convincing_model(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> ModelSpec | None:
    """Return the network that `auto` uses: one that exceeds all rivals on scenes unlike its training.

    None where no network suits the bands, where an option is for methods only, or where values or pixel size
    differ from the training data. Notes say why a network that suits the bands is not used.
    """
    options = (spec.threshold, spec.thresholding, spec.polarisation, spec.speckle)
    if options != (None, "auto", "auto", "refined-lee"):
        return None
    for model in list_models():
        if model.task != "flood" or not model.weights.is_file():
            continue
        evidence = _evidence_for(model, scene, before)
        if evidence is None:
            continue
        objection = model.model_copy(update={"evidence": evidence}).objection
        if objection:
            note(LOG, f"the network {model.name} is used with `--model` only: {objection}")
            continue
        difference = _difference(model, scene, before, spec)
        if difference:
            note(LOG, f"mapped by a method: the network {model.name} does not fit this scene: {difference}")
            continue
        scores = "; ".join(item.text for item in evidence.sets if not item.left_out.unnamed)
        note(
            LOG, f"mapped by the network {model.name}: {scores}; `--method classical` maps without a network"
        )
        return model
    return None


def _evidence_for(model: ModelSpec, scene: Scene, before: Sequence[Scene]) -> Evidence | None:
    """Return the scores of a network on scenes of these units; None where bands or dates do not fit."""
    if model.evidence is None or len(model.classes) != 2 or takes_series(model):
        return None
    if len(before) != int(bool(earlier_bands(model))):
        return None
    model = with_polarisation(model, scene, before)
    units: set[Units] = set()
    try:
        for item, names in zip((scene, *before), (scene_bands(model), earlier_bands(model)), strict=False):
            units |= {item.units(name) for name in item.select(names).band_names}
    except (BandError, SceneError):
        return None
    return model.evidence.of_units(units) if model.evidence and len(units) == 1 else None


def _difference(model: ModelSpec, scene: Scene, before: Sequence[Scene], spec: FloodSpec) -> str:
    """Return how a scene differs from the training data of a network; empty where it does not."""
    from geoseg.engine.input_check import check_fit  # noqa: PLC0415 - only where a network may map
    from geoseg.engine.network_on_scene import FIT_SIZE, FITS  # noqa: PLC0415

    radar = set(scene_bands(model)) <= set(POLARISATIONS)
    elevation = None if radar else low_sun(scene)
    if elevation is not None:
        return f"the sun elevation was {elevation:.0f} degrees, and long shadows look like water"
    model = with_polarisation(model, scene, before)
    chosen = clip(as_trained(scene, model.atmosphere).select(scene_bands(model)), spec.run)
    if model.statistics != "training":
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
