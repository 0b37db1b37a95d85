"""Map change between two dates: where, from which class to which, its area and score."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.engine.image_pair import AFTER, Pair, coregistered
from geoseg.engine.make_map import begin, make_map, plan
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.errors import BandError
from geoseg.files.inputs import reading_inputs
from geoseg.messages import collecting, held, note, replay, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes.one_unit import check_one_unit
from geoseg.scenes.sensor_kind import kind_of
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ChangeSpec, ModelSpec, SpectralSpec
from geoseg.spec.presets import task
from geoseg.tasks.change.change_attributes import ChangeAttributes, extras
from geoseg.tasks.change.choose import Comparison, check_method, choose, default_method
from geoseg.tasks.change.fit import fit
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.change.missed_change import EvidentChange, evident_change
from geoseg.tasks.change.open_class_maps import maps_hint, open_class_maps
from geoseg.tasks.change.open_pair import dates, open_pair, units_of
from geoseg.tasks.change.session import ChangeSession
from geoseg.tasks.change.spectral_classes import transitions_of, with_classes, with_path_reflectance
from geoseg.tasks.change.threshold import SEED_SCORE
from geoseg.tasks.change.transitions import Counter, FromPlanes

LOG = logging.getLogger(__name__)

TILE = 256
"""Pixels a side of a tile of a method; half of that of other tasks, since strips hold two dates."""

SMALL = 64
"""Pixels a side of tiles and blocks of embeddings, which have many bands."""

FIT_SIZE, FITS = 256, 24
"""Pixels a side, and number, of the blocks to which methods are fitted."""

LEAST_PIXELS = 8
"""Pixels of the smallest patch in the map by default."""


@reading_inputs()
@collecting()
def map_change(
    spec: ChangeSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map change between two dates.

    Raises:
        UsageError: options contradict each other.
        SceneError: a date or layer cannot be read, or they cannot be compared.
        BandError: a band is missing.
        ModelError: the network does not fit the dates.
        OutputError: an output cannot be written.
    """
    begin(spec.run, [*spec.before.paths, *spec.after.paths, *spec.layer.values()], spec.matrix)
    model = None
    if spec.model is not None:
        from geoseg.bundles.find import find_model  # noqa: PLC0415 - networks only

        model = find_model(spec.model)
    _check_options(spec, model)
    with ExitStack() as stack:
        recipe = _recipe(spec, model, stack, progress, dry_run=dry_run)
        if dry_run:
            return plan(recipe, spec.run, spec)
        return make_map(recipe, spec.run, spec, progress)


def _check_options(spec: ChangeSpec, model: ModelSpec | None) -> None:
    """Raise UsageError where options contradict the method or the network."""
    check_method(spec)
    if model is not None:
        from geoseg.tasks.change.change_network import check_network  # noqa: PLC0415 - networks only

        check_network(spec, model)


def _check_pair(spec: ChangeSpec, model: ModelSpec | None, pair: Pair) -> None:
    """Refuse dates whose bands, units or sensor do not suit the method or network, before pixels are read."""
    with held():
        if model is None:
            _chosen(spec, pair.one_near_infrared())
        elif not spec.layer:
            from geoseg.tasks.change.change_network import check_bands  # noqa: PLC0415 - networks only

            check_bands(model, pair)


def _recipe(
    spec: ChangeSpec, model: ModelSpec | None, stack: ExitStack, progress: Progress, *, dry_run: bool
) -> Recipe:
    """Open the dates and prepare their comparison; `stack` closes what is opened."""
    maps = open_class_maps(spec, stack)
    if maps is not None:
        from geoseg.tasks.change.class_map_pair import by_maps  # noqa: PLC0415 - class maps only

        return by_maps(spec, maps)
    bands = tuple(band.name for band in model.bands) if model is not None else ()
    try:
        check = partial(_check_pair, spec, model)
        pair = open_pair(spec, bands, stack, progress, check=check, dry_run=dry_run)
    except BandError as error:
        raise BandError(f"{error}{maps_hint(spec)}") from error
    for date in (pair.before, pair.after):
        report_masked(date)
    if kind_of(pair.before) != "embedding":  # those of two years are on one grid
        pair = coregistered(pair, spec.coregister)
    if model is None:
        return _by_method(spec, pair)
    from geoseg.tasks.change.change_network import by_network  # noqa: PLC0415 - networks only

    recipe = by_network(spec, model, pair)
    stack.callback(recipe.session.close)
    return recipe


