"""Scenes of a batch from a search of a STAC API, a catalogue or an item collection."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS

from geoseg.batch.entry import Entry
from geoseg.batch.naming import safe_name
from geoseg.errors import UsageError
from geoseg.messages import counted, note
from geoseg.scenes.area_of_interest import box_area, polygon_area
from geoseg.scenes.polygon_files import to_crs
from geoseg.scenes.stac_search import search_items
from geoseg.spec import text
from geoseg.spec.batch import OptionValue
from geoseg.spec.stac_search import StacSearchSpec

LOG = logging.getLogger(__name__)


def search_entries(search: StacSearchSpec, options: Mapping[str, OptionValue]) -> list[Entry]:
    """Return the scenes that a search finds; none without an address.

    Args:
        search: the request.
        options: of the task; `aoi` and `bbox` bound the search too.

    Raises:
        UsageError: the search finds nothing.
        SceneError: the server, a document or the area cannot be read.
        RuntimeMissingError: an API needs pystac-client, which is not installed.
    """
    if search.stac is None:
        return []
    items = search_items(search, _area(options))
    if not items:
        raise UsageError(
            f"`--stac {search.stac}`: no scene meets the conditions; check `--collection`, `--datetime`, "
            "`--query` and the area"
        )
    note(LOG, f"{search.stac}: {counted(len(items), 'scene')} found")
    return [Entry(scene=safe_name(item.name), paths=(item.address,)) for item in items]


def _area(options: Mapping[str, OptionValue]) -> shapely.Geometry | None:
    """Return the area of the maps in degrees; None: everywhere."""
    if "aoi" in options:
        area = polygon_area(Path(str(options["aoi"])))
    elif "bbox" in options:
        try:
            bounds = text.bbox(options["bbox"])
        except ValueError as error:
            raise UsageError(f"`--bbox`: {error}") from error
        area = box_area(bounds, str(options.get("bbox-crs") or "EPSG:4326"))
    else:
        return None
    shapes = to_crs(area.shapes, area.crs, CRS.from_epsg(4326), area.what)
    return shapely.union_all(np.asarray(shapes, object))
