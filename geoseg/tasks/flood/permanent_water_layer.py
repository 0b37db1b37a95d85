"""Open permanent water, a raster or polygons, as a layer on the grid of a scene."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.messages import counted, note, replay, warn
from geoseg.scenes.file_kinds import is_vector_kind
from geoseg.scenes.labels import labels_of
from geoseg.scenes.layers import (
    COVERED,
    Derived,
    VectorLayer,
    is_raster,
    open_raster_layer,
    open_vector_layer,
    shares,
    with_nodata,
)
from geoseg.scenes.polygon_files import columns_of, left_out
from geoseg.scenes.stored_values import stored_values
from geoseg.spec import FloodSpec
from geoseg.spec.presets import water_polygons
from geoseg.tasks.flood.choice import PERMANENT
from geoseg.tasks.flood.permanent_water import asked_values, choose_band, values_of, values_text

LOG = logging.getLogger(__name__)


def open_permanent_water(path: Path, spec: FloodSpec, grid: Grid) -> Derived | VectorLayer:
    """Open permanent water, polygons or a raster, as a layer of 1 and 0."""
    layer: Derived | VectorLayer
    if is_raster(path) or not is_vector_kind(path):
        layer, content = _raster(path, spec, grid)
    else:
        layer, content = _polygons(path), ""
    try:
        known, permanent = shares(layer.onto(grid))
    except BaseException:
        layer.close()
        raise
    if not known:
        warn(
            LOG,
            "permanent-water-elsewhere",
            f"{path.name} covers nothing of the scene: all water is mapped as flood",
        )
    elif not permanent:
        warn(
            LOG,
            "no-permanent-water",
            f"{path.name}: no permanent water in the scene{content}: all water is mapped as flood",
        )
    else:
        note(LOG, f"{path.name}: {permanent:.1%} of the scene is permanent water")
    if 0 < known < COVERED:
        warn(
            LOG,
            "permanent-water-partial",
            f"{path.name} covers only {known:.1%} of the scene; elsewhere all water is mapped as flood",
        )
    return layer


def _raster(path: Path, spec: FloodSpec, grid: Grid) -> tuple[Derived, str]:
    """Open a raster of permanent water, whatever its product; also return a text with its values."""
    labels = labels_of(str(path))
    index = choose_band(labels)
    layer = open_raster_layer(path, PERMANENT, categorical=True, index=index + 1)
    try:
        (band,) = layer.bands
        stored = stored_values(band, grid)
        if (band.scale, band.offset) != (1, 0):
            fill = stored.untagged_fill()
            stored = stored.without(fill).physical(band.scale, band.offset)
            layer = with_nodata(layer, fill[0]) if fill and band.nodata is None else layer
        asked = spec.permanent_values is not None or spec.permanent_above is not None
        if asked:
            rule = asked_values(stored, spec.permanent_values, spec.permanent_above)
        else:
            rule = values_of(labels, index, stored)
        if band.nodata is not None and rule(_one(band.nodata * band.scale + band.offset)) == 1:
            if not asked:
                raise SceneError(
                    f"{path.name}: {rule.meaning}, and {band.nodata:g} is its nodata value too; give "
                    f"`--permanent-values {band.nodata:g}` if all of these pixels are water"
                )
            if spec.permanent_values is not None:
                # An option counts for more than the tag.
                layer = with_nodata(layer, None)
        elif band.nodata == 0 and 0 not in rule.fill:
            # In masks and exports of Earth Engine, nodata means: no water.
            layer = with_nodata(layer, None)
    except BaseException:
        layer.close()
        raise
    replay(layer.metadata.messages)
    note(LOG, f"{path.name}: {rule.meaning}")
    if rule.warning:
        warn(LOG, "permanent-water-doubtful", f"{path.name}: {rule.warning}")
    return Derived(layer, rule, {"permanent": rule.meaning}), f" (it holds {values_text(stored)})"


def _one(value: float) -> NDArray[np.float32]:
    return np.array([value], np.float32)


def _polygons(path: Path) -> VectorLayer:
    """Open polygons of permanent water, without those of other classes by their attributes."""
    spec = water_polygons()
    for pattern, why in spec.refused.items():
        if re.search(pattern, path.name, re.IGNORECASE):
            raise SceneError(f"{path.name}: by its name {why}")
    present = {name.lower(): name for name in columns_of(path)}
    excluded = {present[item.column]: item.excluded for item in spec.columns if item.column in present}
    layer = open_vector_layer(path, PERMANENT, excluded)
    for what, count in left_out(path, excluded).items():
        note(LOG, f"{path.name}: {counted(count, 'polygon')} left out as not permanent water: {what}")
    return layer
