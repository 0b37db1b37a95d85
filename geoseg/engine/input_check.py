"""Compare units, pixel size and values of a scene with those a model was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.errors import ModelError
from geoseg.messages import held, note, replay, warn
from geoseg.pixels import Pixels
from geoseg.spec import InputSpec, ModelBand, Units

LOG = logging.getLogger(__name__)

FAR, TOO_FAR = 3.0, 10.0
"""Difference between a band's median and the model's mean, in training standard deviations: limits of the
warning and of the error."""

CLIPPED, TOO_CLIPPED = 0.5, 0.95
"""Share of a band's pixels outside the model's clip: limits of the warning and of the error."""

FACTORS = {1e4: "reflectance x 10000", 255.0: "8-bit values", 1e-4: "reflectance / 10000", 1 / 255: "x / 255"}
"""Ratio of values to those of training if a scale was not applied or applied twice; what the values are."""

PHYSICAL: Mapping[Units, tuple[float, float]] = {"reflectance": (-0.2, 1.8), "db": (-60.0, 30.0)}
"""Physically possible values, with clouds and corner reflectors: values far from training are a warning here,
and an error outside."""

OTHER_RESOLUTION = 1.5
"""Ratio of pixel sizes above which a warning is logged."""

REMEDY: Mapping[Units, str] = {
    "reflectance": "name the sensor with `--sensor`, so that its scale and offset are applied",
    "db": "give `--sar-units power` or amplitude if the values are not in dB",
    "linear": "give `--sar-units db` if the values are in dB",
    "radiance": "open the radiance product, or name its sensor with `--sensor`",
    "dn": "give `--sensor generic` to use the stored values without scale and offset",
}
"""Remedy if a model requires these units and the scene has others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Statistics of a band of the scene in model units."""

    band: ModelBand
    low: float
    """2nd percentile."""
    median: float
    high: float
    """98th percentile."""
    clipped: float
    """Share outside the model's clip."""

    @property
    def distance(self) -> float:
        """Return the difference of the median from the model's mean, in training standard deviations."""
        return (self.median - self.band.mean) / self.band.std

    def __str__(self) -> str:
        return (
            f"{self.band.name} has median {self.median:.4g} ({self.low:.4g} to {self.high:.4g}), trained on "
            f"{self.band.mean:.4g} ± {self.band.std:.4g}"
        )


def check_fit(
    spec: InputSpec,
    units: Mapping[str, Units],
    sample: Sequence[Pixels],
    resolution_m: float | None,
) -> None:
    """Compare a scene with the training data of a model; log differences that are not errors.

    Args:
        spec: the model.
        units: of the scene's bands; bands without an entry are not compared.
        sample: blocks from all parts of the scene.
        resolution_m: pixel size of the scene; None: unknown.

    Raises:
        ModelError: units differ, or a band's values are impossible for the model.
    """
    with held() as messages:
        # Normalising with the scene's statistics removes gain and offset, so digital numbers are accepted.
        fine = {spec.units, "dn"} if spec.statistics != "training" else {spec.units}
        wrong = {
            band.name: units[band.name] for band in spec.bands if units.get(band.name, spec.units) not in fine
        }
        if wrong:
            given = ", ".join(f"{name} in {unit}" for name, unit in wrong.items())
            raise ModelError(
                f"model {spec.name} requires {spec.units}, the scene has {given}: {REMEDY[spec.units]}"
            )
        _check_resolution(spec, resolution_m)
        _check_values(spec, sample)
    replay(messages)


def _check_values(spec: InputSpec, sample: Sequence[Pixels]) -> None:
    if spec.statistics != "training":
        how = "mean and standard deviation" if spec.statistics == "scene" else "percentiles"
        note(LOG, f"values are normalised with the {how} of the scene")
        return
    ranges = _ranges(spec, sample)
    if not ranges:
        note(LOG, "the sample has no observed pixel; values were not compared with the training data")
    else:
        # Backscatter in dB is mostly negative, power never.
        if spec.units == "db" and spec.scale > 0 and all(item.low >= 0 for item in ranges):
            raise ModelError(
                f"model {spec.name} requires dB, but the scene has no negative value ({ranges[0]}): "
                f"{REMEDY['db']}"
            )
        _check_clip(spec, ranges)
        if spec.statistics_known:
            _check_ranges(spec, ranges)
    if not spec.statistics_known:
        note(LOG, f"model {spec.name} has no training statistics to compare with; check the map by eye")


def _check_resolution(spec: InputSpec, resolution_m: float | None) -> None:
    if spec.resolution is None or resolution_m is None or not resolution_m > 0:
        return
    ratio = max(resolution_m / spec.resolution, spec.resolution / resolution_m)
    if ratio > OTHER_RESOLUTION:
        warn(
            LOG,
            "pixel-size-unlike-training",
            f"pixels are {resolution_m:.3g} m, model {spec.name} was trained at {spec.resolution:.3g} m "
            f"({ratio:.1f} times); resample the scene first, for example with `gdalwarp -tr`",
        )


