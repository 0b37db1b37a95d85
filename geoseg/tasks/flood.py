"""A flood or surface-water map from a scene, alone or with what was there before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.catalog.bundles import find_model
from geoseg.catalog.presets import sensors, task
from geoseg.errors import UsageError
from geoseg.pixels import Pixels
from geoseg.plan import Plan
from geoseg.report import Reporter, RunRecord
from geoseg.runtimes import Session
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.layers import open_raster_layer, open_vector_layer
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.stack import Layer, Movable, Stack
from geoseg.spec import ClassSpec, FloodSpec, ModelSpec, TaskSpec
from geoseg.tasks.clouds import cloud_warning
from geoseg.tasks.mapping import Ledger, Recipe, begin, command_of, make_map, plan, sample
from geoseg.tasks.segment import clip, network_recipe
from geoseg.tasks.water import Candidates, Choice, WaterSession, candidate_bands, fix
from geoseg.tasks.water_choice import HAND, PERMANENT, SLOPE

TILE = 512
"""Pixels of a tile of a method."""

MONTHS, MOST_MONTHS = 10, 12
"""A water layer with values up to 12 counts months (JRC seasonality): permanent from 10 on."""

PERCENT, MOST_PERCENT = 75, 100
"""One with values up to 100 is a share of time (JRC occurrence): permanent from 75 on."""


def map_flood(spec: FloodSpec, reporter: Reporter, *, dry_run: bool = False) -> RunRecord | Plan:
    """Map the water of a scene, and which of it is flood where that can be told.

    Raises:
        UsageError: the request contradicts itself.
        SceneError: a scene or layer cannot be read, or is not suitable for the method.
        ModelError: the network does not fit the scene.
        OutputError: an output cannot be written.
    """
    ledger = Ledger(reporter)
    layers = [str(path) for path in (spec.permanent_water, spec.hand, spec.slope) if path]
    begin(spec.run, [*spec.scene.paths, *layers, *(path for scene in spec.before for path in scene.paths)])
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(spec.scene, sensors()))
        before = [stack.enter_context(open_scene(item, sensors())) for item in spec.before]
        make = _by_network if spec.model is not None else _by_method
        recipe = make(spec, scene, before, stack, ledger)
        if dry_run:
            return plan(recipe, spec.run)
        return make_map(recipe, spec.run, command_of(spec), ledger)


def kind_of(scene: Scene) -> Literal["optical", "sar", "hyperspectral"]:
    """Say what kind of sensor made a scene; without a known one its bands tell."""
    if scene.sensor is not None and scene.sensor.name != "generic":
        return scene.sensor.kind
    return "sar" if {"vv", "vh", "hh", "hv"} & set(scene.band_names) else "optical"


def _by_method(
    spec: FloodSpec, scene: Scene, before: Sequence[Scene], stack: ExitStack, ledger: Ledger
) -> Recipe:
    """Choose a method by the scene and fix its threshold on a sample of it."""
    candidates = _candidates(spec, scene, before)
    ledger.hear(candidates.notes, candidates.warnings)
    clouded = cloud_warning(scene)
    if clouded is not None:
        ledger.warn(clouded)
    own = tuple(band for band in candidates.bands if ":" not in band and band not in (PERMANENT, HAND, SLOPE))
    chosen = clip(scene.select(own), spec.run)
    ledger.hear(chosen.notes, chosen.warnings)
    earlier = [item.select(_bands_before(candidates, index)) for index, item in enumerate(before)]
    layers = [*_layers_before(earlier), *_layers(spec, stack)]
    source: Source = Stack(chosen, layers) if layers else chosen
    choice = fix(spec, candidates, sample(source, candidates.bands), chosen.grid.pixel_size_m)
    choice = replace(choice, permanent_least=_permanent_from(spec.permanent_water, ledger))
    ledger.hear(choice.notes, choice.warnings)
    if choice.method == "ndwi":
        ledger.warn(
            "NDWI takes bright roofs and bare ground for water in towns; with a SWIR band MNDWI tells them "
            "apart. Look at built-up areas"
        )
    session = WaterSession(choice)
    classes = _classes(choice.three_classes, ledger)
    preset = task("flood")
    return Recipe(
        task="flood",
        layer=preset.layer,
        classes=classes,
        source=source,
        bands=choice.bands,
        session=session,
        prepare=Pixels.physical,
        blend="crop",
        tile=TILE,
        overlap=2 * choice.margin,
        seed=choice.seed or 0.0,
        min_area=max(preset.min_area, _least_area(choice, chosen)),
        runtime={"method": choice.method, "threshold": round(choice.threshold, 6)},
        inputs=tuple(item.describe() for item in (chosen, *earlier)),
        sensor=chosen.sensor.name if chosen.sensor else "",
        acquired=chosen.time.isoformat() if chosen.time else "",
    )


def _candidates(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> Candidates:
    """Which methods the bands allow; a band counts where every scene has it."""
    available = [band for band in scene.band_names if all(band in earlier.band_names for earlier in before)]
    units = {scene.units(band) for band in available} or {"dn"}
    return candidate_bands(
        spec,
        available,
        kind_of(scene),
        len(before),
        units=next(iter(units)) if len(units) == 1 else "dn",
    )


def _bands_before(candidates: Candidates, index: int) -> tuple[str, ...]:
    """Bands that the candidates read of one scene before."""
    prefix = _prefix(index) + ":"
    return tuple(band.removeprefix(prefix) for band in candidates.bands if band.startswith(prefix))


def _prefix(index: int) -> str:
    """What the bands of a scene before are called by."""
    return "before" if index == 0 else f"before{index + 1}"


def _layers_before(earlier: Sequence[Scene]) -> list[Layer]:
    """Earlier scenes beside the scene: a pixel counts where all of them saw it."""
    return [
        Layer(source=scene, prefix=_prefix(index)) for index, scene in enumerate(earlier) if scene.band_names
    ]


def _layers(spec: FloodSpec, stack: ExitStack) -> list[Layer]:
    """Permanent water and terrain beside the scene; where they are not known they decide nothing."""
    found: list[Layer] = []
    for name, path in ((PERMANENT, spec.permanent_water), (HAND, spec.hand), (SLOPE, spec.slope)):
        if path is None:
            continue
        source: Movable
        if name == PERMANENT and not is_raster(path):
            vector = open_vector_layer(path, name)
            stack.callback(vector.close)
            source = vector
        else:
            raster = open_raster_layer(path, name, categorical=name == PERMANENT)
            stack.callback(raster.close)
            source = raster
        found.append(Layer(source=source, required=False))
    return found


def is_raster(path: Path) -> bool:
    """Whether GDAL opens a file as a raster."""
    try:
        with rasterio.open(gdal_path(str(path))):
            return True
    except rasterio.errors.RasterioIOError:
        return False


def _permanent_from(path: Path | None, ledger: Ledger) -> float:
    """Value from which a reference layer means permanent water: any, or months or percent of the year."""
    if path is None or not is_raster(path):
        return 0.5
    with rasterio.open(gdal_path(str(path))) as dataset:
        shape = (min(dataset.height, 1024), min(dataset.width, 1024))
        values: NDArray[np.float64] = dataset.read(1, out_shape=shape, masked=True).filled(0).astype(float)
    most = float(values.max(initial=0))
    if most <= 1:
        return 0.5
    if most <= MOST_MONTHS:
        ledger.note(f"{path.name}: values to {most:g} are months of water; permanent from {MONTHS} on")
        return MONTHS
    if most <= MOST_PERCENT:
        ledger.note(f"{path.name}: values to {most:g} are percent of time; permanent from {PERCENT} on")
        return PERCENT
    ledger.warn(
        f"{path.name}: values to {most:g} are neither 0/1, months nor percent; every value above 0 is taken "
        "for permanent water"
    )
    return 0.5


def _classes(told_apart: bool, ledger: Ledger) -> tuple[ClassSpec, ...]:
    """The classes of the map: flood and permanent water, or just water."""
    preset: TaskSpec = task("flood")
    if told_apart:
        return preset.classes
    ledger.warn(
        "flood and permanent water are not told apart: class 1 is all water. "
        "Give --permanent-water FILE or --before SCENE"
    )
    background, flood = preset.classes[:2]
    return background, flood.model_copy(update={"label": "water"})


def _least_area(choice: Choice, scene: Scene) -> float:
    """Smallest region that the method itself keeps, in m²; 0 where pixels have no size."""
    down, right = scene.grid.pixel_size_m
    return choice.least_pixels * down * right if scene.grid.crs is not None else 0.0


class Referenced:
    """A water network whose map is split by reference layers: flood, permanent water, too high or steep."""

    def __init__(self, session: Session, channels: int, layers: tuple[str, ...], spec: FloodSpec) -> None:
        """Wrap a two-class network.

        Args:
            session: of one plane.
            channels: how many of the channels are the network's; the layers follow.
            layers: names of the layers.
            spec: limits of terrain.
        """
        self._session = session
        self._channels = channels
        self._layers = layers
        self._limits = {HAND: spec.max_hand, SLOPE: spec.max_slope}
        self.planes = 3 if PERMANENT in layers else 1
        self.batch = session.batch
        self.description = session.description
        self.close = session.close

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles whose last channels are the layers, NaN where they are not known."""
        water = self._session(np.ascontiguousarray(batch[:, : self._channels]))[:, 0]
        layers = dict(zip(self._layers, batch[:, self._channels :].transpose(1, 0, 2, 3), strict=True))
        for name, most in self._limits.items():
            if name in layers:
                water[layers[name] > most] = 0
        if self.planes == 1:
            return np.asarray(water[:, np.newaxis])
        permanent = layers[PERMANENT] >= 0.5
        return np.stack((1 - water, np.where(permanent, 0, water), np.where(permanent, water, 0)), axis=1)


