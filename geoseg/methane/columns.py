"""A scene and its references become methane columns by the ratio of two short-wave infrared bands."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from geoseg.atmosphere.cloud_mask import CloudMask, make_cloud_mask, masked_by
from geoseg.atmosphere.cloud_warnings import tell_hidden
from geoseg.change.image_pair import Pair, coregistered
from geoseg.engine.network_on_scene import clip
from geoseg.errors import SceneError, UsageError
from geoseg.messages import note, replay, warn
from geoseg.methane.band_ratio import (
    VISIBLE,
    Fit,
    RatioColumns,
    clear_bands,
    clear_ground,
    reference_prefix,
)
from geoseg.methane.choose import choose_two_band_method
from geoseg.methane.method import STRONG, WEAK, TwoBandMethod, TwoBands
from geoseg.methane.retrieval import SIGNAL, Retrieved
from geoseg.methane.satellite_bands import known_satellite, refuse_surface
from geoseg.methane.view_angles import Angles
from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import fit_ratio, response
from geoseg.pixels import Pixels
from geoseg.run_record import Progress, no_progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.stack import Layer, Movable, Moved, Stack
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import PlumeSpec, SatelliteSpec, SceneSpec
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)

PAIR = (STRONG, WEAK)
SCREENED = (*VISIBLE, "nir", "nir08", "cirrus")
"""Bands by which clouds are told, where a scene has them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A scene with its references on the grid of its short-wave infrared bands."""

    scene: Scene
    """All bands, as opened."""
    references: tuple[Scene, ...]
    stack: Source
    shifts: tuple[tuple[float, float], ...]
    """Rows and columns by which each reference is read elsewhere."""
    masks: tuple[CloudMask | None, ...]
    """Clouds by a network, of the scene and of each reference."""


def open_all(
    spec: PlumeSpec,
    stack: ExitStack,
    progress: Progress,
    settled: Opened | None = None,
    *,
    dry_run: bool = False,
) -> Opened:
    """Open the scene and its references and lay them on one grid.

    Args:
        spec: the request.
        stack: closes the files.
        progress: is told how far it is.
        settled: opened before, whose shifts and masks hold.
        dry_run: whether a cloud network is told of only.

    Raises:
        SceneError: a file cannot be read, is no reflectance, or shows another place.
        BandError: a short-wave infrared band is missing.
    """
    masks = _Masks(spec, stack, progress, settled, dry_run)
    scene = masks.over(stack.enter_context(open_scene(spec.scene, sensors())), spec.scene)
    pair = clip(_reflectance(scene), spec.run)
    if settled is None:
        replay(pair.messages)
        tell_hidden(clip(scene, spec.run))
    layers = [Layer(source=scene.select(names), required=False)] if (names := _screened(scene)) else []
    references, found = [], []
    for index, request in enumerate(spec.reference):
        opened = masks.over(stack.enter_context(open_scene(request, sensors())), request)
        known = settled.shifts[index] if settled is not None else None
        reference, layer, shift = _reference(opened, index, pair, spec, known)
        references.append(reference)
        layers.append(layer)
        found.append(shift)
    return Opened(
        scene=scene,
        references=tuple(references),
        stack=Stack(pair, layers),
        shifts=tuple(found),
        masks=tuple(masks.made),
    )


class _Masks:
    """Hides clouds of one scene after the other, by masks that are made now or were made before."""

    def __init__(
        self, spec: PlumeSpec, stack: ExitStack, progress: Progress, settled: Opened | None, dry_run: bool
    ) -> None:
        self._run, self._stack, self._progress, self._dry_run = spec.run, stack, progress, dry_run
        self._settled = None if settled is None else list(settled.masks)
        self.made: list[CloudMask | None] = []

    def over(self, scene: Scene, request: SceneSpec) -> Scene:
        """Return a view of the next scene that its mask hides."""
        if self._settled is not None:
            mask = self._settled[len(self.made)]
        else:
            mask = make_cloud_mask(
                scene, request, self._run, self._stack, self._progress, dry_run=self._dry_run
            )
        self.made.append(mask)
        return scene if mask is None else masked_by(scene, mask, self._stack)


def _reference(
    reference: Scene, index: int, onto: Scene, spec: PlumeSpec, known: tuple[float, float] | None
) -> tuple[Scene, Layer, tuple[float, float]]:
    """See where one reference lies."""
    refuse_surface(reference)
    bands = _reflectance(reference)
    if known is None:
        replay(bands.messages, of=reference.name)
        tell_hidden(reference)
        try:
            moved = coregistered(Pair(before=onto, after=bands), spec.coregister)
        except SceneError as error:
            raise SceneError(
                f"reference {reference.name} has no observed pixel in common with {onto.name}: give a scene "
                f"of the same place ({error})"
            ) from error
        shift = moved.rows, moved.cols
    else:
        shift = known
    view: Movable = reference.select((*PAIR, *_screened(reference)))
    if any(shift):
        view = Moved(source=view, rows=shift[0], cols=shift[1])
    return reference, Layer(source=view, prefix=reference_prefix(index), required=False), shift


def _reflectance(scene: Scene) -> Scene:
    """Return a view of the two bands, which must be reflectance.

    Raises:
        SceneError: they are something else.
    """
    view = scene.select(PAIR)
    units = {view.units(name) for name in PAIR}
    if units != {"reflectance"}:
        raise SceneError(
            f"{scene.name}: {STRONG} and {WEAK} are {', '.join(sorted(units))}, no top-of-atmosphere "
            "reflectance; give a Sentinel-2 L1C or Landsat level 1 product, or name the sensor with --sensor"
        )
    return view


def _screened(scene: Scene) -> tuple[str, ...]:
    return tuple(name for name in SCREENED if name in scene.band_names)


def retrieve(spec: PlumeSpec, satellite: SatelliteSpec, opened: Opened, angles: Angles) -> Retrieved:
    """Fit a scene and give its methane columns.

    Raises:
        UsageError: the method does not go with what is there.
        SceneError: no pixel is clear on all dates.
    """
    method = choose_two_band_method(spec.method, references=bool(opened.references))
    fit = fit_scene(method, opened.stack, len(opened.references), satellite, angles)
    note(
        LOG,
        f"{satellite.title}: the table of methane for its pass-bands "
        f"({_limits(satellite.swir22)} and {_limits(satellite.swir16)} nm)",
    )
    note(LOG, f"air-mass factor {fit.air_mass:.3f} ({angles.source})")
    for reference in opened.references:
        other = known_satellite(reference)
        if other is not None and other != satellite:
            warn(
                LOG,
                "reference-of-other-satellite",
                f"reference {reference.name} is of {other.title}, not of {satellite.title}: in other "
                "pass-bands coloured ground looks like gas; better a day of the same satellite",
            )
    if not _screened(opened.scene):
        warn(
            LOG,
            "clouds-not-masked",
            f"{opened.scene.name}: no visible and near-infrared bands, so that clouds are not screened; give "
            "all bands of the product",
        )
    if method.caveat_without_reference and not opened.references:
        warn(LOG, "no-reference", method.caveat_without_reference)
    source = RatioColumns(opened.stack, fit)

    @contextmanager
    def again() -> Iterator[Source]:
        with ExitStack() as files:
            yield RatioColumns(open_all(spec, files, no_progress, opened).stack, fit)

    dates = f" against {len(opened.references)} reference(s)" if opened.references else ""
    return Retrieved(
        source=source,
        searched=SIGNAL,
        beside=source.band_names[2:],
        again=again,
        method=f"{method.name.upper()} ({method.title}){dates}, {satellite.title}, c {fit.c:.4f}",
        scene=opened.scene,
        satellite=satellite,
        inputs=opened.references,
        most_ppm_m=fit.most_ppm_m,
    )


def fit_scene(
    method: TwoBandMethod, stack: Source, references: int, satellite: SatelliteSpec, angles: Angles
) -> Fit:
    """Fit the slopes between bands on clear pixels all over a scene.

    Args:
        method: of the retrieval.
        stack: the scene with its references.
        references: how many there are.
        satellite: whose pass-bands count.
        angles: of sun and view.

    Raises:
        SceneError: no pixel is clear on all dates.
        UsageError: the satellite has no such bands.
    """
    if satellite.swir22 is None or satellite.swir16 is None:
        raise UsageError(f"--satellite {satellite.name}: an imaging spectrometer has no two bands to compare")
    blocks = sample(stack, stack.band_names)
    day = _clear(blocks, "")
    if not (np.isfinite(day.strong) & np.isfinite(day.weak)).any():
        raise SceneError(
            f"{stack.name}: no pixel is clear land, all is cloud, water, deep shadow or nodata; give "
            "another day"
        )
    before = [_clear(blocks, f"{reference_prefix(index)}:") for index in range(references)]
    for index, other in enumerate(before):
        if not (np.isfinite(other.strong) & np.isfinite(day.strong)).any():
            raise SceneError(
                f"reference {index + 1}: no pixel is clear land on both dates: another place, or cloud"
            )
        if np.array_equal(other.strong, day.strong, equal_nan=True):
            raise SceneError(f"reference {index + 1} is {stack.name} itself: give a day without the plume")
    table = methane()
    weak_limits = satellite.swir16 if method.weak_band_absorbs else None
    return Fit(
        method=method,
        c=method.slope(day, before),
        reference_c=tuple(fit_ratio(other.strong, other.weak) for other in before),
        ppm_m=table.ppm_m,
        response=response(table, satellite.swir22, weak_limits),
        air_mass=angles.air_mass_factor,
    )


def _clear(blocks: Sequence[Pixels], prefix: str) -> TwoBands:
    """Return both bands of a date over the clear land of some blocks, (n,) each, NaN elsewhere."""
    found = []
    for block in blocks:
        values = dict(zip(block.bands, block.physical(), strict=True))
        found.append(clear_bands(values, *clear_ground(values, prefix), prefix))
    weak = np.concatenate([item.weak.ravel() for item in found])
    strong = np.concatenate([item.strong.ravel() for item in found])
    # Where the weak band is not known, water and shadow are not known either.
    return TwoBands(strong=np.where(np.isfinite(weak), strong, np.float32(np.nan)), weak=weak)


def _limits(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:g}-{interval[1]:g}" if interval else "none"
