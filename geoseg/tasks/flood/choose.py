"""Choose the method, bands and threshold that map the water of a scene.

`find_candidates` looks at bands, units and the number of scenes; `choose_method` at a sample of pixels. Both
log what they choose and why.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.messages import Message, counted, held, note, replay, warn
from geoseg.methods.cloud import too_bright_for_water
from geoseg.pixels import Pixels
from geoseg.scenes.sensor_kind import SensorKind
from geoseg.spec import FloodSpec, Units
from geoseg.spec.band_names import COLOURS
from geoseg.tasks.flood.backscatter_threshold import find_backscatter_threshold
from geoseg.tasks.flood.choice import (
    CLASSICAL,
    HAND,
    PERMANENT,
    SLOPE,
    SNOW_BANDS,
    Candidates,
    WaterChoice,
    before_band,
)
from geoseg.tasks.flood.method import Image, WaterMethod
from geoseg.tasks.flood.methods import water_methods
from geoseg.tasks.flood.polarisations import POLARISATIONS, compared, warn_of_borrowed_levels
from geoseg.tasks.flood.session import measure_scene
from geoseg.tasks.flood.threshold import SceneThreshold, find_threshold, warn_beyond_limits
from geoseg.tasks.flood.tile_thresholds import require_backscatter
from geoseg.tasks.flood.uncalibrated import Uncalibrated, find_number_threshold, refuse_one_kind, require_otsu

LOG = logging.getLogger(__name__)

BLIND_BLOCKS = 16
"""Blocks of the sample, about, that show whether a fallback is better."""
NOTABLE_SHARE = 0.005
"""Share of a sample that is too bright for water from which a warning is given."""

Block = Mapping[str, Image]
"""(H, W) physical values by channel, NaN where not observed."""


def find_candidates(
    spec: FloodSpec,
    bands: Mapping[str, Units],
    kind: SensorKind,
    before_count: int,
    *,
    low_sun: bool = False,
) -> Candidates:
    """Return the methods that a scene allows, with the channels of the sample that decides between them.

    Args:
        spec: the request.
        bands: units of the scene by common name, of the bands that the scene and all earlier scenes have.
        kind: of the sensor.
        before_count: number of earlier scenes.
        low_sun: whether shadows are long. A sum of bands, unlike a ratio, has the value of water in shadow.

    Raises:
        UsageError: there is no such method, or it needs earlier scenes.
        BandError: the scene lacks the bands of the method, or of every method.
        SceneError: a band of the method is in a unit that it cannot use.
    """
    if spec.method in {"auto", CLASSICAL}:
        methods = _preferred(spec, bands, kind, before_count, sums=not low_sun)
        names = " or ".join(method.name for method in methods)
        note(LOG, f"method {names}: {methods[0].suits}")
    else:
        methods = (method_named(spec.method, before_count),)
        needed = methods[0].needs.kind
        if not _suits(methods[0], kind):
            raise SceneError(f"method {spec.method} is for {needed} scenes, and this scene is {kind}")
    literature = [_with_literature_threshold(method, spec, bands, before_count) for method in methods]
    backscatter = [band for band in compared(spec.polarisation, bands) if bands[band] == "db"]
    others = backscatter if spec.polarisation == "auto" else []
    choices = tuple(item for choice in literature for item in choice.by_polarisation(others))
    for choice in choices:
        if spec.by_tile:
            require_backscatter(choice.method)
        if isinstance(choice.method, Uncalibrated) and spec.threshold is None:
            require_otsu(choice.method, spec.thresholding)
    if before_count > choices[0].before:
        note(LOG, f"{methods[0].name} uses the first of {before_count} scenes before")
    scene_bands = dict.fromkeys(band for choice in choices for band in choice.scene_bands)
    before_bands = dict.fromkeys(band for choice in choices for band in choice.measured)
    layers = dict.fromkeys(name for choice in choices for name in choice.layers)
    before = max(choice.before for choice in choices)
    earlier = (before_band(index, band) for index in range(before) for band in before_bands)
    return Candidates(
        choices=choices,
        scene_bands=tuple(scene_bands),
        before_bands=tuple(before_bands),
        before=before,
        bands=(*scene_bands, *earlier, *layers),
        low_sun=low_sun,
    )


def choose_method(
    spec: FloodSpec,
    candidates: Candidates,
    sample: Iterable[Pixels | Image],
    pixel_size_m: tuple[float, float] = (math.nan, math.nan),
) -> WaterChoice:
    """Choose among the candidates by a sample of the scene, and fix the threshold.

    Args:
        spec: the request.
        candidates: from `find_candidates`; the first whose sample shows two classes is used.
        sample: blocks at full resolution with the candidates' channels: `Pixels`, or (C, h, w) physical
            float32 arrays, NaN where not observed.
        pixel_size_m: ground size of a pixel along rows and columns; NaN where unknown.

    Raises:
        SceneError: a filter does not fit the pixel size, or no pixel was observed.
    """
    blocks = [
        dict(zip(candidates.bands, item.physical() if isinstance(item, Pixels) else item, strict=True))
        for item in sample
    ]
    if not blocks:
        raise SceneError("no water method can be chosen: the scene has no observed pixel")
    tried: list[tuple[WaterChoice, SceneThreshold, list[Message]]] = []
    why = ""
    for candidate in candidates.choices:
        if tried and candidate.method.name == tried[0][0].method.name:
            # Another polarisation is for scenes in which the first is blind, not for those without a change.
            continue
        with held() as messages:
            method = candidate.method.fitted([_dates(candidate, block) for block in blocks])
            images = [[block[band] for band in candidate.measured] for block in blocks]
            smoothing = method.smoothing(spec.speckle, images, pixel_size_m)
            choice = replace(candidate, method=method, smoothing=smoothing)
            found = _threshold(spec, choice, blocks, pixel_size_m[0])
            # A given threshold is in the unit of the first method.
            first = (
                candidate is candidates.choices[0] and spec.threshold is None and len(candidates.choices) > 1
            )
            reason = _blind(choice, candidates.scene_bands, blocks) if first else ""
            why = why or reason
            if not reason:
                tried.append((choice, found, messages))
        if tried and tried[-1][1].two_classes:
            break
    choice, found, messages = next((item for item in tried if item[1].two_classes), tried[0])
    if isinstance(choice.method, Uncalibrated) and not found.two_classes:
        refuse_one_kind(choice.method)
    _note_fallback(candidates.choices[0], choice, why)
    replay(messages)
    for text in choice.method.notes:
        note(LOG, text)
    choice.method.warn_of_limits(choice.before, pixel_size_m)
    if spec.threshold is None or choice.before:
        warn_of_borrowed_levels(choice)
    if choice.before:
        from geoseg.tasks.flood.date_agreement import warn_of_method_dates  # noqa: PLC0415 - scipy

        warn_of_method_dates(choice, blocks)
    shore = None if candidates.low_sun else found.shore
    if shore is not None:
        note(LOG, f"next to open water the threshold is {shore:.4g}")
    fixed = replace(choice, threshold=found.threshold, scale=found.scale, shore=shore)
    if fixed.before:
        fixed = replace(fixed, open_water=_open_water(fixed, blocks))
    if fixed.nir_limit is not None:
        _warn_of_bright_water(fixed, fixed.nir_limit, blocks)
    return replace(fixed, seed=None if found.strict is None else fixed.score(found.strict))


def _open_water(choice: WaterChoice, blocks: Sequence[Block]) -> tuple[str, float] | None:
    """Return the band and level of open water, for a method whose measure is a change."""
    blocks = blocks[:: max(1, len(blocks) // BLIND_BLOCKS)]
    names = {
        band: (band, *(before_band(index, band) for index in range(choice.before)))
        for band in choice.measured
    }
    found = choice.method.open_water(
        {band: [block[name] for block in blocks for name in dates] for band, dates in names.items()}
    )
    if found is not None:
        note(LOG, f"open water is below {found[1]:.4g} dB in {found[0].upper()} on all dates")
    return found


def _note_fallback(first: WaterChoice, choice: WaterChoice, why: str) -> None:
    """Note that another method, or another polarisation of one, is used than the first."""
    title, name = first.method.title, choice.method.name
    if first.method.name == name:
        title, name = f"{title} in {first.measured[0].upper()}", choice.measured[0].upper()
    if (choice.method.name, choice.measured) != (first.method.name, first.measured):
        note(LOG, f"{title} {why or 'shows no two classes'}: {name} is used")


def _dates(choice: WaterChoice, block: Block) -> list[list[Image]]:
    """Return the bands that are measured of the scene, then of each earlier scene."""
    bands = choice.groups[0]
    earlier = ([block[before_band(index, band)] for band in bands] for index in range(choice.before))
    return [[block[band] for band in bands], *earlier]


def _preferred(
    spec: FloodSpec, available: Mapping[str, Units], kind: SensorKind, before_count: int, *, sums: bool
) -> tuple[WaterMethod, ...]:
    """Return the method that `auto` chooses, and its fallbacks."""
    methods = [m for m in water_methods().values() if m.preference < math.inf and _suits(m, kind)]
    allowed = [b for b in available if b not in POLARISATIONS or spec.polarisation in {"auto", b}]
    possible = sorted(
        (
            m
            for m in methods
            if m.needs.scenes_before <= before_count
            and _has_bands(m, allowed)
            and (not m.needs.reflectance or (sums and {available[b] for b in m.bands} == {"reflectance"}))
        ),
        # A method for other units comes last, since a map by it would be empty or full.
        key=lambda method: (not _has_units(method, available), method.preference),
    )
    if not possible:
        choices = ", ".join(
            f"{method.name} ({(' and ' if method.bands_used == 'all' else ' or ').join(method.bands)})"
            for method in methods
        )
        asked = "" if spec.polarisation == "auto" else f" and `--polarisation {spec.polarisation}`"
        remedy = "Name bands with `--band NAME=PATH`, or the sensor with `--sensor`"
        if available and set(available) <= COLOURS:
            remedy = "Add an infrared band with `--band nir=PATH`, or use a network of colours (`--model`)"
        raise BandError(
            f"no water method fits the bands {', '.join(available) or '(none)'}{asked}; there are {choices}. "
            f"{remedy}"
        )
    best = possible[0]
    fallbacks = (method for method in possible if method.name in best.fallbacks)
    return (best, *(method for method in fallbacks if _has_one_unit(method, available)))


def method_named(name: str, before_count: int) -> WaterMethod:
    """Return the method of `--method`.

    Raises:
        UsageError: there is none, or it needs more scenes before.
    """
    method = water_methods().get(name)
    if method is None:
        raise UsageError(f"no water method {name!r}; there are auto, classical, {', '.join(water_methods())}")
    needed = method.needs.scenes_before
    if before_count < needed:
        raise UsageError(
            f"method {name} needs {counted(needed, 'earlier scene')} or more, "
            f"{before_count} given: add `--before SCENE`"
        )
    return method


def _suits(method: WaterMethod, kind: SensorKind) -> bool:
    """Return whether a method is for a kind of sensor; hyperspectral sensors count as optical."""
    return (method.needs.kind == "sar") == (kind == "sar")


def _has_units(method: WaterMethod, available: Mapping[str, Units]) -> bool:
    """Return whether radar values are in dB, or have no unit, as the method needs."""
    units = {available[band] for band in method.bands if band in available}
    return method.needs.kind != "sar" or (units == {"dn"}) == method.needs.unitless


def _has_one_unit(method: WaterMethod, available: Mapping[str, Units]) -> bool:
    """Return whether the optical bands of a method, which it compares with each other, are in one unit."""
    return method.needs.kind == "sar" or len({available[band] for band in method.bands}) == 1


def _has_bands(method: WaterMethod, available: Iterable[str]) -> bool:
    """Return whether the bands suffice to measure."""
    enough = all if method.bands_used == "all" else any
    return enough(band in available for band in method.bands)


def _with_literature_threshold(
    method: WaterMethod, spec: FloodSpec, bands: Mapping[str, Units], before_count: int
) -> WaterChoice:
    """Return a choice with bands and layers, and the threshold of the literature."""
    groups = _groups(method, spec, bands)
    units = {bands[band] for group in groups for band in group}
    if units == {"dn"}:
        method = method.without_unit()
    if method.needs.kind == "sar" and "linear" in units:
        raise SceneError(f"method {method.name} needs dB, and the scene is in linear power: convert it to dB")
    if method.needs.reflectance and units != {"reflectance"}:
        raise SceneError(
            f"method {method.name} is no ratio: it needs reflectance 0..1, and its bands are in "
            f"{', '.join(sorted(units))}. Name the sensor with `--sensor`, or use mndwi"
        )
    bright = method.nir_limit is not None and bands.get("nir") == "reflectance"
    seen = (*method.bands, "nir") if bright else ()
    paths = {PERMANENT: spec.permanent_water, HAND: spec.hand, SLOPE: spec.slope}
    return WaterChoice(
        method=method,
        groups=groups,
        threshold=method.threshold.fixed,
        scale=method.threshold.scale,
        before=before_count if method.needs.all_before else min(before_count, 1),
        layers=tuple(name for name, path in paths.items() if path is not None),
        nir_limit=method.nir_limit if bright else None,
        snow=all(band in seen and bands.get(band) == "reflectance" for band in SNOW_BANDS),
        max_hand=spec.max_hand,
        max_slope=spec.max_slope,
    )


def _groups(method: WaterMethod, spec: FloodSpec, available: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the bands that are measured together."""
    if not _has_bands(method, available):
        missing = ", ".join(band for band in method.bands if band not in available)
        raise BandError(
            f"method {method.name} needs {missing}; the scene has "
            f"{', '.join(available) or 'no named band'}. Name bands with `--band NAME=PATH`"
        )
    if method.bands_used == "all":
        return (method.bands,)
    allowed = compared(spec.polarisation, available)
    bands = [band for band in method.bands if band in allowed]
    if not bands:
        raise BandError(
            f"the scene has no band {spec.polarisation}, only {', '.join(available)}. "
            f"Name bands with `--band {spec.polarisation}=PATH`"
        )
    return tuple((band,) for band in (bands if method.bands_used == "each" else bands[:1]))


