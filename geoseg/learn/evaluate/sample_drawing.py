"""Draw a stratified random sample of the pixels of a map, for interpretation."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.class_raster import NOT_OBSERVED, ClassRaster, Stratum
from geoseg.messages import warn
from geoseg.methods.area_estimate import allocate

LOG = logging.getLogger(__name__)

Positions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]
"""Rows, columns and classes (n,) of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnSample:
    """A sample of pixels, in random order."""

    map: str
    """Path of the map."""
    grid: Grid
    """Grid of the map."""
    seed: int
    strata: tuple[Stratum, ...]
    labels: dict[int, str]
    """Labels of all classes of the map, sampled or not."""
    rows: NDArray[np.intp]
    """(n,)"""
    cols: NDArray[np.intp]
    """(n,)"""
    classes: NDArray[np.int64]
    """(n,) map classes."""

    @property
    def xy(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates (n,) of pixel centres in the CRS of the map."""
        a, b, c, d, e, f = self.grid.transform[:6]
        col, row = self.cols + 0.5, self.rows + 0.5
        return a * col + b * row + c, d * col + e * row + f

    @property
    def lonlat(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes (n,) of pixel centres in degrees (WGS 84), for a map with a CRS."""
        lon, lat = Transformer.from_crs(self.grid.crs, CRS.from_epsg(4326), always_xy=True).transform(
            *self.xy
        )
        return np.asarray(lon), np.asarray(lat)


def draw_sample(path: str, number: int, *, seed: int = 0, minimum: int | None = None) -> DrawnSample:
    """Draw pixels of a class raster without replacement, with each class as a stratum.

    The map is read twice in strips: to count pixels, and to find the pixels drawn.

    Args:
        path: the class raster.
        number: total number of points.
        seed: equal maps and seeds give equal points.
        minimum: least number of points of each class; see `allocate`.

    Raises:
        SceneError: the file cannot be read or is not a class raster.
        UsageError: the map has too few pixels for this number of points.
    """
    with ClassRaster(path) as classes:
        strata = classes.census()
        sizes = np.array([stratum.size for stratum in strata])
        pixels = np.array([stratum.pixels for stratum in strata], np.int64)
        numbers = allocate(number, sizes, pixels, minimum=minimum)
        if classes.pixels_differ_in_area:
            warn(
                LOG,
                "pixels-of-unequal-area",
                f"{path}: pixel areas differ by more than 10 %, so that the sample is biased towards small "
                "pixels; warp the map to an equal-area CRS (nearest neighbour) first",
            )
        rows, cols, values = draw_positions(classes, strata, numbers, seed)
        # In raster order, successive points would be neighbours and mostly of one class.
        order = np.random.default_rng((seed, NOT_OBSERVED)).permutation(number)
        return DrawnSample(
            map=path,
            grid=classes.grid,
            seed=seed,
            strata=tuple(
                replace(stratum, drawn=int(drawn)) for stratum, drawn in zip(strata, numbers, strict=True)
            ),
            labels={stratum.value: stratum.label for stratum in strata} | classes.labels,
            rows=rows[order],
            cols=cols[order],
            classes=values[order],
        )


def draw_positions(
    classes: ClassRaster, strata: tuple[Stratum, ...], numbers: NDArray[np.int64], seed: int
) -> Positions:
    """Draw pixels of each class and return them in raster order.

    The draw of a class does not depend on other classes.

    Args:
        classes: the map.
        strata: classes of the map, as returned by `census`.
        numbers: (S,) number of pixels to draw of each class.
        seed: seed of the random generators.

    Raises:
        UsageError: a class has fewer pixels than requested.
    """
    drawn: dict[int, NDArray[np.int64]] = {}
    for stratum, number in zip(strata, numbers.tolist(), strict=True):
        if number > stratum.pixels:
            raise UsageError(
                f"class {stratum.value} has only {stratum.pixels} pixels, fewer than the "
                f"{number} points requested"
            )
        generator = np.random.default_rng((seed, stratum.value))
        drawn[stratum.value] = np.sort(generator.choice(stratum.pixels, number, replace=False))
    counted = dict.fromkeys(drawn, 0)
    parts: list[Positions] = []
    for row, strip in classes.strips():
        flat, width = strip.ravel(), strip.shape[1]
        in_strip = np.bincount(flat, minlength=NOT_OBSERVED + 1)
        for value, ordinals in drawn.items():
            before, after = counted[value], counted[value] + int(in_strip[value])
            counted[value] = after
            chosen = ordinals[np.searchsorted(ordinals, before) : np.searchsorted(ordinals, after)]
            if chosen.size:
                at = np.flatnonzero(flat == value)[chosen - before]
                parts.append((row + at // width, at % width, np.full(at.shape, value, np.int64)))
    rows, cols, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    # Pixels are ordered by class within strips; sort them, so that the order does not depend on strip height.
    order = np.lexsort((cols, rows))
    return rows[order], cols[order], values[order]
