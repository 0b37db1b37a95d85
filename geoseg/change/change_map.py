"""A map of change between two dates: where, from what to what, how much, how sure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from geoseg.atmosphere.cloud_warnings import tell_hidden
from geoseg.bundles.find import find_model
from geoseg.change.change_attributes import Told, extras
from geoseg.change.change_network import by_network
from geoseg.change.choose import Choice, check_method, choose, default_method
from geoseg.change.class_map_pair import by_maps, maps_hint, open_maps
from geoseg.change.fit import fit
from geoseg.change.image_pair import AFTER, Pair, coregistered, dates, open_pair, units_of
from geoseg.change.methods import change_methods
from geoseg.change.missed import PlainChange, plain_change
from geoseg.change.session import ChangeSession
from geoseg.change.spectral_classes import transitions_of, with_classes, without_air
from geoseg.change.transitions import Counter, FromPlanes
from geoseg.engine.make_map import begin, command_of, make_map, plan
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.errors import BandError, UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.flood.flood_map import kind_of
from geoseg.messages import collecting, note, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ChangeSpec, SpectralSpec
from geoseg.spec.presets import task

LOG = logging.getLogger(__name__)

TILE = 256
"""Pixels of a tile of a method: strips hold two dates, so that they are half as high as those of one."""

FIT_SIZE, FITS = 256, 24
"""Blocks of 256² pixels that methods are fitted to: 1.6 Mpx of both dates."""

LEAST_PIXELS = 8
"""Pixels of the smallest change that is kept where the user says nothing, whatever its classes."""


@reading_inputs()
@collecting()
def map_change(
    spec: ChangeSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map what changed between two dates.

    Raises:
        UsageError: the request contradicts itself.
        SceneError: a date or layer cannot be read, or they do not go together.
        BandError: a band is missing.
        ModelError: the network does not fit.
        OutputError: an output cannot be written.
    """
    check_method(spec.method)
    begin(spec.run, [*spec.before.paths, *spec.after.paths, *spec.layer.values()], spec.matrix)
    model = find_model(spec.model) if spec.model is not None else None
    if model is not None and spec.method != "auto":
        raise UsageError(f"--method {spec.method} and --model {spec.model}: one of both decides")
    with ExitStack() as stack:
        maps = open_maps(spec, stack)
        if maps is not None:
            recipe = by_maps(spec, maps)
            return (
                plan(recipe, spec.run) if dry_run else make_map(recipe, spec.run, command_of(spec), progress)
            )
        wanted = tuple(band.name for band in model.bands) if model is not None else ()
        try:
            pair = open_pair(spec, wanted, stack, progress, dry_run=dry_run)
        except BandError as error:
            raise BandError(f"{error}{maps_hint(spec)}") from error
        for date in (pair.before, pair.after):
            tell_hidden(date)
        pair = coregistered(pair, spec.coregister)
        if model is not None:
            recipe = by_network(spec, model, pair)
            stack.callback(recipe.session.close)
        else:
            recipe = _by_method(spec, pair)
        if dry_run:
            return plan(recipe, spec.run)
        return make_map(recipe, spec.run, command_of(spec), progress)


def _by_method(spec: ChangeSpec, pair: Pair) -> Recipe:
    """Compare the dates without weights; spectral classes say from what to what."""
    pair = pair.one_near_infrared()
    choice, land = _prepared(spec, pair)
    source = pair.stack(choice.bands, [*choice.pairs, *(f"{AFTER}:{name}" for name in choice.pairs)])
    channels = (*choice.channels, *(f"{AFTER}:{name}" for name in choice.channels))
    blocks = sample(source, channels, size=FIT_SIZE, most=FITS)
    choice = _fitted(spec, choice, pair, blocks, land)
    transitions = transitions_of(spec, choice, land)
    counter = Counter(source.grid, transitions.specs[-1].value + 1)
    told = Told(transitions=transitions, dates=dates(spec, pair), counter=counter)
    return Recipe(
        task="change",
        layer=task("change").layer,
        classes=transitions.specs,
        source=source,
        bands=channels,
        session=ChangeSession(choice),
        prepare=Pixels.physical,
        blend="crop",
        tile=TILE,
        overlap=2 * choice.margin,
        decide=FromPlanes(transitions=transitions, counter=counter),
        extras=extras(spec, told),
        min_area=task("change").min_area,
        min_patch=_least_patch(pair),
        runtime={"method": choice.method.name, "threshold": round(choice.threshold, 6)},
        inputs=pair.describe(),
        sensor=pair.before.sensor.name if pair.before.sensor else "",
        acquired=told.acquired,
    )


