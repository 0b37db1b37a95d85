"""Points in tables: which columns are the coordinates, and their CRS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.files.text_tables import TextTable

AXES = (("lon", "lat"), ("longitude", "latitude"), ("x", "y"))
"""Names of the columns of coordinates, in any case of letters; all but x and y are WGS 84."""


def points_of(table: TextTable) -> tuple[NDArray[np.float64], CRS | None]:
    """Return the coordinates (n, 2) of the rows, NaN where a row has none, and their CRS.

    Columns lon and lat (or longitude and latitude) are WGS 84, x and y coordinates of a raster without a CRS,
    whose CRS is None.

    Raises:
        SceneError: the columns are missing, or a cell is not a coordinate.
    """
    lower = {name.lower(): name for name in reversed(table.names)}
    axes = next((pair for pair in AXES if set(pair) <= set(lower)), None)
    if axes is None:
        raise SceneError(
            f"{table.path}: columns lon and lat are missing (x and y for a raster without CRS); columns are "
            f"{', '.join(table.names) or 'none'}"
        )
    points = np.full((len(table.rows), 2), np.nan)
    for index, (row, line) in enumerate(zip(table.rows, table.lines, strict=True)):
        for axis, name in enumerate(axes):
            text = row[lower[name]]
            try:
                points[index, axis] = table.number(text)
            except ValueError:
                raise SceneError(f"{table.path}, line {line}: {text!r} is not a coordinate") from None
    return points, None if axes[0] == "x" else CRS.from_epsg(4326)
