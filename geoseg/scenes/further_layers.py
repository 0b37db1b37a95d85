"""Further rasters beside scenes, by name (`--layer NAME=PATH`): heights and their shape, coherence, phase."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from contextlib import ExitStack

from geoseg.errors import SceneError, UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.messages import warn
from geoseg.methods.terrain_shape import QUANTITIES
from geoseg.scenes.elevation import open_terrain
from geoseg.scenes.layers import open_raster_layer
from geoseg.scenes.phase import is_phase, open_phase, phase_names
from geoseg.scenes.same_scene import apart
from geoseg.scenes.scene import Scene
from geoseg.scenes.stack import StackLayer
from geoseg.spec import ModelSpec
from geoseg.spec.band_names import few_names, plain_name

LOG = logging.getLogger(__name__)

DEM = "dem"
"""The layer of heights from which slope and other quantities of terrain are computed."""


def open_layers(
    named: Mapping[str, str], wanted: Collection[str], prefixes: Collection[str], stack: ExitStack
) -> dict[str, Scene]:
    """Open rasters as layers of one band each, by name; `stack` closes them.

    A phase becomes its cosine and sine. Quantities that can be computed from heights, such as slope, are
    where they are wanted.

    Args:
        named: path by name: `NAME`, or `PREFIX:NAME` for another date.
        wanted: bands that are read.
        prefixes: of further dates.
        stack: closes the files.

    Raises:
        UsageError: a name is none.
        SceneReadError: a file cannot be read.
        SceneError: a phase is not in radians.
    """
    found: dict[str, Scene] = {}
    for name, path in named.items():
        prefix, _, plain = name.rpartition(":")
        if prefix not in {"", *prefixes} or not plain.isidentifier():
            others = "".join(f", or {prefix}:NAME for another date" for prefix in sorted(set(prefixes)))
            raise UsageError(f"`--layer {name}={path}`: name a layer NAME{others}")
        start = f"{prefix}:" if prefix else ""
        if is_phase(path, plain):
            folder = stack.enter_context(scratch_folder())
            for part in open_phase(path, plain, folder):
                found[start + part.band_names[0]] = stack.enter_context(part)
            continue
        found[name] = stack.enter_context(open_raster_layer(path, plain, categorical=False))
        for quantity in QUANTITIES if plain == DEM else ():
            full = start + quantity
            if full not in named and {quantity, full} & set(wanted):
                folder = stack.enter_context(scratch_folder())
                found[full] = stack.enter_context(open_terrain(path, quantity, quantity, folder))
    return found


def layer_bands(names: Collection[str]) -> set[str]:
    """Return the bands that layers of these names may supply."""
    found = set(names)
    for name in names:
        start, plain = name[: name.rfind(":") + 1], name.rpartition(":")[2]
        found |= {start + part for part in phase_names(plain)}
        found |= {start + quantity for quantity in QUANTITIES} if plain == DEM else set()
    return found


def model_layers(
    named: Mapping[str, str], model: ModelSpec, prefixes: Collection[str], stack: ExitStack
) -> dict[str, Scene]:
    """Open the layers that a network reads as bands; a warning names those that it does not read.

    Args:
        named: path by name.
        model: states the bands.
        prefixes: of its dates.
        stack: closes the files.

    Raises:
        UsageError: a name is none.
        SceneReadError: a file cannot be read.
        SceneError: a phase is not in radians.
    """
    wanted = {band.name for band in model.bands}
    layers = open_layers(named, wanted, prefixes, stack)
    # Heights are given for what is computed from them.
    unused = sorted(name for name in layers.keys() - wanted if plain_name(name) != DEM)
    warn_not_used(unused, f"{model.name} reads {few_names([band.name for band in model.bands], 16)}")
    return {name: layer for name, layer in layers.items() if name in wanted}


def warn_not_used(names: Collection[str], why: str) -> None:
    """Warn of layers that are not used."""
    if names:
        warn(LOG, "layer-not-used", f"`--layer {', '.join(names)}`: not used: {why}")


def as_stack_layers(layers: Mapping[str, Scene], scene: Scene, first: str = "") -> list[StackLayer]:
    """Return layers for a stack; a pixel that one of them lacks is not observed.

    Args:
        layers: by name.
        scene: the primary source of the stack.
        first: prefix of the date whose bands have none in the stack.

    Raises:
        SceneError: a layer and the scene cover no common ground.
    """
    for name, layer in layers.items():
        if apart(scene.grid, layer.grid):
            raise SceneError(
                f"`--layer {name}` and {scene.name} cover no common ground; check the layer's file and CRS"
            )
    prefixes = {name: name.rpartition(":")[0] for name in layers}
    return [
        StackLayer(source=layers[name], prefix="" if prefix == first else prefix)
        for name, prefix in prefixes.items()
    ]
