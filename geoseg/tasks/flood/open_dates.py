"""Open the scene of a flood map and the scenes before."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import rasterio

from geoseg.atmosphere.cloud_mask import mask_dates
from geoseg.errors import BandError
from geoseg.messages import note, warn
from geoseg.run_record import Progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.paths import gdal_path
from geoseg.spec import FloodSpec, ModelSpec, SceneSpec
from geoseg.spec.band_names import plain_name
from geoseg.spec.presets import sensors
from geoseg.tasks.flood.choice import CLASSICAL

LOG = logging.getLogger(__name__)

PICTURES = "sar-pair"
"""The method for values without a unit."""
RADAR_BAND = "vv"
"""Name for the only band of two nameless pictures: the polarisation that most radar missions have."""


def open_dates(
    spec: FloodSpec,
    model: ModelSpec | None,
    stack: ExitStack,
    progress: Progress,
    *,
    check: Callable[[Scene, Sequence[Scene]], None] | None = None,
    dry_run: bool = False,
) -> tuple[Scene, list[Scene]]:
    """Open the scene and those before; `stack` closes them.

    The band of a one-band file without band names gets the only possible name: that of the one band that a
    network reads, or for a scene before that of the scene itself. Of two 8-bit pictures it is a radar
    polarisation, since no optical method maps water from one band.

    Args:
        spec: the request.
        model: the network that it names.
        stack: closes the files.
        progress: is called with the progress.
        check: is called with the open scenes before their pixels are read.
        dry_run: whether a cloud network is only noted.

    Raises:
        BandError: bands have no names.
        SceneError: a scene cannot be read.
    """
    wanted = {plain_name(band.name) for band in model.bands} if model is not None else set()
    pictures = model is None and _radar_pictures(spec)
    if pictures:
        wanted = {RADAR_BAND}

    scene = stack.enter_context(_open(spec.scene, wanted, assumed=pictures))
    if len(scene.band_names) == 1:
        wanted = set(scene.band_names)
    before = [stack.enter_context(_open(item, wanted, assumed=False)) for item in spec.before]
    if check is not None:
        check(scene, before)
    for item in before:
        if scene.time is not None and item.time is not None and item.time > scene.time:
            warn(
                LOG,
                "dates-out-of-order",
                f"`--before {item.name}` ({item.time:%Y-%m-%d}) is later than {scene.name} "
                f"({scene.time:%Y-%m-%d}): what is mapped as flood may be water that has gone. Exchange them",
            )
    requests = (spec.scene, *spec.before)
    scene, *before = mask_dates(
        (scene, *before), requests, "`--before` needs", spec.run, stack, progress, dry_run=dry_run
    )
    return scene, before


def _open(request: SceneSpec, wanted: set[str], *, assumed: bool) -> Scene:
    """Open a scene; `wanted` may give the name of its only band, which is a guess where it is `assumed`."""
    try:
        return open_scene(request, sensors())
    except BandError:
        alone = not request.bands and len(request.paths) == 1 and len(_bands(request.paths[0])) == 1
        if not alone or len(wanted) != 1:
            raise
        (name,) = wanted
        if assumed and request.sensor is None:
            warn(
                LOG,
                "radar-assumed",
                f"{request.paths[0]}: two 8-bit pictures of one band each are read as radar backscatter, the "
                "only kind from which one band maps water (`--sensor` says so without a warning). If they "
                "are optical, give green and an infrared band with `--band NAME=PATH`",
            )
        note(LOG, f"{request.paths[0]}: its only band has no name, and is used as {name}")
        return open_scene(request.model_copy(update={"bands": {name: request.paths[0]}}), sensors())


def _radar_pictures(spec: FloodSpec) -> bool:
    """Return whether the scene and one scene before are 8-bit pictures of one band that can only be radar."""
    requests = (spec.scene, *spec.before)
    if len(requests) != 2 or spec.method not in {"auto", CLASSICAL, PICTURES}:
        return False
    known = sensors()
    for request in requests:
        if request.bands or len(request.paths) != 1 or _bands(request.paths[0]) != ("uint8",):
            return False
        sensor = known.get(request.sensor or "sentinel-1")
        if sensor is None or sensor.kind != "sar":
            return False
    return True


def _bands(path: str) -> tuple[str, ...]:
    """Return the types of the bands of a file; none if it is not a raster."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with open_dataset(gdal_path(path)) as dataset:
                return tuple(dataset.dtypes)
    except rasterio.errors.RasterioIOError:
        return ()
