"""Mask clouds and cloud shadow by a network; the mask is used like a quality layer."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import rasterio
from pydantic import JsonValue

from geoseg.engine.plan import LATER_MIB
from geoseg.engine.preview import Preview
from geoseg.engine.scoring import job_of, score
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.disk import check_blocks
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.grid import Grid, Window
from geoseg.messages import note, prefixed, warn
from geoseg.pixels import NODATA_CLASS, Strip
from geoseg.polygons.limits import LEAST_MIB
from geoseg.run_record import Progress
from geoseg.runtimes.memory import check_peak, hold
from geoseg.scenes import Scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.dark_object_scene import level_of
from geoseg.scenes.mirrored import Mirrored
from geoseg.scenes.quality_layers import Quality, RasterLayer
from geoseg.scenes.raster import Raster
from geoseg.scenes.same_scene import check_dates
from geoseg.spec import ModelSpec, RunSpec, SceneSpec
from geoseg.spec.presets import quality_layers

LOG = logging.getLogger(__name__)

MARGIN = 128
"""Pixels that the mask extends beyond a cropped area, since clouds there cast shadows into it."""

MASK = "clouds.tif"
"""File name of the mask."""


@dataclass(frozen=True, kw_only=True)
class CloudMask:
    """A cloud mask on disk."""

    path: Path
    """uint8: values of the network's classes; 255 where nothing was observed."""
    quality: str
    """Kind of quality layer, which gives the meaning of the values."""
    network: dict[str, JsonValue]
    """Description of the network for the run record."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkLayer(RasterLayer):
    """A mask by a network as a quality layer."""

    network: dict[str, JsonValue]

    def describe(self) -> dict[str, JsonValue]:
        """Return kind, title and network; the file is removed after the run."""
        return {"kind": self.spec.name, "title": self.title, "network": self.network}


def with_cloud_mask(
    scene: Scene,
    request: SceneSpec,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> Scene:
    """Return a view of a scene with clouds masked by a network, where `--clouds` demands it.

    `auto` does where no quality layer flags clouds and a network is installed; where none fits, or the scene
    is too small, a note is logged and the scene is not masked. `network` does in any case.

    Args:
        scene: with all bands, not cropped.
        request: has the option `--clouds`.
        run: runtime, device and memory; and the mapped area, to which the mask is limited.
        stack: closes and removes the mask.
        progress: is called with the progress.
        dry_run: only note that a network would mask clouds.

    Raises:
        RuntimeMissingError: `network`, and none is installed; or the runtime or device is missing.
        ModelError: `network`, and none fits the scene.
        SceneReadError: a file is damaged.
        OutputError: the mask cannot be written.
    """
    mask = make_cloud_mask(scene, request, run, stack, progress, dry_run=dry_run)
    return scene if mask is None else masked_by(scene, mask, stack)


def mask_dates(
    scenes: Sequence[Scene],
    requests: Sequence[SceneSpec],
    role: str,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> list[Scene]:
    """Check that scenes of several dates differ (`check_dates`), and mask their clouds.

    Args:
        scenes: one per date, with all bands, not cropped.
        requests: of the scenes.
        role: what the scenes are for, for messages: `change needs`.
        run: see `with_cloud_mask`.
        stack: closes and removes the masks.
        progress: is called with the progress.
        dry_run: only note that a network would mask clouds.
    """
    check_dates(scenes, role)
    return [
        with_cloud_mask(scene, request, run, stack, progress, dry_run=dry_run)
        for scene, request in zip(scenes, requests, strict=True)
    ]


def make_cloud_mask(
    scene: Scene,
    request: SceneSpec,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> CloudMask | None:
    """Make the mask that `with_cloud_mask` uses; None: `--clouds` demands none, or `auto` cannot make one.

    Arguments and errors are those of `with_cloud_mask`. The mask exists until `stack` is closed.
    """
    asked = request.clouds == "network"
    wanted = asked or (request.clouds == "auto" and "cloud" not in scene.quality.conditions)
    if not wanted or (level_of(scene) is None and not asked):
        return None
    from geoseg.atmosphere.cloud_network import cloud_network_for  # noqa: PLC0415 - only with a mask
    from geoseg.engine.network_on_scene import describe_model  # noqa: PLC0415 - only with a mask

    try:
        package, model = cloud_network_for(scene)
    except (RuntimeMissingError, ModelError) as error:
        if asked:
            raise
        if isinstance(error, ModelError):
            note(LOG, f"clouds are not masked by a network: {error}")
        return None
    # Clouds are sought in all observed pixels, whatever quality layers mask.
    seen = scene.with_quality(Quality()).uncropped().select([band.name for band in model.bands])
    grid = mask_grid(seen.grid, clip(seen, run).grid, package.pixel)
    if not asked and min(grid.height, grid.width) < package.least:
        note(
            LOG,
            f"{scene.name}: {grid.height} x {grid.width} pixels of about {package.pixel:g} m are too few for "
            "a reliable result of the cloud network, which is not used (`--clouds network` uses it)",
        )
        return None
    if dry_run:
        note(LOG, f"{scene.name}: {package.title} masks clouds first; the plan does not include it")
        return None
    path = stack.enter_context(scratch_folder()) / MASK
    view = seen.onto(grid)
    try:
        _write(path, view, model, run, progress)
    except ModelError as error:
        if asked:
            raise
        warn(LOG, "clouds-not-masked", f"clouds are not masked by the network {model.name}: {error}")
        return None
    note(
        LOG,
        f"{scene.name}: clouds and cloud shadow by {package.title}, {model.name}, on pixels of "
        f"{view.grid.pixel_size_m[1]:.3g} m (`--clouds none` maps without it)",
    )
    return CloudMask(path=path, quality=package.quality, network=describe_model(model))


def masked_by(scene: Scene, mask: CloudMask, stack: ExitStack) -> Scene:
    """Return a view of a scene with a mask applied; `stack` closes the file of the mask."""
    kind = quality_layers()[mask.quality]
    layer = NetworkLayer(
        raster=stack.enter_context(Raster(str(mask.path))),
        spec=kind,
        indexes={1: kind.flags},
        names=MappingProxyType({}),
        network=mask.network,
    )
    quality = Quality(layers=(*scene.quality.layers, layer), dilate=scene.quality.dilate)
    return scene.with_quality(quality)


def mask_grid(whole: Grid, part: Grid, pixel: float) -> Grid:
    """Return the grid of a mask around a part of a scene; its pixels are blocks of pixels of the scene.

    Args:
        whole: of the scene.
        part: of the mapped area, a crop of it.
        pixel: size in m that the pixels of the mask approximate.
    """
    down, right = (_block(pixel / size) for size in whole.pixel_size_m)
    back = ~whole.transform
    a, b, c, d, e, f = part.transform[:6]
    col, row = round(back.a * c + back.b * f + back.c), round(back.d * c + back.e * f + back.f)
    a, b, c, d, e, f = whole.transform[:6]
    coarse = Grid(
        crs=whole.crs,
        transform=rasterio.Affine(a * right, b * down, c, d * right, e * down, f),
        height=-(-whole.height // down),
        width=-(-whole.width // right),
    )
    window = Window(
        row=row // down,
        col=col // right,
        height=-(-(row + part.height) // down) - row // down,
        width=-(-(col + part.width) // right) - col // right,
    )
    return coarse.crop(window.pad(MARGIN).intersect(coarse.window))


def _block(ratio: float) -> int:
    """Return the whole number, at least 1, that is nearest to a ratio as a factor."""
    low = max(1, math.floor(ratio))
    return low if ratio / low <= (low + 1) / ratio else low + 1


def _write(path: Path, view: Scene, model: ModelSpec, run: RunSpec, progress: Progress) -> None:
    """Map a scene by a network in tiles, and write its classes."""
    from geoseg.engine.network_on_scene import network_mib, network_recipe  # noqa: PLC0415 - only with a mask

    hold(run.max_memory, network_mib(model) + LATER_MIB + LEAST_MIB, view.name, work=str(model.weights))
    with prefixed("clouds: "):
        recipe = network_recipe(model, view, Mirrored(view), _run_of(run), fitted=False)

    def mask_progress(done: int, total: int, unit: str) -> None:
        progress(done, total, f"{unit} of the cloud mask")

    try:
        job = job_of(recipe, _run_of(run), path.parent)
        with scratching(path.parent):
            file = rasterio.open(
                path,
                "w",
                **view.grid.geotiff(),
                dtype="uint8",
                count=1,
                nodata=NODATA_CLASS,
                compress="deflate",
            )
        with file:

            def write(strip: Strip) -> None:
                check_peak(run.max_memory, view.name)
                height, width = strip.classes.shape
                with scratching(path.parent):
                    file.write(strip.classes, 1, window=rasterio.windows.Window(0, strip.row, width, height))

            score(job, write, Preview(view.grid, recipe.bands, longest=1), mask_progress)
        with scratching(path.parent):
            check_blocks(path)
    finally:
        recipe.session.close()


def _run_of(run: RunSpec) -> RunSpec:
    """Return the options of the run for the cloud network, which has tiles of its own."""
    # On CPUs torch needs a hundred times as long for weights of half precision, which these are.
    slow = run.runtime == "torch" and run.device in {"auto", "cpu"}
    return run.model_copy(
        update={
            "runtime": "auto" if slow else run.runtime,
            "precision": "auto" if slow or run.precision == "int8" else run.precision,
            "tile": None,
            "overlap": None,
            "batch_size": None,
            "tta": False,
        }
    )
