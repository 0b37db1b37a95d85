"""Fit a comparison of two dates to a sample of them: radiometry, method and threshold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from geoseg.errors import NothingObservedError
from geoseg.messages import held, note, replay
from geoseg.methods import sar
from geoseg.methods.relative import Normalisation, Unchanged, fit_histograms, fit_lines
from geoseg.methods.speckle_filter import filter_speckle
from geoseg.pixels import Pixels
from geoseg.spec import ChangeSpec, Units
from geoseg.tasks.change.choose import Comparison, window_radius
from geoseg.tasks.change.method import FitSample, Image, Matrix
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.change.threshold import with_threshold

LOG = logging.getLogger(__name__)

FIT_PIXELS = 400_000
"""Pixels, evenly spaced in the sample, to which normalisation and transforms are fitted."""

ALIKE_GAINS = (0.5, 2.0)
"""Limits of the gain of a default normalisation between two dates of reflectance."""


def fit(comparison: Comparison, spec: ChangeSpec, sample: Sequence[Pixels], units: set[Units]) -> Comparison:
    """Fit normalisation, method and threshold to a sample of both dates.

    Args:
        comparison: method and bands.
        spec: the request.
        sample: blocks of the first date's channels, then the second's.
        units: of the bands.

    Raises:
        SceneError: too few pixels were observed on both dates.
    """
    tiles = [block.physical() for block in sample]
    if comparison.method.filters_speckle:
        looks = [float(sar.equivalent_looks(sar.to_power(tile[0]))) for tile in tiles[:16]]
        comparison = replace(comparison, looks=round(float(np.median(looks)), 2))
    comparison = _fit_method(comparison, spec, tiles, units)
    values = np.concatenate(
        [comparison.method.measure(*compared(comparison, tile), comparison.radius).ravel() for tile in tiles]
    )
    values = values[np.isfinite(values)]
    if not values.size:
        raise NothingObservedError("no pixel was observed on both dates")
    return with_threshold(comparison, spec, values, units)


def compared(comparison: Comparison, tile: Image) -> tuple[Image, Image]:
    """Return the compared bands of both dates, (B, H, W) each, from their channels (2 C, H, W).

    Backscatter is dB after the speckle filter; the second date is after radiometric normalisation.
    """
    count = len(comparison.channels)
    at = [comparison.channels.index(band) for band in comparison.inputs]
    if at == list(range(len(at))):
        before, after = tile[: len(at)], tile[count : count + len(at)]  # views, not copies
    else:
        before, after = tile[at], tile[[count + i for i in at]]
    if comparison.method.filters_speckle:
        before, after = (
            np.stack([filter_speckle(band, comparison.speckle, comparison.looks) for band in date])
            for date in (before, after)
        )
    return before, comparison.normalisation(after)


def _fit_method(
    comparison: Comparison, spec: ChangeSpec, tiles: Sequence[Image], units: set[Units]
) -> Comparison:
    """Fit normalisation and method; `auto` takes a fallback where the method does not suit the pair."""
    pixels = cache(partial(_pixels, comparison, tiles))
    if comparison.method.normalisation != "none":
        made = _normalisation(comparison, spec, *pixels(), units)
        comparison = replace(comparison, normalisation=made)
        note(LOG, f"radiometry: {made.description}")
    elif spec.normalise in {"irmad", "histogram"}:
        note(
            LOG,
            f"`--normalise {spec.normalise}` has no effect: {comparison.method.name} does not depend on it",
        )

    sample = FitSample(
        bands=comparison.compared,
        units=units,
        radius=comparison.radius,
        pixels=pixels,
        dates=lambda: (compared(comparison, tile) for tile in tiles),
    )
    with held() as messages:
        method = comparison.method.fit(sample)
    if method.objection and spec.method == "auto" and method.fallbacks:
        other = change_methods()[method.fallbacks[0]]
        note(LOG, f"{method.objection}: {other.name} is used, which {other.advantage}")
        radius = window_radius(spec, other)
        return replace(comparison, method=other.fit(replace(sample, radius=radius)), radius=radius)
    replay(messages)
    return replace(comparison, method=method)


def _pixels(comparison: Comparison, tiles: Sequence[Image]) -> tuple[Matrix, Matrix]:
    """Return the compared bands of both dates, (B, n) each, at pixels observed in all channels."""
    count = len(comparison.channels)
    at = [comparison.channels.index(band) for band in comparison.inputs]
    step = -(-sum(tile[0].size for tile in tiles) // FIT_PIXELS)
    flat = np.concatenate([tile.reshape(2 * count, -1)[:, ::step] for tile in tiles], axis=1)
    flat = flat[:, np.isfinite(flat).all(axis=0)].astype(np.float64)
    return flat[at], flat[[count + i for i in at]]


def _normalisation(
    comparison: Comparison, spec: ChangeSpec, before: Matrix, after: Matrix, units: set[Units]
) -> Normalisation:
    """Fit the radiometric normalisation of the second date to the first, from pixels (B, n) of both."""
    kind = comparison.method.normalisation if spec.normalise == "auto" else spec.normalise
    if kind == "histogram":
        return fit_histograms(before, after)
    if kind == "none":
        return Unchanged()
    lines = fit_lines(before, after)
    beyond = ((lines.gains < ALIKE_GAINS[0]) | (lines.gains > ALIKE_GAINS[1])).any()
    if spec.normalise == "auto" and units == {"reflectance"} and beyond:
        # Haze and sun change the gain between dates of reflectance little; other gains are fits to change.
        gains = ", ".join(f"{gain:.3g}" for gain in lines.gains)
        return Unchanged(
            description="no normalisation: lines through the pixels that changed least have gains "
            f"{gains}, which are not plausible between two dates of reflectance (`--normalise irmad` applies "
            "them)"
        )
    return lines
