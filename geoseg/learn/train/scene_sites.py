"""Sites become normalised images, one a sensor: what a training step of a scene classifier is given."""

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
from geoseg.learn.train.crops import CACHE_BYTES, Statistics, measured, normalised
from geoseg.learn.train.scene_spec import SceneSensor, SceneStatistics, SceneTrainSpec

MEASURED = 2000
"""Training sites that mean and std are measured on at most, evenly spread over the table."""

Images = tuple[torch.Tensor, ...]
"""(C, side, side) of each sensor; zeros where it is missing."""


class Footprints:
    """Reads the images of sites and keeps them, as far as memory allows."""

    def __init__(self, spec: SceneTrainSpec) -> None:
        """Take how files are opened."""
        self._spec = spec
        self._kept: OrderedDict[tuple[str, int], NDArray[np.float32]] = OrderedDict()
        self._bytes = 0

    def read(self, site: Site, index: int) -> NDArray[np.float32] | None:
        """Return (B, side, side) physical values of a site through a sensor, NaN where not observed.

        None where the site has no image of it.

        Raises:
            SceneError: it cannot be read.
        """
        path = site.files[index]
        if path is None:
            return None
        key = (site.id, index)
        values = self._kept.pop(key, None)
        if values is None:
            sensor = self._spec.sensors[index]
            side = self._spec.side(sensor)
            values = read_site(path, sensor, sensor.names, side, site, sensor.trained_on).physical()
            self._bytes += values.nbytes
        self._kept[key] = values
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.nbytes
        return values

    def statistics(self, sites: Sequence[Site]) -> SceneStatistics:
        """Return mean and std of each band of each sensor: as the config says, or measured on sites."""
        return tuple(self._of_sensor(sites, index) for index in range(len(self._spec.sensors)))

    def _of_sensor(self, sites: Sequence[Site], index: int) -> Statistics:
        sensor = self._spec.sensors[index]
        said = [(band.mean, band.std) for band in sensor.bands]
        if all(mean is not None and std is not None for mean, std in said):
            return tuple((mean or 0.0, std or 1.0) for mean, std in said)
        found = measured(self._some(sites, index), len(said), sensor.scale, sensor.clip)
        return tuple(
            (m if mean is None else mean, s if std is None else std)
            for (mean, std), (m, s) in zip(said, found, strict=True)
        )

    def _some(self, sites: Sequence[Site], index: int) -> Iterator[NDArray[np.float32]]:
        """Images of sites that have one, evenly spread over the list."""
        own = [site for site in sites if site.files[index] is not None]
        if not own:
            raise SceneError(f"no training site has an image of {self._spec.sensors[index].name}")
        step = max(1, len(own) // MEASURED)
        for site in own[::step]:
            values = self.read(site, index)
            if values is not None:
                yield values


class SceneSites(Dataset[tuple[Images, torch.Tensor]]):
    """Sites with their classes; those of a training are changed at random."""

    def __init__(
        self,
        spec: SceneTrainSpec,
        footprints: Footprints,
        sites: Sequence[Site],
        statistics: SceneStatistics,
        *,
        augmented: bool,
    ) -> None:
        """Take sites, and whether they are changed; then what happens depends on the number and seed only."""
        self._spec, self._footprints, self._sites, self._statistics = spec, footprints, sites, statistics
        self._augment = [_augment(spec, sensor) for sensor in spec.sensors] if augmented else []
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self._sites)

    def __getitem__(self, number: int) -> tuple[Images, torch.Tensor]:
        """Return the images of a site, and (K,) 0 or 1."""
        rng = np.random.default_rng((self._spec.loop.seed, number))
        site = self._sites[self._drawn(number) if self._augment else number]
        shown = self._shown(site, rng)
        images = tuple(
            torch.from_numpy(self._image(site, index, rng, shown=shown[index]))
            for index in range(len(self._spec.sensors))
        )
        return images, torch.tensor(site.classes, dtype=torch.float32)

    def _drawn(self, number: int) -> int:
        """Every site once before any comes again, in an order that changes."""
        turn, place = divmod(number, len(self._sites))
        if self._order is None or self._order[0] != turn:
            rng = np.random.default_rng((self._spec.loop.seed, turn, len(self._sites)))
            self._order = (turn, rng.permutation(len(self._sites)))
        return int(self._order[1][place])

    def _shown(self, site: Site, rng: np.random.Generator) -> list[bool]:
        """Which sensors are shown: those with an image, less some at random, but never none."""
        there = [path is not None for path in site.files]
        if not self._augment:
            return there
        dropped = [bool(rng.random() < sensor.drop) for sensor in self._spec.sensors]
        shown = [here and not gone for here, gone in zip(there, dropped, strict=True)]
        if not any(shown):
            shown[int(rng.choice(np.flatnonzero(there)))] = True
        return shown

    def _image(self, site: Site, index: int, rng: np.random.Generator, *, shown: bool) -> NDArray[np.float32]:
        """A sensor's normalised image; zeros where it is not shown."""
        sensor = self._spec.sensors[index]
        side = self._spec.side(sensor)
        values = self._footprints.read(site, index) if shown else None
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
