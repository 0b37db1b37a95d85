"""A stratified random sample of a map's pixels, for people to say what is really there."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.finished_map import NOT_SEEN, ClassMap, Stratum
from geoseg.messages import warn
from geoseg.methods.area_estimate import allocate

LOG = logging.getLogger(__name__)

Positions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]
"""Rows, columns and classes (n,) of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnStratum:
    """A class of the map, and how many of its pixels were drawn."""

    stratum: Stratum
    drawn: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Pixels drawn, in an order that tells nothing of their class."""

    map: str
    """Path of the map."""
    grid: Grid
    """Of the map."""
    seed: int
    strata: tuple[DrawnStratum, ...]
    labels: dict[int, str]
    """Every class that the map names, drawn or not."""
    rows: NDArray[np.intp]
    """(n,)"""
    cols: NDArray[np.intp]
    """(n,)"""
    classes: NDArray[np.int64]
    """(n,) what they are mapped as."""

    @property
    def xy(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel centres (n,) in the map's CRS."""
        a, b, c, d, e, f = self.grid.transform[:6]
        col, row = self.cols + 0.5, self.rows + 0.5
        return a * col + b * row + c, d * col + e * row + f

    @property
    def lonlat(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel centres (n,) in degrees of WGS 84; the map has a CRS."""
        lon, lat = Transformer.from_crs(self.grid.crs, CRS.from_epsg(4326), always_xy=True).transform(
            *self.xy
        )
        return np.asarray(lon), np.asarray(lat)


def draw_sample(path: str, number: int, *, seed: int = 0, minimum: int | None = None) -> Drawn:
    """Draw pixels of a class raster, every class a stratum, without replacement.

    The map is read twice, strip by strip: to count, and to find the pixels whose numbers were drawn.

    Args:
        path: a class raster.
        number: of points in all.
        seed: the same map and seed give the same points.
        minimum: points of each class, see `allocate`.

    Raises:
        SceneError: the map cannot be read or is none.
        UsageError: so many points cannot be drawn.
    """
    with ClassMap(path) as classes:
        strata = classes.census()
        sizes = np.array([stratum.size for stratum in strata])
        pixels = np.array([stratum.pixels for stratum in strata], np.int64)
        numbers = allocate(number, sizes, pixels, minimum=minimum)
        if classes.uneven:
            warn(
                LOG,
                "pixels-of-unequal-area",
                f"{path}: its pixels differ in area by more than a tenth, so that small ones are drawn too"
                " often; warp the map to an equal-area CRS (nearest neighbour) first",
            )
        rows, cols, values = draw_positions(classes, strata, numbers, seed)
        # In raster order, neighbours in the list would be neighbours on the ground, mostly of one class.
        order = np.random.default_rng((seed, NOT_SEEN)).permutation(number)
        return Drawn(
            map=path,
            grid=classes.grid,
            seed=seed,
            strata=tuple(
                DrawnStratum(stratum=stratum, drawn=int(drawn))
                for stratum, drawn in zip(strata, numbers, strict=True)
            ),
            labels={stratum.value: stratum.label for stratum in strata} | classes.labels,
            rows=rows[order],
            cols=cols[order],
            classes=values[order],
        )


def draw_positions(
    classes: ClassMap, strata: tuple[Stratum, ...], numbers: NDArray[np.int64], seed: int
) -> Positions:
    """Draw pixels of each class, in raster order.

    Each class has its own generator, so that none depends on the others.

    Args:
        classes: the map.
        strata: its census.
        numbers: (S,) of pixels to draw.
        seed: of the generators.

    Raises:
        UsageError: a class has not so many pixels.
    """
    wanted: dict[int, NDArray[np.int64]] = {}
    for stratum, number in zip(strata, numbers.tolist(), strict=True):
        if number > stratum.pixels:
            raise UsageError(f"class {stratum.value} has {stratum.pixels} pixels, fewer than {number}")
        generator = np.random.default_rng((seed, stratum.value))
        wanted[stratum.value] = np.sort(generator.choice(stratum.pixels, number, replace=False))
    passed = dict.fromkeys(wanted, 0)
    found: list[Positions] = []
    for row, strip in classes.strips():
        flat, width = strip.ravel(), strip.shape[1]
        here = np.bincount(flat, minlength=NOT_SEEN + 1)
        for value, ordinals in wanted.items():
            before, after = passed[value], passed[value] + int(here[value])
            passed[value] = after
            own = ordinals[np.searchsorted(ordinals, before) : np.searchsorted(ordinals, after)]
            if own.size:
                at = np.flatnonzero(flat == value)[own - before]
                found.append((row + at // width, at % width, np.full(at.shape, value, np.int64)))
    rows, cols, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Found class by class within strips, whose height must not matter.
    order = np.lexsort((cols, rows))
    return rows[order], cols[order], values[order]
