"""Data sets of normalised crops and windows for training and validation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from geoseg.engine.date_metadata import fact_value
from geoseg.engine.normalise import STATISTICS
from geoseg.errors import SceneError
from geoseg.learn.samples import IGNORE, Chip, Sample, SampleWindow
from geoseg.learn.samples.chips import stacked_source
from geoseg.learn.train.augment import Augment
from geoseg.learn.train.chip_cache import ChipCache
from geoseg.learn.train.helper_spec import TrainBand
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import warn
from geoseg.scenes.further_layers import layer_bands
from geoseg.scenes.threshold_sample import sample as sample_blocks
from geoseg.spec import ClassSpec
from geoseg.spec.band_names import date_of, few_names, plain_name

LOG = logging.getLogger(__name__)

Statistics = tuple[tuple[float, float], ...]
"""Mean and std of each band, in model units."""


class Windows:
    """A reader of windows with their normalization."""

    def __init__(
        self,
        spec: TrainSpec,
        bands: Sequence[str],
        metadata: Sequence[str] = (),
        optional: Sequence[str] = (),
        chips: ChipCache | None = None,
    ) -> None:
        """Create a reader of the bands of a labelled set.

        Args:
            spec: the config.
            bands: names of the channels.
            metadata: channels behind the bands, with facts of dates and place.
            optional: further bands, behind the others, that need not be observed.
            chips: chips that several readers share, with these bands first; None: those of this reader.

        Raises:
            ValueError: the chips have other bands.
        """
        self._spec, self._bands, self._metadata = spec, tuple(bands), tuple(metadata)
        self._optional = tuple(optional)
        self._chips = chips or ChipCache(spec, bands, optional)
        wanted = (*self._bands, *self._optional)
        if (*self._chips.bands, *self._chips.optional)[: len(wanted)] != wanted:
            raise ValueError(f"the shared chips do not begin with the bands {', '.join(wanted)}")
        self._scenes: dict[Sample, Statistics] = {}

    def read(self, place: SampleWindow) -> Chip:
        """Return the pixels and labels of a window.

        Raises:
            SceneError: the window cannot be read.
        """
        chip = self._chips.read(place)
        count = len(self._bands) + len(self._optional)
        return chip if len(chip.pixels) == count else replace(chip, pixels=chip.pixels[:count])

    def training_statistics(self, places: Sequence[SampleWindow]) -> Statistics:
        """Return mean and std of each band over the observed pixels of all windows, in model units."""
        pixels = (self.read(place).pixels[: len(self._bands)] for place in places)
        return measure_statistics(pixels, len(self._bands), self._spec.scale, self._spec.clip)

    def optional_statistics(self, places: Sequence[SampleWindow], scale: float) -> Statistics:
        """Return mean and std of each optional band over all windows, in model units of that scale."""
        pixels = (self.read(place).pixels[len(self._bands) :] for place in places)
        return measure_statistics(pixels, len(self._optional), scale, None)

    def statistics_of(self, sample: Sample, training: Statistics) -> Statistics:
        """Return the statistics that normalise an image: those of the training set, or its own."""
        if self._spec.statistics == "training":
            return training
        if sample not in self._scenes:
            spec = self._spec
            with stacked_source(sample, spec.data, self._bands, spec.trained_on) as source:
                blocks = sample_blocks(source, self._bands)
                self._scenes[sample] = STATISTICS[spec.statistics](blocks, self._bands, self._spec.scale)
        return self._scenes[sample]

    def normalise(self, pixels: NDArray[np.float32], statistics: Statistics) -> NDArray[np.float32]:
        """Return the network's bands for (B, H, W) physical values; 0 where not observed."""
        return normalised(pixels, statistics, self._spec.scale, self._spec.clip)

    def with_metadata(self, planes: NDArray[np.float32], chip: Chip) -> NDArray[np.float32]:
        """Return normalised bands (B, H, W) of a window, and behind them the planes of metadata."""
        if not self._metadata:
            return planes
        values = np.array(facts_of(chip, self._spec, self._metadata), np.float32)[:, None, None]
        return np.concatenate([planes, np.broadcast_to(values, (len(values), *planes.shape[1:]))])


def facts_of(chip: Chip, spec: TrainSpec, metadata: Sequence[str]) -> tuple[float, ...]:
    """Return the values of channels of metadata for a window, as a map has them for a scene.

    Args:
        chip: has the times of the images and the place of the window.
        spec: the config, with the month of images whose date is unknown.
        metadata: `month` of the first image, `PREFIX:month` of others, `lat`.
    """
    times = {image.prefix: time for time, image in zip(chip.times, spec.data.images, strict=True)}
    month = spec.network.month - 1
    return tuple(
        fact_value(plain_name(name), times.get(date_of(name)), chip.centre, month) for name in metadata
    )


