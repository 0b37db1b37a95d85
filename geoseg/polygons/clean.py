"""Cleaning of regions before they are written: minimum areas, filling, simplification, another CRS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import UsageError
from geoseg.features import Features, FlatPolygons
from geoseg.grid import Grid
from geoseg.polygons.edits import Edits
from geoseg.polygons.outlines import Outlines, Polygons, flat_polygons, noded, polygons
from geoseg.polygons.regions import Regions, score_quantile

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """Options of the cleaning; the defaults keep every region as it is."""

    min_area: float = 0.0
    """m²; smaller regions are dropped."""
    min_patch: float = 0.0
    """m²; regions are dropped if their patch (touching regions of any class) is smaller."""
    seed: float = 0.0
    """0..1; regions whose highest score is lower are dropped (region growing)."""
    patch_seed: float = 0.0
    """0..1; regions are dropped if the highest score in their patch is lower."""
    fill_holes: float = 0.0
    """m²; holes of background up to this size are filled; regions of the same class inside are merged."""
    simplify: float = 0.0
    """Tolerance in m; neighbours keep their common edges."""
    smooth: float = 0.0
    """Tolerance in m of a simplification before corners are rounded; neighbours keep their common edges."""
    dst_crs: CRS | None = None
    """CRS of the result; None: the grid's."""

    @property
    def redraws(self) -> bool:
        """Whether outlines are changed, for which all regions are needed at the same time."""
        return bool(self.simplify or self.smooth)

    def check(self, grid: Grid) -> None:
        """Raise if an option needs a CRS and the grid has none.

        Raises:
            UsageError: a length, an area or `dst_crs` is set and the grid has no CRS.
        """
        metric = self.min_area or self.min_patch or self.fill_holes or self.redraws
        if grid.crs is None and (metric or self.dst_crs is not None):
            raise UsageError(
                "minimum area, hole filling, simplification and reprojection need a CRS, and the raster has "
                "none; omit these options, or assign a CRS to the raster"
            )


def in_255ths(score: float) -> float:
    """Return a score of 0..1 in 255ths, rounded as scores of pixels are."""
    return float(np.floor(score * 255 + 0.5))


REGION = "region"
"""Column of the region's id, present where regions are reclassified."""

Reclassify = Callable[[Regions], Ints]
"""Returns the new class of each complete region above the minimum area; 0 drops the region."""


def short(regions: Regions, cleaning: Cleaning) -> NDArray[np.bool_]:
    """Return which regions do not reach the minimum area or the seed score."""
    small = regions.area_cm2 < cleaning.min_area * 1e4
    return np.asarray(small | (regions.score_max < in_255ths(cleaning.seed)))


def drop(regions: Regions, cleaning: Cleaning, edits: Edits) -> Regions:
    """Return the regions that reach the minimum area and the seed score."""
    gone = short(regions, cleaning)
    if not gone.any():
        return regions
    edits.drop(regions.take(np.flatnonzero(gone)))
    return regions.take(np.flatnonzero(~gone))


def fill(regions: Regions, grid: Grid, limit: float, nodata: NDArray[np.float64], edits: Edits) -> Regions:
    """Fill small holes of background and merge regions of the same class inside them.

    A hole that holds nodata or a region of another class stays open: unobserved pixels never get a class, and
    regions never overlap.

    Args:
        regions: all regions of a map.
        grid: of the map.
        limit: m²; larger holes stay open.
        nodata: (n, 2) column and row of at least one point in every patch of nodata.
        edits: receives the filled holes.
    """
    outlines = regions.outlines
    is_hole = np.ones(len(outlines.rings) - 1, np.bool_)
    is_hole[outlines.regions[:-1]] = False
    rings = np.flatnonzero(is_hole)
    shapes = polygons(outlines.as_regions(rings))
    pixels = np.rint(shapely.area(shapes)).astype(np.int64)
    middles = shapely.get_coordinates(shapely.centroid(shapes))
    area_cm2 = np.rint(grid.pixel_areas(middles[:, 1], middles[:, 0]) * pixels * 1e4).astype(np.int64)
    small = area_cm2 <= limit * 1e4
    rings, shapes, pixels, area_cm2 = rings[small], shapes[small], pixels[small], area_cm2[small]
    owners = outlines.owners[rings]

    # One point of a region is enough: regions do not cross the outline of a hole.
    firsts = outlines.rings[outlines.regions[:-1]]
    inner = np.stack((outlines.cols[firsts], outlines.rows[firsts]), axis=1) + 0.5
    points = shapely.points(np.concatenate((inner, nodata)))
    classes = np.concatenate((regions.classes, np.full(len(nodata), -1)))
    hole, point = shapely.STRtree(points).query(shapes, predicate="contains")
    filled = np.ones(len(rings), np.bool_)
    filled[hole[classes[point] != regions.classes[owners[hole]]]] = False
    gone = np.zeros(len(regions), np.bool_)
    gone[point[filled[hole]]] = True
    # Holes of a merged region are filled as part of the hole around it.
    filled &= ~gone[owners]
    swallower, swallowed = owners[hole[filled[hole]]], point[filled[hole]]

    edits.add(outlines.as_regions(rings[filled]), regions.classes[owners[filled]])
    return replace(
        regions,
        outlines=outlines.without(rings[filled]),
        pixels=_plus(regions.pixels, owners[filled], pixels[filled]),
        area_cm2=_plus(regions.area_cm2, owners[filled], area_cm2[filled]),
        score_sum=_plus(regions.score_sum, swallower, regions.score_sum[swallowed]),
        scored=_plus(regions.scored, swallower, regions.scored[swallowed]),
        histogram=None
        if regions.histogram is None
        else _plus(regions.histogram, swallower, regions.histogram[swallowed]),
    ).take(np.flatnonzero(~gone))


