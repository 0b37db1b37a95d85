"""Choose how to map water in a scene: the method, its bands, its threshold.

In two steps, because the second needs pixels: `find_candidates` looks at which bands and scenes there are,
`choose_method` at a sample of their pixels. Both say why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.flood.choice import CLASSICAL, HAND, PERMANENT, SLOPE, Candidates, Choice
from geoseg.flood.method import Image, WaterMethod
from geoseg.flood.methods import water_methods
from geoseg.flood.session import measure_scene
from geoseg.flood.threshold import FoundThreshold, find_threshold
from geoseg.methods.cloud import too_bright_for_water
from geoseg.pixels import Pixels
from geoseg.spec import FloodSpec, Units

POLARISATIONS = ("vh", "vv")
"""Bands that `--polarisation` chooses among."""
NOTABLE_SHARE = 0.005
"""Share of a sample that is too bright for water from which a warning says so."""

Kind = Literal["optical", "sar", "hyperspectral"]
Block = Mapping[str, Image]


def find_candidates(
    spec: FloodSpec,
    available: Sequence[str],
    kind: Kind,
    before_count: int,
    units: Units = "reflectance",
) -> Candidates:
    """Say which methods are possible and which bands a sample must hold to choose.

    Args:
        spec: the request.
        available: common names of the bands that the scene and all earlier scenes have.
        kind: of the sensor.
        before_count: how many earlier scenes there are.
        units: of the scene's physical values.

    Raises:
        UsageError: there is no such method, or it needs earlier scenes.
        BandError: the scene lacks the bands of the method, or of every method.
        SceneError: the method needs reflectance and the scene has bare numbers, or linear power.
    """
    if kind == "sar" and units == "linear":
        raise SceneError("radar methods take dB; the scene is in linear power (convert it when reading)")
    notes: tuple[str, ...] = ()
    if spec.method in {"auto", CLASSICAL}:
        methods = _preferred(spec, available, kind, before_count)
        names = " or ".join(method.name for method in methods)
        notes = (f"method {names}: {methods[0].suits}",)
    else:
        methods = (_named(spec.method, kind, before_count),)
    for method in methods:
        _check(method, available, units)
    choices = tuple(_unfixed(method, spec, available, before_count, units) for method in methods)
    if before_count > choices[0].before:
        notes += (f"{methods[0].name} uses the first of {before_count} scenes before",)
    return Candidates(choices=choices, notes=notes)


def choose_method(
    spec: FloodSpec,
    candidates: Candidates,
    sample: Iterable[Pixels | Image],
    pixel_size_m: tuple[float, float] = (math.nan, math.nan),
) -> Choice:
    """Choose among the candidates by a sample of the scene, and fix the threshold.

    Args:
        spec: the request.
        candidates: from `find_candidates`; the first whose sample shows two classes is taken.
        sample: blocks at full resolution with the candidates' bands: `Pixels`, or (C, h, w) physical
            float32 arrays, NaN where not observed.
        pixel_size_m: ground size of a pixel along rows and columns; NaN where unknown.

    Raises:
        SceneError: a filter does not fit the pixel size, or nothing was observed.
    """
    blocks = [
        dict(zip(candidates.bands, item.physical() if isinstance(item, Pixels) else item, strict=True))
        for item in sample
    ]
    if not blocks:
        raise SceneError("no observed pixel to choose a water method by")
    tried: list[tuple[Choice, FoundThreshold]] = []
    for candidate in candidates.choices:
        images = [[block[band] for band in candidate.measured] for block in blocks]
        smoothing = candidate.method.smoothing(spec.speckle, images, pixel_size_m)
        choice = replace(candidate, smoothing=smoothing)
        tried.append((choice, _threshold(spec, choice, blocks, pixel_size_m[0])))
        if tried[-1][1].found:
            break
    choice, found = next((pair for pair in tried if pair[1].found), tried[0])
    method = choice.method
    notes = list(candidates.notes)
    if choice is not tried[0][0]:
        notes.append(f"{tried[0][0].method.title} shows no two classes, {method.name} does")
    notes += found.notes
    if choice.smoothing is not None and choice.smoothing.note:
        notes.append(choice.smoothing.note)
    fixed = replace(choice, threshold=found.threshold, scale=found.scale)
    return replace(
        fixed,
        seed=None if found.strict is None else fixed.score(found.strict),
        notes=(*notes, *method.notes),
        warnings=(
            *found.warnings,
            *method.caveats(choice.before, pixel_size_m),
            *_brightness_warning(fixed, blocks),
        ),
    )


def _preferred(
    spec: FloodSpec, available: Sequence[str], kind: Kind, before_count: int
) -> tuple[WaterMethod, ...]:
    """The method that `auto` takes, and its fallbacks."""
    methods = [m for m in water_methods().values() if m.preference < math.inf and _same_kind(m, kind)]
    wanted = [b for b in available if b not in POLARISATIONS or spec.polarisation in {"auto", b}]
    possible = sorted(
        (m for m in methods if m.needs.scenes_before <= before_count and _has_bands(m, wanted)),
        key=lambda method: method.preference,
    )
    if not possible:
        choices = ", ".join(f"{method.name} ({_bands_text(method)})" for method in methods)
        asked = "" if spec.polarisation == "auto" else f" and --polarisation {spec.polarisation}"
        raise BandError(
            f"no water method fits the bands {', '.join(available) or '(none)'}{asked}; there are {choices}. "
            "Name bands with --band NAME=PATH, or the sensor with --sensor"
        )
    best = possible[0]
    return (best, *(method for method in possible if method.name in best.fallbacks))


def _named(name: str, kind: Kind, before_count: int) -> WaterMethod:
    """The method that the user named."""
    method = water_methods().get(name)
    if method is None:
        raise UsageError(f"no water method {name!r}; there are auto, classical, {', '.join(water_methods())}")
    needs = method.needs
    if not _same_kind(method, kind):
        raise SceneError(f"method {name} is for {needs.kind} scenes; this one is {kind}")
    if before_count < needs.scenes_before:
        raise UsageError(
            f"method {name} needs {needs.scenes_before} scene(s) before, there are {before_count}: "
            "add --before"
        )
    return method


def _same_kind(method: WaterMethod, kind: Kind) -> bool:
    """Whether a method is for such a sensor; hyperspectral ones count as optical."""
    return (method.needs.kind == "sar") == (kind == "sar")


def _has_bands(method: WaterMethod, available: Sequence[str]) -> bool:
    """Whether there is enough for a method to measure."""
    enough = all if method.bands_used == "all" else any
    return enough(band in available for band in method.bands)


def _bands_text(method: WaterMethod) -> str:
    """What a method needs, for people."""
    return (" and " if method.bands_used == "all" else " or ").join(method.bands)


def _check(method: WaterMethod, available: Sequence[str], units: Units) -> None:
    """Refuse a method whose bands or units are not there."""
    if not _has_bands(method, available):
        missing = ", ".join(band for band in method.bands if band not in available)
        raise BandError(
            f"method {method.name} needs {missing}; the scene has "
            f"{', '.join(available) or 'no named band'}. Name bands with --band NAME=PATH"
        )
    if method.needs.reflectance and units != "reflectance":
        raise SceneError(
            f"method {method.name} is no ratio: it needs reflectance 0..1, and the scene is in {units}. "
            "Name the sensor with --sensor, or use mndwi"
        )


def _unfixed(
    method: WaterMethod, spec: FloodSpec, available: Sequence[str], before_count: int, units: Units
) -> Choice:
    """All of a choice that needs no pixels; its threshold is that of the literature."""
    paths = {PERMANENT: spec.permanent_water, HAND: spec.hand, SLOPE: spec.slope}
    return Choice(
        method=method,
        groups=_groups(method, spec, available),
        threshold=method.threshold.fixed,
        scale=method.threshold.scale,
        before=before_count if method.needs.all_before else min(before_count, 1),
        layers=tuple(name for name, path in paths.items() if path is not None),
        nir_limit=method.nir_limit if units == "reflectance" and "nir" in available else None,
        max_hand=spec.max_hand,
        max_slope=spec.max_slope,
    )


def _groups(method: WaterMethod, spec: FloodSpec, available: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Bands that are measured together."""
    if method.bands_used == "all":
        return (method.bands,)
    found = [b for b in method.bands if b in available and spec.polarisation in {"auto", b}]
    if not found:
        raise BandError(
            f"no {spec.polarisation} band; the scene has {', '.join(available)}. "
            f"Name bands with --band {spec.polarisation}=PATH"
        )
    return tuple((band,) for band in (found if method.bands_used == "each" else found[:1]))