def config_statistics(bands: Sequence[TrainBand], measure: Callable[[], Statistics]) -> Statistics:
    """Return mean and std of each band from the config; `measure` supplies missing values."""
    if all(band.mean is not None and band.std is not None for band in bands):
        return tuple((band.mean or 0.0, band.std or 1.0) for band in bands)
    return tuple(
        (mean if band.mean is None else band.mean, std if band.std is None else band.std)
        for band, (mean, std) in zip(bands, measure(), strict=True)
    )


def measure_statistics(
    images: Iterable[NDArray[np.float32]], bands: int, scale: float, clip: tuple[float, float] | None
) -> Statistics:
    """Return mean and std of each band over the observed pixels of (B, H, W) images, in model units."""
    count = np.zeros(bands)
    total, squares = count.copy(), count.copy()
    for image in images:
        values = image.astype(np.float64) * scale
        if clip is not None:
            values = np.clip(values, *clip)
        count += np.isfinite(values).sum(axis=(1, 2))
        total += np.nansum(values, axis=(1, 2))
        squares += np.nansum(values**2, axis=(1, 2))
    mean = total / np.maximum(count, 1)
    std = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    return tuple((float(m), float(s) or 1.0) for m, s in zip(mean, std, strict=True))


def normalised(
    pixels: NDArray[np.float32], statistics: Statistics, scale: float, clip: tuple[float, float] | None
) -> NDArray[np.float32]:
    """Return a network's input of (B, H, W) physical values; 0 where not observed."""
    values = pixels * np.float32(scale)
    if clip is not None:
        values = np.clip(values, *clip)
    mean = np.array([m for m, _ in statistics], np.float32)[:, None, None]
    std = np.array([s for _, s in statistics], np.float32)[:, None, None]
    return np.nan_to_num((values - mean) / std).astype(np.float32)


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Random crops with augmentation; a crop depends only on its number and the seed."""

    def __init__(
        self, spec: TrainSpec, windows: Windows, places: Sequence[SampleWindow], statistics: Statistics
    ) -> None:
        """Create crops of windows, drawn in proportion to the area of the windows."""
        self._spec, self._windows, self._places, self._training = spec, windows, places, statistics
        self._area = np.cumsum([place.window.height * place.window.width for place in places])
        bands = tuple(band.name for band in spec.bands)
        layers = layer_bands(spec.data.layers)
        self._augment = Augment(spec.augment, spec.units, bands, spec.loop.crop, layers)
        self._changed: list[tuple[int, NDArray[np.int64]]] = []
        if spec.loop.changed:
            labels = ((at, windows.read(place).label) for at, place in enumerate(places))
            changed = ((at, np.flatnonzero((label > 0) & (label != IGNORE))) for at, label in labels)
            self._changed = [(at, pixels) for at, pixels in changed if pixels.size]
        self._changed_ends = np.cumsum([pixels.size for _, pixels in self._changed])

    @property
    def per_epoch(self) -> int:
        """Number of crops whose area equals that of all windows."""
        return max(1, round(int(self._area[-1]) / self._spec.loop.crop**2))

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (C, crop, crop) normalised pixels and (crop, crop) classes."""
        rng = np.random.default_rng((self._spec.loop.seed, number))
        at, middle = self._draw(rng)
        place = self._places[at]
        chip = self._windows.read(place)
        side = max(8, round(self._spec.loop.crop / self._augment.scale(rng)))
        pixels, label = random_crop(chip, side, rng, middle)
        image, label, lost = self._augment(pixels, label, rng)
        statistics = self._windows.statistics_of(place.sample, self._training)
        made = self._input(image, chip, lost, statistics)
        return torch.from_numpy(made), torch.from_numpy(label.astype(np.int64))

    def _input(
        self, image: NDArray[np.float32], chip: Chip, lost: int | None, statistics: Statistics
    ) -> NDArray[np.float32]:
        """Return the channels (C, crop, crop) of an augmented crop, for training."""
        normal = self._windows.normalise(image, statistics)
        if lost is not None:
            normal[lost] = 0
        return self._windows.with_metadata(normal, chip)

    def _draw(self, rng: np.random.Generator) -> tuple[int, tuple[int, int] | None]:
        """Return the number of a window and the pixel that the crop must contain; None: any crop."""
        if self._changed and rng.random() < self._spec.loop.changed:
            pick = int(rng.integers(int(self._changed_ends[-1])))
            number = int(np.searchsorted(self._changed_ends, pick, side="right"))
            at, pixels = self._changed[number]
            row, col = divmod(
                int(pixels[pick - int(self._changed_ends[number])]), self._places[at].window.width
            )
            return at, (row, col)
        return int(np.searchsorted(self._area, rng.integers(int(self._area[-1])), side="right")), None