def _by_method(spec: ChangeSpec, pair: Pair) -> Recipe:
    """Compare the dates by a method; spectral classes of both dates give the transitions."""
    pair = pair.one_near_infrared()
    comparison, land = _prepared(spec, pair)
    source = pair.stack(
        comparison.bands, [*comparison.pairs, *(f"{AFTER}:{name}" for name in comparison.pairs)]
    )
    channels = (*comparison.channels, *(f"{AFTER}:{name}" for name in comparison.channels))
    many = kind_of(pair.before) == "embedding"
    blocks = sample(source, channels, size=SMALL if many else FIT_SIZE, most=FITS)
    comparison = _fitted(spec, comparison, pair, blocks, land)
    transitions = transitions_of(spec, comparison, land)
    counter = Counter(source.grid, transitions.specs[-1].value + 1)
    attributes = ChangeAttributes(transitions=transitions, dates=dates(spec, pair), counter=counter)
    # Single pixels are mostly noise, so that a patch has a few: half a pixel less, since the area of pixels
    # differs from row to row.
    pixel_m2 = math.prod(pair.before.grid.pixel_size_m)
    least_patch = round((LEAST_PIXELS - 0.5) * pixel_m2, 2) if pair.before.grid.crs is not None else 0.0
    return Recipe(
        task="change",
        layer=task("change").layer,
        classes=transitions.specs,
        source=source,
        bands=channels,
        session=ChangeSession(comparison),
        prepare=Pixels.physical,
        blend="crop",
        tile=SMALL if many else TILE,
        overlap=2 * comparison.margin,
        decide=FromPlanes(transitions=transitions, counter=counter),
        extras=extras(spec, attributes),
        min_area=task("change").min_area,
        patch_seed=0.0 if comparison.seed is None else SEED_SCORE,
        min_patch=least_patch,
        citation=comparison.method.citation,
        runtime={
            "method": comparison.method.name,
            "threshold": round(comparison.threshold, 6),
            **({} if comparison.seed is None else {"seed_threshold": round(comparison.seed, 6)}),
        },
        inputs=pair.describe(),
        sensor=pair.before.sensor.name if pair.before.sensor else "",
        acquired=attributes.acquired,
    )


def _chosen(spec: ChangeSpec, pair: Pair) -> Comparison:
    """Choose method and bands."""
    comparison = choose(spec, kind_of(pair.before), pair.shared, units_of(pair, pair.shared))
    for scene in (pair.before, pair.after) if comparison.method.needs.one_unit else ():
        check_one_unit(scene, comparison.compared, f"method {comparison.method.name}")
    return comparison


def _prepared(spec: ChangeSpec, pair: Pair) -> tuple[Comparison, SpectralSpec | None]:
    """Choose method, bands, layers and spectral classes."""
    comparison = _chosen(spec, pair)
    land, comparison = with_classes(spec, comparison, pair)
    return _with_layers(spec, comparison), land


def _fitted(
    spec: ChangeSpec, comparison: Comparison, pair: Pair, blocks: Sequence[Pixels], land: SpectralSpec | None
) -> Comparison:
    """Fit a method to a sample; `auto` takes a fallback where it misses change that the classes show."""

    def fitted_by(prepared: Comparison, request: ChangeSpec) -> tuple[Comparison, EvidentChange]:
        fitted = fit(prepared, request, blocks, units_of(pair, prepared.bands))
        fitted = with_path_reflectance(fitted, pair, blocks)
        return fitted, evident_change(fitted, blocks, land)

    with held() as messages:
        fitted, evident = fitted_by(comparison, spec)
    automatic = (spec.method, spec.threshold, spec.thresholding) == ("auto", None, "auto")
    for name in comparison.method.fallbacks if evident.missed and automatic else ():
        request = spec.model_copy(update={"method": name})
        with held() as trial:
            other = _prepared(request, pair)[0]
            if other.channels != comparison.channels or fitted.method.name == name:
                continue
            instead, seen = fitted_by(other, request)
        if not seen.missed:
            note(LOG, f"{evident.text} by {comparison.method.name}: {name} finds more of it, and is used")
            fitted, evident, messages = instead, seen, trial
            break
    replay(messages)
    if evident.missed:
        others = ", ".join(default_method("optical").fallbacks)
        warn(
            LOG,
            "change-may-be-missed",
            f"{evident.text} ({fitted.method.name}): where much of a scene changes, change is treated as "
            f"usual. Compare with other methods (`--method {others}`), or set `--threshold`",
        )
    return fitted


def _with_layers(spec: ChangeSpec, comparison: Comparison) -> Comparison:
    """Add the layers that both dates have to the compared bands."""
    both = tuple(name for name in spec.layer if f"{AFTER}:{name}" in spec.layer)
    alone = [name for name in spec.layer if name.removeprefix(f"{AFTER}:") not in both]
    if alone:
        warn(
            LOG,
            "layer-not-used",
            f"`--layer {', '.join(alone)}`: not used: methods compare layers that are given for both dates "
            f"(`--layer NAME=PATH` and `--layer {AFTER}:NAME=PATH`)",
        )
    if both and not comparison.method.takes_layers:
        others = ", ".join(item.name for item in change_methods().values() if item.takes_layers)
        warn(
            LOG,
            "layer-not-used",
            f"`--layer {', '.join(both)}`: {comparison.method.name} compares bands only; not used. "
            f"Methods that compare layers: {others}",
        )
        return comparison
    if both:
        note(LOG, f"layers compared like bands: {', '.join(both)}")
    return replace(comparison, pairs=both)
