"""Data set of sites with one normalised image for each sensor, for training a scene classifier."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from geoseg.errors import SceneError
from geoseg.learn.samples.labelled_sites import Site, read_site
from geoseg.learn.train.augment import Augment
from geoseg.learn.train.chip_cache import CACHE_BYTES
from geoseg.learn.train.crops import (
    Statistics,
    config_statistics,
    measure_statistics,
    normalised,
)
from geoseg.learn.train.scene_spec import SceneSensor, SceneStatistics, SceneTrainSpec

STATISTICS_SITES = 2000
"""Approximate number of training sites on which mean and std are measured, evenly spread over the table."""

Images = tuple[torch.Tensor, ...]
"""(C, side, side) image of each sensor; zeros where the sensor is missing."""


class Footprints:
    """A reader of the images of sites, with a cache of limited size."""

    def __init__(self, spec: SceneTrainSpec) -> None:
        """Create a reader for the sensors of a config."""
        self._spec = spec
        self._cache: OrderedDict[tuple[str, int], NDArray[np.float32]] = OrderedDict()
        self._bytes = 0

    def read(self, site: Site, index: int) -> NDArray[np.float32] | None:
        """Return (B, side, side) physical values of a site for a sensor, NaN where not observed.

        None where the site has no image of the sensor.

        Raises:
            SceneError: the image cannot be read.
        """
        path = site.files[index]
        if path is None:
            return None
        key = (site.id, index)
        values = self._cache.pop(key, None)
        if values is None:
            sensor = self._spec.sensors[index]
            side = self._spec.side(sensor)
            values = read_site(path, sensor, sensor.names, side, site, sensor.trained_on).physical()
            self._bytes += values.nbytes
        self._cache[key] = values
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._bytes -= old.nbytes
        return values

    def statistics(self, sites: Sequence[Site]) -> SceneStatistics:
        """Return mean and std of each band of each sensor, from the config or measured on sites."""
        return tuple(self._of_sensor(sites, index) for index in range(len(self._spec.sensors)))

    def _of_sensor(self, sites: Sequence[Site], index: int) -> Statistics:
        sensor = self._spec.sensors[index]

        def measure() -> Statistics:
            images = self._statistics_images(sites, index)
            return measure_statistics(images, len(sensor.bands), sensor.scale, sensor.clip)

        return config_statistics(sensor.bands, measure)

    def _statistics_images(self, sites: Sequence[Site], index: int) -> Iterator[NDArray[np.float32]]:
        """Yield images of a sensor of sites that are evenly spread over the list."""
        imaged = [site for site in sites if site.files[index] is not None]
        if not imaged:
            raise SceneError(
                f"no training site has an image of {self._spec.sensors[index].name}; remove the "
                f"sensor from the config"
            )
        step = max(1, len(imaged) // STATISTICS_SITES)
        for site in imaged[::step]:
            values = self.read(site, index)
            if values is not None:
                yield values


class SceneSites(Dataset[tuple[Images, torch.Tensor]]):
    """Sites with images and classes, with or without augmentation."""

    def __init__(
        self,
        spec: SceneTrainSpec,
        footprints: Footprints,
        sites: Sequence[Site],
        statistics: SceneStatistics,
        *,
        augmented: bool,
    ) -> None:
        """Create a data set; augmentation depends only on the number of a sample and the seed."""
        self._spec, self._footprints, self._sites, self._statistics = spec, footprints, sites, statistics
        self._augment = [_augment(spec, sensor) for sensor in spec.sensors] if augmented else []
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self._sites)

    def __getitem__(self, number: int) -> tuple[Images, torch.Tensor]:
        """Return the images of a site, and (K,) classes of 0 or 1."""
        rng = np.random.default_rng((self._spec.loop.seed, number))
        site = self._sites[self._drawn(number) if self._augment else number]
        used = self._sensors_used(site, rng)
        images = tuple(
            torch.from_numpy(self._image(site, index, rng, used=used[index]))
            for index in range(len(self._spec.sensors))
        )
        return images, torch.tensor(site.classes, dtype=torch.float32)

    def _drawn(self, number: int) -> int:
        """Return a site by its number; every site occurs once in each random permutation."""
        turn, position = divmod(number, len(self._sites))
        if self._order is None or self._order[0] != turn:
            rng = np.random.default_rng((self._spec.loop.seed, turn, len(self._sites)))
            self._order = (turn, rng.permutation(len(self._sites)))
        return int(self._order[1][position])

    def _sensors_used(self, site: Site, rng: np.random.Generator) -> list[bool]:
        """Return which sensors are used: those with an image that are not removed at random, at least one."""
        available = [path is not None for path in site.files]
        if not self._augment:
            return available
        dropped = [bool(rng.random() < sensor.drop) for sensor in self._spec.sensors]
        used = [present and not removed for present, removed in zip(available, dropped, strict=True)]
        if not any(used):
            used[int(rng.choice(np.flatnonzero(available)))] = True
        return used

    def _image(self, site: Site, index: int, rng: np.random.Generator, *, used: bool) -> NDArray[np.float32]:
        """Return the normalised image of a sensor; zeros where the sensor is not used."""
        sensor = self._spec.sensors[index]
        side = self._spec.side(sensor)
        values = self._footprints.read(site, index) if used else None
        if values is None:
            return np.zeros((len(sensor.bands), side, side), np.float32)
        lost: int | None = None
        if self._augment:
            values, _, lost = self._augment[index](values, np.zeros((side, side), np.uint8), rng)
        image = normalised(values, self._statistics[index], sensor.scale, sensor.clip)
        if lost is not None:
            image[lost] = 0
        return image


def _augment(spec: SceneTrainSpec, sensor: SceneSensor) -> Augment:
    return Augment(sensor.augment, sensor.units, sensor.names, spec.side(sensor))
