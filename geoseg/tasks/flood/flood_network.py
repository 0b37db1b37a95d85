"""Map water and flood by a network of one date, two, or a series of dates, with reference layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, ModuleType
from typing import Any

from geoseg.engine.network_on_scene import network_recipe
from geoseg.engine.normalise import Normaliser
from geoseg.engine.recipe import Recipe
from geoseg.messages import replay
from geoseg.runtimes import Session
from geoseg.runtimes.session_wrapper import Score, SessionWrapper
from geoseg.scenes import Scene, Source
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.further_layers import as_stack_layers
from geoseg.scenes.stack import StackLayer
from geoseg.spec import FloodSpec, ModelSpec
from geoseg.spec.presets import task
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.tasks.flood.network_bands import (
    BEFORE,
    earlier_bands,
    scene_bands,
    with_polarisation,
)
from geoseg.tasks.flood.reference_layers import References, flood_classes, with_layers
from geoseg.tasks.scene_dates import acquired_over, stacked, times_of


class WaterWithLayers(SessionWrapper):
    """A water network whose water is split by permanent water and removed where terrain is high or steep."""

    def __init__(self, session: Session, channels: int, references: References, spec: FloodSpec) -> None:
        """Wrap a two-class network.

        Args:
            session: of one plane, or of two, the second of which is water.
            channels: number of channels of the network; those of the layers follow.
            references: the layers.
            spec: limits of height and slope.
        """
        super().__init__(session)
        self._channels = channels
        self._layers = references.names
        self._limits = {HAND: spec.max_hand, SLOPE: spec.max_slope}

    @property
    def planes(self) -> int:
        """3: background, flood, permanent water; 1: water, without a layer of permanent water."""
        return 3 if PERMANENT in self._layers else 1

    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles (N, C, H, W) whose last channels are the layers, NaN where unknown."""
        water = score(batch[:, : self._channels])[:, -1:]
        layers = {
            name: batch[:, index : index + 1] for index, name in enumerate(self._layers, self._channels)
        }
        for name, most in self._limits.items():
            if name in layers:
                # A product keeps NaN of a network, which is detected later; unknown terrain has no effect.
                water = water * ~(layers[name] > most)
        if PERMANENT not in layers:
            return water
        permanent = layers[PERMANENT] > 0.5
        return arrays.concatenate((1 - water, water * ~permanent, water * permanent), 1)


def by_network(
    spec: FloodSpec,
    model: ModelSpec,
    scene: Scene,
    before: Sequence[Scene],
    references: References,
    beside: Mapping[str, Scene] = MappingProxyType({}),
) -> Recipe:
    """Map water with a network; reference layers split its water into flood and permanent water.

    Args:
        spec: the request.
        model: the network, of land and water (`check_network`).
        scene: of the map.
        before: scenes before.
        references: layers that split water.
        beside: further rasters that the network reads as bands, by name.

    Raises:
        ModelError: it does not fit the scene.
        BandError: a band is missing.
    """
    model = with_polarisation(model, scene, before, spec.polarisation)
    own = [name for name in scene_bands(model) if name not in beside]
    chosen = clip(scene.select(own), spec.run)
    replay(chosen.messages)
    past = [name for name in earlier_bands(model) if f"{BEFORE}:{name}" not in beside]
    earlier = [item.select(past) for item in before]
    for item in earlier:
        replay(item.messages, of=item.name)
    dates = [StackLayer(source=item, prefix=BEFORE) for item in earlier]
    dates += as_stack_layers(beside, chosen)
    times = {prefix: item.time for prefix, item in zip(("", BEFORE), (chosen, *earlier), strict=False)}
    network = with_layers(chosen, dates)
    recipe = network_recipe(model, chosen, network, spec.run, times)
    if earlier:
        from geoseg.tasks.flood.network_dates import warn_of_network_dates  # noqa: PLC0415 - not of one date

        warn_of_network_dates(model, network)
    source = with_layers(chosen, [*dates, *references.layers])
    return _of_water(recipe, spec, model, (chosen, *earlier), source, references, two_dates=bool(earlier))


def by_series(
    spec: FloodSpec,
    model: ModelSpec,
    scenes: Sequence[Scene],
    references: References,
    beside: Mapping[str, Scene] = MappingProxyType({}),
) -> Recipe:
    """Map water with a network of several dates, on the grid of the first.

    Args:
        spec: the request.
        model: the network, whose bands have the prefixes of their dates.
        scenes: of each date, in its order; see `geoseg.tasks.scene_dates.open_for_network`.
        references: layers that split water.
        beside: further rasters that the network reads as bands, by name.

    Raises:
        ModelError: it does not fit the scenes.
        BandError: a band is missing.
    """
    source = stacked(model, scenes, beside)
    recipe = network_recipe(model, scenes[0], source, spec.run, times_of(model, scenes))
    recipe = replace(recipe, acquired=acquired_over(scenes))
    from geoseg.tasks.flood.network_dates import warn_of_network_dates  # noqa: PLC0415 - not of one date

    warn_of_network_dates(model, source)
    whole = with_layers(source, references.layers)
    return _of_water(recipe, spec, model, scenes, whole, references, two_dates=False)


def _of_water(
    recipe: Recipe,
    spec: FloodSpec,
    model: ModelSpec,
    scenes: Sequence[Scene],
    source: Source,
    references: References,
    *,
    two_dates: bool,
) -> Recipe:
    """Return the recipe of a network as that of a flood map, whose source has the reference layers."""
    preset = task("flood")
    separated = PERMANENT in references.names
    # A network of a series, which compares its dates, may name its class as flood; one date shows all water.
    named = {entry.label.casefold() for entry in model.classes}
    floods = two_dates or (len(scenes) > 1 and preset.classes[1].label in named)
    classes = preset.classes[:2] if floods and not separated else flood_classes(separated)
    network = tuple(band.name for band in model.bands)
    return replace(
        recipe,
        task="flood",
        layer=preset.layer,
        classes=classes,
        background=0,
        decide=None,
        source=source,
        bands=(*network, *references.names),
        session=WaterWithLayers(recipe.session, len(network), references, spec),
        prepare=Normaliser(recipe.normaliser.spec, references.names),
        threshold=model.threshold,
        min_area=preset.min_area,
        inputs=tuple(item.describe() for item in scenes),
    )
