"""Choose how two dates are compared without weights, and fix its threshold on a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.change.change_choice import CLASSES, LEAST_INDEX, METHODS, STANDARD, Choice, Method
from geoseg.change.change_measure import compared_bands, index_difference, measure
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.methods import sar
from geoseg.methods.change_statistics import Spread, central_spread, robust_spread
from geoseg.methods.mad import FLOOR, Matrix, fit_mad
from geoseg.methods.relative import Normalisation, Unchanged, fit_histograms, fit_lines
from geoseg.methods.thresholds import Unimodal, histogram, kittler_illingworth, otsu
from geoseg.methods.unmasked import SIGMAS, fit_unmasked
from geoseg.pixels import Pixels
from geoseg.spec import ChangeSpec, Units

Image = NDArray[np.float32]

FIT_PIXELS = 400_000
"""Pixels, evenly taken from the sample, that normalisation and transforms are fitted to."""

ALIKE_GAINS = (0.5, 2.0)
"""Gains between two dates of reflectance that a normalisation may have by default."""

INDEX_SIGMAS = 2.0
"""The same for a difference of indices, about its mean (the usual k = 2)."""

LEAST_REFLECTANCE = 0.02
"""Change per band that calibration and atmosphere alone can make."""
BARE_NDVI = 0.2
"""NDVI of bare ground in reflectance (Sobrino 2004, doi:10.1016/j.rse.2004.02.003); of counts, 0 is taken."""
LEAST_DB, MOST_DB, FALLBACK_DB = 1.5, 8.0, 3.0
"""Limits of a radar threshold that the histogram proposes, and what serves where it has one mode."""

WINDOW_SHARE = 0.45
"""Share of a window that must have changed, where the measure of what changed has no bound."""

ALIKE = 0.82
"""Greatest canonical correlation below which most has changed, and plain MAD has no background."""

SMOOTH = 5
"""Side of the window over which optical change is averaged: pixels lie off by a fraction anyway."""
SMOOTH_REWEIGHTED = 3
"""The same of irmad, whose background is the calmer one."""


def check_method(name: str) -> None:
    """Refuse a `--method` that is none.

    Raises:
        UsageError: it is none.
    """
    known = ("auto", CLASSES, *METHODS)
    if name not in known:
        raise UsageError(f"--method {name!r} is none of {', '.join(known)}")


def choose(
    spec: ChangeSpec,
    kind: Literal["optical", "sar", "hyperspectral"],
    shared: Sequence[str],
    units: set[Units],
) -> Choice:
    """Choose method and bands.

    Args:
        spec: the request.
        kind: of both sensors.
        shared: bands that both dates have.
        units: of these bands.

    Raises:
        UsageError: an option does not go with the method.
        BandError: a band is missing.
        SceneError: the method does not suit the sensor or the units.
    """
    sar_scene = kind == "sar"
    name = spec.method if spec.method != "auto" else "logratio" if sar_scene else "mad"
    method = METHODS[name]
    if (method.kind == "sar") != sar_scene:
        fitting = ", ".join(item.name for item in METHODS.values() if (item.kind == "sar") == sar_scene)
        raise SceneError(f"{name} is for {method.kind} scenes, and these are {kind}: use {fitting}")
    if spec.thresholding == "chi2" and method.name not in {"mad", "irmad"}:
        raise UsageError(
            f"--thresholding chi2 goes with mad and irmad, whose measure is chi-square; not {name}"
        )
    missing = [band for band in method.bands if band not in shared]
    if missing:
        raise BandError(
            f"{name} needs {', '.join(method.bands)} on both dates; {', '.join(missing)} is missing"
        )
    if sar_scene:
        return _radar(spec, method, shared, units)
    compared = method.bands or _standard(shared)
    usual = SMOOTH_REWEIGHTED if name == "irmad" else SMOOTH
    smooth = spec.smooth or (1 if spec.thresholding == "chi2" else usual)
    why = "as asked" if spec.method != "auto" else "needs neither radiometric calibration nor one atmosphere"
    return Choice(
        method=method,
        bands=compared,
        compared=compared,
        radius=smooth // 2,
        notes=(f"method {name} ({method.title}, {method.citation}) on {', '.join(compared)}: {why}",),
    )


def _standard(shared: Sequence[str]) -> tuple[str, ...]:
    """Bands to compare."""
    usual = tuple(band for band in STANDARD if band in shared)
    return usual if len(usual) >= 3 else tuple(shared)


def _radar(spec: ChangeSpec, method: Method, shared: Sequence[str], units: set[Units]) -> Choice:
    """Choose the polarisation of a radar pair.

    Raises:
        BandError: the polarisation asked for is missing.
        SceneError: the values are no backscatter.
    """
    there = [band for band in ("vv", "hh", "vh", "hv") if band in shared]
    if spec.polarisation != "auto":
        if spec.polarisation not in there:
            raise BandError(
                f"--polarisation {spec.polarisation}: both dates have {', '.join(there) or 'none'}"
            )
        there = [spec.polarisation]
    if not there:
        raise BandError(
            f"no polarisation is in both dates, which have {', '.join(shared)}: use --band vv=PATH"
        )
    if units != {"db"}:
        raise SceneError(
            "backscatter without a unit cannot be compared: say --sar-units db, power or amplitude"
        )
    return Choice(
        method=method,
        bands=(there[0],),
        compared=(there[0],),
        speckle="none" if method.name == "mean-ratio" else spec.speckle,
        radius=0 if spec.smooth is None else spec.smooth // 2,
        notes=(f"method {method.name} ({method.title}, {method.citation}) in {there[0].upper()}",),
    )


def fit(choice: Choice, spec: ChangeSpec, sample: Sequence[Pixels], units: set[Units]) -> Choice:
    """Fit normalisation, transforms and threshold to a sample of both dates.

    Args:
        choice: method and bands.
        spec: the request.
        sample: blocks of the first date's channels, then the second's.
        units: of the bands.

    Raises:
        SceneError: too few pixels were seen on both dates.
    """
    blocks = [block.physical() for block in sample]
    if choice.method.kind == "sar":
        looks = [float(sar.equivalent_looks(sar.to_power(block[0]))) for block in blocks[:16]]
        choice = replace(choice, looks=round(float(np.median(looks)), 2))
    else:
        choice = replace(choice, bare=BARE_NDVI if units == {"reflectance"} else 0.0)
        choice = _fit_optical(choice, spec, blocks, units)
    values = np.concatenate([measure(choice, block).value.ravel() for block in blocks])
    values = values[np.isfinite(values)]
    if not values.size:
        raise SceneError("no pixel was observed on both dates")
    return _cut(choice, spec, values, units)


def _fit_optical(choice: Choice, spec: ChangeSpec, blocks: Sequence[Image], units: set[Units]) -> Choice:
    """Fit normalisation and, where needed, the transforms and the index's mean."""
    count = len(choice.channels)
    compared = [choice.channels.index(band) for band in (*choice.compared, *choice.pairs)]
    step = -(-sum(block[0].size for block in blocks) // FIT_PIXELS)
    flat = np.concatenate([block.reshape(2 * count, -1)[:, ::step] for block in blocks], axis=1)
    flat = flat[:, np.isfinite(flat).all(axis=0)].astype(np.float64)
    before, after = flat[compared], flat[[count + at for at in compared]]
    notes = []
    if choice.method.normalised:
        wanted = "irmad" if spec.normalise == "auto" else spec.normalise
        made: Normalisation = Unchanged()
        if wanted == "irmad":
            lines = fit_lines(before, after)
            made = lines
            beyond = ((lines.gains < ALIKE_GAINS[0]) | (lines.gains > ALIKE_GAINS[1])).any()
            if spec.normalise == "auto" and units == {"reflectance"} and beyond:
                # Two dates of reflectance differ by haze and sun; a gain of 0.2 is a line through change.
                gains = ", ".join(f"{gain:.3g}" for gain in lines.gains)
                made = Unchanged(
                    description="no normalisation: lines through the pixels that changed least have gains "
                    f"{gains}, which no two dates of reflectance have (--normalise irmad applies them)"
                )
        elif wanted == "histogram":
            made = fit_histograms(before, after)
        choice = replace(choice, normalisation=made)
        notes.append(f"radiometry: {made.description}")
    elif spec.normalise in {"irmad", "histogram"}:
        notes.append(
            f"--normalise {spec.normalise} changes nothing: {choice.method.name} does not depend on it"
        )
    if choice.method.name in {"mad", "irmad"}:
        choice, told = _fit_mad(choice, spec, before, after)
        notes += told
    if choice.method.directions == "gain":
        pairs = (compared_bands(choice, block) for block in blocks)
        differences = [index_difference(choice, *pair).ravel() for pair in pairs]
        spread = central_spread(np.concatenate(differences))
        choice = replace(choice, middle=spread.mean)
        notes.append(f"mean difference of the index {spread.mean:+.3f}, standard deviation {spread.std:.3f}")
    return replace(choice, notes=(*choice.notes, *notes))


def _fit_mad(
    choice: Choice, spec: ChangeSpec, before: Matrix, after: Matrix
) -> tuple[Choice, tuple[str, ...]]:
    """Fit MAD or IR-MAD to the pixels (B, n) of both dates; also notes."""
    plain = fit_mad(before, after, rounds=0)
    notes = []
    if spec.method == "auto" and plain.correlations[-1] < ALIKE:
        notes.append(
            f"the dates resemble each other little (greatest correlation {plain.correlations[-1]:.2f}): "
            "irmad, which looks for what did not change"
        )
        radius = choice.radius if spec.smooth else SMOOTH_REWEIGHTED // 2
        choice = replace(choice, method=METHODS["irmad"], radius=radius)
    if choice.method.name == "irmad":
        mad = fit_mad(before, after, floor=FLOOR)
    else:
        unmasked = fit_unmasked(before, after, plain)
        mad = unmasked.mad
        choice = replace(choice, unmasked=unmasked.left_out > 0)
        if choice.unmasked:
            notes.append(
                f"{unmasked.left_out:.1%} of the sample changed beyond doubt, and so alike that it would "
                "hide itself: mad is fitted to the rest"
            )
    rho = ", ".join(f"{value:.2f}" for value in mad.correlations)
    notes.append(f"canonical correlations {rho}" + (f" after {mad.rounds} rounds" if mad.rounds else ""))
    return replace(choice, mad=mad), tuple(notes)


def _cut(choice: Choice, spec: ChangeSpec, values: NDArray[np.floating], units: set[Units]) -> Choice:
    """Find the threshold of the measure."""
    spread, warnings = robust_spread(values), list(choice.warnings)
    way: str = spec.thresholding
    if way == "auto":
        # Reweighted, Z is calibrated to chi-square even where most of a scene has changed.
        own = "chi2" if choice.method.name == "irmad" else "robust"
        way = "ki" if choice.method.kind == "sar" else own
    low, high = _limits(choice, units)
    if spec.threshold is not None:
        threshold, words = spec.threshold, "as given"
    elif way == "chi2":
        freedom = len(choice.compared) + len(choice.pairs)
        threshold = float(np.sqrt(chdtri(freedom, spec.alpha)))
        words = f"chi-square with {freedom} degrees of freedom at {spec.alpha:g}"
        low = 0.0
    elif way == "robust":
        threshold, words = _robust(choice, values, spread)
    else:
        # The far tail of a few bright pixels would leave the rest of the histogram in one bin.
        whole = histogram(values, (float(values.min()), float(np.quantile(values, 0.999))))
        found = kittler_illingworth(whole) if way == "ki" else otsu(whole)
        if isinstance(found, Unimodal):
            threshold = _fallback(choice, spread)
            words = f"no second mode ({found.reason}), so a fixed limit"
            warnings.append(
                "the histogram of change shows one mode only: little changed, or it cannot be told from "
                f"noise. The threshold {threshold:.3g} is used; look at the map, or set --threshold"
            )
        else:
            threshold, words = float(found), {"ki": "minimum error", "otsu": "Otsu"}[way]
    if spec.threshold is None and not low <= threshold <= high:
        kept = min(max(threshold, low), high)
        words += f" ({threshold:.3g}) kept within {low:.3g} to {high:.3g}"
        threshold = kept
    share = float((values > threshold).mean())
    notes = [
        *choice.notes,
        f"threshold {threshold:.4g} ({choice.method.measure}), {words}; {share:.1%} of the sample is above",
    ]
    if share > 0.5:
        warnings.append(
            f"{share:.0%} of the sample is above the threshold: seasons, haze or clouds change the whole "
            "scene. Compare dates of one season, or set --threshold"
        )
    bounded = choice.unmasked and threshold > spread.mean
    return replace(
        choice,
        threshold=threshold,
        most=spread.mean + (threshold - spread.mean) / WINDOW_SHARE if bounded else np.inf,
        scale=max(spread.std, abs(threshold) / 20, 1e-6),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _robust(choice: Choice, values: NDArray[np.floating], spread: Spread) -> tuple[float, str]:
    """Standard deviations above what most pixels show."""
    if choice.method.directions == "gain":
        # Of |difference - mean|: its median is 0.6745 standard deviations of the difference.
        sigma = float(np.median(values)) * 1.4826
        return INDEX_SIGMAS * sigma, f"{INDEX_SIGMAS:g} robust standard deviations"
    return spread.mean + SIGMAS * spread.std, f"median and {SIGMAS:g} robust standard deviations"


def _fallback(choice: Choice, spread: Spread) -> float:
    """What serves where a histogram has one mode."""
    if choice.method.name == "logratio":
        return FALLBACK_DB * float(np.log(10)) / 10
    if choice.method.name == "mean-ratio":
        return float(1 - 10 ** (-FALLBACK_DB / 10))
    return spread.mean + SIGMAS * spread.std


def _limits(choice: Choice, units: set[Units]) -> tuple[float, float]:
    """What a threshold from the scene must lie between: below it is noise of sensors, above it nothing."""
    count = len(choice.compared) + len(choice.pairs)
    if choice.method.name in {"mad", "irmad"}:
        return float(np.sqrt(chdtri(count, 0.05))), np.inf
    if choice.method.name == "cva":
        return (LEAST_REFLECTANCE * float(np.sqrt(count)) if units == {"reflectance"} else 0.0), np.inf
    if choice.method.directions == "gain":
        return LEAST_INDEX, 1.0
    db = np.log(10) / 10
    if choice.method.name == "logratio":
        return LEAST_DB * db, MOST_DB * db
    return 1 - 10 ** (-LEAST_DB / 10), 1 - 10 ** (-MOST_DB / 10)
