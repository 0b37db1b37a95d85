"""Choose how to map water in a scene: the method, its bands, its threshold.

In two steps, because the second needs pixels: `candidate_bands` looks at which bands and scenes there are,
`fix` at a sample of their pixels. Both say why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.flood.water_choice import (
    CLASSICAL,
    HAND,
    METHODS,
    PERMANENT,
    SLOPE,
    Candidates,
    Choice,
    Method,
    Speckle,
    before_band,
)
from geoseg.flood.water_session import WaterSession, measure
from geoseg.flood.water_threshold import Cut, find_cut
from geoseg.methods import sar
from geoseg.methods.cloud import WATER_NIR, too_bright_for_water
from geoseg.methods.flood_change import (
    ENOUGH_SCENES,
    UN_SPIDER_LEAST_PIXELS,
    UN_SPIDER_RADIUS_M,
)
from geoseg.methods.sar_water import INITIAL
from geoseg.pixels import Pixels
from geoseg.spec import FloodSpec, Units

__all__ = ["METHODS", "Candidates", "Choice", "Method", "WaterSession", "candidate_bands", "fix"]

Image = NDArray[np.float32]

MOST_RADIUS = 100
"""Pixels: the greatest focal mean."""


def candidate_bands(
    spec: FloodSpec,
    available: Sequence[str],
    kind: Literal["optical", "sar", "hyperspectral"],
    before_count: int,
    units: Units = "reflectance",
) -> Candidates:
    """Say which methods are possible and which bands a sample must hold to choose.

    Args:
        spec: the request.
        available: common names of the scene's bands (and of the scenes' before).
        kind: of the sensor.
        before_count: how many scenes before there are.
        units: of the scene's physical values.

    Raises:
        UsageError: there is no such method, or it needs scenes before.
        BandError: the scene lacks the bands of the method, or of every method.
        SceneError: the method needs reflectance and the scene has bare numbers, or linear power.
    """
    if kind == "sar" and units == "linear":
        raise SceneError("radar methods take dB; the scene is in linear power (convert it when reading)")
    notes: tuple[str, ...] = ()
    if spec.method in {"auto", CLASSICAL}:
        names, notes = _auto(spec, available, kind, before_count)
    else:
        names = (_named(spec.method, kind, before_count).name,)
    for name in names:
        _check(METHODS[name], available, units)
    change = bool(METHODS[names[0]].needs_before)
    scenes = before_count if names[0] == "zscore" else min(before_count, 1)
    wanted = [band for name in names for band in _method_bands(METHODS[name], spec, available, units)]
    own = tuple(dict.fromkeys(wanted))
    before = [before_band(i, band) for i in range(scenes) for band in own if band in _needed(names)]
    layers = [
        name
        for name, path in ((PERMANENT, spec.permanent_water), (HAND, spec.hand), (SLOPE, spec.slope))
        if path is not None
    ]
    warnings: tuple[str, ...] = ()
    if before_count > scenes:
        notes += (f"{names[0]} uses the first of {before_count} scenes before",)
    if names[0] == "zscore" and before_count < ENOUGH_SCENES:
        warnings = (
            f"zscore: {before_count} scenes before give a poor standard deviation; "
            f"add scenes of the same relative orbit ({ENOUGH_SCENES} or more)",
        )
    if change:
        notes += ("scenes of one relative orbit and pass direction are assumed",)
    return Candidates(
        methods=names,
        bands=(*own, *before, *layers),
        reflectance=units == "reflectance",
        notes=notes,
        warnings=warnings,
    )


def fix(
    spec: FloodSpec,
    candidates: Candidates,
    sample: Iterable[Pixels | Image],
    pixel_size_m: tuple[float, float] = (math.nan, math.nan),
) -> Choice:
    """Choose among the candidates by a sample of the scene, and fix the threshold.

    Args:
        spec: the request.
        candidates: from `candidate_bands`.
        sample: blocks at full resolution with the candidates' bands: `Pixels`, or (C, h, w) physical
            float32 arrays, NaN where not observed.
        pixel_size_m: ground size of a pixel along rows and columns; NaN where unknown.

    Raises:
        SceneError: a filter does not fit the pixel size.
    """
    blocks = [
        dict(zip(candidates.bands, item.physical() if isinstance(item, Pixels) else item, strict=True))
        for item in sample
    ]
    if not blocks:
        raise SceneError("no observed pixel to choose a water method by")
    tried: list[tuple[Choice, Cut]] = []
    for name in candidates.methods:
        choice = _configure(spec, METHODS[name], candidates, blocks, pixel_size_m)
        tried.append((choice, _cut(spec, METHODS[name], choice, blocks, pixel_size_m)))
        if tried[-1][1].found:
            break
    choice, cut = next((pair for pair in tried if pair[1].found), tried[0])
    notes = candidates.notes
    if choice is not tried[0][0]:
        notes += (f"{METHODS[tried[0][0].method].title} shows no two classes, {choice.method} does",)
    fixed = replace(choice, threshold=cut.threshold, scale=cut.scale)
    more, warnings = _observations(fixed, blocks, pixel_size_m)
    return replace(
        fixed,
        seed=None if cut.strict is None else fixed.score(cut.strict),
        notes=(*notes, *cut.notes, *more),
        warnings=(*candidates.warnings, *cut.warnings, *warnings),
    )


def _auto(
    spec: FloodSpec, available: Sequence[str], kind: str, before_count: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The methods that suit the sensor, best first, and why."""
    if kind == "sar":
        if before_count >= 2:
            return ("zscore",), (f"method zscore: radar with {before_count} scenes before",)
        if before_count == 1:
            return ("logratio",), ("method logratio: radar with one scene before",)
        names = [f"sar-{name}" for name in _polarisations(spec, available)]
        return tuple(names), (
            f"method {' or '.join(names)}: radar, no scene before; VH is less roughened by wind",
        )
    for name in ("mndwi", "ndwi"):
        if set(METHODS[name].bands) <= set(available):
            why = "it has green and SWIR" if name == "mndwi" else "it has green and NIR but no SWIR"
            return (name,), (f"method {name}: {why}",)
    raise BandError(
        f"no water method fits the bands {', '.join(available) or '(none)'}: optical methods need green "
        "with nir or swir16. Name bands with --band NAME=PATH, or the sensor with --sensor"
    )


