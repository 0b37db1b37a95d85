"""The `scene` layer of a finished map: outline of the observed pixels in degrees, sensor and time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from pyproj import CRS

from geoseg.batch.degrees import DEGREES, moved
from geoseg.outputs import companions
from geoseg.outputs.layer import SCENE_LAYER
from geoseg.scenes.product import iso_time

DETAIL = 1000
"""The outline is simplified by this fraction of its extent: it is for overviews."""


@dataclass(frozen=True, kw_only=True)
class SceneLayer:
    """What the scene layer of a map says."""

    sensor: str
    acquired: str
    footprint: dict[str, Any] | None
    """GeoJSON geometry in degrees; None: no CRS, or nothing was observed."""


def scene_layer(output: Path, crs: str | None) -> SceneLayer:
    """Read the scene layer of a map.

    Args:
        output: the map, in any format.
        crs: of the map; None: pixel coordinates.
    """
    geometry, sensor, acquired = read_scene_layer(output)
    if crs is None or geometry is None or geometry.is_empty:
        return SceneLayer(sensor=sensor, acquired=acquired, footprint=None)
    simple = overview(geometry, CRS.from_user_input(crs))
    return SceneLayer(sensor=sensor, acquired=acquired, footprint=json.loads(shapely.to_geojson(simple)))


def read_scene_layer(output: Path) -> tuple[shapely.Geometry | None, str, str]:
    """Return the outline in the CRS of the map, the sensor and the acquisition time (ISO 8601)."""
    beside = companions(output)
    path = beside[-1] if beside else output
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - this format only

        row = parquet.read_table(path).to_pylist()[0]
        return shapely.from_wkb(row["geometry"]), str(row["sensor"] or ""), _time_text(row["acquired"])
    from pyogrio import raw  # noqa: PLC0415 - not for GeoParquet

    _, _, geometry, columns = raw.read(
        path, layer=None if beside else SCENE_LAYER, columns=["sensor", "acquired"]
    )
    (sensor,), (acquired,) = columns
    outline = None if geometry[0] is None else shapely.from_wkb(geometry[0])
    return outline, str(sensor or ""), _time_text(acquired)


def _time_text(value: object) -> str:
    """Return a cell of a column of times in ISO 8601; empty: it has no time."""
    found = iso_time(str(value))
    return found.isoformat() if found else ""


def overview(geometry: shapely.Geometry, crs: CRS) -> shapely.Geometry:
    """Return an outline with fewer corners, in degrees of longitude and latitude (WGS 84)."""
    west, south, east, north = geometry.bounds
    simple = moved(shapely.simplify(geometry, max(east - west, north - south) / DETAIL), crs, DEGREES)
    # Again: corners that were added on long lines are needed where the lines are curved only.
    extents = [
        max(east - west, north - south)
        for west, south, east, north in shapely.bounds(shapely.get_parts(simple))
    ]
    return shapely.set_precision(shapely.simplify(simple, max(extents, default=0.0) / DETAIL), 1e-7)
