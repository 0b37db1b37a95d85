"""Two dates on one grid: the bands of both, further layers, and the shift between the dates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import JsonValue

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.methods.shift import Shift, combine, measure_shift
from geoseg.scenes import Scene, Source
from geoseg.scenes.bands import TWINS
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.threshold_sample import sample

LOG = logging.getLogger(__name__)

AFTER = "after"
"""Prefix of the second date's bands."""

STANDARD = ("blue", "green", "red", "nir", "swir16", "swir22")
"""Bands of all land sensors."""

SHIFT_SIZE, SHIFTS = 256, 16
"""Pixels a side, and number, of the blocks in which the shift is measured."""

WHOLE = 0.05
"""Pixels: a shift this close to whole pixels is rounded, so that nothing is interpolated."""

TRUSTED_SCATTER = 2.0
"""Pixels: where windows differ by more, there are no edges to measure a shift by."""

WORTH_TELLING = 0.5
"""Pixels: a warning is given of a greater shift that stays."""

CLEAR_PEAK = 0.2
"""Median height of the correlation peaks of a clear shift, four times the least that is correlation."""

CLEAR_SCATTER = 0.25
"""Pixels by which the windows may differ on a clear shift."""

WORTH_UNDOING = 0.25
"""Pixels: a smaller shift is undone on request only, since interpolation blurs as much as it costs."""

CLEAR = ("nir", "nir08", "red", "vv", "hh", "vh", "swir16")
"""Bands in which edges show best, best first."""


@dataclass(frozen=True, kw_only=True)
class MeasuredShift:
    """Shift of the second date, measured in windows over the scene."""

    shift: Shift
    """Median of the windows."""
    scatter: float
    """Median distance of the windows from it, in pixels."""
    windows: int

    @property
    def size(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.shift.rows, self.shift.cols))

    @property
    def clear(self) -> bool:
        """Whether the dates correlate well and the windows agree."""
        return self.shift.peak >= CLEAR_PEAK and self.scatter <= CLEAR_SCATTER


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two dates with further layers, and the shift of the second."""

    before: Scene
    after: Scene
    rows: float = 0.0
    """Pixels by which the second date is shifted downwards when it is read."""
    cols: float = 0.0
    """Pixels to the right."""
    beside: tuple[tuple[str, Scene], ...] = ()
    """Layers with the name of their band; `after:NAME` is of the second date only."""
    measured: MeasuredShift | None = None
    """Shift that is left between the dates; None: not measured."""

    @property
    def shared(self) -> tuple[str, ...]:
        """Bands of both dates, in the order of the first; of spectrometers also by wavelength."""
        there = set(self.after.band_names)
        same = there & set(self.before.band_names)
        own = tuple(
            name
            for name in self.before.band_names
            # `nir` and `nir08` replace each other only where the dates share neither name.
            if name in same or (self.after.has(name) and TWINS.get(name) not in same)
        )
        further = (name for name in STANDARD if name not in own and TWINS.get(name) not in own)
        return (*own, *(name for name in further if self.has(name)))

    def has(self, band: str) -> bool:
        """Return whether both dates have a band, or one that replaces it."""
        return self.before.has(band) and self.after.has(band)

    def one_near_infrared(self) -> Pair:
        """Return the pair with its near infrared called `nir` on both dates.

        Where one date has `nir` and `nir08`, the band of the other date is used.
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
        """Return the descriptions of both dates for the run record."""
        return self.before.describe(), self.after.describe()

    def stack(self, bands: Sequence[str], layers: Sequence[str] = ()) -> Source:
        """Return both dates on the grid of the first, bands of the second as `after:NAME`, and layers.

        Pixels are valid where both dates were observed; layers are NaN where they were not.

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


def coregistered(pair: Pair, undo: bool | None = None) -> Pair:
    """Measure and note the shift between the dates, and undo it.

    Args:
        pair: both dates as they are.
        undo: None: where the shift is clear and worth it; True: wherever it can be measured; False: never.

    Raises:
        SceneError: the dates do not overlap.
    """
    found = _measure(pair)
    if found is None or found.scatter > TRUSTED_SCATTER:
        warn(
            LOG,
            "shift-unknown",
            f"{pair.before.name} and {pair.after.name}: no shift could be measured, so that it is unknown "
            "whether they are aligned. Check the edges of fields and roads",
        )
        return pair
    note(
        LOG,
        f"shift: {pair.after.name} lies {found.shift.rows:+.2f} px down and {found.shift.cols:+.2f} px right "
        f"of {pair.before.name} (median of {found.windows} windows, scatter {found.scatter:.2f} px, "
        f"correlation {found.shift.peak:.2f})",
    )
    wanted = found.clear and found.size >= WORTH_UNDOING if undo is None else undo
    moved = _moved(pair, found, asked=undo is True) if wanted else None
    if moved is not None:
        return moved
    if found.size > WORTH_TELLING:
        warn(
            LOG,
            "dates-shifted",
            f"the dates are shifted by {found.size:.1f} px, which shows as change along edges"
            f"{'' if undo is False else ', and the shift is too uncertain to be undone by default'}: "
            "`--coregister` undoes it",
        )
    return replace(pair, measured=found)


def _moved(pair: Pair, found: MeasuredShift, *, asked: bool) -> Pair | None:
    """Return the pair with a shift undone; None: unasked, and the rest is not clearly less."""
    rows, cols = (
        round(value) if abs(value - round(value)) < WHOLE else value
        for value in (found.shift.rows, found.shift.cols)
    )
    moved = replace(pair, rows=float(rows), cols=float(cols))
    left = _measure(moved)
    if not asked and (left is None or left.size > found.size / 2):
        return None
    rest = "the rest is not measured" if left is None else f"{left.size:.2f} px are left"
    note(LOG, f"shift undone: {pair.after.name} is read {rows:+.2f} px down and {cols:+.2f} px right; {rest}")
    return replace(moved, measured=left)


def _measure(pair: Pair) -> MeasuredShift | None:
    """Return the shift between the dates as they are read; None: no window correlates.

    Raises:
        SceneError: the dates do not overlap.
    """
    band = next((name for name in CLEAR if name in pair.shared), pair.shared[0])
    source = pair.stack((band,))
    try:
        blocks = sample(source, (band, f"{AFTER}:{band}"), size=SHIFT_SIZE, most=SHIFTS)
    except SceneError as error:
        raise SceneError(
            f"{pair.before.name} and {pair.after.name} have no observed pixel in common: are they of the "
            "same place, and not masked (`--clouds none` maps without the mask of clouds)?"
        ) from error
    shifts = []
    for block in blocks:
        first, second = block.physical()
        shift = measure_shift(first, second)
        if shift is not None:
            shifts.append(shift)
    found = combine(shifts)
    return None if found is None else MeasuredShift(shift=found[0], scatter=found[1], windows=len(shifts))
