"""Two dates on one grid: the bands that both have, layers beside them, and the shift between them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from pydantic import JsonValue

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.change.choose import STANDARD
from geoseg.change.date_order import warn_of_order
from geoseg.engine.network_on_scene import clip
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.flood.flood_map import kind_of
from geoseg.messages import note, replay, warn
from geoseg.methods.shift import Shift, combine, measure_shift
from geoseg.methods.terrain_shape import QUANTITIES
from geoseg.run_record import Progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.bands import TWINS
from geoseg.scenes.elevation import open_terrain
from geoseg.scenes.layers import open_raster_layer
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ChangeSpec, Units
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)

AFTER = "after"
"""Prefix of the second date's bands."""

DEM = "dem"
"""The layer of heights from which slope and its kin are computed."""

SHIFT_SIZE, SHIFTS = 256, 16
"""Blocks of 256² pixels in which the shift is measured."""

WHOLE = 0.05
"""Pixels; a shift so near to whole pixels is taken for whole: nothing is interpolated then."""

TRUSTED_SCATTER = 2.0
"""Pixels; where windows disagree by more, there are no edges to measure a shift by."""

WORTH_UNDOING = 0.5
"""Pixels; a greater shift is warned of."""

FAR_APART = 1.5
"""Ratio of pixel sizes from which one date shows detail that the other never had."""

CLEAR = ("nir", "nir08", "red", "vv", "hh", "vh", "swir16")
"""Bands in which edges show best, in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two dates, the layers beside them, and how far the second lies off."""

    before: Scene
    after: Scene
    rows: float = 0.0
    """Pixels downwards by which the second date is read elsewhere."""
    cols: float = 0.0
    beside: tuple[tuple[str, Scene], ...] = ()
    """Layers by the name of their band; `after:NAME` is of the second date only."""

    @property
    def shared(self) -> tuple[str, ...]:
        """Bands that both dates have, in the first one's order; of a spectrometer also by wavelength."""
        there = set(self.after.band_names)
        same = there & set(self.before.band_names)
        own = tuple(
            name
            for name in self.before.band_names
            # A near infrared stands in for the other only where the dates have none by one name.
            if name in same or (self.after.has(name) and TWINS.get(name) not in same)
        )
        further = (name for name in STANDARD if name not in own and TWINS.get(name) not in own)
        return (*own, *(name for name in further if self.has(name)))

    def has(self, band: str) -> bool:
        """Whether both dates have a band, or one that stands in for it."""
        return self.before.has(band) and self.after.has(band)

    def one_near_infrared(self) -> Pair:
        """Return the pair with its near infrared called `nir` on both dates, whichever sensors made them.

        Where only one date has both near infrareds, the one that the other date has too is taken.
        """
        scenes = (self.before, self.after)
        there = [set(TWINS) & set(scene.band_names) for scene in scenes]
        if not all(there) or all("nir" in names for names in there):
            return self
        same = all("nir08" in names for names in there)
        first, second = (
            scene.renamed({"nir08": "nir"}) if same or "nir" not in names else scene
            for scene, names in zip(scenes, there, strict=True)
        )
        return replace(self, before=first, after=second)

    def describe(self) -> tuple[dict[str, JsonValue], ...]:
        """Return what a run record says of both dates."""
        return self.before.describe(), self.after.describe()

    def stack(self, bands: Sequence[str], layers: Sequence[str] = ()) -> Source:
        """Return both dates on the first one's grid, the second one's bands as `after:NAME`, and layers.

        Pixels count where both dates were observed; layers are NaN where they were not.

        Raises:
            BandError: a date lacks a band.
            SceneError: the dates cannot be aligned.
        """
        second = self.after.select(bands)
        dates = [StackLayer(source=second, prefix=AFTER, shift=(self.rows, self.cols))]
        named = [
            StackLayer(source=scene, prefix=name.rpartition(":")[0], required=False)
            for name, scene in self.beside
            if name in layers
        ]
        return Stack(self.before.select(bands), [*dates, *named])


def open_pair(
    spec: ChangeSpec, wanted: Collection[str], stack: ExitStack, progress: Progress, *, dry_run: bool = False
) -> Pair:
    """Open two dates and the layers; `stack` closes them.

    Args:
        spec: the request.
        wanted: bands of a network; slope and its kin are computed where they are among them.
        stack: closes the files.
        progress: is told how far it is.
        dry_run: whether a cloud network is told of only.

    Raises:
        SceneReadError: a file cannot be read.
        SceneError: the dates show different things or different places.
        BandError: they have no band in common.
    """
    before, after = (
        with_cloud_mask(
            stack.enter_context(open_scene(item, sensors())), item, spec.run, stack, progress, dry_run=dry_run
        )
        for item in (spec.before, spec.after)
    )
    before = clip(before, spec.run)
    kinds = kind_of(before), kind_of(after)
    if (kinds[0] == "sar") != (kinds[1] == "sar"):
        raise SceneError(
            f"{before.name} is {kinds[0]} and {after.name} is {kinds[1]}: change needs two dates of one kind"
        )
    pair = Pair(before=before, after=after, beside=tuple(_layers(spec, wanted, stack)))
    if not pair.shared:
        raise BandError(
            f"{before.name} has {', '.join(before.band_names)} and {after.name} has "
            f"{', '.join(after.band_names)}: no band is in both; name them with --band and --sensor"
        )
    for item in (before, after):
        view = item.select(pair.shared)
        replay(view.messages, of=item.name)
    _compare_sizes(before, after)
    _compare_units(pair)
    warn_of_order(dates(spec, pair))
    return pair


