"""The area of interest of a scene: a bounding box crops the grid, polygons also mask it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneError, UsageError
from geoseg.grid import Grid

if TYPE_CHECKING:
    from geoseg.scenes.polygon_files import PolygonMask
    from geoseg.scenes.scene import Scene
    from geoseg.spec import RunSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Area:
    """Polygons to which a scene is clipped."""

    shapes: NDArray[np.object_]
    crs: CRS | None
    masks: bool
    """Whether pixels inside the bounding box of the shapes but outside the shapes are not valid."""
    what: str
    """Name of the area in messages."""

    def crop(self, grid: Grid) -> Grid:
        """Return the part of a grid under the bounding box of the shapes.

        Raises:
            SceneError: the area lies outside the grid.
        """
        window = self.on(grid).window
        if window.empty:
            raise SceneError(f"{self.what} lies outside the scene; check its coordinates and its CRS")
        return grid.crop(window)

    def on(self, grid: Grid) -> PolygonMask:
        """Return the shapes as a mask on a grid."""
        from geoseg.scenes.polygon_files import PolygonMask, to_crs  # noqa: PLC0415 - polygons only

        return PolygonMask(to_crs(self.shapes, self.crs, grid.crs, self.what), grid)


def clip(scene: Scene, run: RunSpec) -> Scene:
    """Crop a scene to `--bbox` and `--aoi`."""
    if run.bbox is None and run.aoi is None:
        return scene
    return scene.clip(bbox=run.bbox, bbox_crs=run.bbox_crs, aoi=run.aoi)


def box_area(bbox: tuple[float, float, float, float], crs: str) -> Area:
    """Return the area of a bounding box (west, south, east, north).

    A geographic box whose west exceeds its east crosses the antimeridian.

    Raises:
        UsageError: the box is empty, or its CRS is unknown.
    """
    import shapely  # noqa: PLC0415 - polygons only

    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        raise UsageError(f"`--bbox-crs {crs}` is not a known CRS: {error}; give e.g. EPSG:4326") from error
    west, south, east, north = bbox
    what = f"bbox {west:g},{south:g},{east:g},{north:g} ({crs})"
    if not np.isfinite(bbox).all() or south >= north or (west >= east and not known.is_geographic):
        raise UsageError(f"{what} is empty; give west, south, east, north")
    if west < east:
        boxes = [shapely.box(west, south, east, north)]
    else:
        boxes = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    return Area(shapes=np.array(boxes, dtype=object), crs=known, masks=False, what=what)


def polygon_area(path: Path) -> Area:
    """Return the area of the polygons of a vector file.

    Raises:
        SceneReadError: the file is missing or not a vector file.
        SceneError: it holds no polygons.
    """
    from geoseg.scenes.polygon_files import read_polygons  # noqa: PLC0415 - polygons only

    shapes, crs = read_polygons(path)
    return Area(shapes=shapes, crs=crs, masks=True, what=f"`--aoi {path}`")