def _threshold(
    spec: FloodSpec, choice: WaterChoice, blocks: Sequence[Block], pixel_m: float
) -> SceneThreshold:
    """Return the threshold: that of the user, of the method, or of the sample."""
    method, rule = choice.method, choice.method.threshold
    if spec.threshold is not None:
        unused = (
            "" if spec.thresholding == "auto" else f"; `--thresholding {spec.thresholding}` has no effect"
        )
        note(LOG, f"threshold {spec.threshold:.4g} ({method.measured}) as given{unused}")
        warn_beyond_limits(method, spec.threshold)
        return SceneThreshold(threshold=spec.threshold, scale=rule.scale)
    if spec.thresholding == "auto" and not rule.from_scene:
        note(LOG, f"threshold {rule.fixed:.4g} ({method.measured}), fixed by {method.citation}")
        return SceneThreshold(threshold=rule.fixed, scale=rule.scale, shore=rule.shore)
    values = [_without_clouds(choice, block) for block in blocks]
    if isinstance(method, Uncalibrated):
        return find_number_threshold(method, values)
    if spec.thresholding in {"auto", "tiles"} and rule.usual is not None:
        return find_backscatter_threshold(method, values, rule.usual)
    return find_threshold(method, values, spec.thresholding, pixel_m)


def _blind(choice: WaterChoice, bands: Sequence[str], blocks: Sequence[Block]) -> str:
    """Return why the method of a choice cannot map water in the sample; empty: it can."""
    apply = choice.smoothing.apply if choice.smoothing is not None else np.asarray
    blocks = blocks[:: max(1, len(blocks) // BLIND_BLOCKS)]
    return choice.method.blind({band: [apply(block[band]) for block in blocks] for band in bands})


def _without_clouds(choice: WaterChoice, block: Block) -> Image:
    """Return the measure of a block, NaN where it is as bright as cloud or snow."""
    values = measure_scene(choice, block)
    if choice.nir_limit is not None:
        # Where the index itself is that of land, a bright pixel is vegetation and belongs to the histogram.
        rule = choice.method.threshold
        land = rule.fixed if rule.shore is None else rule.shore
        bright = too_bright_for_water(block["nir"], choice.nir_limit)
        values = np.where(bright & (values > land), np.float32(np.nan), values)
    return values


def _warn_of_bright_water(choice: WaterChoice, nir_limit: float, blocks: Sequence[Block]) -> None:
    """Warn of clouds and snow whose index is that of water."""
    bright = observed = 0
    for block in blocks:
        index = measure_scene(choice, block)
        observed += int(np.isfinite(index).sum())
        water = index > choice.threshold
        bright += int(np.count_nonzero(too_bright_for_water(block["nir"], nir_limit) & water))
    if observed and bright / observed >= NOTABLE_SHARE:
        warn(
            LOG,
            "bright-as-cloud",
            f"{bright / observed:.1%} of the sample has the index of water but is too bright for water in "
            f"the near infrared (> {nir_limit:g}): cloud or snow, mapped as not water. Mask clouds in the "
            "scene",
        )