def _layers(spec: ChangeSpec, wanted: Collection[str], stack: ExitStack) -> list[tuple[str, Scene]]:
    """Open what `--layer` names; of heights, also what is wanted and can be computed from them."""
    found: dict[str, Scene] = {}
    for name, path in spec.layer.items():
        prefix, _, plain = name.rpartition(":")
        if prefix not in {"", AFTER} or not plain.isidentifier():
            raise UsageError(f"--layer {name}={path}: name a layer NAME, or after:NAME for the second date")
        found[name] = stack.enter_context(open_raster_layer(path, plain, categorical=False))
    for name, path in spec.layer.items():
        prefix, _, plain = name.rpartition(":")
        if plain != DEM:
            continue
        for quantity in QUANTITIES:
            full = f"{prefix}:{quantity}" if prefix else quantity
            if full not in found and {quantity, full} & set(wanted):
                folder = stack.enter_context(scratch_folder())
                found[full] = stack.enter_context(open_terrain(path, quantity, quantity, folder))
    return list(found.items())


def _compare_sizes(before: Scene, after: Scene) -> None:
    """Say where one date is much coarser than the other."""
    sizes = before.grid.pixel_size_m[0], after.grid.pixel_size_m[0]
    if not np.isfinite(sizes).all():
        return
    if sizes[1] > FAR_APART * sizes[0]:
        warn(
            LOG,
            "pixel-sizes-differ",
            f"{after.name} has pixels of {sizes[1]:.3g} m, {before.name} of {sizes[0]:.3g} m: edges of the "
            "finer date show as change. Average it to the coarser pixels first (gdalwarp -tr -r average)",
        )
    elif sizes[0] > FAR_APART * sizes[1]:
        note(LOG, f"{after.name} is averaged to the pixels of {before.name} ({sizes[0]:.3g} m)")


def _compare_units(pair: Pair) -> None:
    """Say where units differ: then nothing absolute can be compared."""
    first, second = (_units(item, pair.shared) for item in (pair.before, pair.after))
    if first != second:
        warn(
            LOG,
            "units-differ",
            f"the dates are in different units ({', '.join(sorted(first))} and {', '.join(sorted(second))}): "
            "they are compared after radiometric normalisation only. Name the sensor with --sensor",
        )


def coregistered(pair: Pair, undo: bool) -> Pair:
    """Measure the shift between the dates, say it, and undo it where that is asked for.

    Raises:
        SceneError: the dates do not overlap.
    """
    found = _measure(pair)
    if found is None or found[1] > TRUSTED_SCATTER:
        warn(
            LOG,
            "shift-unknown",
            f"{pair.before.name} and {pair.after.name}: no shift could be measured, so that it is not known "
            "whether they lie on each other. Look at the edges of fields and roads",
        )
        return pair
    shift, scatter, windows = found
    note(
        LOG,
        f"shift: {pair.after.name} lies {shift.rows:+.2f} px down and {shift.cols:+.2f} px right of "
        f"{pair.before.name} (median of {windows} windows, scatter {scatter:.2f} px)",
    )
    if not undo:
        if np.hypot(shift.rows, shift.cols) > WORTH_UNDOING:
            warn(
                LOG,
                "dates-shifted",
                f"the dates lie {np.hypot(shift.rows, shift.cols):.1f} px apart, which shows as change along "
                "edges: --coregister undoes it",
            )
        return pair
    rows, cols = (
        round(value) if abs(value - round(value)) < WHOLE else value for value in (shift.rows, shift.cols)
    )
    moved = replace(pair, rows=float(rows), cols=float(cols))
    left = _measure(moved)
    rest = "not measured" if left is None else f"{np.hypot(left[0].rows, left[0].cols):.2f} px are left"
    note(LOG, f"shift undone: {pair.after.name} is read {rows:+.2f} px down and {cols:+.2f} px right; {rest}")
    return moved


def _measure(pair: Pair) -> tuple[Shift, float, int] | None:
    """Shift, its scatter, and in how many windows it was measured; None: in none.

    Raises:
        SceneError: the dates do not overlap.
    """
    band = next((name for name in CLEAR if name in pair.shared), pair.shared[0])
    source = pair.stack((band,))
    try:
        blocks = sample(source, (band, f"{AFTER}:{band}"), size=SHIFT_SIZE, most=SHIFTS)
    except SceneError as error:
        raise SceneError(
            f"{pair.before.name} and {pair.after.name} have no observed pixel in common: do they show one "
            "place?"
        ) from error
    shifts = []
    for block in blocks:
        first, second = block.physical()
        shift = measure_shift(first, second)
        if shift is not None:
            shifts.append(shift)
    found = combine(shifts)
    return None if found is None else (*found, len(shifts))


def dates(spec: ChangeSpec, pair: Pair) -> tuple[str, str]:
    """Dates of both scenes as text, empty where they are not known."""
    first, second = (item.time.isoformat() if item.time else "" for item in (pair.before, pair.after))
    return spec.date_before or first, spec.date_after or second


def units_of(pair: Pair, bands: Sequence[str]) -> set[Units]:
    """Units of some bands on both dates."""
    return _units(pair.before, bands) | _units(pair.after, bands)


def _units(scene: Scene, bands: Sequence[str]) -> set[Units]:
    """Units of some bands of a date."""
    if not bands:
        return set()
    view = scene.select(bands)
    return {view.units(name) for name in bands}
