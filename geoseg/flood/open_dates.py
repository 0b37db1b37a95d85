"""Open the scene of a flood map and the scenes before."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import rasterio

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.errors import BandError
from geoseg.flood.network_bands import plain_name
from geoseg.messages import note
from geoseg.run_record import Progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.paths import gdal_path
from geoseg.spec import FloodSpec, ModelSpec, SceneSpec
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)


def open_dates(
    spec: FloodSpec, model: ModelSpec | None, stack: ExitStack, progress: Progress, *, dry_run: bool = False
) -> tuple[Scene, list[Scene]]:
    """Open the scene and those before; `stack` closes them.

    The band of a one-band file without band names gets the only possible name: that of the one band that a
    network reads, or for a scene before that of the scene itself.

    Raises:
        BandError: bands have no names.
        SceneError: a scene cannot be read.
    """
    wanted = {plain_name(band.name) for band in model.bands} if model is not None else set()

    def opened(request: SceneSpec) -> Scene:
        scene = stack.enter_context(_open(request, wanted))
        return with_cloud_mask(scene, request, spec.run, stack, progress, dry_run=dry_run)

    scene = opened(spec.scene)
    if len(scene.band_names) == 1:
        wanted = set(scene.band_names)
    return scene, [opened(item) for item in spec.before]


def _open(request: SceneSpec, wanted: set[str]) -> Scene:
    """Open a scene; `wanted` may give the name of its only band."""
    try:
        return open_scene(request, sensors())
    except BandError:
        if len(wanted) != 1 or request.bands or len(request.paths) != 1 or _count(request.paths[0]) != 1:
            raise
        (name,) = wanted
        note(LOG, f"{request.paths[0]}: its only band has no name, and is used as {name}")
        return open_scene(request.model_copy(update={"bands": {name: request.paths[0]}}), sensors())


def _count(path: str) -> int:
    """Return the number of bands of a file."""
    try:
        with open_dataset(gdal_path(path)) as dataset:
            return int(dataset.count)
    except rasterio.errors.RasterioIOError:
        return 0
