"""Screens of a plume that no known source asked for: two dates, their shift, and land cover.

A scene has so many surfaces that some of them look like methane by chance. Where nobody expects a plume, it
needs more evidence than at a place given with `--source`: a second date that shows the surface; dates that
lie on each other, since a shift makes pairs of false plumes and sinks along edges; vegetation that changed no
more than around it, since leaves hold water, which absorbs at 2.2 µm; and ground that is not built-up. Roofs
of one material have the size of plumes, their spectra differ, and their directional reflection changes from
date to date.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.engine.image_pair import WORTH_UNDOING
from geoseg.methods.plume_measure import contrast, ring_around
from geoseg.methods.sar import boxcar
from geoseg.tasks.methane.plume_rates import MAX_CONTRAST
from geoseg.tasks.methane.retrieval import ALBEDO, GREENNESS, GREENNESS_CHANGE, WATER, Retrieval

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

DATES, SHIFT, COVER, BUILT_UP = "dates", "shift", "cover", "built-up"
"""Names of the screens."""

BARE_NDVI = 0.25
"""NDVI, at the top of the atmosphere, below which ground is bare or built."""

ROUGH = 0.1
"""Standard deviation of the brightness at 1.6 µm in 5 x 5 pixels, divided by its mean, from which bare ground
is built-up. It is 0.14 to 0.22 in the median of three European cities, 0.03 in the smoothest tenth of Abu
Dhabi (desert)."""

RADIUS = 2
"""Pixels: windows of 5 x 5."""

MOST_BUILT_UP = 0.5
"""Share of a plume and its surroundings that may be built-up."""

SURROUNDINGS = 5
"""Pixels around a plume that count."""

STRICTER = 0.1
"""Factor of the allowed number of false alarms on built-up ground, whose extremes the power law of other
false alarms underestimates."""


def unasked_screens(
    retrieval: Retrieval, bands: Mapping[str, Image], region: Mask
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the screens that a plume passes and fails; screens without data are in neither.

    Args:
        retrieval: of the scene.
        bands: (H, W) bands of the window by name.
        region: (H, W) pixels of the plume.
    """
    outcomes = {DATES: bool(retrieval.references)}
    if np.isfinite(retrieval.shift_px):
        outcomes[SHIFT] = retrieval.shift_px < WORTH_UNDOING
    if GREENNESS_CHANGE in bands:
        change = bands[GREENNESS_CHANGE]
        apart = contrast(change, region, ring_around(region, np.isfinite(change)))
        if np.isfinite(apart):
            outcomes[COVER] = apart <= MAX_CONTRAST
    share = built_up_share(bands, region)
    if np.isfinite(share):
        outcomes[BUILT_UP] = share <= MOST_BUILT_UP
    return tuple(name for name, passed in outcomes.items() if passed), tuple(
        name for name, passed in outcomes.items() if not passed
    )


def built_up_share(bands: Mapping[str, Image], region: Mask) -> float:
    """Return the share of a plume and its surroundings that is built-up, 0..1; NaN where unknown."""
    bright, green = bands[ALBEDO], bands[GREENNESS]
    near = ndimage.binary_dilation(region, iterations=SURROUNDINGS)
    known = near & np.isfinite(bright) & np.isfinite(green)
    if not known.any():
        return float("nan")
    # About the mean, so that squares lose no digits.
    centred = (bright - np.float32(np.nanmean(bright))).astype(np.float32)
    mean, square = boxcar(centred, RADIUS), boxcar(centred * centred, RADIUS)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    built = (green < BARE_NDVI) & (bands[WATER] != 1) & (deviation > ROUGH * boxcar(bright, RADIUS))
    return float(built[known].mean())