class WholeWindows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Whole windows for validation, padded to the size that the network requires, or cut into its tiles."""

    def __init__(
        self,
        windows: Windows,
        places: Sequence[SampleWindow],
        statistics: Statistics,
        multiple: int,
        tile: int | None = None,
    ) -> None:
        """Create a data set of windows.

        Args:
            windows: reads them.
            places: the windows.
            statistics: of the training set.
            multiple: number that the sides are padded to a multiple of.
            tile: side of the only tiles that the network takes; None: it takes whole windows.
        """
        self._windows, self._training = windows, statistics
        self._multiple, self._tile = tile or multiple, tile
        self._parts = [
            (place, row, col)
            for place in places
            for row in range(0, place.window.height, tile or place.window.height)
            for col in range(0, place.window.width, tile or place.window.width)
        ]

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (C, H, W) normalised pixels and (H, W) classes of a padded window or tile."""
        place, row, col = self._parts[number]
        chip = self._windows.read(place)
        part = (
            slice(row, row + (self._tile or len(chip.label))),
            slice(col, col + (self._tile or chip.label.shape[1])),
        )
        normal = self._windows.normalise(
            chip.pixels[:, *part], self._windows.statistics_of(place.sample, self._training)
        )
        label = chip.label[part]
        down, right = (-side % self._multiple for side in label.shape)
        normal = np.pad(normal, ((0, 0), (0, down), (0, right)))
        label = np.pad(label, ((0, down), (0, right)), constant_values=IGNORE)
        normal = self._windows.with_metadata(normal, chip)
        return torch.from_numpy(normal), torch.from_numpy(label.astype(np.int64))


class CountingSampler(Sampler[int]):
    """A sampler whose numbers continue from epoch to epoch, also in a resumed training."""

    def __init__(self, per_epoch: int) -> None:
        """Create a sampler with this many numbers in each epoch."""
        self._per_epoch = per_epoch
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._per_epoch
        # Where several GPUs share the numbers, a wrapper stands between Lightning and this sampler.
        self._epoch += 1
        yield from range(first, first + self._per_epoch)

    def __len__(self) -> int:
        return self._per_epoch


def random_crop(
    chip: Chip, side: int, rng: np.random.Generator, middle: tuple[int, int] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return a random square of a chip; pixels outside the chip are not observed.

    Args:
        chip: pixels (B, H, W) and labels (H, W).
        side: side of the square in pixels.
        rng: draws the position.
        middle: (row, column) of a pixel that the square must contain; None: any square.

    Returns:
        (B, side, side) physical values and (side, side) classes.
    """
    height, width = chip.label.shape
    starts = []
    for axis, size in enumerate((height, width)):
        low, high = min(0, size - side), max(0, size - side)
        if middle is not None:
            low, high = max(low, middle[axis] - side + 1), min(high, middle[axis])
        starts.append(int(rng.integers(low, high + 1)))
    row, col = starts
    pixels = np.full((len(chip.pixels), side, side), np.nan, np.float32)
    label = np.full((side, side), IGNORE, np.uint8)
    rows, cols = slice(max(row, 0), min(row + side, height)), slice(max(col, 0), min(col + side, width))
    inside = slice(rows.start - row, rows.stop - row), slice(cols.start - col, cols.stop - col)
    pixels[:, *inside] = chip.pixels[:, rows, cols]
    label[inside] = chip.label[rows, cols]
    return pixels, label


def class_shares(windows: Windows, places: Sequence[SampleWindow], classes: int) -> NDArray[np.float64]:
    """Return the share of each class in the labelled pixels."""
    count = np.zeros(256)
    for place in places:
        count += np.bincount(windows.read(place).label.ravel(), minlength=256)
    return np.asarray(count[:classes] / max(count[:classes].sum(), 1))


def check_shares(shares: NDArray[np.float64], classes: Sequence[ClassSpec]) -> None:
    """Warn of classes that no training pixel has.

    Raises:
        SceneError: no pixel has a label.
    """
    if not shares.any():
        raise SceneError("no training pixel has a label; check data.labels and the split")
    absent = [item.label for item, share in zip(classes, shares, strict=True) if not share]
    if absent:
        warn(
            LOG,
            "class-without-samples",
            f"no training pixel has the class {few_names(absent, 6)}: the network cannot learn it; check "
            "data.labels (codes, and the nodata value of the files; 255 is not labelled unless codes has it) "
            "and the split",
        )
