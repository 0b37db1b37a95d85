"""Fit a comparison of two dates to a sample of them: radiometry, method and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from geoseg.change.choose import Choice, window_radius
from geoseg.change.method import FitSample, Fitted, Image, Matrix
from geoseg.change.methods import change_methods
from geoseg.change.threshold import with_threshold
from geoseg.errors import SceneError
from geoseg.methods import sar
from geoseg.methods.relative import Normalisation, Unchanged, fit_histograms, fit_lines
from geoseg.methods.speckle_filter import filter_speckle
from geoseg.pixels import Pixels
from geoseg.spec import ChangeSpec, Units

FIT_PIXELS = 400_000
"""Pixels, evenly taken from the sample, that normalisation and transforms are fitted to."""

ALIKE_GAINS = (0.5, 2.0)
"""Gains between two dates of reflectance that a normalisation may have by default."""


def fit(choice: Choice, spec: ChangeSpec, sample: Sequence[Pixels], units: set[Units]) -> Choice:
    """Fit normalisation, method and threshold to a sample of both dates.

    Args:
        choice: method and bands.
        spec: the request.
        sample: blocks of the first date's channels, then the second's.
        units: of the bands.

    Raises:
        SceneError: too few pixels were seen on both dates.
    """
    tiles = [block.physical() for block in sample]
    if choice.method.filters_speckle:
        looks = [float(sar.equivalent_looks(sar.to_power(tile[0]))) for tile in tiles[:16]]
        choice = replace(choice, looks=round(float(np.median(looks)), 2))
    choice = _fit_method(choice, spec, tiles, units)
    values = np.concatenate([measure(choice, tile).ravel() for tile in tiles])
    values = values[np.isfinite(values)]
    if not values.size:
        raise SceneError("no pixel was observed on both dates")
    return with_threshold(choice, spec, values, units)


def measure(choice: Choice, tile: Image) -> Image:
    """Return what a fitted comparison compares with its threshold, (H, W), of both dates (2 C, H, W)."""
    return choice.method.measure(*compared(choice, tile), choice.radius)


def compared(choice: Choice, tile: Image) -> tuple[Image, Image]:
    """Return what the method compares of both dates, (B, H, W) each, from their channels (2 C, H, W).

    Backscatter is dB after the speckle filter; other bands of the second date are in the radiometry of the
    first.
    """
    count = len(choice.channels)
    at = [choice.channels.index(band) for band in choice.inputs]
    before, after = tile[at], tile[[count + i for i in at]]
    if choice.method.filters_speckle:
        before, after = (
            np.stack([filter_speckle(band, choice.speckle, choice.looks) for band in date])
            for date in (before, after)
        )
    return before, choice.normalisation(after)


def _fit_method(choice: Choice, spec: ChangeSpec, tiles: Sequence[Image], units: set[Units]) -> Choice:
    """Fit normalisation and method; by default a fallback where the method does not suit the pair."""
    pixels = cache(partial(_pixels, choice, tiles))
    notes = []
    if choice.method.normalisation != "none":
        made = _normalisation(choice, spec, *pixels(), units)
        choice = replace(choice, normalisation=made)
        notes.append(f"radiometry: {made.description}")
    elif spec.normalise in {"irmad", "histogram"}:
        notes.append(
            f"--normalise {spec.normalise} changes nothing: {choice.method.name} does not depend on it"
        )

    def fitted_to_sample(choice: Choice) -> Fitted:
        sample = FitSample(
            bands=choice.compared,
            units=units,
            radius=choice.radius,
            automatic=spec.method == "auto",
            pixels=pixels,
            dates=lambda: (compared(choice, tile) for tile in tiles),
        )
        return choice.method.fit(sample)

    fitted = fitted_to_sample(choice)
    if fitted.objection and spec.method == "auto" and choice.method.fallbacks:
        other = change_methods()[choice.method.fallbacks[0]]
        notes.append(f"{fitted.objection}: {other.name}, which {other.advantage}")
        choice = replace(choice, method=other, radius=window_radius(spec, other))
        fitted = fitted_to_sample(choice)
    return replace(choice, method=fitted.method, notes=(*choice.notes, *notes, *fitted.notes))


def _pixels(choice: Choice, tiles: Sequence[Image]) -> tuple[Matrix, Matrix]:
    """Return what is compared of both dates, (B, n) each, at pixels observed in all channels."""
    count = len(choice.channels)
    at = [choice.channels.index(band) for band in choice.inputs]
    step = -(-sum(tile[0].size for tile in tiles) // FIT_PIXELS)
    flat = np.concatenate([tile.reshape(2 * count, -1)[:, ::step] for tile in tiles], axis=1)
    flat = flat[:, np.isfinite(flat).all(axis=0)].astype(np.float64)
    return flat[at], flat[[count + i for i in at]]


def _normalisation(
    choice: Choice, spec: ChangeSpec, before: Matrix, after: Matrix, units: set[Units]
) -> Normalisation:
    """Fit what brings the second date to the radiometry of the first, from pixels (B, n) of both."""
    wanted = choice.method.normalisation if spec.normalise == "auto" else spec.normalise
    if wanted == "histogram":
        return fit_histograms(before, after)
    if wanted == "none":
        return Unchanged()
    lines = fit_lines(before, after)
    beyond = ((lines.gains < ALIKE_GAINS[0]) | (lines.gains > ALIKE_GAINS[1])).any()
    if spec.normalise == "auto" and units == {"reflectance"} and beyond:
        # Two dates of reflectance differ by haze and sun; a gain of 0.2 is a line through change.
        gains = ", ".join(f"{gain:.3g}" for gain in lines.gains)
        return Unchanged(
            description="no normalisation: lines through the pixels that changed least have gains "
            f"{gains}, which no two dates of reflectance have (--normalise irmad applies them)"
        )
    return lines
