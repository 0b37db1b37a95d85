"""Map a scene by a segmentation network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.atmosphere.reflectance import for_model
from geoseg.bundles.find import find_model
from geoseg.engine.make_map import begin, command_of, make_map, plan
from geoseg.engine.network_on_scene import clip, network_recipe
from geoseg.engine.plan import Plan
from geoseg.errors import UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.messages import collecting, replay
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes import open_scene
from geoseg.spec import SegmentSpec
from geoseg.spec.presets import sensors, task


@reading_inputs()
@collecting()
def map_segments(
    spec: SegmentSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map a scene with a network.

    Raises:
        UsageError: the model maps from two dates.
        ModelError: the model cannot be used, or does not fit the scene.
        RuntimeMissingError: the runtime, device or precision is not available.
        SceneError: the scene cannot be read, or lacks a band.
        OutputError: an output cannot be written.
    """
    begin(spec.run, spec.scene.paths)
    model = find_model(spec.model)
    if any(":" in band.name for band in model.bands):
        raise UsageError(f"{model.name} maps from two dates: use geoseg flood SCENE --before SCENE")
    with ExitStack() as stack:
        opened = stack.enter_context(open_scene(spec.scene, sensors()))
        masked = with_cloud_mask(opened, spec.scene, spec.run, stack, progress, dry_run=dry_run)
        report_masked(clip(masked, spec.run))
        suited = for_model(masked, model)
        scene = clip(suited.select(tuple(band.name for band in model.bands)), spec.run)
        replay(scene.messages)
        recipe = network_recipe(model, scene, scene, spec.run)
        stack.callback(recipe.session.close)
        if model.task == "flood":
            # As in a map by geoseg flood.
            recipe = replace(recipe, min_area=task("flood").min_area)
        if dry_run:
            return plan(recipe, spec.run)
        return make_map(recipe, spec.run, command_of(spec), progress)
