"""From what to what without a network: spectral classes that a pair allows, and transitions between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from geoseg.atmosphere.reflectance import tell_path
from geoseg.change.choose import Choice
from geoseg.change.image_pair import Pair, units_of
from geoseg.change.transitions import NOTHING, Transitions, transitions_between
from geoseg.errors import UsageError
from geoseg.messages import note, warn
from geoseg.methods.change_statistics import window_mean
from geoseg.methods.dark_object import dark_object
from geoseg.methods.spectral import Rule
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.bands import TWINS
from geoseg.scenes.dark_object_scene import toa_wavelengths, worth_subtracting
from geoseg.spec import ChangeSpec, SpectralSpec
from geoseg.spec.presets import task
from geoseg.spec.tables import spectral_classes, transition_table

LOG = logging.getLogger(__name__)


def with_classes(spec: ChangeSpec, choice: Choice, pair: Pair) -> tuple[SpectralSpec | None, Choice]:
    """Add the spectral classes that the bands allow, and the bands that they need."""
    if choice.method.needs.kind == "sar":
        return None, choice
    land, rules = spectral_classes(spec.spectral)
    there = _named_by_rules(pair.shared)
    used = {there[name] for name in _bands_of(rules) if name in there}
    calibrated = units_of(pair, sorted(used)) <= {"reflectance"}
    kept = tuple(rule for rule in rules if rule.bands <= there.keys() and (calibrated or rule.scale_free))
    labels = {item.value: item.label for item in land.classes}
    lost = {labels[rule.value] for rule in rules} - {labels[rule.value] for rule in kept}
    if not kept:
        note(LOG, f"from what to what is not told: the rules of {land.name} need other bands")
        return None, choice
    if lost:
        why = "these bands" if calibrated else "these bands and uncalibrated values"
        note(LOG, f"spectral classes without {', '.join(sorted(lost))}: {why} do not tell them")
    if not calibrated:
        known = all(scene.sensor and scene.sensor.name != "generic" for scene in (pair.before, pair.after))
        warn(
            LOG,
            "classes-without-reflectance",
            "the values are no reflectance: classes go by normalised indices alone, whose thresholds are for "
            f"reflectance. Take from and to as hints{'' if known else ', or name the sensor with --sensor'}",
        )
    needed = {there[name] for name in _bands_of(kept)}
    wanted = [name for name in pair.shared if name in needed and name not in choice.bands]
    return land, replace(choice, bands=(*choice.bands, *wanted), rules=kept, other=land.classes[-1].value)


def without_air(choice: Choice, pair: Pair, sample: Sequence[Pixels]) -> Choice:
    """Find the path reflectance of each top-of-atmosphere date: rules are for reflectance of the surface.

    Args:
        choice: with its rules.
        pair: both dates.
        sample: blocks of the first date's channels, then the second's.
    """
    if not choice.rules:
        return choice
    count = len(choice.channels)
    blocks = [block.physical() for block in sample]

    def air_of(scene: Scene, name: str, first: int) -> dict[str, float]:
        wavelengths = toa_wavelengths(scene, choice.bands)
        planes = {band: first + choice.bands.index(band) for band in wavelengths}
        darkest = {
            band: dark_object(
                np.concatenate([window_mean(block[i], choice.radius).ravel() for block in blocks])
            )
            for band, i in planes.items()
        }
        air = worth_subtracting(darkest, wavelengths)
        tell_path(name, air, " for the spectral classes")
        return air

    return replace(choice, air=(air_of(pair.before, "before", 0), air_of(pair.after, "after", count)))


def _named_by_rules(shared: Iterable[str]) -> dict[str, str]:
    """Bands by the names that rules may call them: both names of the near infrared are one band."""
    own = {name: name for name in shared}
    return {**{twin: name for name, twin in TWINS.items() if name in own}, **own}


def _bands_of(rules: Iterable[Rule]) -> set[str]:
    """Bands that rules ask for."""
    return {name for rule in rules for name in rule.bands}


def transitions_of(spec: ChangeSpec, choice: Choice, land: SpectralSpec | None) -> Transitions:
    """Say which transitions the map can hold.

    Raises:
        UsageError: a transition table was asked for where no classes are told.
    """
    directions = choice.method.directions
    if land is None:
        if spec.rules is not None:
            raise UsageError("--rules needs classes on both dates, and this pair has none: use --model")
        return Transitions(classes=(NOTHING,), directions=directions or task("change").classes[1:2])
    table = transition_table(spec.rules) if spec.rules is not None else None
    return transitions_between((NOTHING, *land.classes), table, directions, within=True)
