"""Retrieval of methane columns from two short-wave infrared bands of a scene and its references."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from geoseg.atmosphere.cloud_mask import CloudMask, make_cloud_mask, masked_by
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.engine.image_pair import Pair, coregistered
from geoseg.errors import SceneError, UsageError
from geoseg.messages import counted, note, replay, warn
from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import fit_ratio, response
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, no_progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.same_scene import check_dates
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.band_ratio import (
    VISIBLE,
    BandRatioFit,
    RatioColumns,
    clear_bands,
    clear_ground,
    reference_prefix,
)
from geoseg.tasks.methane.choose import choose_two_band_method
from geoseg.tasks.methane.method import STRONG, WEAK, TwoBandMethod, TwoBands
from geoseg.tasks.methane.retrieval import SIGNAL, Retrieval
from geoseg.tasks.methane.satellite_bands import known_satellite, refuse_surface
from geoseg.tasks.methane.view_angles import Angles

LOG = logging.getLogger(__name__)

PAIR = (STRONG, WEAK)
CLOUD_BANDS = (*VISIBLE, "nir", "nir08", "cirrus")
"""Bands from which clouds are detected, where a scene has them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenedScenes:
    """A scene and its references on the grid of its short-wave infrared bands."""

    scene: Scene
    """The scene with all its bands."""
    references: tuple[Scene, ...]
    stack: Source
    """The bands of all scenes on one grid."""
    shifts: tuple[tuple[float, float], ...]
    """Shift of each reference against the scene, in rows and columns."""
    left: tuple[float, ...]
    """Clear shift of each reference that is left, in pixels; NaN: unknown."""
    masks: tuple[CloudMask | None, ...]
    """Cloud masks by a network, of the scene and of each reference; None: not made."""


def open_scenes(
    spec: PlumeSpec,
    stack: ExitStack,
    progress: Progress,
    known: OpenedScenes | None = None,
    *,
    dry_run: bool = False,
) -> OpenedScenes:
    """Open the scene and its references on one grid.

    Args:
        spec: the request.
        stack: closes the files.
        progress: callback.
        known: the same scenes, opened before: their shifts and cloud masks are used again.
        dry_run: whether to skip cloud networks.

    Raises:
        SceneError: a file cannot be read, is not reflectance, or covers another place.
        BandError: a short-wave infrared band is missing.
    """
    requests = (spec.scene, *spec.reference)
    opened = [stack.enter_context(open_scene(request, sensors())) for request in requests]
    if known is None:
        _reflectance(opened[0])
        for reference in opened[1:]:
            refuse_surface(reference)
        check_dates(opened, "`--reference` needs")
        masks = [
            make_cloud_mask(scene, request, spec.run, stack, progress, dry_run=dry_run)
            for scene, request in zip(opened, requests, strict=True)
        ]
    else:
        masks = list(known.masks)
    scene, *references = (
        item if mask is None else masked_by(item, mask, stack)
        for item, mask in zip(opened, masks, strict=True)
    )
    pair = clip(_reflectance(scene), spec.run)
    if known is None:
        replay(pair.messages)
        report_masked(clip(scene, spec.run))
    layers = (
        [StackLayer(source=scene.select(names), required=False)] if (names := _cloud_bands(scene)) else []
    )
    shifts, left = [], []
    for index, reference in enumerate(references):
        shift, rest = (
            _shift(reference, pair, spec) if known is None else (known.shifts[index], known.left[index])
        )
        view = reference.select((*PAIR, *_cloud_bands(reference)))
        layers.append(StackLayer(source=view, prefix=reference_prefix(index), required=False, shift=shift))
        shifts.append(shift)
        left.append(rest)
    return OpenedScenes(
        scene=scene,
        references=tuple(references),
        stack=Stack(pair, layers),
        shifts=tuple(shifts),
        left=tuple(left),
        masks=tuple(masks),
    )


def _shift(reference: Scene, scene: Scene, spec: PlumeSpec) -> tuple[tuple[float, float], float]:
    """Return the shift to undo of a reference in rows and columns, and the clear shift that is left.

    Raises:
        SceneError: the reference is not reflectance, or covers another place.
    """
    bands = _reflectance(reference)
    replay(bands.messages, of=reference.name)
    report_masked(reference)
    try:
        moved = coregistered(Pair(before=scene, after=bands), spec.coregister)
    except SceneError as error:
        raise SceneError(
            f"reference {reference.name} has no observed pixel in common with {scene.name}; give a scene of "
            "the same place that is not masked (`--clouds none` maps without the mask of clouds)"
        ) from error
    left = moved.measured
    return (moved.rows, moved.cols), left.size if left is not None and left.clear else math.nan


def _reflectance(scene: Scene) -> Scene:
    """Return a view of the two bands.

    Raises:
        SceneError: they are not reflectance.
    """
    view = scene.select(PAIR)
    units = {view.units(name) for name in PAIR}
    if units != {"reflectance"}:
        raise SceneError(
            f"{scene.name}: {STRONG} and {WEAK} are {', '.join(sorted(units))}, not top-of-atmosphere "
            "reflectance; give a Sentinel-2 L1C or Landsat level 1 product, or name the sensor with "
            "`--sensor`"
        )
    return view


