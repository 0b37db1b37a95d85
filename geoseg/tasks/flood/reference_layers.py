"""Reference layers of a water map: permanent water, height above nearest drainage, slope."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from geoseg.errors import UsageError
from geoseg.files.doors import opening
from geoseg.grid import Grid
from geoseg.messages import warn
from geoseg.scenes import Source
from geoseg.scenes.file_kinds import is_vector_kind
from geoseg.scenes.layers import Derived, VectorLayer, is_raster
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import ClassSpec, FloodSpec
from geoseg.spec.presets import task
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class References:
    """Reference layers on the grid of a scene; where a layer is unknown, it has no effect.

    The layer of permanent water is 1 for permanent water, else 0; height is in m and slope in degrees.
    """

    names: tuple[str, ...]
    layers: tuple[StackLayer, ...]


def open_references(spec: FloodSpec, grid: Grid, stack: ExitStack) -> References:
    """Open the layers that a request names; `stack` closes them.

    Args:
        spec: the request.
        grid: of the scene.
        stack: closes the files.

    Raises:
        SceneReadError: a file is missing, or neither raster nor vector.
        SceneError: the meaning of the values of a file is unknown, or it cannot be used.
    """
    layers: dict[str, Derived | VectorLayer] = {}
    if spec.permanent_water is not None:
        from geoseg.tasks.flood.permanent_water_layer import open_permanent_water  # noqa: PLC0415 - rarely used

        with opening(spec.permanent_water):
            layers[PERMANENT] = open_permanent_water(spec.permanent_water, spec, grid)
        stack.callback(layers[PERMANENT].close)
    for kind, path, limit in ((HAND, spec.hand, spec.max_hand), (SLOPE, spec.slope, spec.max_slope)):
        if path is not None:
            from geoseg.tasks.flood.terrain_layers import open_terrain  # noqa: PLC0415 - rarely used

            with opening(path):
                layers[kind] = open_terrain(path, kind, grid, limit)
            stack.callback(layers[kind].close)
    return References(
        names=tuple(layers),
        layers=tuple(StackLayer(source=source, required=False) for source in layers.values()),
    )


def with_layers(scene: Source, layers: Sequence[StackLayer]) -> Source:
    """Return a scene, or a stack of scenes, with layers on its grid."""
    return Stack(scene, layers) if layers else scene


def check_permanent_options(spec: FloodSpec) -> None:
    """Raise UsageError where options of permanent water contradict each other."""
    options = [
        option
        for option, value in (
            ("`--permanent-values`", spec.permanent_values),
            ("`--permanent-above`", spec.permanent_above),
        )
        if value is not None
    ]
    if len(options) == 2:
        raise UsageError("`--permanent-values` and `--permanent-above` exclude each other: give one of them")
    if options and spec.permanent_water is None:
        raise UsageError(
            f"{options[0]} is for the values of `--permanent-water`: give `--permanent-water` too"
        )
    water = spec.permanent_water
    if options and water is not None and is_vector_kind(water) and not is_raster(water):
        raise UsageError(f"{options[0]} is for rasters, and {water} holds polygons, all of which are water")


def flood_classes(separated: bool) -> tuple[ClassSpec, ...]:
    """Return the classes of the map: flood and permanent water, or water alone."""
    preset = task("flood")
    if separated:
        return preset.classes
    warn(
        LOG,
        "flood-not-separated",
        "flood and permanent water are not separated: class 1 is all water. "
        "Give `--permanent-water FILE` or `--before SCENE`",
    )
    background, flood = preset.classes[:2]
    return background, flood.model_copy(update={"label": "water"})