def _ranges(spec: InputSpec, sample: Sequence[Pixels]) -> list[_Range]:
    """Return statistics of each band in model units, before the clip; empty if nothing was observed."""
    ranges = []
    for band in spec.bands:
        parts = []
        for pixels in sample:
            index = pixels.bands.index(band.name)
            stored = pixels.data[index][pixels.valid].astype(np.float64)
            parts.append((stored * pixels.scale[index] + pixels.offset[index]) * spec.scale)
        values = np.concatenate(parts) if parts else np.empty(0)
        values = values[np.isfinite(values)]
        if not values.size:
            return []
        low, median, high = np.percentile(values, (2, 50, 98))
        limits = spec.clip or (-np.inf, np.inf)
        # Values on the limit, but for rounding, are not outside.
        margin = 1e-6 * (limits[1] - limits[0]) if spec.clip else 0.0
        outside = np.mean((values < limits[0] - margin) | (values > limits[1] + margin))
        ranges.append(
            _Range(band=band, low=float(low), median=float(median), high=float(high), clipped=float(outside))
        )
    return ranges


def _check_clip(spec: InputSpec, ranges: Sequence[_Range]) -> None:
    for item in ranges:
        text = (
            f"{item.clipped:.0%} of band {item.band.name} lies outside {spec.clip}, "
            f"the input range of {spec.name}"
        )
        if item.clipped > TOO_CLIPPED:
            raise ModelError(f"{text} (median {item.median:.4g}): {REMEDY[spec.units]}")
        if item.clipped > CLIPPED:
            warn(LOG, "values-clipped", f"{text}; these pixels are mapped from clipped values")


def _check_ranges(spec: InputSpec, ranges: Sequence[_Range]) -> None:
    """Raise for a wrong scale and impossible values; warn of a missing offset and of unusual values."""
    for factor, name in FACTORS.items():
        if all(_off_by(item, factor) for item in ranges):
            raise ModelError(
                f"the scene does not fit model {spec.name}: {_worst(ranges)}; all bands are about {factor:g} "
                f"times the training values, like {name}: {REMEDY[spec.units]}"
            )
    offset = _lost_offset(spec, ranges)
    worst = _worst(ranges)
    if abs(worst.distance) > TOO_FAR and (offset or not _physical(spec, worst)):
        raise ModelError(
            f"the scene does not fit model {spec.name}: {worst}, {abs(worst.distance):.0f} standard "
            f"deviations off: {offset or REMEDY[spec.units]}"
        )
    if offset:
        warn(LOG, "reflectance-offset-doubtful", f"{offset} ({worst})")
    for item in ranges:
        if abs(item.distance) > FAR:
            warn(
                LOG,
                "values-unlike-training",
                f"values differ from the training data of model {spec.name}: {item}, "
                f"{abs(item.distance):.1f} standard deviations off; check the map by eye",
            )


def _physical(spec: InputSpec, item: _Range) -> bool:
    """Return whether values are possible in their unit, such as those of a scene covered by cloud."""
    limits = PHYSICAL.get(spec.units)
    if limits is None:
        return False
    low, high = (limit * spec.scale for limit in limits)
    return low <= item.low and item.high <= high


def _worst(ranges: Sequence[_Range]) -> _Range:
    return max(ranges, key=lambda item: abs(item.distance))


def _off_by(item: _Range, factor: float) -> bool:
    """Return whether a band's brightest values are about `factor` times those of training.

    High percentiles are compared, because dark water does not change them; a factor of four is allowed for
    differences between scenes.
    """
    expected = abs(item.band.mean) + 2 * item.band.std
    return factor / 4 < item.high / expected < factor * 4 and abs(item.band.mean) > 0


def _lost_offset(spec: InputSpec, ranges: Sequence[_Range]) -> str:
    """Return a message if the radiometric offset of Sentinel-2 seems missing or applied twice; else "".

    Missing: every band is brighter than in training by about 0.1 and no pixel is dark. Twice: the median of
    every band is negative.
    """
    if spec.units != "reflectance":
        return ""
    tenth = 0.1 * spec.scale
    if all(0.7 < (item.median - item.band.mean) / tenth < 1.3 and item.low > 0.9 * tenth for item in ranges):
        return (
            "all bands are about 0.1 brighter than in training: if this is Sentinel-2 of baseline 04.00 or "
            "later, its offset of -1000 was not applied; name the sensor with `--sensor`"
        )
    if all(item.median < -0.2 * tenth for item in ranges):
        return "reflectance is negative: the offset was applied twice; name the sensor with `--sensor`"
    return ""
