"""The `scene` layer of a finished map: outline of the observed pixels in degrees, sensor and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from pyproj import CRS, Transformer

from geoseg.outputs import companions
from geoseg.outputs.layer import SCENE_LAYER

DETAIL = 1000
"""The outline is simplified by this fraction of its extent: it is for overviews."""


@dataclass(frozen=True, kw_only=True)
class SceneLayer:
    """What the scene layer of a map says."""

    sensor: str
    acquired: str
    footprint: str
    """GeoJSON geometry in degrees; empty: no CRS, or nothing was observed."""


def scene_layer(output: Path, crs: str | None) -> SceneLayer:
    """Read the scene layer of a map.

    Args:
        output: the map, in any format.
        crs: of the map; None: pixel coordinates.
    """
    geometry, sensor, acquired = read_scene_layer(output)
    if crs is None or geometry is None or geometry.is_empty:
        return SceneLayer(sensor=sensor, acquired=acquired, footprint="")
    return SceneLayer(sensor=sensor, acquired=acquired, footprint=shapely.to_geojson(overview(geometry, crs)))


def read_scene_layer(output: Path) -> tuple[shapely.Geometry | None, str, str]:
    """Return the outline in the CRS of the map, the sensor and the acquisition time."""
    beside = companions(output)
    path = beside[-1] if beside else output
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - this format only

        row = parquet.read_table(path).to_pylist()[0]
        return shapely.from_wkb(row["geometry"]), str(row["sensor"] or ""), str(row["acquired"] or "")
    from pyogrio import raw  # noqa: PLC0415 - not for GeoParquet

    _, _, geometry, columns = raw.read(
        path, layer=None if beside else SCENE_LAYER, columns=["sensor", "acquired"]
    )
    sensor, acquired = (str(column[0] or "") for column in columns)
    return (None if geometry[0] is None else shapely.from_wkb(geometry[0])), sensor, acquired


def overview(geometry: shapely.Geometry, crs: str) -> shapely.Geometry:
    """Return an outline with fewer corners, in degrees of longitude and latitude (WGS 84)."""
    west, south, east, north = geometry.bounds
    simple = shapely.simplify(geometry, max(east - west, north - south) / DETAIL)
    to_degrees = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(4326), always_xy=True)
    return shapely.set_precision(shapely.transform(simple, to_degrees.transform, interleaved=False), 1e-7)
