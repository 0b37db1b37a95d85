"""Features of pixels: bands, normalised indices of two bands, and the embedding of an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.spectral import INDICES
from geoseg.methods.water_index import reflectance_difference
from geoseg.scenes.bands import TWINS
from geoseg.spec import Units

BANDS, INDEX, EMBEDDING = "bands", "indices", "embedding"
"""Names of groups of features."""

INDEXED: frozenset[Units] = frozenset({"reflectance", "radiance", "dn"})
"""Units of which a normalised difference has a meaning; decibels are logarithms already."""

EPSILON = 1e-6
"""Least sum of two bands of which an index is computed; with less it is 0."""


@dataclass(frozen=True, kw_only=True)
class PixelIndex:
    """A normalised difference of two bands, (a - b) / (a + b), negative values taken as 0."""

    name: str
    first: int
    """Position of band a."""
    second: int
    """Position of band b."""


def indices_of(bands: Sequence[str], units: Units) -> tuple[PixelIndex, ...]:
    """Return the indices that bands allow, each pair of bands once.

    They are the normalised differences of `geoseg.methods.spectral.INDICES`.

    Args:
        bands: names, in channel order; near infrared by either of its names.
        units: of the bands.
    """
    if units not in INDEXED:
        return ()
    places = {name: i for i, name in enumerate(bands)}
    places |= {twin: places[name] for name, twin in TWINS.items() if name in places and twin not in places}
    found: dict[frozenset[int], PixelIndex] = {}
    for name, index in INDICES.items():
        if index.make is reflectance_difference and set(index.bands) <= places.keys():
            first, second = (places[band] for band in index.bands)
            found.setdefault(frozenset((first, second)), PixelIndex(name=name, first=first, second=second))
    return tuple(found.values())


def index_values(values: NDArray[np.float32], indices: Sequence[PixelIndex]) -> NDArray[np.float32]:
    """Return the indices (n, I), -1..1, of physical values (n, C)."""
    found = np.zeros((len(values), len(indices)), np.float32)
    for column, index in enumerate(indices):
        a, b = (np.maximum(values[:, position], 0) for position in (index.first, index.second))
        found[:, column] = (a - b) / np.maximum(a + b, np.float32(EPSILON))
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTable:
    """Features of n pixels in groups."""

    groups: Mapping[str, NDArray[np.float32]]
    """(n, D) by name of the group, the cheapest first."""

    def of(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return the features (n, D) of some groups."""
        return np.concatenate([self.groups[name] for name in names], axis=1)

    def sets(self) -> Iterator[tuple[str, ...]]:
        """Yield all combinations of groups, the cheapest first: an embedding needs its encoder."""
        names = tuple(name for name in self.groups if name != EMBEDDING)
        plain = [part for size in range(1, len(names) + 1) for part in combinations(names, size)]
        yield from plain
        if EMBEDDING in self.groups:
            yield (EMBEDDING,)
            yield from ((*part, EMBEDDING) for part in plain)


def set_name(names: Sequence[str]) -> str:
    """Return the name of a combination of groups, such as `bands+indices`."""
    return "+".join(names)
