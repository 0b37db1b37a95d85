"""The scenes of a map of facilities, each on a grid of its sensor's pixel size."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import tell_hidden
from geoseg.atmosphere.reflectance import for_model
from geoseg.engine.normalise import Normaliser, check_fit
from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.grid import Grid, TileGrid, Window
from geoseg.messages import note, replay, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.footprints import metric_grid, stretched
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ClassifierSpec, FacilitiesSpec, RunSpec, SceneSpec, SensorInput
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)

FIT_SIZE, FITS = 256, 24
"""Blocks of 256² pixels on which the value range is compared with the model's."""

COARSE = 1.5
"""Times as coarse as the model's pixels from which a scene is warned of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """One input of the classifier that there is a scene for."""

    name: str
    """Of the input."""
    scene: Scene
    """On `grid`."""
    grid: Grid
    """Pixels of the input's size over the ground of the first scene."""
    side: int
    """Pixels a side of a footprint."""
    shape: tuple[int, int]
    """Rows and columns of windows."""
    bands: tuple[str, ...]
    prepare: Normaliser

    @property
    def tiles(self) -> TileGrid:
        """The windows: their halos are what the classifier looks at, their cores the cells of the map."""
        return TileGrid(grid=self.source.grid, size=self.side, overlap=self.side // 2)

    @property
    def source(self) -> Inner:
        """The scene as `tiles` counts it: whole cells, the first a quarter of a side inside of the scene."""
        rows, cols = (count * self.side // 2 for count in self.shape)
        return Inner(self.scene, Window(row=self.side // 4, col=self.side // 4, height=rows, width=cols))


def windows_along(pixels: int, side: int) -> int:
    """Return how many windows of `side` stand along so many pixels, half of a side apart.

    The last may reach beyond the scene by a quarter of its side; else as much of the scene may be in none.
    """
    stride = side // 2
    return (pixels - side + stride // 2) // stride + 1


class Inner:
    """A part of a source with a grid of its own; reading beyond it finds the source's pixels there."""

    def __init__(self, source: Source, part: Window) -> None:
        """Take a part, which may reach beyond the source."""
        self._source, self._part = source, part
        self.grid = source.grid.crop(part)
        self.name = source.name
        self.band_names = source.band_names

    grid: Grid
    name: str
    band_names: tuple[str, ...]

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window counted from the part's first pixel.

        Raises:
            SceneReadError: a file is damaged.
        """
        return replace(self._source.read(self.on_source(window), bands), window=window)

    def on_source(self, window: Window) -> Window:
        """Return a window as the whole source counts it."""
        return replace(window, row=window.row + self._part.row, col=window.col + self._part.col)

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep."""
        return self._source.cache_bytes(bands)

    def describe(self) -> dict[str, JsonValue]:
        """What a run record says of it."""
        return self._source.describe()


def open_inputs(
    model: ClassifierSpec,
    spec: FacilitiesSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> tuple[Given, ...]:
    """Open the scenes that are given for a classifier's inputs; the first is the one that is mapped.

    Args:
        model: the classifier.
        spec: the request.
        stack: closes the scenes.
        progress: is told how far it is.
        dry_run: whether a cloud network is told of only.

    Raises:
        UsageError: an input is named that the model does not have, or twice.
        BandError: a scene lacks a band.
        SceneError: a scene has no CRS, cannot be read, or is smaller than a footprint.
        ModelError: units or values are not what the model was trained on.
    """
    known = {given.name: given for given in model.inputs}
    first = spec.sensor_input or model.inputs[0].name
    for name in (first, *spec.also):
        if name not in known:
            raise UsageError(f"model {model.name} has no input {name!r}; it has {', '.join(known)}")
    if first in spec.also:
        raise UsageError(
            f"input {first} is the SCENE already; --also names the others, --sensor-input says which SCENE is"
        )
    mapped = _mapped(model, known[first], spec.scene, spec.run, stack, progress, dry_run=dry_run)
    others = [
        _other(
            model,
            known[name],
            _scene_of(name, path, spec.scene),
            mapped,
            spec.run,
            stack,
            progress,
            dry_run=dry_run,
        )
        for name, path in spec.also.items()
    ]
    missing = [name for name in known if name != first and name not in spec.also]
    for name in missing:
        note(
            LOG,
            f"input {name} is missing: the model is given zeros for it, as in training; --also {name}=PATH "
            "gives a scene of it",
        )
    return (mapped, *others)


def _scene_of(name: str, path: str, mapped: SceneSpec) -> SceneSpec:
    """A further scene; an input that is called like a sensor is of this sensor."""
    clouds: Literal["auto", "none"] = "none" if mapped.clouds == "none" else "auto"
    return SceneSpec(paths=(path,), sensor=name if name in sensors() else None, clouds=clouds)


def _opened(
    wanted: SensorInput,
    request: SceneSpec,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool,
) -> Scene:
    """The bands of a scene that an input takes, in its own pixels."""
    opened = stack.enter_context(open_scene(request, sensors()))
    whole = with_cloud_mask(opened, request, run, stack, progress, dry_run=dry_run)
    tell_hidden(whole)
    suited = for_model(whole, wanted)
    scene = suited.select(tuple(band.name for band in wanted.bands))
    _tell_pixels(scene, wanted)
    return scene


def _mapped(
    model: ClassifierSpec,
    wanted: SensorInput,
    request: SceneSpec,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool,
) -> Given:
    """The scene that is mapped, in the input's pixels, clipped."""
    scene = _opened(wanted, request, run, stack, progress, dry_run=dry_run)
    grid = metric_grid(scene.grid, wanted.resolution, scene.name)
    if grid is not scene.grid:
        scene = scene.onto(grid)
    if run.bbox is not None or run.aoi is not None:
        scene = scene.clip(bbox=run.bbox, bbox_crs=run.bbox_crs, aoi=run.aoi)
    side = model.side(wanted)
    if min(scene.grid.height, scene.grid.width) < side:
        height, width = (size * wanted.resolution for size in (scene.grid.height, scene.grid.width))
        raise SceneError(
            f"{scene.name}: is {width:,.0f} x {height:,.0f} m, and model {model.name} looks at "
            f"{model.footprint:g} x {model.footprint:g} m at once; give a larger scene, or a larger --bbox"
        )
    shape = windows_along(scene.grid.height, side), windows_along(scene.grid.width, side)
    return _given(model, wanted, scene, shape)


def _other(
    model: ClassifierSpec,
    wanted: SensorInput,
    request: SceneSpec,
    mapped: Given,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    dry_run: bool,
) -> Given:
    """A further scene, in its own pixels over the ground of the one that is mapped."""
    scene = _opened(wanted, request, run, stack, progress, dry_run=dry_run)
    times = mapped.side / model.side(wanted)
    moved = scene.onto(stretched(mapped.grid, times, times))
    try:
        return _given(model, wanted, moved, mapped.shape)
    except SceneReadError:
        raise
    except SceneError as error:
        raise SceneError(
            f"--also {wanted.name}={request.paths[0]}: shows nothing of {mapped.scene.name} ({error})"
        ) from error


def _given(model: ClassifierSpec, wanted: SensorInput, scene: Scene, shape: tuple[int, int]) -> Given:
    """An input with its values compared with the model's."""
    bands = tuple(band.name for band in wanted.bands)
    replay(scene.messages)
    named = wanted.model_copy(update={"name": f"{model.name}, input {wanted.name}"})
    blocks = sample(scene, bands, size=FIT_SIZE, most=FITS)
    units = {band: scene.units(band) for band in bands}
    check_fit(named, units, blocks, None)
    return Given(
        name=wanted.name,
        scene=scene,
        grid=scene.grid,
        side=model.side(wanted),
        shape=shape,
        bands=bands,
        prepare=Normaliser(named),
    )


def _tell_pixels(scene: Scene, wanted: SensorInput) -> None:
    """Say where pixels are resampled, and warn where they are too coarse to show what the model looks for."""
    if scene.grid.crs is None:
        return
    down, right = scene.grid.pixel_size_m
    if max(down, right) > COARSE * wanted.resolution:
        warn(
            LOG,
            "pixels-too-coarse",
            f"{scene.name}: pixels are {right:.3g} x {down:.3g} m, the model was trained at "
            f"{wanted.resolution:g} m; what is interpolated shows no more, so scores may be wrong",
        )
    elif metric_grid(scene.grid, wanted.resolution, scene.name) is not scene.grid:
        note(
            LOG, f"{scene.name}: pixels of {right:.3g} x {down:.3g} m are brought to {wanted.resolution:g} m"
        )


def empty_batch(
    model: ClassifierSpec, given: Sequence[Given], size: int
) -> Mapping[str, NDArray[np.float32]]:
    """Return zeros (size, C, side, side) for every input of a model.

    Inputs without a scene stay zero: they share one footprint's memory.
    """
    there = {item.name for item in given}
    batch: dict[str, NDArray[np.float32]] = {}
    for wanted in model.inputs:
        shape = (len(wanted.bands), model.side(wanted), model.side(wanted))
        if wanted.name in there:
            batch[wanted.name] = np.zeros((size, *shape), np.float32)
        else:
            batch[wanted.name] = np.broadcast_to(np.zeros(shape, np.float32), (size, *shape))
    return batch