def _prepared(spec: ChangeSpec, pair: Pair) -> tuple[Choice, SpectralSpec | None]:
    """Choose method and bands, classes and layers."""
    choice = choose(spec, kind_of(pair.before), pair.shared, units_of(pair, pair.shared))
    land, choice = with_classes(spec, choice, pair)
    return _with_layers(spec, choice), land


def _fitted(
    spec: ChangeSpec, choice: Choice, pair: Pair, blocks: Sequence[Pixels], land: SpectralSpec | None
) -> Choice:
    """Fit a method to a sample; by default another one where it misses change that the classes show."""

    def made(prepared: Choice, request: ChangeSpec) -> tuple[Choice, PlainChange]:
        fitted = fit(prepared, request, blocks, units_of(pair, prepared.bands))
        fitted = without_air(fitted, pair, blocks)
        return fitted, plain_change(fitted, blocks, land)

    fitted, doubt = made(choice, spec)
    if doubt.missed and (spec.method, spec.threshold, spec.thresholding) == ("auto", None, "auto"):
        first = doubt
        for name in choice.method.fallbacks:
            request = spec.model_copy(update={"method": name})
            other = _prepared(request, pair)[0]
            if other.channels == choice.channels and fitted.method.name != name:
                trial, instead = made(other, request)
                if not instead.missed:
                    fitted, doubt = trial, instead
                    break
        if doubt is not first:
            note(
                LOG,
                f"{first.text} by {choice.method.name}: {fitted.method.name} finds more of it, and is used",
            )
    for text in fitted.notes:
        note(LOG, text)
    for text in fitted.warnings:
        warn(LOG, "change-method-doubtful", text)
    if doubt.missed:
        others = ", ".join(default_method("optical").fallbacks)
        warn(
            LOG,
            "change-may-be-missed",
            f"{doubt.text} ({fitted.method.name}): where much of a scene changes, change is taken for usual. "
            f"Compare with other methods (--method {others}), or set --threshold",
        )
    return fitted


def _with_layers(spec: ChangeSpec, choice: Choice) -> Choice:
    """Compare layers that both dates have, besides the bands."""
    both = tuple(name for name in spec.layer if f"{AFTER}:{name}" in spec.layer)
    alone = [name for name in spec.layer if name.removeprefix(f"{AFTER}:") not in both]
    if alone:
        warn(
            LOG,
            "layer-not-used",
            f"--layer {', '.join(alone)}: a method compares only layers of both dates (--layer NAME=PATH and "
            f"--layer {AFTER}:NAME=PATH); not used",
        )
    if both and not choice.method.takes_layers:
        others = ", ".join(item.name for item in change_methods().values() if item.takes_layers)
        warn(
            LOG,
            "layer-not-used",
            f"--layer {', '.join(both)}: {choice.method.name} compares bands only; use one of {others}",
        )
        return choice
    if both:
        note(LOG, f"layers compared besides the bands: {', '.join(both)}")
    return replace(choice, pairs=both)


def _least_patch(pair: Pair) -> float:
    """Smallest change kept, in m²: a few pixels, since single ones are mostly noise."""
    down, right = pair.before.grid.pixel_size_m
    # Half a pixel less: the area of a pixel on the ground differs from row to row.
    return round((LEAST_PIXELS - 0.5) * down * right, 2) if pair.before.grid.crs is not None else 0.0