def _named(name: str, kind: str, before_count: int) -> Method:
    """The method that the user named."""
    method = METHODS.get(name)
    if method is None:
        raise UsageError(f"no water method {name!r}; there are auto, classical, {', '.join(METHODS)}")
    if (method.kind == "sar") != (kind == "sar"):
        raise SceneError(f"method {name} is for {method.kind} scenes; this one is {kind}")
    if before_count < method.needs_before:
        raise UsageError(
            f"method {name} needs {method.needs_before} scene(s) before, there are {before_count}: "
            "add --before"
        )
    return method


def _check(method: Method, available: Sequence[str], units: Units) -> None:
    """Refuse a method whose bands or units are not there."""
    missing = [band for band in method.bands if band not in available]
    enough = len(missing) < len(method.bands) if method.needs_before else not missing
    if not enough:
        raise BandError(
            f"method {method.name} needs {', '.join(missing)}; the scene has "
            f"{', '.join(available) or 'no named band'}. Name bands with --band NAME=PATH"
        )
    if method.name.startswith("awei") and units != "reflectance":
        raise SceneError(
            f"method {method.name} is no ratio: it needs reflectance 0..1, and the scene is in {units}. "
            "Name the sensor with --sensor, or use mndwi"
        )


def _polarisations(spec: FloodSpec, available: Sequence[str]) -> tuple[str, ...]:
    """Polarisations to use, preferred first."""
    wanted = ("vh", "vv") if spec.polarisation == "auto" else (spec.polarisation,)
    found = tuple(name for name in wanted if name in available)
    if not found:
        raise BandError(
            f"no {' or '.join(wanted)} band; the scene has {', '.join(available) or 'no named band'}. "
            "Name bands with --band vv=PATH"
        )
    return found


def _method_bands(method: Method, spec: FloodSpec, available: Sequence[str], units: Units) -> tuple[str, ...]:
    """Bands of the scene itself that a method uses."""
    if method.needs_before:
        found = _polarisations(spec, available)
        return found if method.name == "zscore" else found[:1]
    guards = method.guard_bands if units == "reflectance" else ()
    return (*method.bands, *(band for band in guards if band in available))


def _needed(names: Sequence[str]) -> set[str]:
    """Bands that methods need of the scenes before too: guards look at the scene alone."""
    return {band for name in names for band in METHODS[name].bands}


