"""What pairing needs to know of a scene: time, place, sensor, relative orbit and cloud cover."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geoseg.batch.degrees import split_at_antimeridian
from geoseg.batch.pairing import SceneFacts
from geoseg.errors import SceneError
from geoseg.files.bounded import read_text
from geoseg.grid import Grid
from geoseg.messages import held
from geoseg.scenes.opening import open_scene
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.stac_documents import Table, array_of, is_item_name, read_document, split_name, table_of
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors

ORBIT_OFFSETS = {"A": 73, "B": 27}
"""Of Sentinel-1A and 1B: relative orbit = (absolute orbit - offset) mod 175 + 1 (P. Meadows, Sentinel-1
Mission Performance Centre, STEP forum, 2017 and 2020). Later satellites are read from manifest.safe."""

_SENTINEL_1 = re.compile(r"S1([A-D])_\w{2}_\w{4}_\w{4}_\d{8}T\d{6}_\d{8}T\d{6}_(\d{6})_")
_SENTINEL_2 = re.compile(r"_R(\d{3})(?=_|\.|$)")
_LANDSAT = re.compile(r"L[COTEM]0[4-9]_L\w{3}_(\d{6})_")
_CLOUDS = (
    ("MTD_MSI*.xml", re.compile(r"<Cloud_Coverage_Assessment>\s*([\d.]+)")),
    ("*_MTL.txt", re.compile(r"\bCLOUD_COVER\s*=\s*([\d.]+)")),
)


def read_facts(request: SceneSpec) -> SceneFacts:
    """Open a scene and return what pairing needs.

    Args:
        request: the files of the scene, and what the user states of them; masks are not opened.

    Raises:
        SceneError: the scene cannot be opened.
        UsageError: an option does not fit the scene.
    """
    paths = request.paths
    with held(), open_scene(request.model_copy(update={"clouds": "none", "mask": None}), sensors()) as scene:
        # The satellites of one series have the same bands and orbits.
        name = scene.sensor.name if scene.sensor else ""
        item = _properties(paths[0])
        return SceneFacts(
            time=scene.time,
            sensor=name,
            orbit=relative_orbit(paths[0], item),
            cloud=cloud_cover(paths[0], item),
            outline=outline_of(scene.grid),
        )


def outline_of(grid: Grid) -> shapely.Geometry | None:
    """Return the outline of a grid in degrees; None without a CRS."""
    if grid.crs is None:
        return None
    lon, lat = grid.lonlat(*grid.outline())
    return split_at_antimeridian(shapely.polygons(np.column_stack([lon, lat])))


def relative_orbit(path: str, item: Table | None = None) -> str:
    """Return the relative orbit of a product by its name or metadata; empty: not known.

    Args:
        path: of the product or STAC item.
        item: properties of the STAC item, if they are read already.
    """
    item = _properties(path) if item is None else item
    if "sat:relative_orbit" in item:
        return str(item["sat:relative_orbit"])
    if found := _SENTINEL_1.search(path):
        if found[1] in ORBIT_OFFSETS:
            return str((int(found[2]) - ORBIT_OFFSETS[found[1]]) % 175 + 1)
        return _in_files(path, "manifest.safe", re.compile(r"relativeOrbitNumber[^>]*>\s*(\d+)")) or ""
    for pattern in (_SENTINEL_2, _LANDSAT):
        if found := pattern.search(path):
            return found[1]
    return ""


def cloud_cover(path: str, item: Table | None = None) -> float | None:
    """Return the cloud cover in percent that a product or item states; None: not stated.

    Arguments as of `relative_orbit`.
    """
    stated = (_properties(path) if item is None else item).get("eo:cloud_cover")
    if isinstance(stated, int | float):
        return float(stated)
    for pattern, expression in _CLOUDS:
        if found := _in_files(path, pattern, expression):
            return float(found)
    return None


def _in_files(path: str, pattern: str, expression: re.Pattern[str]) -> str | None:
    """Return the first group of an expression in a metadata file of a product folder."""
    folder = Path(path)
    if not folder.is_dir():
        return None
    for file in sorted(folder.glob(pattern)):
        if text := _read(partial(read_text, file)):
            found = expression.search(text)
            return found[1] if found else None
    return None


def _properties(path: str) -> Table:
    """Return the properties of a STAC item, here or at an address; empty for other files."""
    if not is_item_name(path):
        return {}
    document, name = split_name(path)
    item = _read(lambda: read_document(gdal_path(document))) or {}
    features = array_of(item.get("features"))
    if features:
        found = (table_of(one) for one in features)
        item = next((one for one in found if name is None or one.get("id") == name), {})
    return table_of(item.get("properties"))


def _read(read: Callable[[], Any]) -> Any:
    """Return what a function reads; None if it is damaged, which opening the scene reports."""
    try:
        return read()
    except (OSError, ValueError, SceneError):
        return None
