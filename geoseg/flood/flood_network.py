"""Water and flood by a network: of one date or two, beside reference layers; and when `auto` takes one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any

import rasterio

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import low_sun
from geoseg.bundles.find import list_models
from geoseg.engine.network_on_scene import FIT_SIZE, FITS, clip, network_recipe
from geoseg.engine.normalise import Normaliser, check_fit
from geoseg.engine.recipe import Recipe
from geoseg.errors import BandError, ModelError, SceneError, UsageError
from geoseg.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.flood.reference_layers import References, flood_classes
from geoseg.messages import held, note, replay
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.runtimes import Session
from geoseg.runtimes.around import Around, Score
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import FloodSpec, ModelSpec, SceneSpec, Units
from geoseg.spec.presets import sensors, task

LOG = logging.getLogger(__name__)

BEFORE = "before"
"""Prefix of a network's bands of the scene before."""

POLARISATIONS = ("vv", "vh", "hh", "hv")


def open_dates(
    spec: FloodSpec, model: ModelSpec | None, stack: ExitStack, progress: Progress, *, dry_run: bool = False
) -> tuple[Scene, list[Scene]]:
    """Open the scene and those before; `stack` closes them.

    Where only one name is possible for the nameless band of a one-band file, that is it: the one band a date
    that a network takes, or, of a scene before, that of the scene itself.

    Raises:
        BandError: the bands cannot be told from one another.
        SceneError: a scene cannot be read.
    """
    wanted = {_plain(band.name) for band in model.bands} if model is not None else set()

    def opened(request: SceneSpec) -> Scene:
        scene = stack.enter_context(_open(request, wanted))
        return with_cloud_mask(scene, request, spec.run, stack, progress, dry_run=dry_run)

    scene = opened(spec.scene)
    if len(scene.band_names) == 1:
        wanted = set(scene.band_names)
    return scene, [opened(item) for item in spec.before]


def _open(request: SceneSpec, wanted: set[str]) -> Scene:
    """Open a scene whose only band may be nameless."""
    try:
        return open_scene(request, sensors())
    except BandError:
        if len(wanted) != 1 or request.bands or len(request.paths) != 1 or _count(request.paths[0]) != 1:
            raise
        (name,) = wanted
        note(LOG, f"{request.paths[0]}: its one band has no name; taken for {name}, which is wanted")
        return open_scene(request.model_copy(update={"bands": {name: request.paths[0]}}), sensors())


def _count(path: str) -> int:
    """How many bands a file has."""
    try:
        with rasterio.open(gdal_path(path)) as dataset:
            return int(dataset.count)
    except rasterio.errors.RasterioIOError:
        return 0


def _plain(band: str) -> str:
    """A band's name without the date's prefix."""
    return band.rpartition(":")[2]


def convincing_model(spec: FloodSpec, scene: Scene, before: Sequence[Scene]) -> ModelSpec | None:
    """Return the network that `auto` takes: one that beat every method on data it was not trained on.

    None where no network is for such a scene, where options ask for a method, or where the scene's values
    or pixel size are not what the network knows.
    """
    if (spec.threshold, spec.thresholding, spec.polarisation, spec.speckle) != (
        None,
        "auto",
        "auto",
        "refined-lee",
    ):
        return None
    for model in (found for found in list_models() if isinstance(found, ModelSpec)):
        proof = model.evidence
        if model.task != "flood" or proof is None or not model.weights.is_file():
            continue
        if not _made_for(model, scene, before, proof.units):
            continue
        said = f"{proof.score:.2f} against {proof.rival_score:.2f} of {proof.rival}, on {proof.data}"
        if not proof.convinces:
            note(
                LOG,
                f"mapped by a method: the network {model.name} was not surely better on labelled scenes (IoU "
                f"{said}); --model {model.name} takes it all the same",
            )
            continue
        doubt = _doubt(model, scene, before, spec)
        if doubt:
            note(LOG, f"mapped by a method: the network {model.name} does not fit this scene: {doubt}")
            continue
        note(
            LOG, f"mapped by the network {model.name}: IoU {said}; --method classical maps without a network"
        )
        return model
    return None


def _made_for(model: ModelSpec, scene: Scene, before: Sequence[Scene], judged_in: Units) -> bool:
    """Whether a network takes what the scene has: its bands, its dates, and units that it was judged in."""
    if len(model.classes) != 2 or len(before) != int(_two_dates(model)):
        return False
    model = _with_polarisation(model, scene, before)
    try:
        for item, names in zip((scene, *before), (_own(model), _earlier(model)), strict=False):
            units = {item.units(name) for name in item.select(names).band_names}
            if units != {judged_in}:
                return False
    except (BandError, SceneError):
        return False
    return True


def _doubt(model: ModelSpec, scene: Scene, before: Sequence[Scene], spec: FloodSpec) -> str:
    """Say what about a scene a network does not know; empty where it fits."""
    radar = set(_own(model)) <= set(POLARISATIONS)
    height = None if radar else low_sun(scene)
    if height is not None:
        return f"the sun stood {height:.0f} degrees high, and it takes shadows for water"
    model = _with_polarisation(model, scene, before)
    chosen = clip(as_trained(scene, model.atmosphere).select(_own(model)), spec.run)
    if model.statistics == "scene":
        blocks: list[Pixels] = []
    else:
        blocks = sample(chosen, _own(model), size=FIT_SIZE, most=FITS)
    size = None if chosen.grid.crs is None else chosen.grid.pixel_size_m[0]
    try:
        with held() as messages:
            check_fit(model, {}, blocks, size)
    except ModelError as error:
        return str(error)
    return next((message.text for message in messages if message.code), "")


