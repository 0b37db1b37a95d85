"""A map grid for swaths with arrays of longitude and latitude, filled by the nearest pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy.spatial import cKDTree

from geoseg.errors import SceneError
from geoseg.grid import Grid

Degrees = NDArray[np.float64]
Metres = NDArray[np.float64]
Positions = NDArray[np.intp]

REACH = 0.75
"""Map pixels farther than this times the larger pixel distance from all swath pixels are empty."""

ROWS = 256
"""Rows of the map grid that are searched at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Geolocation:
    """Positions of the pixels of an image in the UTM zone of its centre."""

    crs: CRS
    x: Metres
    """(H, W), NaN where not known."""
    y: Metres
    """(H, W), NaN where not known."""

    @cached_property
    def steps(self) -> tuple[float, float]:
        """Median distance in m between neighbouring pixels of a column, and of a row."""
        found = [
            float(np.nanmedian(np.hypot(np.diff(self.x, axis=axis), np.diff(self.y, axis=axis))))
            for axis in (0, 1)
        ]
        return found[0], found[1]

    @property
    def turned(self) -> bool:
        """Whether rows run more to the north or south than columns do.

        Sun-synchronous satellites fly north or south: this axis is along the track.
        """
        down, along = (float(np.nanmedian(np.abs(np.diff(self.y, axis=axis)))) for axis in (0, 1))
        return along > down

    @cached_property
    def grid(self) -> Grid:
        """A north-up grid; the pixel size is the larger pixel distance to two digits, 30 m for 29.8 m."""
        pixel = float(f"{max(self.steps):.2g}")
        west, east = (float(edge(self.x)) / pixel for edge in (np.nanmin, np.nanmax))
        south, north = (float(edge(self.y)) / pixel for edge in (np.nanmin, np.nanmax))
        # Half a pixel beyond the outermost centres, in whole pixels.
        left, top = np.floor(west - 0.5), np.ceil(north + 0.5)
        return Grid(
            crs=self.crs,
            transform=Affine(pixel, 0, left * pixel, 0, -pixel, top * pixel),
            height=int(top - np.floor(south - 0.5)),
            width=int(np.ceil(east + 0.5) - left),
        )

    @cached_property
    def nearest(self) -> tuple[Positions, Positions]:
        """Row and column of the nearest pixel for each pixel of the grid, both (H, W); -1: no pixel."""
        known = np.flatnonzero(np.isfinite(self.x) & np.isfinite(self.y))
        tree = cKDTree(np.column_stack([self.x.ravel()[known], self.y.ravel()[known]]))
        grid, width = self.grid, self.x.shape[1]
        rows = np.full((grid.height, grid.width), -1, np.intp)
        cols = rows.copy()
        a, _, c, _, e, f = grid.transform[:6]
        east = c + a * (np.arange(grid.width) + 0.5)
        for top in range(0, grid.height, ROWS):
            north = f + e * (np.arange(top, min(top + ROWS, grid.height)) + 0.5)
            places = np.stack(np.meshgrid(east, north), axis=-1)
            distance, index = tree.query(places, distance_upper_bound=REACH * max(self.steps))
            seen = np.isfinite(distance)
            pixel = known[index[seen]]
            rows[top : top + ROWS][seen], cols[top : top + ROWS][seen] = pixel // width, pixel % width
        return rows, cols

    def transposed(self) -> Geolocation:
        """Return the positions with rows and columns exchanged."""
        return Geolocation(crs=self.crs, x=self.x.T, y=self.y.T)


def geolocation(lon: Degrees, lat: Degrees, what: str) -> Geolocation:
    """Return the positions of pixels.

    Args:
        lon: degrees east (H, W), WGS 84; values out of range are left out.
        lat: degrees north (H, W).
        what: for messages.

    Raises:
        SceneError: the arrays hold no valid coordinates, or have one row or column.
    """
    lon, lat = lon.astype(np.float64), lat.astype(np.float64)
    good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    good &= (lon != 0) | (lat != 0)
    if min(lon.shape) < 2 or not good.any():
        raise SceneError(
            f"{what}: its arrays of latitude and longitude hold no coordinates; download it again"
        )
    if np.ptp(lon[good]) > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    crs = _zone(float(np.median(lon[good])), float(np.median(lat[good])))
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    good &= np.isfinite(x) & np.isfinite(y)
    return Geolocation(crs=crs, x=np.where(good, x, np.nan), y=np.where(good, y, np.nan))


def _zone(lon: float, lat: float) -> CRS:
    """Return the CRS of the UTM zone of a place; polar stereographic beyond 84 degrees."""
    if abs(lat) > 84:
        return CRS.from_epsg(5041 if lat > 0 else 5042)
    zone = int((lon + 180) % 360 // 6) + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)
