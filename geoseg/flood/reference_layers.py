"""What lies beside a scene of water: known permanent water, height above drainage, slope."""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, UsageError
from geoseg.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.flood.permanent_water import asked_rule, choose_band, rule_of, values_text
from geoseg.flood.terrain_layers import open_terrain
from geoseg.grid import Grid, sample_windows
from geoseg.messages import note, replay, warn
from geoseg.scenes import Source
from geoseg.scenes.labels import labels_of
from geoseg.scenes.layers import (
    Derived,
    VectorLayer,
    is_raster,
    open_raster_layer,
    open_vector_layer,
    with_nodata,
)
from geoseg.scenes.paths import RASTER_SUFFIXES
from geoseg.scenes.polygon_files import columns_of, left_out
from geoseg.scenes.stack import StackLayer
from geoseg.scenes.stored_values import stored_values
from geoseg.spec import ClassSpec, FloodSpec
from geoseg.spec.presets import task, water_polygons

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class References:
    """Layers beside a scene; where they are not known they decide nothing.

    The layer of permanent water holds 1 for permanent water and 0 for what is none, those of terrain metres
    and degrees.
    """

    names: tuple[str, ...]
    layers: tuple[StackLayer, ...]


def references(spec: FloodSpec, grid: Grid, stack: ExitStack) -> References:
    """Open the layers that a request names; `stack` closes them.

    Args:
        spec: the request.
        grid: the scene's.
        stack: owns the open files.

    Raises:
        UsageError: the options of permanent water do not go together.
        SceneReadError: a file is missing, or neither raster nor vector.
        SceneError: what a file's values mean is not known, or it cannot serve.
    """
    _check_options(spec)
    found: dict[str, Derived | VectorLayer] = {}
    if spec.permanent_water is not None:
        found[PERMANENT] = _permanent_water(spec.permanent_water, spec, grid)
        stack.callback(found[PERMANENT].close)
    for kind, path, limit in ((HAND, spec.hand, spec.max_hand), (SLOPE, spec.slope, spec.max_slope)):
        if path is not None:
            found[kind] = open_terrain(path, kind, grid, limit, f"--max-{kind}")
            stack.callback(found[kind].close)
    return References(
        names=tuple(found),
        layers=tuple(StackLayer(source=source, required=False) for source in found.values()),
    )


def _check_options(spec: FloodSpec) -> None:
    """Refuse options of permanent water that do not go together."""
    given = [
        option
        for option, value in (
            ("--permanent-values", spec.permanent_values),
            ("--permanent-above", spec.permanent_above),
        )
        if value is not None
    ]
    if len(given) == 2:
        raise UsageError(
            "--permanent-values and --permanent-above say the same in two ways: give one of them"
        )
    if given and spec.permanent_water is None:
        raise UsageError(f"{given[0]} says what values of --permanent-water mean: give --permanent-water too")
    if given and spec.permanent_water is not None and not is_raster(spec.permanent_water):
        raise UsageError(f"{given[0]} goes with a raster; all polygons of {spec.permanent_water} are water")


def _permanent_water(path: Path, spec: FloodSpec, grid: Grid) -> Derived | VectorLayer:
    """Open known water, polygons or a raster, as 1 and 0."""
    layer: Derived | VectorLayer
    if is_raster(path) or path.suffix.lower() in RASTER_SUFFIXES:
        layer, holds = _raster(path, spec, grid)
    else:
        layer, holds = _polygons(path), ""
    try:
        known, permanent = _shares(layer.onto(grid))
    except Exception:
        layer.close()
        raise
    if not known:
        warn(
            LOG,
            "permanent-water-elsewhere",
            f"{path.name} covers nothing of the scene, so that all water counts as flood",
        )
    elif not permanent:
        warn(
            LOG,
            "no-permanent-water",
            f"{path.name}: no permanent water in the scene{holds}, so that all water counts as flood",
        )
    else:
        where = "" if known > 0.995 else f"; it covers {known:.0%} of it, and elsewhere all water is flood"
        note(LOG, f"{path.name}: {permanent:.1%} of the scene is permanent water{where}")
    return layer


def _raster(path: Path, spec: FloodSpec, grid: Grid) -> tuple[Derived, str]:
    """Open a raster of known water, whatever product it is; also say what it holds."""
    labels = labels_of(str(path))
    index = choose_band(labels)
    layer = open_raster_layer(path, PERMANENT, categorical=True, index=index + 1)
    try:
        (band,) = layer.bands
        found = stored_values(band, grid)
        if (band.scale, band.offset) != (1, 0):
            fill = found.untagged_fill()
            found = found.without(fill).physical(band.scale, band.offset)
            layer = with_nodata(layer, fill[0]) if fill and band.nodata is None else layer
        asked = spec.permanent_values is not None or spec.permanent_above is not None
        if asked:
            rule = asked_rule(found, spec.permanent_values, spec.permanent_above)
        else:
            rule = rule_of(labels, index, found)
        if band.nodata is not None and rule(_one(band.nodata * band.scale + band.offset)) == 1:
            if not asked:
                raise SceneError(
                    f"{path.name}: {rule.meaning}, and {band.nodata:g} is its nodata value too; say "
                    f"--permanent-values {band.nodata:g} if all of these pixels are water"
                )
            if spec.permanent_values is not None:
                # Said by hand, it counts for more than the tag.
                layer = with_nodata(layer, None)
        elif band.nodata == 0 and 0 not in rule.fill:
            # Masks and exports of Earth Engine call what is no water nodata.
            layer = with_nodata(layer, None)
    except Exception:
        layer.close()
        raise
    replay(layer.metadata.messages)
    note(LOG, f"{path.name}: {rule.meaning}")
    if rule.warning:
        warn(LOG, "permanent-water-doubtful", f"{path.name}: {rule.warning}")
    return Derived(layer, rule, {"permanent": rule.meaning}), f" (it holds {values_text(found)})"


def _one(value: float) -> NDArray[np.float32]:
    return np.array([value], np.float32)


def _polygons(path: Path) -> VectorLayer:
    """Open polygons of known water, without those that their attributes call something else."""
    spec = water_polygons()
    for pattern, why in spec.refused.items():
        if re.search(pattern, path.name, re.IGNORECASE):
            raise SceneError(f"{path.name}: by its name {why}")
    there = {name.lower(): name for name in columns_of(path)}
    excluded = {there[item.column]: item.excluded for item in spec.columns if item.column in there}
    layer = open_vector_layer(path, PERMANENT, excluded)
    for what, count in left_out(path, excluded).items():
        note(LOG, f"{path.name}: left out as no permanent water: {count} with {what}")
    return layer


def _shares(source: Source) -> tuple[float, float]:
    """Return the shares of a scene's grid where a layer is known, and where it is permanent water.

    Of large grids by windows spread evenly.
    """
    pixels = known = permanent = 0
    for window in sample_windows(source.grid, size=512, most=24):
        read = source.read(window, [PERMANENT])
        pixels += read.valid.size
        known += int(read.valid.sum())
        permanent += int(np.count_nonzero(read.data[0][read.valid] > 0.5))
    return known / max(pixels, 1), permanent / max(pixels, 1)


def flood_classes(told_apart: bool) -> tuple[ClassSpec, ...]:
    """The classes of the map: flood and permanent water, or just water."""
    preset = task("flood")
    if told_apart:
        return preset.classes
    warn(
        LOG,
        "flood-not-separated",
        "flood and permanent water are not told apart: class 1 is all water. "
        "Give --permanent-water FILE or --before SCENE",
    )
    background, flood = preset.classes[:2]
    return background, flood.model_copy(update={"label": "water"})