def _plus(values: Ints, at: Ints, more: Ints) -> Ints:
    """Return values with others added at positions, which may repeat."""
    total = values.copy()
    np.add.at(total, at, more)
    return total


def simplify(outlines: Outlines, grid: Grid, tolerance: float) -> Polygons:
    """Simplify all regions as a coverage, in pixel coordinates: neighbours keep their common edge.

    Corners are removed by the area that they span (Visvalingam & Whyatt 1993,
    doi:10.1179/000870493786962263), except corners at which more than two edges meet. The tolerance in metres
    is the side of the square that a removed corner may span. It is converted into pixels, so that it has the
    same effect on geographic grids.
    """
    size = float(np.sqrt(np.prod(grid.pixel_size_m)))
    smooth = shapely.coverage_simplify(polygons(noded(outlines)), tolerance / size, simplify_boundary=True)
    return np.asarray(smooth, object)


def redrawn(outlines: Outlines, grid: Grid, cleaning: Cleaning) -> Polygons:
    """Return simplified or smoothed polygons in pixel coordinates; neighbours keep their common edge."""
    simple = simplify(outlines, grid, max(cleaning.simplify, cleaning.smooth))
    if not cleaning.smooth:
        return simple
    from geoseg.polygons.smoothing import smooth  # noqa: PLC0415 - only where it is asked for

    return smooth(simple)


def place(regions: Regions, grid: Grid, cleaning: Cleaning) -> Polygons | FlatPolygons:
    """Return the polygons in the CRS of the result, shells counter-clockwise."""
    source, target = grid.crs, cleaning.dst_crs
    moves = source is not None and target is not None and source != target
    if not cleaning.redraws and not moves and len(regions):
        return flat_polygons(regions.outlines, grid.transform)
    if not cleaning.redraws or not len(regions):
        shapes = polygons(regions.outlines, grid.transform)
    else:
        a, b, c, d, e, f = grid.transform[:6]
        shapes = shapely.transform(
            redrawn(regions.outlines, grid, cleaning),
            lambda xy: np.stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f), axis=1),
        )
        shapes = np.asarray(shapely.orient_polygons(shapes), object)
    if source is None or target is None or source == target:
        return shapes
    return reproject(shapes, source, target)


def reproject(shapes: Polygons, source: CRS, target: CRS) -> Polygons:
    """Reproject polygons, corner by corner.

    Raises:
        UsageError: a corner has no coordinates in the target CRS.
    """
    transformer = Transformer.from_crs(source, target, always_xy=True)
    moved = np.asarray(
        shapely.transform(shapes, lambda xy: np.stack(transformer.transform(xy[:, 0], xy[:, 1]), axis=1)),
        object,
    )
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise UsageError(
            f"parts of the map lie outside the domain of {target.to_string()}; choose another target CRS"
        )
    bad = ~shapely.is_valid(moved)
    if bad.any():
        moved[bad] = shapely.make_valid(moved[bad], method="structure", keep_collapsed=False)
    return np.asarray(shapely.orient_polygons(moved), object)


QUANTILES = {"score_p10": 0.1, "score_p50": 0.5, "score_p90": 0.9}
"""Share of the pixels by column."""


def _quantiles(regions: Regions) -> dict[str, NDArray[np.float64]]:
    """Return the quantiles of the scores by column; empty where scores were not counted."""
    if regions.histogram is None:
        return {}
    return {name: np.round(score_quantile(regions.histogram, share), 3) for name, share in QUANTILES.items()}


def to_features(
    regions: Regions,
    shapes: Polygons | FlatPolygons,
    grid: Grid,
    labels: Mapping[int, str],
    *,
    with_ids: bool = False,
) -> Features:
    """Return polygons with the attributes of every map.

    Args:
        regions: cleaned regions.
        shapes: their polygons in the CRS of the result; empty polygons are omitted.
        grid: of the map.
        labels: name of each class.
        with_ids: whether to add the column `REGION`.
    """
    area = regions.area_cm2 / 1e4 if grid.crs is not None else np.full(len(regions), np.nan)
    values, which = np.unique(regions.classes, return_inverse=True)
    names = np.array([labels[value] for value in values.tolist()], object)
    features = Features(
        geometry=shapes,
        columns={
            "class": regions.classes,
            "label": names[which] if len(names) else np.empty(0, object),
            "area_m2": area,
            "pixels": regions.pixels,
            "score_mean": np.round(regions.score_sum / (255.0 * np.maximum(regions.scored, 1)), 4),
            **_quantiles(regions),
            **({REGION: regions.ids} if with_ids else {}),
        },
    )
    if isinstance(shapes, FlatPolygons):
        return features
    empty = shapely.is_empty(shapes)
    return features.take(~empty) if empty.any() else features
