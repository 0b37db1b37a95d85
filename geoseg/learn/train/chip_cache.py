"""Chips that stay in memory while networks are trained on one labelled set."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from geoseg.learn.samples import Chip, SampleWindow, read_chip
from geoseg.learn.samples.chips import check_classes
from geoseg.learn.train.training_spec import TrainSpec

CACHE_BYTES = 4 * 2**30
"""Greatest size of the chips, of which the least recently used are dropped."""

TRIED = 32
"""Windows that a dry run reads."""


def try_windows(spec: TrainSpec, places: Sequence[SampleWindow]) -> int:
    """Read windows spread over a labelled set as a training does, and return their number.

    Raises:
        SceneError: a window cannot be read, or a label is no class of the config.
    """
    chips = ChipCache.of(spec, limit=0)
    count = min(TRIED, len(places))
    for index in range(count):
        chips.read(places[index * len(places) // count])
    return count


class ChipCache:
    """The chips of a labelled set with the bands of a config, each read once."""

    def __init__(
        self, spec: TrainSpec, bands: Sequence[str], optional: Sequence[str] = (), limit: int | None = None
    ) -> None:
        """Create an empty cache.

        Args:
            spec: states the set and the reflectance to train on.
            bands: names of the first channels.
            optional: further bands, behind the others, that need not be observed.
            limit: greatest size of the chips in bytes, `CACHE_BYTES` by default; 0: only the last one stays.
        """
        self._data, self._atmosphere, self._classes = spec.data, spec.trained_on, len(spec.classes)
        self.bands, self.optional = tuple(bands), tuple(optional)
        self._chips: OrderedDict[SampleWindow, Chip] = OrderedDict()
        self._bytes, self._limit = 0, limit

    @classmethod
    def of(cls, spec: TrainSpec, limit: int | None = None) -> ChipCache:
        """Return an empty cache of all bands that a training reads: of the network, and of a helper."""
        helper = () if spec.helper is None else spec.helper.names
        return cls(spec, [band.name for band in spec.bands], helper, limit)

    def serves(self, spec: TrainSpec) -> bool:
        """Return whether a training on this config reads the same chips."""
        own = ChipCache.of(spec)
        return self._facts == own._facts

    @property
    def _facts(self) -> tuple[object, ...]:
        return self._data, self._atmosphere, self._classes, self.bands, self.optional

    def read(self, place: SampleWindow) -> Chip:
        """Return the pixels and labels of a window.

        Raises:
            SceneError: the window cannot be read, or a label is no class of the config.
        """
        chip = self._chips.pop(place, None)
        if chip is None:
            bands = (*self.bands, *self.optional)
            chip = read_chip(place, self._data, bands, self._atmosphere, self.optional)
            check_classes(chip, self._classes)
            self._bytes += chip.pixels.nbytes + chip.label.nbytes
        self._chips[place] = chip
        limit = CACHE_BYTES if self._limit is None else self._limit
        while self._bytes > limit and len(self._chips) > 1:
            _, old = self._chips.popitem(last=False)
            self._bytes -= old.pixels.nbytes + old.label.nbytes
        return chip