def _cloud_bands(scene: Scene) -> tuple[str, ...]:
    return tuple(name for name in CLOUD_BANDS if name in scene.band_names)


def retrieve_columns(
    spec: PlumeSpec, satellite: SatelliteSpec, scenes: OpenedScenes, angles: Angles
) -> Retrieval:
    """Retrieve the methane columns of a scene by the ratio of two bands.

    Raises:
        UsageError: the method is for spectrometers, or needs a reference.
        SceneError: no pixel is clear on all dates.
    """
    method = choose_two_band_method(spec.method, references=bool(scenes.references))
    fit = fit_scene(method, scenes.stack, len(scenes.references), satellite, angles)
    limits = filter(None, (satellite.swir22, satellite.swir16))
    bands = " and ".join(f"{low:g}-{high:g}" for low, high in limits)
    note(
        LOG,
        f"{satellite.title}: methane absorption by band from geoseg's table ({bands} nm)",
    )
    note(LOG, f"air-mass factor {fit.air_mass:.3f} ({angles.source})")
    for reference in scenes.references:
        other = known_satellite(reference)
        if other is not None and other != satellite:
            warn(
                LOG,
                "reference-of-other-satellite",
                f"reference {reference.name} is from {other.title}, not from {satellite.title}: its bands "
                "differ, so surfaces with a sloped spectrum can look like methane; use a reference scene "
                "from the same satellite",
            )
    if not _cloud_bands(scenes.scene):
        warn(
            LOG,
            "clouds-not-masked",
            f"{scenes.scene.name}: clouds are not masked, because the scene has no visible and near-infrared "
            "bands; give all bands of the product",
        )
    if method.caveat_without_reference and not scenes.references:
        warn(LOG, "no-reference", method.caveat_without_reference)
    source = RatioColumns(scenes.stack, fit)

    @contextmanager
    def reopen() -> Iterator[Source]:
        with ExitStack() as files:
            yield RatioColumns(open_scenes(spec, files, no_progress, scenes).stack, fit)

    count = len(scenes.references)
    dates = f" against {counted(count, 'reference')}" if count else ""
    return Retrieval(
        source=source,
        search_band=SIGNAL,
        screening_bands=source.band_names[2:],
        reopen=reopen,
        method=f"{method.name.upper()} ({method.title}){dates}, {satellite.title}, c {fit.c:.4f}",
        scene=scenes.scene,
        satellite=satellite,
        references=scenes.references,
        shift_px=max((left for left in scenes.left if math.isfinite(left)), default=math.nan),
        table_limit_ppm_m=fit.table_limit_ppm_m,
    )


def fit_scene(
    method: TwoBandMethod, stack: Source, references: int, satellite: SatelliteSpec, angles: Angles
) -> BandRatioFit:
    """Fit the ratios between bands to clear pixels of the whole scene.

    Args:
        method: of the retrieval.
        stack: bands of the scene and its references.
        references: number of references.
        satellite: gives the limits of the bands.
        angles: of sun and satellite.

    Raises:
        SceneError: no pixel is clear on all dates.
        UsageError: the satellite has an imaging spectrometer.
    """
    if satellite.swir22 is None or satellite.swir16 is None:
        raise UsageError(
            f"`--satellite {satellite.name}` has an imaging spectrometer, but the scene is multispectral; "
            "name its satellite"
        )
    blocks = sample(stack, stack.band_names)
    day = _clear(blocks, "")
    if not (np.isfinite(day.strong) & np.isfinite(day.weak)).any():
        raise SceneError(
            f"{stack.name} has no clear land pixel: all pixels are cloud, water, deep shadow or nodata; use "
            "another date"
        )
    before = [_clear(blocks, f"{reference_prefix(index)}:") for index in range(references)]
    for index, other in enumerate(before):
        if not (np.isfinite(other.strong) & np.isfinite(day.strong)).any():
            raise SceneError(
                f"reference {index + 1} has no pixel that is clear land on both dates; use a scene of the "
                "same place with less cloud"
            )
        if np.array_equal(other.strong, day.strong, equal_nan=True):
            raise SceneError(
                f"reference {index + 1} is the same scene as {stack.name}; use another date, without a plume"
            )
    table = methane()
    weak_limits = satellite.swir16 if method.weak_band_absorbs else None
    return BandRatioFit(
        method=method,
        c=method.slope(day, before),
        reference_c=tuple(fit_ratio(other.strong, other.weak) for other in before),
        ppm_m=table.ppm_m,
        response=response(table, satellite.swir22, weak_limits),
        air_mass=angles.air_mass_factor,
    )


def _clear(blocks: Sequence[Pixels], prefix: str) -> TwoBands:
    """Return both bands of a date over clear land, (n,) each, NaN elsewhere."""
    pairs = []
    for block in blocks:
        values = dict(zip(block.bands, block.physical(), strict=True))
        pairs.append(clear_bands(values, *clear_ground(values, prefix), prefix))
    weak = np.concatenate([item.weak.ravel() for item in pairs])
    strong = np.concatenate([item.strong.ravel() for item in pairs])
    # Water and shadow are detected in the weak band: pixels without it are not clear.
    return TwoBands(strong=np.where(np.isfinite(weak), strong, np.float32(np.nan)), weak=weak)