def _configure(
    spec: FloodSpec,
    method: Method,
    candidates: Candidates,
    blocks: Sequence[dict[str, Image]],
    pixel_size_m: tuple[float, float],
) -> Choice:
    """All of a choice but what the threshold decides."""
    layers = tuple(name for name in (PERMANENT, HAND, SLOPE) if name in candidates.bands)
    radar = method.kind == "sar"
    polarisations = tuple(b for b in candidates.bands if b in (method.bands if radar else ()))
    own = polarisations
    if not radar:
        guards = [band for band in method.guard_bands if candidates.reflectance]
        own = (*method.bands, *(b for b in guards if b in candidates.bands and b not in method.bands))
    scenes = 0
    while before_band(scenes, own[0]) in candidates.bands:
        scenes += 1
    before = [
        before_band(i, band) for i in range(scenes) for band in (polarisations if radar else method.bands)
    ]
    speckle: Speckle = spec.speckle if radar and method.name != "unspider" else "none"
    radius = _disc(pixel_size_m) if method.name == "unspider" else (0.0, 0.0)
    margin = {"refined-lee": sar.LEE_RADIUS, "boxcar": sar.BOXCAR_RADIUS, "none": 0}[speckle]
    return Choice(
        method=method.name,
        bands=(*own, *before, *layers),
        threshold=method.fallback,
        scale=method.scale,
        margin=max(margin, int(max(radius))),
        three_classes=bool(before) or PERMANENT in layers,
        least_pixels=UN_SPIDER_LEAST_PIXELS if method.name == "unspider" else 0,
        polarisations=polarisations,
        water_db=tuple(INITIAL[name] for name in polarisations) if method.needs_before else (),
        before=scenes,
        speckle=speckle,
        looks=_looks(blocks, polarisations) if speckle == "refined-lee" else 1.0,
        radius=radius,
        nir_limit=WATER_NIR if not radar and candidates.reflectance and "nir" in own else None,
        max_hand=spec.max_hand,
        max_slope=spec.max_slope,
    )


def _looks(blocks: Sequence[dict[str, Image]], polarisations: Sequence[str]) -> float:
    """Equivalent number of looks: the median over blocks of the clearest polarisation."""
    found = [
        float(np.median([sar.equivalent_looks(sar.to_power(block[name])) for block in blocks[:16]]))
        for name in polarisations
    ]
    return round(max(found), 2)


def _disc(pixel_size_m: tuple[float, float]) -> tuple[float, float]:
    """Radius of the focal mean in pixels along rows and columns."""
    down, right = (10.0 if math.isnan(size) else size for size in pixel_size_m)
    radius = UN_SPIDER_RADIUS_M / down, UN_SPIDER_RADIUS_M / right
    if max(radius) > MOST_RADIUS:
        raise SceneError(
            f"unspider averages over {UN_SPIDER_RADIUS_M:g} m, {max(radius):.0f} pixels here: "
            "resample the scene to 10 m, or use logratio"
        )
    return radius


def _cut(
    spec: FloodSpec,
    method: Method,
    choice: Choice,
    blocks: Sequence[dict[str, Image]],
    pixel_size_m: tuple[float, float],
) -> Cut:
    """The threshold: the user's, the method's own, or found in the sample."""
    if spec.threshold is not None:
        note = f"threshold {spec.threshold:.4g} ({method.measure}) as given"
        return Cut(threshold=spec.threshold, scale=method.scale, notes=(note,))
    if spec.thresholding == "auto" and method.name in {"unspider", "zscore"}:
        note = f"threshold {method.fallback:.4g} ({method.measure}), fixed by {method.citation}"
        return Cut(threshold=method.fallback, scale=method.scale, notes=(note,))
    values = [_measured(choice, block) for block in blocks]
    return find_cut(method, values, spec.thresholding, pixel_size_m[0])


def _measured(choice: Choice, block: dict[str, Image]) -> Image:
    """The measure of a block, unknown where brightness says cloud or snow."""
    values = measure(choice, block).now[0]
    if choice.nir_limit is not None:
        # Where the index itself says land, a bright pixel is plain vegetation and belongs to the histogram.
        method = METHODS[choice.method]
        values[too_bright_for_water(block["nir"], choice.nir_limit) & (values > method.guard[0])] = np.nan
    return values


def _observations(
    choice: Choice, blocks: Sequence[dict[str, Image]], pixel_size_m: tuple[float, float]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and warnings about the scene that do not concern the threshold."""
    notes: list[str] = []
    warnings: list[str] = []
    if choice.speckle == "refined-lee":
        notes.append(f"refined Lee filter, {choice.looks:g} looks estimated")
    if choice.method == "unspider":
        notes.append(f"regions below {UN_SPIDER_LEAST_PIXELS} pixels are not kept; 5 means degrees of slope")
        if math.isnan(pixel_size_m[0]):
            warnings.append("the pixel size is unknown: 10 m is assumed for the 50 m focal mean")
    if choice.nir_limit is not None:
        bright = seen = 0
        for block in blocks:
            index = measure(choice, block).now[0]
            seen += int(np.isfinite(index).sum())
            bright += int(
                np.count_nonzero(
                    too_bright_for_water(block["nir"], choice.nir_limit) & (index > choice.threshold)
                )
            )
        if seen and bright / seen >= 0.005:
            warnings.append(
                f"{bright / seen:.1%} of the sample has the index of water but is too bright for it in nir "
                f"(> {choice.nir_limit:g}): cloud or snow, mapped as not water. Mask clouds in the scene"
            )
    return tuple(notes), tuple(warnings)
