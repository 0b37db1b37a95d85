"""What is dropped, filled, smoothed and moved before polygons are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from geoseg.features import Features
from geoseg.grid import Grid

Polygons = NDArray[np.object_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """Options of the cleaning; the defaults change nothing."""

    min_area: float = 0.0
    """m²; smaller regions are dropped."""
    seed: float = 0.0
    """0..1; regions whose best score stays below are dropped (region growing)."""
    fill_holes: float = 0.0
    """m²; holes of background up to this size are filled, with any smaller region inside."""
    simplify: float = 0.0
    """Tolerance in m; edges that neighbours share stay shared."""
    dst_crs: CRS | None = None
    """CRS of the result; None: the grid's."""

    @property
    def needs_all(self) -> bool:
        """Whether all polygons must be at hand at once."""
        return bool(self.fill_holes or self.simplify)


@dataclass(slots=True, kw_only=True)
class Edits:
    """What cleaning changed, so that a class raster can be made to agree."""

    geometries: list[Polygons] = field(default_factory=list)
    """Polygons in pixel coordinates (column, row), batch by batch."""
    values: list[NDArray[np.uint8]] = field(default_factory=list)
    """The class that their pixels become."""

    def add(self, geometries: Polygons, values: Ints) -> None:
        """Remember a batch."""
        if len(geometries):
            self.geometries.append(geometries)
            self.values.append(values.astype(np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A batch of regions as polygons in pixel coordinates, with their statistics."""

    polygons: Polygons
    classes: Ints
    pixels: Ints
    area_cm2: Ints
    score_sum: Ints
    score_max: Ints
    fillable: NDArray[np.object_]
    """Per polygon: whether each hole has only background behind it (bool array in hole order), or None."""

    def __len__(self) -> int:
        return len(self.polygons)

    def take(self, index: NDArray[np.generic]) -> Mapped:
        """Return the regions that a mask or positions select."""
        return Mapped(**{name: getattr(self, name)[index] for name in self.__slots__})


def drop(mapped: Mapped, cleaning: Cleaning, edits: Edits) -> Mapped:
    """Leave out regions that are too small or nowhere sure enough."""
    small = mapped.area_cm2 < cleaning.min_area * 1e4
    unsure = mapped.score_max < np.floor(cleaning.seed * 255 + 0.5)
    gone = small | unsure
    edits.add(mapped.polygons[gone], np.zeros(int(gone.sum()), np.int64))
    return mapped.take(~gone)


def to_features(mapped: Mapped, grid: Grid, labels: Mapping[int, str], dst_crs: CRS | None) -> Features:
    """Polygons on the ground with their attributes; exteriors counter-clockwise.

    Args:
        mapped: regions in pixel coordinates.
        grid: where they are.
        labels: name of each class.
        dst_crs: CRS of the result; None: the grid's.
    """
    polygons = place(mapped.polygons, grid.transform)
    if dst_crs is not None and grid.crs is not None and dst_crs != grid.crs:
        polygons = reproject(polygons, grid.crs, dst_crs)
    area = mapped.area_cm2 / 1e4 if grid.crs is not None else np.full(len(mapped), np.nan)
    return Features(
        geometry=np.asarray(shapely.orient_polygons(polygons)),
        columns={
            "class": mapped.classes.astype(np.int64),
            "label": np.array([labels[value] for value in mapped.classes.tolist()], object),
            "area_m2": area.astype(np.float64),
            "pixels": mapped.pixels.astype(np.int64),
            "score_mean": np.round(mapped.score_sum / (255.0 * np.maximum(mapped.pixels, 1)), 4),
        },
    )


def place(polygons: Polygons, transform: Affine) -> Polygons:
    """Move polygons from pixel to CRS coordinates."""
    a, b, c, d, e, f = transform[:6]
    return np.asarray(
        shapely.transform(
            polygons,
            lambda xy: np.stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f), axis=1),
        )
    )


def reproject(polygons: Polygons, source: CRS, target: CRS) -> Polygons:
    """Move polygons to another CRS, vertex by vertex."""
    transformer = Transformer.from_crs(source, target, always_xy=True)
    moved = shapely.transform(
        polygons, lambda xy: np.stack(transformer.transform(xy[:, 0], xy[:, 1]), axis=1)
    )
    return np.asarray(np.where(shapely.is_valid(moved), moved, shapely.make_valid(moved)))


def fill(mapped: Mapped, grid: Grid, limit: float, edits: Edits) -> Mapped:
    """Fill small holes of background, and swallow the smaller regions of the same class inside them.

    A hole is left open where nodata or another class lies behind its outline, or another class inside.
    """
    tree = shapely.STRtree(mapped.polygons)
    gone = np.zeros(len(mapped), np.bool_)
    polygons = mapped.polygons.copy()
    pixels, area = mapped.pixels.copy(), mapped.area_cm2.copy()
    for index in np.flatnonzero(shapely.get_num_interior_rings(mapped.polygons)):
        rings = [shapely.polygons(ring) for ring in shapely.get_rings(mapped.polygons[index])[1:]]
        kept = []
        for ring, open_behind in zip(rings, mapped.fillable[index], strict=True):
            inside = tree.query(ring, predicate="contains")
            size = _area_cm2(grid, ring)
            same = (mapped.classes[inside] == mapped.classes[index]).all()
            if not (open_behind and same and size <= limit * 1e4):
                kept.append(shapely.get_exterior_ring(ring))
                continue
            gone[inside] = True
            pixels[index] += round(shapely.area(ring))
            area[index] += size
            edits.add(np.array([ring], object), mapped.classes[index : index + 1])
        polygons[index] = shapely.polygons(shapely.get_exterior_ring(mapped.polygons[index]), kept or None)
    return Mapped(
        polygons=polygons[~gone],
        classes=mapped.classes[~gone],
        pixels=pixels[~gone],
        area_cm2=area[~gone],
        score_sum=(mapped.score_sum * pixels // np.maximum(mapped.pixels, 1))[~gone],
        score_max=mapped.score_max[~gone],
        fillable=mapped.fillable[~gone],
    )


def simplify(polygons: Polygons, grid: Grid, tolerance: float) -> Polygons:
    """Simplify a coverage (Visvalingam–Whyatt on shared edges) so that neighbours keep their common edge.

    The tolerance in metres is the side of the square that a removed corner may span.
    """
    size = float(np.sqrt(np.prod(grid.pixel_size_m)))
    return np.asarray(shapely.coverage_simplify(polygons, tolerance / size, simplify_boundary=True))


def _area_cm2(grid: Grid, ring: shapely.Polygon) -> int:
    """Geodesic area of a pixel-coordinate polygon, on the CRS's own ellipsoid."""
    x, y = np.asarray(shapely.get_coordinates(ring)).T
    lon, lat = grid.lonlat(y, x)
    geod = grid.crs.get_geod() if grid.crs is not None else None
    return round(abs((geod or Geod(ellps="WGS84")).polygon_area_perimeter(lon, lat)[0]) * 1e4)
