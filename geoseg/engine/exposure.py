"""Exposure: sums of further rasters over the polygons of a map, and areas and sums by zone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyogrio.raw
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from shapely.geometry import mapping

from geoseg.engine.recipe import Extras
from geoseg.errors import RuntimeMissingError, SceneError, UsageError
from geoseg.features import Features
from geoseg.files.doors import opening, reading
from geoseg.files.inputs import opened
from geoseg.messages import warn
from geoseg.run_record import TableRows
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.georeference import georeference
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.vector_files import crs_of, layer_of, reading_vector
from geoseg.spec import ClassSpec, RunSpec

LOG = logging.getLogger(__name__)

Geometries = NDArray[np.object_]

RESERVED = ("fid", "geom", "geometry", "zone", "label", "area_ha", "share")
"""Names that a layer or the table of zones has, in any case of letters."""


@dataclass(frozen=True, kw_only=True)
class ValueRaster:
    """A raster whose cells hold amounts, such as people per cell."""

    name: str
    """Name of the column."""
    file: rasterio.DatasetReader
    crs: CRS

    def sums(self, geometries: Geometries, crs: CRS) -> NDArray[np.float64]:
        """Return the sum of the raster over each polygon; a cell counts by the share that is inside.

        Args:
            geometries: (N,) polygons.
            crs: of the polygons.

        Returns:
            (N,) sums; NaN where the raster has no value.

        Raises:
            SceneReadError: the raster cannot be read.
        """
        from exactextract import exact_extract  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        from exactextract.feature import JSONFeatureSource  # type: ignore[import-untyped]  # noqa: PLC0415

        moved = _in_crs(geometries, crs, self.crs)
        shapes = JSONFeatureSource([{"geometry": mapping(item), "properties": {}} for item in moved])
        with reading(self.file.name):
            features = exact_extract(self.file, shapes, ["sum", "count", "min"])
        # (N, 3); None, of a polygon without a value, becomes NaN.
        rows = [[item["properties"][name] for name in ("sum", "count", "min")] for item in features]
        total, count, least = np.array(rows, np.float64).reshape(-1, 3).T
        known = count > 0
        if (least[known] < 0).any():
            warn(
                LOG,
                "value-negative",
                f"`--value {self.name}`: the raster has negative values under polygons, which are no "
                "amounts; if they mean nodata, set its nodata value (`gdal_edit.py -a_nodata VALUE`)",
            )
        return np.where(known, total, np.nan)


@dataclass(frozen=True, kw_only=True)
class Zones:
    """Polygons for which areas are reported."""

    names: tuple[str, ...]
    geometries: Geometries
    """In the CRS of the map's polygons."""
    areas: NDArray[np.float64]
    """m², geodesic."""

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Return the index of the polygons."""
        return shapely.STRtree(self.geometries)


@dataclass(kw_only=True)
class Exposure:
    """Adds columns with sums to batches of polygons, and accumulates the table `zones`."""

    crs: CRS
    """Of the polygons."""
    classes: tuple[ClassSpec, ...]
    """Classes that have a row for each zone, also where they have no polygons."""
    values: tuple[ValueRaster, ...] = ()
    zones: Zones | None = None
    _covered: dict[str, set[bool]] = field(default_factory=dict)
    """By name of the raster: whether it has values under polygons; both where some are covered."""
    _totals: dict[tuple[int, int], NDArray[np.float64]] = field(default_factory=dict)
    """By position of the zone and value of the class: area in m², then a sum for each raster."""
    _labels: dict[int, str] = field(default_factory=dict)
    """Labels of the classes that have polygons."""

    def describe(self, features: Features, geometries: Geometries) -> Features:
        """Add a column for each raster, and add the polygons to the totals of the zones."""
        if self.zones is not None:
            self._add(self.zones, features, geometries)
        for raster in self.values:
            sums = raster.sums(geometries, self.crs)
            self._covered.setdefault(raster.name, set()).update(np.isfinite(sums).tolist())
            features.columns[raster.name] = sums
        return features

    def warn_of_gaps(self) -> None:
        """Warn of rasters without values under some or all polygons."""
        for name, covered in self._covered.items():
            if covered == {False}:
                text = "has no values under any polygon: check its place and CRS. All sums are empty"
            elif False in covered:
                text = "has no values under some polygons; their sums are empty, in zones too"
            else:
                continue
            warn(LOG, "value-not-covered", f"`--value {name}`: the raster {text}")

    def _add(self, zones: Zones, features: Features, geometries: Geometries) -> None:
        """Add polygons to the totals of the zones that they touch."""
        classes, areas = features.columns["class"], features.columns["area_m2"]
        self._labels.update(zip(classes.tolist(), features.columns["label"].tolist(), strict=True))
        polygon, zone = zones.tree.query(geometries, predicate="intersects")
        if not len(polygon):
            return
        pieces = _polygonal(shapely.intersection(geometries[polygon], zones.geometries[zone]))
        share = shapely.area(pieces) / shapely.area(geometries[polygon])
        inside = share > 0
        polygon, zone, pieces, share = polygon[inside], zone[inside], pieces[inside], share[inside]
        amounts = [areas[polygon] * share]
        amounts += [raster.sums(pieces, self.crs) for raster in self.values]
        table = np.stack(amounts, axis=1)
        for key in {(int(z), int(c)) for z, c in zip(zone, classes[polygon], strict=True)}:
            chosen = (zone == key[0]) & (classes[polygon] == key[1])
            parts = [*([self._totals[key]] if key in self._totals else []), *table[chosen]]
            self._totals[key] = _sum_of_known(np.stack(parts))

    def rows(self) -> dict[str, TableRows]:
        """Return the table `zones`: one row per zone and class, also where the area is 0."""
        if self.zones is None:
            return {}
        none = np.zeros(1 + len(self.values))
        labels = {**{item.value: item.label for item in self.classes}, **self._labels}
        rows: list[dict[str, int | float | str]] = []
        for index, name in enumerate(self.zones.names):
            for value, label in sorted(labels.items()):
                area, *sums = self._totals.get((index, value), none).tolist()
                row: dict[str, int | float | str] = {
                    "zone": name,
                    "class": value,
                    "label": label,
                    "area_ha": round(area / 1e4, 4),
                    "share": round(area / self.zones.areas[index], 6),
                }
                row |= {raster.name: round(total, 3) for raster, total in zip(self.values, sums, strict=True)}
                rows.append(row)
        return {"zones": tuple(rows)}


@contextmanager
def measuring_exposure(
    extras: Extras, run: RunSpec, crs: CRS | None, classes: Sequence[ClassSpec], taken: Mapping[str, object]
) -> Iterator[Extras]:
    """Yield the attributes of a map with those that `--zones` and `--value` ask for.

    Args:
        extras: of the task.
        run: the options.
        crs: of the polygons; None: pixel coordinates.
        classes: that have a row for each zone in any case.
        taken: names of the columns that the layer has.

    Raises:
        SceneError: the map has no CRS, or a file cannot be read or is not suitable.
        UsageError: a name is not valid, or `--zone-name` names no column.
        RuntimeMissingError: `exactextract` is not installed.
    """
    if run.zones is None and not run.value:
        yield extras
        return
    if crs is None:
        raise SceneError(
            "`--zones` and `--value` need a CRS, and the scene has none: give the raster its CRS"
        )
    with _open_values(run.value, {*taken, *extras.schema, *RESERVED}) as values:
        zones = None if run.zones is None else read_zones(run.zones, run.zone_name, crs)
        exposure = Exposure(crs=crs, classes=tuple(classes), values=values, zones=zones)

        def describe(features: Features) -> Features:
            geometries = _complete(features)
            return exposure.describe(extras.describe(features) if extras.describe else features, geometries)

        def tables() -> dict[str, TableRows]:
            exposure.warn_of_gaps()
            return {**extras.tables(), **exposure.rows()}

        yield replace(
            extras,
            schema={**extras.schema, **dict.fromkeys((raster.name for raster in values), "float")},
            describe=describe,
            tables=tables,
        )


def read_zones(path: Path, column: str | None, crs: CRS) -> Zones:
    """Read the polygons of zones.

    Args:
        path: a vector file; of several layers, the first with polygons is read.
        column: that names the zones; None: the first text column, else the row number.
        crs: of the result.

    Raises:
        SceneError: the file has no polygons or no CRS, or cannot be read.
        UsageError: there is no such column.
    """
    opened(path)
    with opening(str(path)), reading_vector(path) as file:
        meta, _, wkb, values = pyogrio.raw.read(
            file, layer=layer_of(path, file, polygons=True), force_2d=True
        )
    if wkb is None:
        raise _without_polygons(path)
    source = crs_of(path, meta["crs"])
    if source is None:
        raise SceneError(f"`--zones {path}`: has no CRS; assign one (`ogr2ogr -a_srs EPSG:CODE`)")
    shapes = shapely.from_wkb(wkb)
    kept = np.isin(
        shapely.get_type_id(shapes), (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    )
    if not kept.any():
        raise _without_polygons(path)
    columns = dict(zip(map(str, meta["fields"]), values, strict=True))
    if column is not None and column not in columns:
        raise UsageError(f"`--zone-name {column}`: {path} has the columns {', '.join(columns) or 'none'}")
    named = column or next((name for name, cells in columns.items() if cells.dtype.kind == "O"), None)
    names = (
        ["" if cell is None else str(cell) for cell in columns[named][kept].tolist()]
        if named
        else [str(row) for row in range(1, int(kept.sum()) + 1)]
    )
    moved = shapely.make_valid(_in_crs(shapely.make_valid(shapes[kept]), source, crs))
    geod = crs.get_geod() or Geod(ellps="WGS84")
    degrees = _in_crs(moved, crs, crs.geodetic_crs or CRS.from_epsg(4326))
    areas = np.array([abs(geod.geometry_area_perimeter(item)[0]) for item in degrees])
    return Zones(names=tuple(names), geometries=moved, areas=areas)


def _in_crs(shapes: Geometries, source: CRS, target: CRS) -> Geometries:
    """Return shapes (N,) with their vertices in another CRS."""
    if source == target:
        return shapes
    move = Transformer.from_crs(source, target, always_xy=True).transform
    return np.asarray(shapely.transform(shapes, move, interleaved=False))


def _without_polygons(path: Path) -> SceneError:
    return SceneError(f"`--zones {path}`: holds no polygons; give a layer of polygons")


@contextmanager
def _open_values(rasters: Mapping[str, str], taken: set[str]) -> Iterator[tuple[ValueRaster, ...]]:
    """Open the rasters of `--value` and yield them.

    Raises:
        SceneError: one is not a raster of one band with a CRS.
        UsageError: a name is not that of a new column.
        RuntimeMissingError: `exactextract` is not installed.
    """
    if rasters:
        try:
            import exactextract  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise RuntimeMissingError(
                "`--value` needs the package exactextract; install it: pip install 'geoseg[exposure]'"
            ) from error
    opened_rasters: list[ValueRaster] = []
    try:
        for name, path in rasters.items():
            if not name.isidentifier() or name.lower() in {column.lower() for column in taken}:
                raise UsageError(
                    f"`--value {name}={path}`: {name!r} is not the name of a new column; use letters, digits "
                    f"and _, other than {', '.join(sorted(taken))}"
                )
            with opening(path):
                file = open_dataset(gdal_path(path))
            opened(path)
            place = georeference(file, path)
            if file.count != 1 or place.grid.crs is None:
                file.close()
                raise SceneError(f"`--value {name}={path}`: needs one band and a CRS")
            opened_rasters.append(ValueRaster(name=name, file=file, crs=place.grid.crs))
        yield tuple(opened_rasters)
    finally:
        for raster in opened_rasters:
            raster.file.close()


def _sum_of_known(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums (columns) over rows of the values that are not NaN; NaN where all are."""
    return np.where(np.isnan(amounts).all(axis=0), np.nan, np.nansum(amounts, axis=0))


def _polygonal(geometries: Geometries) -> Geometries:
    """Return geometries without their lines and points: where polygons also touch along an edge."""
    mixed = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    for index in np.flatnonzero(mixed):
        parts = shapely.get_parts(geometries[index])
        geometries[index] = shapely.union_all(parts[shapely.area(parts) > 0])
    return geometries


def _complete(features: Features) -> Geometries:
    """Return the polygons of a batch; one of very many corners, which is kept as bytes, is made."""
    if features.large is None:
        return np.asarray(features.geometry)
    return np.array([shapely.from_wkb(b"".join(features.large.wkb()))], object)
