"""What a network was trained on, how it scored beside its rivals, and whether it may be a default.

A network becomes a default only by scores on a sensor, a region and an event that it was not trained on: on
every such set, the whole interval of its gain over every trivial rule and every classical method is above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from geoseg.spec.base import Spec, Units

LEAST_SCENES = 10
"""Fewest scenes of a set that can make a network a default; the interval of fewer scenes is too narrow."""

Interval = tuple[float, float]
Share = Annotated[float, Field(ge=0, le=1)]


class Coverage(Spec):
    """Sensors, regions and events of labelled scenes, by name; empty where they are not known."""

    sensors: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    """Floods, fires or seasons that the labels are of."""

    def __or__(self, other: Coverage) -> Coverage:
        """Return what either of them has; not known where one of them is not."""
        names = {
            key: tuple(dict.fromkeys((*mine, *theirs))) if mine and theirs else ()
            for key, mine, theirs in self._pairs(other)
        }
        return Coverage.model_validate(names)

    def new_to(self, trained_on: Coverage) -> Coverage:
        """Return the names, where all are known and none is in `trained_on`."""
        names = {
            key: mine if theirs and not set(mine) & set(theirs) else ()
            for key, mine, theirs in self._pairs(trained_on)
        }
        return Coverage.model_validate(names)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Names of sensors, of regions and of events."""
        return self.sensors, self.regions, self.events

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Those of sensor, region and event that have no name."""
        return tuple(key[:-1] for key, names, _ in self._pairs(self) if not names)

    def _pairs(self, other: Coverage) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return [(key, getattr(self, key), getattr(other, key)) for key in Coverage.model_fields]


class RivalScore(Spec):
    """The scores of a trivial rule or a classical method on the scenes of a set."""

    name: str
    score: float
    """Over all pixels, as of the network."""
    mean: float | None = None
    """Mean over scenes."""
    dry: Share | None = None
    """Share of false positives in scenes without the class."""
    gain: Interval | None = None
    """95 % interval of the network's score less `score`, with the same resampled scenes for both; None: not
    measured."""


class ScoredSet(Spec):
    """The scores of a network and of its rivals on a set of labelled scenes."""

    name: str
    """The set and the part of it, in words."""
    units: Units
    """Units of the scenes; the scores apply to such scenes only."""
    left_out: Coverage = Coverage()
    """Sensors, regions and events of the scenes that the network was not trained on."""
    folds: Annotated[int, Field(ge=0)] = 0
    """Number of parts, each mapped by a network trained without it; 0: mapped by the bundle's weights."""
    scenes: Annotated[int, Field(ge=1)]
    score: float
    """IoU of class 1 over all pixels (two classes), or the mean IoU."""
    interval: Interval
    """95 % bootstrap interval over scenes."""
    mean: float | None = None
    """Mean score over scenes."""
    dry: Share | None = None
    """Share of false positives in scenes without class 1; None: there are none, or it was not measured."""
    worst_fold: float | None = None
    """Lowest score of a part."""
    rivals: tuple[RivalScore, ...] = ()

    @property
    def text(self) -> str:
        """The score, and that of the best rival, in words."""
        best = max(self.rivals, key=lambda rival: rival.score, default=None)
        rival = f" against {best.score:.2f} of {best.name}" if best else ""
        return f"IoU {self.score:.2f}{rival}, on {self.name}"

    def objection(self, required: Collection[str]) -> str:
        """Return why the set cannot make a network a default; empty if it can.

        Args:
            required: names of the rivals that must be there: trivial rules that apply to such scenes, the
                default method.
        """
        if self.left_out.unnamed:
            kinds = " and ".join(
                filter(None, (", ".join(self.left_out.unnamed[:-1]), self.left_out.unnamed[-1]))
            )
            return f"it has no scores on another {kinds} than it was trained on ({self.name})"
        if self.scenes < LEAST_SCENES:
            return f"{self.name} has {self.scenes} scenes, fewer than {LEAST_SCENES}"
        missing = [name for name in required if name not in {rival.name for rival in self.rivals}]
        if missing or not self.rivals:
            return f"it was not compared with {', '.join(missing) or 'any rival'} on {self.name}"
        for rival in sorted(self.rivals, key=lambda item: -item.score):
            if rival.gain is None:
                return f"its gain over {rival.name} has no interval on {self.name}"
            low, high = rival.gain
            if not low > 0:
                return f"its gain over {rival.name} is {low:.3f} to {high:.3f} on {self.name}"
        return ""


class Evidence(Spec):
    """The scores of a network on labelled scenes that its weights were not trained on."""

    sets: Annotated[tuple[ScoredSet, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _of_older_bundles(cls, value: JsonValue) -> JsonValue:
        """Read the evidence of older bundles: one set and one rival, without what was left out."""
        if not isinstance(value, Mapping) or "data" not in value:
            return value
        old: dict[str, JsonValue] = dict(value)
        name, score = old.pop("rival", ""), old.pop("rival_score", 0.0)
        gain, data, chips = old.pop("gain", None), old.pop("data"), old.pop("chips", 0)
        rivals: list[JsonValue] = [{"name": name, "score": score, "gain": gain}] if name else []
        return {"sets": [{**old, "name": data, "scenes": chips, "rivals": rivals}]}

    def of_units(self, units: Collection[Units]) -> Evidence | None:
        """Return the sets whose scenes have one of some units; None: there are none."""
        sets = tuple(item for item in self.sets if item.units in units)
        return Evidence(sets=sets) if sets else None

    def objection(self, required: Callable[[Units], Collection[str]]) -> str:
        """Return why the network is not a default; empty if it is.

        Args:
            required: returns the names of the rivals that must be there, for scenes of some units.
        """
        left_out = [item for item in self.sets if not item.left_out.unnamed]
        if not left_out:
            nearest = min(self.sets, key=lambda item: len(item.left_out.unnamed))
            return nearest.objection(required(nearest.units))
        reasons = (item.objection(required(item.units)) for item in left_out)
        return next(filter(None, reasons), "")

    def with_set(self, added: ScoredSet) -> Evidence:
        """Return the evidence with a set, in place of one of the same name."""
        return Evidence(sets=(*(item for item in self.sets if item.name != added.name), added))
