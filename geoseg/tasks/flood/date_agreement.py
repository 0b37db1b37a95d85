"""Tell whether a scene and those before it agree in place and in level, where what is unchanged shows it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from geoseg.engine.image_pair import CLEAR, SHIFT_SIZE, SHIFTS
from geoseg.messages import warn
from geoseg.methods import sar
from geoseg.methods.shift import Shift, combine, measure_shift
from geoseg.tasks.flood.choice import WaterChoice, before_band
from geoseg.tasks.flood.method import Image
from geoseg.tasks.flood.radar import OPEN_WATER_CEILING

LOG = logging.getLogger(__name__)

LEAST_WINDOW = 128
"""Pixels a side of the smallest window in which a shift is measured."""
LEAST_SEEN = 0.5
"""Share of such a window that must be observed on both dates."""
CLEAR_PEAK = 0.1
"""Median height of the correlation peaks of a clear shift; lower than in `change`, for speckle and floods."""
CLEAR_SCATTER = 1.0
"""Pixels by which the windows may differ on a clear shift."""
GREATEST_SHIFT = 1.5
"""Pixels: no clear shift between 416 aligned pairs of Sentinel-1, one window each, is greater."""
GREATEST_LEVEL = 1.5
"""dB between the dates over bright ground, from which a warning is given."""
DARKER_LAND = 3.0
"""dB below the brightest open water down to which ground is bright, for dates that are too dark."""
LEAST_BRIGHT = 0.02
"""Share of a sample that must be bright on both dates, for a difference of levels."""


def clearest(bands: Sequence[str]) -> str:
    """Return the band in which edges show best."""
    return next((name for name in CLEAR if name in bands), bands[0])


def warn_of_method_dates(choice: WaterChoice, blocks: Sequence[Mapping[str, Image]]) -> None:
    """Warn of the scenes before that a method reads (`warn_of_dates`).

    Args:
        choice: the method that is used.
        blocks: the sample, (H, W) physical values by channel, NaN where not observed.
    """
    needs, band = choice.method.needs, clearest(choice.measured)
    earlier = [before_band(index, band) for index in range(choice.before)]
    warn_of_dates(band, earlier, blocks, levels=needs.kind == "sar" and not needs.unitless)


def warn_of_dates(
    band: str, earlier: Sequence[str], blocks: Sequence[Mapping[str, Image]], *, levels: bool
) -> None:
    """Warn of scenes before that are shifted, or whose backscatter in dB has another level over land.

    Args:
        band: the band that is compared, among the channels of the blocks.
        earlier: channels of the same band of the scenes before, in their order.
        blocks: the sample, (H, W) physical values by channel, NaN where not observed.
        levels: whether the band is in dB, and a difference of levels between the dates changes the map.
    """
    for index, channel in enumerate(earlier):
        pairs = [(block[channel], block[band]) for block in blocks]
        name = "the scene before" if len(earlier) == 1 else f"scene {index + 1} before"
        shift = clear_shift(pairs, most=max(SHIFTS // len(earlier), 4))
        if shift is not None and (size := float(np.hypot(shift.rows, shift.cols))) > GREATEST_SHIFT:
            warn(
                LOG,
                "dates-shifted",
                f"the scene lies {size:.1f} px from {name} ({shift.rows:+.1f} px down, {shift.cols:+.1f} px "
                "right): edges show as flood, and permanent water is mapped beside its place. Align them",
            )
        if levels:
            level = level_difference(pairs, band)
            if abs(level) > GREATEST_LEVEL:
                much = "less" if level > 0 else "more"
                warn(
                    LOG,
                    "backscatter-differs",
                    f"bright ground differs by {level:+.1f} dB in {band.upper()} from {name}: another "
                    "sensor, calibration or orbit, or ground that became wet, dry or frozen. A change of "
                    f"backscatter then maps {much} than the flood. Calibrate both in one way, give another "
                    "scene before, or compare with `--method sar-vv` or `sar-vh`",
                )


def clear_shift(pairs: Sequence[tuple[Image, Image]], most: int = SHIFTS) -> Shift | None:
    """Return the shift of the second image against the first; None where it is not clear.

    Args:
        pairs: blocks of both dates, (H, W), NaN where not observed.
        most: number of windows that are compared.
    """
    windows = [window for first, second in pairs for window in _windows(first, second)]
    step = max(1, -(-len(windows) // most))
    shifts = [found for window in windows[::step] if (found := measure_shift(*window)) is not None]
    # Windows that do not correlate are no evidence, but few of many are not the scene.
    if 2 * len(shifts) < len(windows[::step]):
        return None
    whole = combine(shifts)
    if whole is None or whole[0].peak < CLEAR_PEAK or whole[1] > CLEAR_SCATTER:
        return None
    return whole[0]


def level_difference(pairs: Sequence[tuple[Image, Image]], band: str) -> float:
    """Return dB after minus before over ground that is bright on both dates; 0 where there is too little.

    It is the median over the brighter half of both dates that is no open water, so that a flood and changed
    fields have little weight.

    Args:
        pairs: blocks of dB before and after, (H, W), NaN where not observed.
        band: `vv` or `vh`.
    """
    dates = [
        np.concatenate([sar.boxcar(pair[date])[2::5, 2::5].ravel() for pair in pairs]) for date in range(2)
    ]
    values = np.stack(dates)
    before, after = values[:, np.isfinite(values).all(axis=0)]
    if not before.size:
        return 0.0
    floor = OPEN_WATER_CEILING.get(band, -np.inf) - DARKER_LAND
    bright = (before > max(float(np.median(before)), floor)) & (after > max(float(np.median(after)), floor))
    return float(np.median((after - before)[bright])) if bright.mean() >= LEAST_BRIGHT else 0.0


def _windows(first: Image, second: Image) -> Iterator[tuple[Image, Image]]:
    """Yield squares of which half is observed on both dates; a smaller block is one window."""
    for row in range(0, max(first.shape[0] - SHIFT_SIZE, 0) + 1, SHIFT_SIZE):
        for col in range(0, max(first.shape[1] - SHIFT_SIZE, 0) + 1, SHIFT_SIZE):
            window = np.s_[row : row + SHIFT_SIZE, col : col + SHIFT_SIZE]
            seen = np.isfinite(first[window]) & np.isfinite(second[window])
            if min(seen.shape) >= LEAST_WINDOW and seen.mean() >= LEAST_SEEN:
                yield first[window], second[window]
