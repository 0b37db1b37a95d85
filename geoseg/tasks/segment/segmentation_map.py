"""Map a scene, or scenes of several dates, by a segmentation network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from geoseg.bundles.find import find_model
from geoseg.engine.make_map import begin, make_map, plan
from geoseg.engine.network_on_scene import network_recipe
from geoseg.engine.plan import Plan
from geoseg.errors import UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.messages import collecting
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes.further_layers import model_layers
from geoseg.spec import SegmentSpec
from geoseg.spec.presets import task
from geoseg.tasks.scene_dates import acquired_over, open_for_network, prefixes_of, stacked, times_of

PAIRS = {"flood": "`geoseg flood SCENE --before SCENE`", "change": "`geoseg change BEFORE AFTER`"}
"""Commands for networks of two dates whose roles differ, by task."""
ROLES = frozenset({"before", "after"})
"""Prefixes of such dates; others (`t2`) are dates of a series."""


@reading_inputs()
@collecting()
def map_segments(
    spec: SegmentSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map a scene with a network.

    Raises:
        UsageError: the model maps from two dates by another command, or reads another number of scenes.
        ModelError: the model cannot be used, or does not fit the scene.
        RuntimeMissingError: the runtime, device or precision is not available.
        SceneError: the scene cannot be read, or lacks a band.
        OutputError: an output cannot be written.
    """
    begin(spec.run, [*spec.scene.paths, *spec.layer.values()])
    if spec.like:
        return _like_places(spec, progress, dry_run=dry_run)
    model = find_model(spec.model)
    pair = PAIRS.get(model.task)
    if pair is not None and not ROLES.isdisjoint(prefixes_of(model)):
        raise UsageError(f"{model.name} maps from two dates: use {pair}")
    with ExitStack() as stack:
        layers = model_layers(spec.layer, model, prefixes_of(model), stack)
        scenes = open_for_network(
            spec.scene, spec.run, model, stack, progress, layers=layers, dry_run=dry_run
        )
        source = stacked(model, scenes, layers)
        recipe = network_recipe(model, scenes[0], source, spec.run, times_of(model, scenes))
        stack.callback(recipe.session.close)
        recipe = replace(
            recipe,
            inputs=tuple(scene.describe() for scene in scenes),
            acquired=acquired_over(scenes),
        )
        if model.task == "flood":
            # As in a map by geoseg flood.
            recipe = replace(recipe, min_area=task("flood").min_area)
        if dry_run:
            return plan(recipe, spec.run, spec)
        return make_map(recipe, spec.run, spec, progress)


def _like_places(spec: SegmentSpec, progress: Progress, *, dry_run: bool) -> RunRecord | Plan:
    """Map what resembles the places of the request."""
    from geoseg.tasks.segment.similar_places import similarity_recipe  # noqa: PLC0415 - for --like only

    with ExitStack() as stack:
        recipe = similarity_recipe(spec, stack, progress, dry_run=dry_run)
        if dry_run:
            return plan(recipe, spec.run, spec)
        return make_map(recipe, spec.run, spec, progress)
