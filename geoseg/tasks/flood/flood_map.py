"""Map flood or surface water of a scene, with or without scenes before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from pydantic import JsonValue

from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.atmosphere.reflectance import for_method, for_model
from geoseg.bundles.find import find_model
from geoseg.engine.make_map import begin, make_map, plan
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.files.inputs import reading_inputs
from geoseg.messages import collecting, replay
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes import Scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.stack import StackLayer
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import FloodSpec, ModelSpec
from geoseg.spec.presets import task
from geoseg.tasks.flood.choice import WaterChoice, before_prefix
from geoseg.tasks.flood.choose import choose_method
from geoseg.tasks.flood.network_bands import BEFORE, takes_series
from geoseg.tasks.flood.open_dates import open_dates
from geoseg.tasks.flood.optical_units import check_reflectance
from geoseg.tasks.flood.reference_layers import References, flood_classes, open_references, with_layers
from geoseg.tasks.flood.refusals import candidates_of, check_options, check_scenes
from geoseg.tasks.flood.session import WaterSession
from geoseg.tasks.flood.tile_thresholds import find_tile_thresholds

TILE = 512
"""Pixels a side of a tile of a method."""


@reading_inputs()
@collecting()
def map_flood(
    spec: FloodSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map the water of a scene, and separate flood from permanent water where a reference is given.

    Raises:
        UsageError: options contradict each other.
        SceneError: a scene or layer cannot be read, or is not suitable for the method.
        ModelError: the network does not fit the scene.
        OutputError: an output cannot be written.
    """
    references_given = [str(path) for path in (spec.permanent_water, spec.hand, spec.slope) if path]
    references_given += spec.layer.values()
    begin(
        spec.run,
        [*spec.scene.paths, *references_given, *(path for scene in spec.before for path in scene.paths)],
    )
    model = find_model(spec.model) if spec.model is not None else None
    check_options(spec, model)
    with ExitStack() as stack:
        if model is not None and takes_series(model):
            recipe = _by_series(spec, model, stack, progress, dry_run=dry_run)
        else:
            recipe = _of_scene(spec, model, stack, progress, dry_run=dry_run)
        if dry_run:
            return plan(recipe, spec.run, spec)
        return make_map(recipe, spec.run, spec, progress)


def _of_scene(
    spec: FloodSpec, model: ModelSpec | None, stack: ExitStack, progress: Progress, *, dry_run: bool
) -> Recipe:
    """Open a scene and those before, and return the recipe of its map by a network or a method."""
    check = partial(check_scenes, spec, model)
    scene, before = open_dates(spec, model, stack, progress, check=check, dry_run=dry_run)
    for item in (clip(scene, spec.run), *before):
        report_masked(item)
    if model is None and spec.method == "auto":
        from geoseg.tasks.flood.choose_network import convincing_model  # noqa: PLC0415 - not with --method

        model = convincing_model(spec, scene, before)
    layers = open_references(spec, clip(scene, spec.run).grid, stack)
    if model is None:
        if spec.layer:
            from geoseg.scenes.further_layers import warn_not_used  # noqa: PLC0415 - not without --layer

            warn_not_used(spec.layer, "methods read bands only; name a network with `--model`")
        scene, *before = (for_method(item) for item in (scene, *before))
        return _by_method(spec, scene, before, layers, dry_run=dry_run)

    from geoseg.scenes.further_layers import model_layers  # noqa: PLC0415 - networks only
    from geoseg.tasks.flood.flood_network import by_network  # noqa: PLC0415 - networks only

    network = model
    scene, *before = (for_model(item, network) for item in (scene, *before))
    beside = model_layers(spec.layer, network, (BEFORE,), stack)
    recipe = by_network(spec, network, scene, before, layers, beside)
    stack.callback(recipe.session.close)
    return recipe


def _by_series(
    spec: FloodSpec, model: ModelSpec, stack: ExitStack, progress: Progress, *, dry_run: bool
) -> Recipe:
    """Open the scene of each date of a network and return the recipe of its map."""
    from geoseg.scenes.further_layers import model_layers  # noqa: PLC0415 - networks only
    from geoseg.tasks.flood.flood_network import by_series  # noqa: PLC0415 - networks only
    from geoseg.tasks.scene_dates import open_for_network, prefixes_of  # noqa: PLC0415 - series only

    prefixes = prefixes_of(model)
    beside = model_layers(spec.layer, model, prefixes, stack)
    scenes = open_for_network(spec.scene, spec.run, model, stack, progress, layers=beside, dry_run=dry_run)
    recipe = by_series(spec, model, scenes, open_references(spec, scenes[0].grid, stack), beside)
    stack.callback(recipe.session.close)
    return recipe


def _by_method(
    spec: FloodSpec, scene: Scene, before: Sequence[Scene], references: References, *, dry_run: bool
) -> Recipe:
    """Choose a method for the scene and find its threshold in a sample, or in tiles of the whole scene."""
    candidates = candidates_of(spec, scene, before)
    chosen = clip(scene.select(candidates.scene_bands), spec.run)
    replay(chosen.messages)
    earlier = [item.select(candidates.before_bands) for item in before[: candidates.before]]
    for item in earlier:
        replay(item.messages, of=item.name)
    # A pixel is valid where all scenes observed it.
    dates = [StackLayer(source=item, prefix=before_prefix(index)) for index, item in enumerate(earlier)]
    layers = [*dates, *references.layers]
    source = with_layers(chosen, layers)
    blocks = [block.physical() for block in sample(source, candidates.bands)]
    check_reflectance(chosen, candidates, blocks)
    choice = choose_method(spec, candidates, blocks, chosen.grid.pixel_size_m)
    if spec.by_tile and not dry_run:
        choice, field = find_tile_thresholds(choice, source)
        source = with_layers(chosen, [*layers, StackLayer(source=field, required=False)])
    session = WaterSession(choice)
    classes = flood_classes(choice.three_classes)
    preset = task("flood")
    down, right = chosen.grid.pixel_size_m
    # Pixels without a CRS have no size.
    least_area = choice.method.least_pixels * down * right if chosen.grid.crs is not None else 0.0
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
        min_area=max(preset.min_area, least_area),
        citation=choice.method.citation,
        runtime=_how(choice),
        inputs=tuple(item.describe() for item in (chosen, *earlier)),
        sensor=chosen.sensor.name if chosen.sensor else "",
        acquired=chosen.time.isoformat() if chosen.time else "",
    )


def _how(choice: WaterChoice) -> dict[str, JsonValue]:
    """Return the method and its thresholds, for the record."""
    how: dict[str, JsonValue] = {"method": choice.method.name, "threshold": round(choice.threshold, 6)}
    if choice.tiles is not None:
        how["tile_thresholds"] = [round(value, 6) for value in choice.tiles]
    return how