def _by_network(
    spec: FloodSpec, scene: Scene, before: Sequence[Scene], stack: ExitStack, ledger: Ledger
) -> Recipe:
    """Map water with a network; reference layers split its water into flood and permanent water."""
    if before:
        raise UsageError("--before goes with a method, not with --model")
    model: ModelSpec = find_model(spec.model or "")
    if len(model.classes) != 2:
        raise UsageError(
            f"{model.name} has {len(model.classes)} classes; flood takes networks of two (land, water): "
            "use geoseg segment"
        )
    own = tuple(band.name for band in model.bands)
    chosen = clip(scene.select(own), spec.run)
    ledger.hear(chosen.notes, chosen.warnings)
    recipe = network_recipe(model, chosen, chosen, spec.run, ledger)
    stack.callback(recipe.session.close)
    layers = _layers(spec, stack)
    names = tuple(
        name
        for name, path in ((PERMANENT, spec.permanent_water), (HAND, spec.hand), (SLOPE, spec.slope))
        if path
    )
    source: Source = Stack(chosen, layers) if layers else chosen
    least = _permanent_from(spec.permanent_water, ledger)

    def prepare(pixels: Pixels) -> NDArray[np.float32]:
        """Normalised channels of the network, then the layers as they are."""
        if not names:
            return recipe.prepare(pixels)
        count = len(own)
        network = recipe.prepare(
            replace(
                pixels,
                bands=pixels.bands[:count],
                data=pixels.data[:count],
                scale=pixels.scale[:count],
                offset=pixels.offset[:count],
            )
        )
        beside = pixels.physical()[count:]
        if PERMANENT in names:
            beside[0] = beside[0] >= least
        return np.concatenate((network, beside))

    preset = task("flood")
    return replace(
        recipe,
        task="flood",
        layer=preset.layer,
        classes=_classes(PERMANENT in names, ledger),
        source=source,
        bands=(*own, *names),
        session=Referenced(recipe.session, len(own), names, spec),
        prepare=prepare,
        threshold=model.threshold,
        min_area=preset.min_area,
    )