def _two_dates(model: ModelSpec) -> bool:
    """Whether a network takes a scene before."""
    return bool(_earlier(model))


def _own(model: ModelSpec) -> tuple[str, ...]:
    """A network's bands of the scene itself."""
    return tuple(band.name for band in model.bands if ":" not in band.name)


def _earlier(model: ModelSpec) -> tuple[str, ...]:
    """A network's bands of the scene before, without prefix."""
    prefix = f"{BEFORE}:"
    return tuple(band.name.removeprefix(prefix) for band in model.bands if band.name.startswith(prefix))


def _with_polarisation(
    model: ModelSpec, scene: Scene, before: Sequence[Scene], asked: str = "auto"
) -> ModelSpec:
    """A network of one polarisation, normalised by the scene, takes any that all scenes have."""
    own = set(_own(model)) | set(_earlier(model))
    if model.statistics != "scene" or len(own) != 1 or not own <= set(POLARISATIONS):
        return model
    shared = [name for name in POLARISATIONS if all(name in item.band_names for item in (scene, *before))]
    wanted = [name for name in shared if asked in {"auto", name}]
    if not wanted:
        return model
    bands = tuple(
        band.model_copy(update={"name": band.name.replace(_plain(band.name), wanted[0])})
        for band in model.bands
    )
    return model.model_copy(update={"bands": bands})


class Referenced(Around):
    """A water network whose map is split by reference layers: flood, permanent water, too high or steep."""

    def __init__(self, session: Session, channels: int, beside: References, spec: FloodSpec) -> None:
        """Wrap a two-class network.

        Args:
            session: of one plane, or of two: the second is water.
            channels: how many of the channels are the network's; the layers follow.
            beside: the layers.
            spec: limits of terrain.
        """
        super().__init__(session)
        self._channels = channels
        self._beside = beside
        self._limits = {HAND: spec.max_hand, SLOPE: spec.max_slope}

    @property
    def planes(self) -> int:
        """3: background, flood, permanent water; 1: water, where nothing tells them apart."""
        return 3 if PERMANENT in self._beside.names else 1

    def over(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles (N, C, H, W) whose last channels are the layers, NaN where they are not known."""
        water = score(batch[:, : self._channels])[:, -1:]
        layers = {
            name: batch[:, index : index + 1] for index, name in enumerate(self._beside.names, self._channels)
        }
        for name, most in self._limits.items():
            if name in layers:
                # Products keep a network's NaN, which is looked for later; unknown ground is not too high.
                water = water * ~(layers[name] > most)
        if PERMANENT not in layers:
            return water
        permanent = layers[PERMANENT] > 0.5
        return arrays.concatenate((1 - water, water * ~permanent, water * permanent), 1)


def by_network(
    spec: FloodSpec, model: ModelSpec, scene: Scene, before: Sequence[Scene], beside: References
) -> Recipe:
    """Map water with a network; reference layers split its water into flood and permanent water.

    Raises:
        UsageError: the network has other classes than land and water, or takes another number of dates.
        ModelError: it does not fit the scene.
        BandError: a band is missing.
    """
    if len(model.classes) != 2:
        raise UsageError(
            f"{model.name} has {len(model.classes)} classes; flood takes networks of two (land, water): "
            "use geoseg segment"
        )
    if not model.has_background:
        names = " or ".join(entry.label for entry in model.classes)
        raise UsageError(
            f"{model.name} does not say which of its classes ({names}) is not water: add geoseg:background "
            "to its model.json"
        )
    if _two_dates(model) and len(before) != 1:
        raise UsageError(f"{model.name} maps flood from two dates: give one --before SCENE")
    if before and not _two_dates(model):
        raise UsageError(
            f"{model.name} takes one date: --before goes with a method or a network of two dates"
        )
    model = _with_polarisation(model, scene, before, spec.polarisation)
    chosen = clip(scene.select(_own(model)), spec.run)
    replay(chosen.messages)
    earlier = [item.select(_earlier(model)) for item in before]
    for item in earlier:
        replay(item.messages, of=item.name)
    dates = [StackLayer(source=item, prefix=BEFORE) for item in earlier]
    recipe = network_recipe(model, chosen, _beside(chosen, dates), spec.run)
    preset = task("flood")
    told_apart = PERMANENT in beside.names
    classes = preset.classes[:2] if earlier and not told_apart else flood_classes(told_apart)
    network = tuple(band.name for band in model.bands)
    return replace(
        recipe,
        task="flood",
        layer=preset.layer,
        classes=classes,
        background=0,
        decide=None,
        source=_beside(chosen, [*dates, *beside.layers]),
        bands=(*network, *beside.names),
        session=Referenced(recipe.session, len(network), beside, spec),
        prepare=Normaliser(recipe.prepare.spec, beside.names),
        threshold=model.threshold,
        min_area=preset.min_area,
        inputs=tuple(item.describe() for item in (chosen, *earlier)),
    )


def _beside(scene: Scene, layers: Sequence[StackLayer]) -> Source:
    """A scene, with layers on its grid where there are any."""
    return Stack(scene, layers) if layers else scene