def _threshold(spec: FloodSpec, choice: Choice, blocks: Sequence[Block], pixel_m: float) -> FoundThreshold:
    """The threshold: the user's, the method's own, or found in the sample."""
    method, rule = choice.method, choice.method.threshold
    if spec.threshold is not None:
        note = f"threshold {spec.threshold:.4g} ({method.measured}) as given"
        return FoundThreshold(threshold=spec.threshold, scale=rule.scale, notes=(note,))
    if spec.thresholding == "auto" and not rule.from_scene:
        note = f"threshold {rule.fixed:.4g} ({method.measured}), fixed by {method.citation}"
        return FoundThreshold(threshold=rule.fixed, scale=rule.scale, notes=(note,))
    values = [_without_clouds(choice, block) for block in blocks]
    return find_threshold(method, values, spec.thresholding, pixel_m)


def _without_clouds(choice: Choice, block: Block) -> Image:
    """The measure of a block, unknown where brightness says cloud or snow."""
    values = measure_scene(choice, block)
    if choice.nir_limit is not None:
        # Where the index itself says land, a bright pixel is plain vegetation and belongs to the histogram.
        bright = too_bright_for_water(block["nir"], choice.nir_limit)
        values = np.where(bright & (values > choice.method.threshold.guard[0]), np.float32(np.nan), values)
    return values


def _brightness_warning(choice: Choice, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Warn of clouds and snow that the measure takes for water."""
    if choice.nir_limit is None:
        return ()
    bright = seen = 0
    for block in blocks:
        index = measure_scene(choice, block)
        seen += int(np.isfinite(index).sum())
        water = index > choice.threshold
        bright += int(np.count_nonzero(too_bright_for_water(block["nir"], choice.nir_limit) & water))
    if not seen or bright / seen < NOTABLE_SHARE:
        return ()
    return (
        f"{bright / seen:.1%} of the sample has the index of water but is too bright for it in nir "
        f"(> {choice.nir_limit:g}): cloud or snow, mapped as not water. Mask clouds in the scene",
    )
