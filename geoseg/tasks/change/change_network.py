"""Map change by a network of one date, whose classes of both dates are compared, or of two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from geoseg.atmosphere.reflectance import for_model
from geoseg.engine.image_pair import AFTER, Pair
from geoseg.engine.network_on_scene import decided_by, fit_network, network_recipe
from geoseg.engine.normalise import Normaliser
from geoseg.engine.recipe import Recipe
from geoseg.errors import BandError, UsageError
from geoseg.runtimes import Session
from geoseg.runtimes.session_wrapper import Score, SessionWrapper
from geoseg.scenes.embeddings import check_not_embedding, check_reads
from geoseg.scenes.stack import Renamed
from geoseg.spec import ChangeSpec, ModelSpec
from geoseg.spec.band_names import by_date
from geoseg.spec.presets import task
from geoseg.spec.tables import transition_table
from geoseg.tasks.change.change_attributes import ChangeAttributes, extras
from geoseg.tasks.change.open_pair import dates
from geoseg.tasks.change.transitions import Counter, FromScores, Transitions, transitions_between

BEFORE = "before"
"""Prefix of the earlier date of networks that map flood from two dates."""


def by_network(spec: ChangeSpec, model: ModelSpec, pair: Pair) -> Recipe:
    """Map change with a network.

    Raises:
        ModelError: it does not fit a date.
        BandError: a band or layer is missing.
    """
    for scene in (pair.before, pair.after):
        check_reads(model.features_of, model.name, scene)
    pair = replace(pair, before=for_model(pair.before, model), after=for_model(pair.after, model))
    if _compares(model):
        return _direct(spec, model, pair)
    return _post_classification(spec, model, pair)


def check_network(spec: ChangeSpec, model: ModelSpec) -> None:
    """Check that a network maps change, and that the options go with it.

    Raises:
        UsageError: they do not.
    """
    if spec.method != "auto":
        raise UsageError(
            f"`--method {spec.method}` and `--model {spec.model}` exclude each other: give one of them"
        )
    if _compares(model):
        if spec.table is not None or spec.matrix is not None:
            raise UsageError(
                f"{model.name} maps where there is change, without classes before and after: `--rules` and "
                "`--matrix` need a network of one date or a method"
            )
    elif (known := by_date(band.name for band in model.bands)).keys() - {""}:
        raise UsageError(_other_command(model, tuple(known)))


def check_bands(model: ModelSpec, pair: Pair) -> None:
    """Check that both dates have the bands of a network, where no layers are given.

    Raises:
        BandError: a band is missing.
    """
    _bands_and_layers([band.name for band in model.bands if ":" not in band.name], pair)


def _compares(model: ModelSpec) -> bool:
    """Return whether a network reads both dates at once."""
    return any(band.name.startswith(f"{AFTER}:") for band in model.bands)


def _other_command(model: ModelSpec, prefixes: Sequence[str]) -> str:
    """Return the message that a network of several dates is one of another command."""
    if BEFORE in prefixes:
        return f"{model.name} maps flood from two dates: use `geoseg flood SCENE --before SCENE`"
    command = "flood" if model.task == "flood" else "segment"
    usage = f"`geoseg {command} {' '.join(['SCENE'] * len(prefixes))} --model MODEL`"
    return f"{model.name} maps one state from {len(prefixes)} dates: use {usage}"


class BothDates(SessionWrapper):
    """A network of one date applied to both dates of a tile."""

    def __init__(self, session: Session, channels: int, classes: int) -> None:
        """Wrap a session.

        Args:
            session: of one date.
            channels: number of channels of a date; those of the first date come first.
            classes: K; 2 where the session has one plane.
        """
        super().__init__(session)
        self._channels = channels
        self._classes = classes

    @property
    def planes(self) -> int:
        """2 K: a plane for each class of each date."""
        return 2 * self._classes

    @property
    def description(self) -> str:
        """Description of the session, with the comparison of dates."""
        return f"both dates classified by {self.session.description}, then compared"

    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score (N, 2 C, H, W) as (N, 2 K, H, W): classes of the first date, then of the second."""
        planes = []
        for date in (batch[:, : self._channels], batch[:, self._channels :]):
            scores = score(date)
            planes += [scores] if scores.shape[1] == self._classes else [1 - scores, scores]
        return arrays.concatenate(planes, 1)


