"""Stored values to what a model was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.messages import held, note, replay, warn
from geoseg.pixels import Pixels
from geoseg.spec import InputSpec, ModelBand, Units

LOG = logging.getLogger(__name__)

AnyInput = TypeVar("AnyInput", bound=InputSpec)

FAR, TOO_FAR = 3.0, 10.0
"""Training standard deviations between a band's median and the model's mean: warned of, refused."""

CLIPPED, TOO_CLIPPED = 0.5, 0.95
"""Share of a band's pixels outside the model's clip: warned of, refused."""

FACTORS = {1e4: "reflectance x 10000", 255.0: "8-bit values", 1e-4: "reflectance / 10000", 1 / 255: "x / 255"}
"""By what values are off when a scale was forgotten or applied twice, and what they then look like."""

PHYSICAL: Mapping[Units, tuple[float, float]] = {"reflectance": (-0.2, 1.8), "db": (-60.0, 30.0)}
"""What nature gives, clouds and corner reflectors included: there a far value is warned of, not refused."""

OTHER_RESOLUTION = 1.5
"""Ratio of pixel sizes from which objects look unlike those of training."""

REMEDY: Mapping[Units, str] = {
    "reflectance": "name the sensor with --sensor, so that its scale and offset are applied",
    "db": "say --sar-units power or amplitude if the values are that",
    "linear": "say --sar-units db if the values are in dB",
    "radiance": "give the radiance product, or name it with --sensor",
    "dn": "say --sensor generic if stored values are to be taken as they are",
}
"""What to do where a model wants these units and a scene gives others."""


class Normaliser:
    """Turns the pixels of a tile into a network's input.

    Per band: physical = stored * scale + offset; x = clip(physical * model scale); input = (x - mean) / std.
    All are affine, so each band is one multiplication and one addition, clipped in the model's own units.
    """

    def __init__(self, spec: InputSpec, layers: tuple[str, ...] = ()) -> None:
        """Take a model's bands, scale, clip and statistics.

        Args:
            spec: the model.
            layers: bands that go along behind the model's, in physical values.
        """
        self._spec = spec
        self._layers = layers
        self._wanted = (*(band.name for band in spec.bands), *layers)

    @property
    def spec(self) -> InputSpec:
        """What it normalises for, fitted to the scene where that is asked for."""
        return self._spec

    @property
    def channels(self) -> int:
        """C of what it gives: the model's bands and the layers."""
        return len(self._wanted)

    def __call__(self, pixels: Pixels, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Normalise a tile.

        Args:
            pixels: stored values (B, H, W) that hold the model's bands and the layers.
            out: (C, H, W) to write into, such as a place in a batch; None: a new array.

        Returns:
            (C, H, W) in the model's band order, then the layers; `InputSpec.fill` where not observed.

        Raises:
            ModelError: a band is missing.
        """
        order = self.order(pixels.bands)
        target = np.empty((self.channels, *pixels.data.shape[1:]), np.float32) if out is None else out
        for plane, index, band in zip(target, order, self._spec.bands, strict=False):
            self._band(band, pixels.data[index], pixels.scale[index], pixels.offset[index], plane)
        if self._layers:
            target[-len(self._layers) :] = pixels.select(self._layers).physical()
        if not pixels.valid.all():
            np.copyto(target, np.float32(self._spec.fill), where=~pixels.valid)
        return target

    def order(self, given: tuple[str, ...]) -> Sequence[int]:
        """Return where each of the model's bands stands among those given, and then each layer.

        Raises:
            ModelError: a band is missing.
        """
        if given == self._wanted:
            return range(len(given))
        missing = [band for band in self._wanted if band not in given]
        if missing:
            raise ModelError(
                f"model {self._spec.name} needs band {', '.join(missing)}; there is {', '.join(given)}: "
                "name the file that holds it with --band NAME=PATH"
            )
        return [given.index(band) for band in self._wanted]

    def _band(
        self,
        band: ModelBand,
        stored: NDArray[np.generic],
        scale: float,
        offset: float,
        out: NDArray[np.float32],
    ) -> None:
        """Normalise one band into `out`."""
        model_scale, clip = self._spec.scale, self._spec.clip
        factor = scale * model_scale / band.std
        shift = (offset * model_scale - band.mean) / band.std
        if np.result_type(stored.dtype, np.float32) == np.float32:
            np.multiply(stored, np.float32(factor), out=out, casting="unsafe")
            if shift:
                out += np.float32(shift)
        else:
            # 32-bit integers and float64 hold digits that float32 loses before the mean is taken off.
            out[...] = stored.astype(np.float64) * factor + shift
        if clip is not None and not _within(stored.dtype, scale * model_scale, offset * model_scale, clip):
            low, high = ((limit - band.mean) / band.std for limit in clip)
            np.clip(out, np.float32(low), np.float32(high), out=out)


def _within(dtype: np.dtype[np.generic], factor: float, shift: float, clip: tuple[float, float]) -> bool:
    """Whether no value that a type can store leaves the clip, such as 8-bit values / 255 in 0..1."""
    if not np.issubdtype(dtype, np.integer):
        return False
    limits = np.iinfo(dtype.name)
    ends = sorted((limits.min * factor + shift, limits.max * factor + shift))
    margin = 1e-6 * abs(ends[1] - ends[0])
    return clip[0] <= ends[0] + margin and ends[1] - margin <= clip[1]


def fit_to_scene(spec: AnyInput, sample: Sequence[Pixels]) -> AnyInput:
    """Return a model with the mean and std of a scene, where it asks for them; else the model itself.

    They are those of the whole scene, never of a tile, so that neighbouring tiles are normalised alike.
    """
    if spec.statistics == "training" or not sample:
        return spec
    found = scene_statistics(sample, tuple(band.name for band in spec.bands), spec.scale)
    bands = tuple(
        band.model_copy(update={"mean": mean, "std": std})
        for band, (mean, std) in zip(spec.bands, found, strict=True)
    )
    return spec.model_copy(update={"bands": bands})


def scene_statistics(
    sample: Sequence[Pixels], bands: Sequence[str], scale: float = 1.0
) -> tuple[tuple[float, float], ...]:
    """Return mean and standard deviation of each band over the observed pixels of a scene.

    Stored integers at the ends of their type (0 and 255 of 8 bits) are fill or saturated and do not count.

    Args:
        sample: blocks from all over the scene.
        bands: by name, in the order wanted.
        scale: the results are of physical * scale.
    """
    found = []
    for name in bands:
        count, total, squares = 0, 0.0, 0.0
        for pixels in sample:
            index = pixels.bands.index(name)
            stored = pixels.data[index]
            seen = pixels.valid
            if stored.dtype.kind in "iu":
                ends = np.iinfo(stored.dtype.name)
                seen = seen & (stored != 0) & (stored != ends.max)
            values = stored[seen].astype(np.float64) * pixels.scale[index] + pixels.offset[index]
            values = values[np.isfinite(values)]
            count, total = count + values.size, total + float(values.sum())
            squares += float((values**2).sum())
        mean = total / count if count else 0.0
        variance = squares / count - mean**2 if count else 0.0
        std = max(variance, 0.0) ** 0.5
        found.append((mean * scale, std * scale if std > 1e-6 * max(1.0, abs(mean)) else 1.0))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """A band of the scene in model units."""

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
        """Training standard deviations from the model's mean to the median."""
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
    """Compare a scene with what a model was trained on; differences that are no error are logged.

    Args:
        spec: the model.
        units: of the scene's bands; bands that are not named there are not compared.
        sample: pixels from all over the scene.
        resolution_m: pixel size of the scene; None: unknown.

    Raises:
        ModelError: units differ, or a band's values cannot be what the model was trained on; the message
            says which band, by how much, and what to do.
    """
    with held() as messages:
        _check_units(spec, units)
        _check_resolution(spec, resolution_m)
        _check_values(spec, sample)
    replay(messages)


def _check_values(spec: InputSpec, sample: Sequence[Pixels]) -> None:
    if spec.statistics == "scene":
        note(LOG, "values are normalised by the whole scene's mean and spread")
        return
    ranges = _ranges(spec, sample)
    if not ranges:
        note(LOG, "no observed pixel was sampled, so the values could not be compared with the model's")
    else:
        _check_sign(spec, ranges)
        _check_clip(spec, ranges)
        if spec.statistics_known:
            _check_ranges(spec, ranges)
    if not spec.statistics_known:
        note(LOG, f"model {spec.name} does not say what values it was trained on; check the map by eye")


def _check_units(spec: InputSpec, units: Mapping[str, Units]) -> None:
    # Bare counts are as good as any unit where the scene's own mean and spread take gain and offset away.
    fine = {spec.units, "dn"} if spec.statistics == "scene" else {spec.units}
    wrong = {
        band.name: units[band.name] for band in spec.bands if units.get(band.name, spec.units) not in fine
    }
    if wrong:
        given = ", ".join(f"{name} in {unit}" for name, unit in wrong.items())
        raise ModelError(
            f"model {spec.name} takes {spec.units}, the scene gives {given}: {REMEDY[spec.units]}"
        )


def _check_resolution(spec: InputSpec, resolution_m: float | None) -> None:
    if spec.resolution is None or resolution_m is None or not resolution_m > 0:
        return
    ratio = max(resolution_m / spec.resolution, spec.resolution / resolution_m)
    if ratio > OTHER_RESOLUTION:
        warn(
            LOG,
            "pixel-size-unlike-training",
            f"pixels are {resolution_m:.3g} m, model {spec.name} was trained at {spec.resolution:.3g} m "
            f"({ratio:.1f} times); resample the scene first, for instance with gdalwarp -tr",
        )


def _ranges(spec: InputSpec, sample: Sequence[Pixels]) -> list[_Range]:
    """Percentiles of each band in model units, before the clip; empty where nothing was observed."""
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
        # What rounding puts on the limit itself is not outside.
        margin = 1e-6 * (limits[1] - limits[0]) if spec.clip else 0.0
        outside = np.mean((values < limits[0] - margin) | (values > limits[1] + margin))
        ranges.append(
            _Range(band=band, low=float(low), median=float(median), high=float(high), clipped=float(outside))
        )
    return ranges


def _check_sign(spec: InputSpec, ranges: Sequence[_Range]) -> None:
    """Backscatter in dB is negative almost everywhere, linear power never."""
    if spec.units == "db" and spec.scale > 0 and all(item.low >= 0 for item in ranges):
        raise ModelError(
            f"model {spec.name} takes dB, but the scene has no negative value ({ranges[0]}): {REMEDY['db']}"
        )


def _check_clip(spec: InputSpec, ranges: Sequence[_Range]) -> None:
    for item in ranges:
        text = (
            f"{item.clipped:.0%} of band {item.band.name} lies outside {spec.clip}, all that {spec.name} sees"
        )
        if item.clipped > TOO_CLIPPED:
            raise ModelError(f"{text} (median {item.median:.4g}): {REMEDY[spec.units]}")
        if item.clipped > CLIPPED:
            warn(LOG, "values-clipped", f"{text}; the map there rests on saturated values")


def _check_ranges(spec: InputSpec, ranges: Sequence[_Range]) -> None:
    """Refuse a lost scale and what is very far, warn of a lost offset and of what is far."""
    for factor, looks in FACTORS.items():
        if all(_off_by(item, factor) for item in ranges):
            raise ModelError(
                f"the scene does not fit model {spec.name}: {_worst(ranges)}; all bands are about {factor:g} "
                f"times what it was trained on, like {looks}: {REMEDY[spec.units]}"
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
                f"values are unlike those model {spec.name} was trained on: {item}, "
                f"{abs(item.distance):.1f} standard deviations off; check the map by eye",
            )


def _physical(spec: InputSpec, item: _Range) -> bool:
    """Whether values are at least possible in their unit: a scene all cloud is far off, but not mistaken."""
    limits = PHYSICAL.get(spec.units)
    if limits is None:
        return False
    low, high = (limit * spec.scale for limit in limits)
    return low <= item.low and item.high <= high


def _worst(ranges: Sequence[_Range]) -> _Range:
    return max(ranges, key=lambda item: abs(item.distance))


def _off_by(item: _Range, factor: float) -> bool:
    """Whether a band's brightest values are some `factor` times those of training.

    Compared at the bright end, which dark water does not pull down, and within a factor of four, which
    scenes differ by anyway.
    """
    expected = abs(item.band.mean) + 2 * item.band.std
    return factor / 4 < item.high / expected < factor * 4 and abs(item.band.mean) > 0


def _lost_offset(spec: InputSpec, ranges: Sequence[_Range]) -> str:
    """Say so where Sentinel-2's offset of -1000 (baseline 04.00) seems missing, or applied twice.

    Missing: every band is brighter than in training by about 0.1 and nothing at all is dark. Twice: the
    median of every band is below zero.
    """
    if spec.units != "reflectance":
        return ""
    tenth = 0.1 * spec.scale
    if all(0.7 < (item.median - item.band.mean) / tenth < 1.3 and item.low > 0.9 * tenth for item in ranges):
        return (
            "all bands are about 0.1 brighter than in training: if this is Sentinel-2 of baseline 04.00 or "
            "later, its offset of -1000 was not applied; name the sensor with --sensor"
        )
    if all(item.median < -0.2 * tenth for item in ranges):
        return "reflectance is negative: an offset was applied twice; name the sensor with --sensor"
    return ""
