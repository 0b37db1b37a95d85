"""Scenes of a facility map, each on a grid with the pixel size of its classifier input."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.atmosphere.reflectance import for_model
from geoseg.engine.network_on_scene import fit_network
from geoseg.engine.normalise import Normaliser
from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.grid import Window
from geoseg.messages import note, replay, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.footprints import metric_grid, stretched
from geoseg.scenes.source import SourceView
from geoseg.spec import FacilitiesSpec, InputSpec, ModelSpec, RunSpec, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tile_grid import TileGrid

LOG = logging.getLogger(__name__)

COARSE = 1.5
"""Ratio of the pixel size of a scene to that of the model above which a warning is given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassifierInput:
    """An input of the classifier with its scene."""

    name: str
    """Name of the input."""
    scene: Scene
    """The scene, in the pixel size of the input over the area of the mapped scene."""
    side: int
    """Side of a footprint in pixels."""
    shape: tuple[int, int]
    """Number of rows and columns of windows."""
    bands: tuple[str, ...]
    prepare: Normaliser

    @property
    def tiles(self) -> TileGrid:
        """The windows: their halos are the footprints, their cores the cells of the map."""
        return TileGrid(grid=self.source.grid, size=self.side, overlap=self.side // 2)

    @property
    def source(self) -> SourcePart:
        """The part of the scene that has whole cells, a quarter of a side inside its edge."""
        rows, cols = (count * self.side // 2 for count in self.shape)
        return SourcePart(self.scene, Window(row=self.side // 4, col=self.side // 4, height=rows, width=cols))


def windows_along(pixels: int, side: int) -> int:
    """Return the number of windows of `side` pixels, half a side apart, along a number of pixels.

    The last window may exceed the scene by a quarter of its side, or leave as much of the scene out.
    """
    stride = side // 2
    return (pixels - side + stride // 2) // stride + 1


class SourcePart(SourceView):
    """A part of a source with its own grid; windows beyond the part read the pixels of the source."""

    def __init__(self, source: Source, part: Window) -> None:
        """Take a part, which may exceed the source."""
        super().__init__(source)
        self.grid = source.grid.crop(part)
        self._part = part

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window in pixels of the part.

        Raises:
            SceneReadError: a file is damaged.
        """
        return replace(self.source.read(self.on_source(window), bands), window=window)

    def on_source(self, window: Window) -> Window:
        """Return a window of the part in pixels of the source."""
        return replace(window, row=window.row + self._part.row, col=window.col + self._part.col)


def open_inputs(
    model: ModelSpec,
    spec: FacilitiesSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> tuple[ClassifierInput, ...]:
    """Open the scenes of the inputs of a classifier; the first is the mapped scene.

    Args:
        model: the classifier.
        spec: the request.
        stack: closes the scenes.
        progress: callback.
        dry_run: whether to skip cloud networks.

    Raises:
        UsageError: an input is unknown, or named twice.
        BandError: a scene lacks a band.
        SceneError: a scene has no CRS, cannot be read, or is smaller than a footprint.
        ModelError: units or values differ from those of the training data.
    """
    known = {item.name: item for item in model.inputs}
    first = spec.sensor_input or model.inputs[0].name
    for name in (first, *spec.also):
        if name not in known:
            raise UsageError(f"model {model.name} has no input {name!r}; it has {', '.join(known)}")
    if first in spec.also:
        raise UsageError(
            f"input {first} is given twice, as SCENE and by `--also`; `--sensor-input` names the input of "
            "SCENE"
        )

    def opened(name: str, request: SceneSpec) -> Scene:
        return _opened(known[name], request, spec.run, stack, progress, dry_run=dry_run)

    mapped = _mapped(model, known[first], opened(first, spec.scene), spec.run)
    others = [
        _other(model, known[name], opened(name, _scene_of(name, path, spec.scene)), mapped, path)
        for name, path in spec.also.items()
    ]
    missing = [name for name in known if name != first and name not in spec.also]
    for name in missing:
        note(
            LOG,
            f"input {name} has no scene: the model gets zeros, as in training; add a scene with "
            f"`--also {name}=PATH`",
        )
    return (mapped, *others)


def _scene_of(name: str, path: str, mapped: SceneSpec) -> SceneSpec:
    """Return the request of a further scene; an input named like a sensor is of that sensor."""
    clouds: Literal["auto", "none"] = "none" if mapped.clouds == "none" else "auto"
    return SceneSpec(paths=(path,), sensor=name if name in sensors() else None, clouds=clouds)


def _opened(
    wanted: InputSpec,
    request: SceneSpec,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool,
) -> Scene:
    """Open a scene and select the bands of an input, in its own pixels."""
    opened = stack.enter_context(open_scene(request, sensors()))
    masked = with_cloud_mask(opened, request, run, stack, progress, dry_run=dry_run)
    report_masked(masked)
    scene = for_model(masked, wanted).select(tuple(band.name for band in wanted.bands))
    _report_pixel_size(scene, wanted)
    return scene


def _mapped(model: ModelSpec, wanted: InputSpec, scene: Scene, run: RunSpec) -> ClassifierInput:
    """Return the mapped scene, resampled to the pixel size of the input and clipped."""
    grid = metric_grid(scene.grid, wanted.pixel_m, scene.name)
    if grid is not scene.grid:
        scene = scene.onto(grid)
    scene = clip(scene, run)
    side = model.side(wanted)
    if min(scene.grid.height, scene.grid.width) < side:
        height, width = (size * wanted.pixel_m for size in (scene.grid.height, scene.grid.width))
        raise SceneError(
            f"{scene.name} is {width:,.0f} x {height:,.0f} m, smaller than a footprint of model {model.name} "
            f"({model.footprint:g} x {model.footprint:g} m); use a larger scene, or a larger `--bbox`"
        )
    shape = windows_along(scene.grid.height, side), windows_along(scene.grid.width, side)
    return _checked(model, wanted, scene, shape)


def _other(
    model: ModelSpec, wanted: InputSpec, scene: Scene, mapped: ClassifierInput, path: str
) -> ClassifierInput:
    """Return a further scene with the pixel size of its input, over the area of the mapped scene."""
    times = mapped.side / model.side(wanted)
    moved = scene.onto(stretched(mapped.scene.grid, times, times))
    try:
        return _checked(model, wanted, moved, mapped.shape)
    except SceneReadError:
        raise
    except SceneError as error:
        raise SceneError(
            f"`--also {wanted.name}={path}` does not overlap {mapped.scene.name} ({error})"
        ) from error


def _checked(model: ModelSpec, wanted: InputSpec, scene: Scene, shape: tuple[int, int]) -> ClassifierInput:
    """Return an input whose values fit those of the training data.

    Raises:
        SceneError: no pixel is observed.
        ModelError: units or values differ from those of the training data.
    """
    replay(scene.messages)
    named = wanted.model_copy(update={"name": f"{model.name}, input {wanted.name}"})
    normaliser, _ = fit_network(named, scene, scene)
    return ClassifierInput(
        name=wanted.name,
        scene=scene,
        side=model.side(wanted),
        shape=shape,
        bands=tuple(band.name for band in wanted.bands),
        prepare=normaliser,
    )


def _report_pixel_size(scene: Scene, wanted: InputSpec) -> None:
    """Report resampling, and warn of pixels that are much coarser than those of the training data."""
    if scene.grid.crs is None:
        return
    down, right = scene.grid.pixel_size_m
    if max(down, right) > COARSE * wanted.pixel_m:
        warn(
            LOG,
            "pixels-too-coarse",
            f"{scene.name} has pixels of {right:.3g} x {down:.3g} m, but the model was trained with "
            f"{wanted.pixel_m:g} m: resampling adds no detail, so scores may be wrong; use a scene with "
            "smaller pixels",
        )
    elif metric_grid(scene.grid, wanted.pixel_m, scene.name) is not scene.grid:
        note(
            LOG,
            f"{scene.name}: pixels of {right:.3g} x {down:.3g} m are resampled to {wanted.pixel_m:g} m",
        )


def empty_batch(
    model: ModelSpec, inputs: Sequence[ClassifierInput], size: int
) -> Mapping[str, NDArray[np.float32]]:
    """Return zeros (size, C, side, side) for every input of a model.

    Inputs without a scene stay zero and use the memory of one footprint.
    """
    names = {item.name for item in inputs}
    batch: dict[str, NDArray[np.float32]] = {}
    for wanted in model.inputs:
        shape = (len(wanted.bands), model.side(wanted), model.side(wanted))
        if wanted.name in names:
            batch[wanted.name] = np.zeros((size, *shape), np.float32)
        else:
            batch[wanted.name] = np.broadcast_to(np.zeros(shape, np.float32), (size, *shape))
    return batch