def _post_classification(spec: ChangeSpec, model: ModelSpec, pair: Pair) -> Recipe:
    """Classify both dates and compare the classes."""
    bands = tuple(band.name for band in model.bands)
    own, layers = _bands_and_layers(bands, pair)
    later = tuple(_second(name, pair) for name in bands)
    source = pair.stack(own, [*layers, *(name for name in later if name not in bands)])
    first = network_recipe(model, pair.before.select(own), source, spec.run)
    # The second date has its own statistics and checks.
    renamed = Renamed(source, dict(zip(bands, later, strict=True)))
    second, _ = fit_network(model, pair.after.select(own), renamed)
    classes = model.classes
    table = transition_table(spec.table) if spec.table is not None else None
    transitions = transitions_between(classes, table)
    counter = Counter(source.grid, len(classes) ** 2)
    attributes = ChangeAttributes(transitions=transitions, dates=dates(spec, pair), counter=counter)
    return replace(
        first,
        task="change",
        layer=task("change").layer,
        classes=transitions.specs,
        background=0,
        source=source,
        # A layer of both dates is read once.
        bands=tuple(dict.fromkeys((*bands, *later))),
        session=BothDates(first.session, len(bands), len(classes)),
        prepare=_of_both(first.normaliser, second, later),
        decide=FromScores(
            transitions=transitions,
            counter=counter,
            threshold=0.5 if spec.threshold is None else spec.threshold,
            nodata=next((i for i, item in enumerate(classes) if item.value == model.nodata), None),
        ),
        extras=extras(spec, attributes),
        inputs=pair.describe(),
        acquired=attributes.acquired,
    )


def _of_both(first: Normaliser, second: Normaliser, later: Sequence[str]) -> Normaliser:
    """Return the normalisation of both dates of a stack, each by its own statistics.

    Args:
        first: of the first date.
        second: of the second date, with the band names of the first.
        later: names of the bands of the second date in the stack.
    """
    named = (
        band.model_copy(update={"name": name}) for band, name in zip(second.spec.bands, later, strict=True)
    )
    return Normaliser(first.spec.model_copy(update={"bands": (*first.spec.bands, *named)}))


def _direct(spec: ChangeSpec, model: ModelSpec, pair: Pair) -> Recipe:
    """Score both dates at once."""
    bands = tuple(band.name for band in model.bands)
    plain = tuple(name for name in bands if ":" not in name)
    own, layers = _bands_and_layers(plain, pair)
    source = pair.stack(own, [*layers, *(name for name in bands if name not in plain)])
    recipe = network_recipe(model, pair.before.select(own), source, spec.run)
    attributes = ChangeAttributes(
        transitions=Transitions(classes=model.classes[:1]),
        dates=dates(spec, pair),
    )
    threshold = model.threshold if spec.threshold is None else spec.threshold
    return replace(
        recipe,
        task="change",
        layer=task("change").layer,
        threshold=threshold,
        decide=decided_by(model, threshold),
        extras=extras(spec, attributes),
        inputs=pair.describe(),
        acquired=attributes.acquired,
    )


def _bands_and_layers(bands: Sequence[str], pair: Pair) -> tuple[tuple[str, ...], list[str]]:
    """Return the bands of the dates, and those that are layers.

    Raises:
        BandError: a band is neither.
    """
    beside = {name for name, _ in pair.beside}
    own = tuple(name for name in bands if pair.has(name))
    missing = [name for name in bands if name not in own and name not in beside]
    for scene in (pair.before, pair.after) if missing else ():
        check_not_embedding(scene, missing, "the network")
    if missing or not own:
        raise BandError(
            f"the network needs {', '.join(bands)} on both dates; {', '.join(missing) or 'all'} is missing: "
            "name it with `--band NAME=PATH` or `--sensor`, or give a layer with `--layer NAME=PATH`"
        )
    return own, [name for name in bands if name not in own]


def _second(name: str, pair: Pair) -> str:
    """Return the name of a band of the second date in the stack; a layer of both dates keeps its name."""
    later = f"{AFTER}:{name}"
    beside = {known for known, _ in pair.beside}
    return name if name in beside and later not in beside and not pair.has(name) else later
