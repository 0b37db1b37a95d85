"""Polygons with their attributes as columns: the result of vectorization and the input of outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

Column = NDArray[Any]
"""One attribute: an array of int64, float64 or str (object) with one value for each feature."""


class Large(Protocol):
    """A polygon of so many corners that only its bytes are made."""

    @property
    def nbytes(self) -> int:
        """Length of the WKB."""

    def wkb(self) -> Iterator[bytes]:
        """Yield the WKB of the Polygon, little-endian, in pieces."""


@dataclass(frozen=True, kw_only=True)
class FlatPolygons:
    """Polygons as flat coordinates: an array of shapely Polygons that are made when one is asked for.

    Millions of polygons are written without an object each.
    """

    coordinates: NDArray[np.float64]
    """(n, 2) of all corners; the first corner of a ring is repeated at its end."""
    rings: NDArray[np.int64]
    """(rings + 1,) offsets of the corners of each ring."""
    polygons: NDArray[np.int64]
    """(polygons + 1,) offsets of the rings of each polygon, which has at least a shell."""

    def __len__(self) -> int:
        return len(self.polygons) - 1

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.object_]:
        return self.objects.copy() if copy else self.objects

    def __getitem__(self, index: Any) -> Any:
        return self.objects[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.objects)

    def take(self, index: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return the shapely Polygons at positions."""
        rings, polygons = members(self.polygons, index)
        corners, offsets = members(self.rings, rings)
        return FlatPolygons(coordinates=self.coordinates[corners], rings=offsets, polygons=polygons).objects

    @cached_property
    def objects(self) -> NDArray[np.object_]:
        """Return shapely Polygons."""
        kind = shapely.GeometryType.POLYGON
        return np.asarray(
            shapely.from_ragged_array(kind, self.coordinates, (self.rings, self.polygons)), object
        )

    @property
    def bounds(self) -> NDArray[np.float64]:
        """Return (n, 4) least x and y, greatest x and y."""
        shells = self.polygons[:-1]
        # A shell holds the holes.
        least, most = (
            np.stack([how.reduceat(self.coordinates[:, axis], self.rings[:-1])[shells] for axis in (0, 1)])
            for how in (np.minimum, np.maximum)
        )
        return np.concatenate((least, most)).T


def members(
    offsets: NDArray[np.int64], index: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the members of some groups given by offsets, and the offsets of these groups."""
    lengths = np.diff(offsets)[index]
    ends = np.append(0, np.cumsum(lengths))
    return np.arange(ends[-1]) + np.repeat(offsets[:-1][index] - ends[:-1], lengths), ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A batch of polygons.

    Columns have the same names and dtypes in every batch of a layer. A missing number is NaN.
    """

    geometry: NDArray[np.object_] | FlatPolygons
    """shapely Polygons or MultiPolygons in the CRS of the layer, exteriors counter-clockwise."""
    columns: dict[str, Column]
    large: Large | None = None
    """The polygon of the only feature, whose `geometry` is then its bounding box."""

    def __len__(self) -> int:
        return len(self.geometry)

    def take(self, index: NDArray[np.generic]) -> Features:
        """Return the features that a mask or an array of positions selects."""
        return Features(
            geometry=self.geometry[index],
            columns={name: values[index] for name, values in self.columns.items()},
        )
