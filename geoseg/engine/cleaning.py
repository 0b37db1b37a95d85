"""The cleaning of a map, and its CRS, from options and the defaults of a task."""

from __future__ import annotations

import logging

from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.engine.plan import check_size
from geoseg.errors import SceneError, UsageError
from geoseg.grid import Grid
from geoseg.messages import note
from geoseg.polygons import Cleaning
from geoseg.spec import RunSpec

LOG = logging.getLogger(__name__)


def cleaning_of(
    run: RunSpec, grid: Grid, name: str, *, min_area: float = 0.0, min_patch: float = 0.0
) -> Cleaning:
    """Return the cleaning of a map from options and defaults of the task.

    Args:
        run: options.
        grid: of the map.
        name: of the scene, for messages.
        min_area: m², default of `--min-area`.
        min_patch: m², smallest patch; not used with `--min-area` or without a CRS.

    Raises:
        SceneError: an option in metres is set and the scene has no CRS, or it has too many pixels.
        UsageError: `dst_crs` is not a CRS.
    """
    check_size(grid, name)
    least = min_area if run.min_area is None else run.min_area
    patch = min_patch if run.min_area is None and grid.crs is not None else 0.0
    if grid.crs is None:
        asked = {
            "`--min-area`": run.min_area,
            "`--fill-holes`": run.fill_holes,
            "`--simplify`": run.simplify,
            "`--smooth-outlines`": run.smooth_outlines,
            "`--dst-crs`": run.dst_crs,
        }
        if any(asked.values()):
            options = ", ".join(option for option, value in asked.items() if value)
            raise SceneError(
                f"{name}: {options} needs a CRS, and the scene has none; "
                "omit the option, or assign a CRS to the raster (`gdal_edit.py -a_srs`)"
            )
        least = 0.0
    if least and run.min_area is None:
        note(LOG, f"polygons smaller than {least:g} m² are omitted; `--min-area 0` keeps them")
    if patch:
        note(LOG, f"patches of change smaller than {patch:g} m² are omitted; `--min-area 0` keeps them")
    return Cleaning(
        min_area=least,
        min_patch=patch,
        fill_holes=run.fill_holes,
        simplify=run.simplify,
        smooth=run.smooth_outlines,
        dst_crs=None if run.dst_crs is None else parse_crs(run.dst_crs),
    )


def parse_crs(text: str) -> CRS:
    """Return the CRS that `--dst-crs` names.

    Raises:
        UsageError: the text is not a CRS.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise UsageError(f"`--dst-crs {text}` is not a coordinate reference system") from error
