"""Normalise stored values to the input of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.pixels import Pixels
from geoseg.spec import InputSpec, ModelBand, Statistics

AnyInput = TypeVar("AnyInput", bound=InputSpec)

QUANTILES = (1.0, 90.0, 99.0)
"""Percentiles of a scene that `scene-quantiles` uses: the 90th is bright land, which floods hardly move."""
QUANTILE_RANGE = 4.5
"""Normalised values between the 1st and the 99th percentile, as of a normal distribution of standard
deviation 1."""


class Normaliser:
    """Normalises the pixels of a tile to a network's input.

    Per band: physical = stored * scale + offset; x = clip(physical * model scale); input = (x - mean) / std.
    All are affine, so each band is one multiplication and one addition, clipped in the model's own units.
    """

    def __init__(self, spec: InputSpec, layers: tuple[str, ...] = ()) -> None:
        """Use the bands, scale, clip and statistics of a model.

        Args:
            spec: the model.
            layers: additional bands after those of the model, in physical values.
        """
        self._spec = spec
        self._layers = layers
        self._wanted = (*(band.name for band in spec.bands), *layers)

    @property
    def spec(self) -> InputSpec:
        """Return the input of the model, with the statistics of the scene if the model requires them."""
        return self._spec

    @property
    def channels(self) -> int:
        """Return C of the output: bands of the model and layers."""
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
        """Return the position of each band of the model, and then of each layer, in `given`.

        Raises:
            ModelError: a band is missing.
        """
        if given == self._wanted:
            return range(len(given))
        missing = [band for band in self._wanted if band not in given]
        if missing:
            raise ModelError(
                f"model {self._spec.name} needs band {', '.join(missing)}; the scene has {', '.join(given)}: "
                "give its file with `--band NAME=PATH`"
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
        factor, shift = affine(self._spec, band, scale, offset)
        if np.result_type(stored.dtype, np.float32) == np.float32:
            np.multiply(stored, np.float32(factor), out=out, casting="unsafe")
            if shift:
                out += np.float32(shift)
        else:
            # 32-bit integers and float64 have digits that float32 would lose before the mean is subtracted.
            out[...] = stored.astype(np.float64) * factor + shift
        model_scale, clip = self._spec.scale, self._spec.clip
        if clip is not None and not _within(stored.dtype, scale * model_scale, offset * model_scale, clip):
            low, high = normalised_limits(band, clip)
            np.clip(out, np.float32(low), np.float32(high), out=out)


def affine(spec: InputSpec, band: ModelBand, scale: float, offset: float) -> tuple[float, float]:
    """Return factor and shift from stored values (scale, offset) of a band to the input of a network."""
    return scale * spec.scale / band.std, (offset * spec.scale - band.mean) / band.std


def normalised_limits(band: ModelBand, clip: tuple[float, float]) -> tuple[float, float]:
    """Return limits in model units as values of the input of a network."""
    return (clip[0] - band.mean) / band.std, (clip[1] - band.mean) / band.std


def _within(dtype: np.dtype[np.generic], factor: float, shift: float, clip: tuple[float, float]) -> bool:
    """Return whether every value of a type lies within the clip, such as 8-bit values / 255 in 0..1."""
    if not np.issubdtype(dtype, np.integer):
        return False
    limits = np.iinfo(dtype.name)
    ends = sorted((limits.min * factor + shift, limits.max * factor + shift))
    margin = 1e-6 * abs(ends[1] - ends[0])
    return clip[0] <= ends[0] + margin and ends[1] - margin <= clip[1]


def fit_to_scene(spec: AnyInput, sample: Sequence[Pixels]) -> AnyInput:
    """Return a model with the statistics of the scene if it requires them; else the model itself.

    The statistics are those of the scene, not of a tile, so that neighbouring tiles are normalised alike.
    """
    if spec.statistics == "training" or not sample:
        return spec
    measure = STATISTICS[spec.statistics]
    found = measure(sample, tuple(band.name for band in spec.bands), spec.scale)
    bands = tuple(
        band.model_copy(update={"mean": mean, "std": std})
        for band, (mean, std) in zip(spec.bands, found, strict=True)
    )
    return spec.model_copy(update={"bands": bands})


def scene_statistics(
    sample: Sequence[Pixels], bands: Sequence[str], scale: float = 1.0
) -> tuple[tuple[float, float], ...]:
    """Return mean and standard deviation of each band over the observed pixels of a scene.

    Stored integers at the limits of their type (0 and 255 for 8 bits) are fill or saturated and are excluded.

    Args:
        sample: blocks from all parts of the scene.
        bands: names, in the order of the result.
        scale: the results are of physical * scale.
    """
    found = []
    for name in bands:
        count, total, squares = 0, 0.0, 0.0
        for pixels in sample:
            values = _observed_values(pixels, name)
            count, total = count + values.size, total + float(values.sum())
            squares += float((values**2).sum())
        mean = total / count if count else 0.0
        variance = squares / count - mean**2 if count else 0.0
        std = max(variance, 0.0) ** 0.5
        found.append((mean * scale, std * scale if std > 1e-6 * max(1.0, abs(mean)) else 1.0))
    return tuple(found)


def scene_quantiles(
    sample: Sequence[Pixels], bands: Sequence[str], scale: float = 1.0
) -> tuple[tuple[float, float], ...]:
    """Return the 90th percentile of each band, and the range from the 1st to the 99th / `QUANTILE_RANGE`.

    Unlike mean and standard deviation they hardly change with the flooded share, or with fill that is taken
    for observed. For the arguments see `scene_statistics`.
    """
    found = []
    for name in bands:
        values = np.concatenate([_observed_values(pixels, name) for pixels in sample])
        if not values.size:
            found.append((0.0, 1.0))
            continue
        low, land, high = np.percentile(values, QUANTILES)
        spread = (high - low) / QUANTILE_RANGE
        known = spread > 1e-6 * max(1.0, abs(land))
        found.append((float(land) * scale, float(spread) * scale if known else 1.0))
    return tuple(found)


STATISTICS: Mapping[Statistics, Callable[..., tuple[tuple[float, float], ...]]] = {
    "scene": scene_statistics,
    "scene-quantiles": scene_quantiles,
}
"""What is measured on a sample of a scene, by the name of the statistics."""


def _observed_values(pixels: Pixels, name: str) -> NDArray[np.float64]:
    """Return the physical values of a band where it was observed and, for integers, is not at a limit."""
    index = pixels.bands.index(name)
    stored = pixels.data[index][within_range(pixels, name)]
    values = stored.astype(np.float64) * pixels.scale[index] + pixels.offset[index]
    return np.asarray(values[np.isfinite(values)])


def within_range(pixels: Pixels, name: str) -> NDArray[np.bool_]:
    """Return where a band was observed and, for integers, is not at a limit of its type, (H, W)."""
    stored, seen = pixels.data[pixels.bands.index(name)], pixels.valid
    if stored.dtype.kind in "iu":
        seen = seen & (stored != 0) & (stored != np.iinfo(stored.dtype.name).max)
    return seen
