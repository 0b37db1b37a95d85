"""A flood or surface-water map from a scene, alone or with what was there before."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

from geoseg.atmosphere.cloud_warnings import tell_hidden
from geoseg.atmosphere.reflectance import for_method, for_model
from geoseg.bundles.find import find_model
from geoseg.engine.make_map import begin, command_of, make_map, plan
from geoseg.engine.network_on_scene import clip
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.errors import SceneError
from geoseg.files.inputs import reading_inputs
from geoseg.flood.choice import Candidates, Choice, before_prefix
from geoseg.flood.choose import choose_method, find_candidates
from geoseg.flood.flood_network import by_network, convincing_model, open_dates
from geoseg.flood.reference_layers import References, flood_classes, references
from geoseg.flood.session import WaterSession
from geoseg.messages import collecting, note, replay, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes import Scene, Source
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import FloodSpec
from geoseg.spec.presets import task

LOG = logging.getLogger(__name__)

TILE = 512
"""Pixels of a tile of a method."""


@reading_inputs()
@collecting()
def map_flood(
    spec: FloodSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map the water of a scene, and which of it is flood where that can be told.

    Raises:
        UsageError: the request contradicts itself.
        SceneError: a scene or layer cannot be read, or is not suitable for the method.
        ModelError: the network does not fit the scene.
        OutputError: an output cannot be written.
    """
    layers = [str(path) for path in (spec.permanent_water, spec.hand, spec.slope) if path]
    begin(spec.run, [*spec.scene.paths, *layers, *(path for scene in spec.before for path in scene.paths)])
    with ExitStack() as stack:
        model = find_model(spec.model) if spec.model is not None else None
        scene, before = open_dates(spec, model, stack, progress, dry_run=dry_run)
        for item in (clip(scene, spec.run), *before):
            tell_hidden(item)
        if model is None and spec.method == "auto":
            model = convincing_model(spec, scene, before)
        beside = references(spec, clip(scene, spec.run).grid, stack)
        if model is not None:
            own = model
            suited, *earlier = (for_model(item, own) for item in (scene, *before))
            recipe = by_network(spec, model, suited, earlier, beside)
            stack.callback(recipe.session.close)
        else:
            suited, *earlier = (for_method(item) for item in (scene, *before))
            recipe = _by_method(spec, suited, earlier, beside)
        if dry_run:
            return plan(recipe, spec.run)
        return make_map(recipe, spec.run, command_of(spec), progress)


def kind_of(scene: Scene) -> Literal["optical", "sar", "hyperspectral"]:
    """Say what kind of sensor made a scene; without a known one its bands tell."""
    if scene.sensor is not None and scene.sensor.name != "generic":
        return scene.sensor.kind
    return "sar" if {"vv", "vh", "hh", "hv"} & set(scene.band_names) else "optical"


def _by_method(spec: FloodSpec, scene: Scene, before: Sequence[Scene], beside: References) -> Recipe:
    """Choose a method by the scene and fix its threshold on a sample of it."""
    candidates = _candidates(spec, scene, before)
    for text in candidates.notes:
        note(LOG, text)
    chosen = clip(scene.select(candidates.scene_bands), spec.run)
    replay(chosen.messages)
    earlier = [item.select(candidates.before_bands) for item in before[: candidates.before]]
    for item in earlier:
        replay(item.messages, of=item.name)
    # A pixel counts where all scenes saw it.
    dates = [StackLayer(source=item, prefix=before_prefix(index)) for index, item in enumerate(earlier)]
    layers = [*dates, *beside.layers]
    source: Source = Stack(chosen, layers) if layers else chosen
    choice = choose_method(spec, candidates, sample(source, candidates.bands), chosen.grid.pixel_size_m)
    for text in choice.notes:
        note(LOG, text)
    for text in choice.warnings:
        warn(LOG, "water-method-doubtful", text)
    session = WaterSession(choice)
    classes = flood_classes(choice.three_classes)
    preset = task("flood")
    return Recipe(
        task="flood",
        layer=preset.layer,
        classes=classes,
        source=source,
        bands=choice.bands,
        session=session,
        prepare=Pixels.physical,
        blend="crop",
        tile=TILE,
        overlap=2 * choice.margin,
        seed=choice.seed or 0.0,
        min_area=max(preset.min_area, _least_area(choice, chosen)),
        runtime={"method": choice.method.name, "threshold": round(choice.threshold, 6)},
        inputs=tuple(item.describe() for item in (chosen, *earlier)),
        sensor=chosen.sensor.name if chosen.sensor else "",
        acquired=chosen.time.isoformat() if chosen.time else "",
    )


def _candidates(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> Candidates:
    """Which methods the bands allow; a band counts where every scene has it.

    Raises:
        SceneError: a scene is the radiance cube of a spectrometer.
    """
    for item in (scene, *before):
        held = {item.units(band) for band in item.band_names}
        if kind_of(item) == "hyperspectral" and held == {"radiance"}:
            raise SceneError(
                f"{item.name} holds radiance at the sensor, and water is told by reflectance; give the "
                "level 2 product of the same scene"
            )
    names = [scene.common_names, *(earlier.common_names for earlier in before)]
    available = [band for band in names[0] if all(band in other for other in names)]
    units = {scene.units(band) for band in available} or {"dn"}
    return find_candidates(
        spec,
        available,
        kind_of(scene),
        len(before),
        units=next(iter(units)) if len(units) == 1 else "dn",
    )


def _least_area(choice: Choice, scene: Scene) -> float:
    """Smallest region that the method itself keeps, in m²; 0 where pixels have no size."""
    down, right = scene.grid.pixel_size_m
    return choice.method.least_pixels * down * right if scene.grid.crs is not None else 0.0
