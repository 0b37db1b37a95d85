"""Polygons with their attributes as columns: the result of vectorization and the input of outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A batch of polygons.

    Columns have the same names and dtypes in every batch of a layer. A missing number is NaN.
    """

    geometry: NDArray[np.object_]
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
