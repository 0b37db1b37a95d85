"""Transitions without a network: the spectral classes that a pair of dates allows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from geoseg.atmosphere.reflectance import note_path_reflectance
from geoseg.engine.image_pair import Pair
from geoseg.errors import UsageError
from geoseg.messages import note, warn
from geoseg.methods.change_statistics import window_mean
from geoseg.methods.dark_object import DarkestValues
from geoseg.methods.spectral import Rule
from geoseg.pixels import Pixels
from geoseg.scenes import Scene
from geoseg.scenes.bands import TWINS
from geoseg.scenes.dark_object_scene import toa_wavelengths, worth_subtracting
from geoseg.scenes.sensor_kind import kind_of
from geoseg.spec import ChangeSpec, SpectralSpec
from geoseg.spec.presets import task
from geoseg.spec.tables import spectral_classes, transition_table
from geoseg.tasks.change.choose import Comparison
from geoseg.tasks.change.open_pair import units_at, units_of
from geoseg.tasks.change.transitions import NOTHING, Transitions, transitions_between

LOG = logging.getLogger(__name__)

LAND, LAND_TABLE = "land", "land-cover"
"""Spectral classes by default, and the transition table that goes with them."""


def with_classes(
    spec: ChangeSpec, comparison: Comparison, pair: Pair
) -> tuple[SpectralSpec | None, Comparison]:
    """Add the rules of the spectral classes that the bands allow, and the bands of these rules."""
    if comparison.method.needs.kind == "sar":
        return None, comparison
    if kind_of(pair.before) == "embedding":  # without classes, and nobody expects them
        return None, comparison
    land, rules = spectral_classes(spec.spectral)
    # Rules may use both names of the near infrared, which are one band.
    own = {name: name for name in pair.shared}
    known = {**{twin: name for name, twin in TWINS.items() if name in own}, **own}
    used = {known[name] for name in _bands_of(rules) if name in known}
    if any(len(units_at(scene, sorted(used))) > 1 for scene in (pair.before, pair.after)):
        note(LOG, f"no transitions between classes: the bands of {land.name} are in different units")
        return None, comparison
    calibrated = units_of(pair, sorted(used)) <= {"reflectance"}
    usable = tuple(rule for rule in rules if rule.bands <= known.keys() and (calibrated or rule.scale_free))
    labels = {item.value: item.label for item in land.classes}
    lost = {labels[rule.value] for rule in rules} - {labels[rule.value] for rule in usable}
    if not usable:
        note(LOG, f"no transitions between classes: the rules of {land.name} need other bands")
        return None, comparison
    if lost:
        why = "these bands" if calibrated else "these bands and uncalibrated values"
        note(LOG, f"spectral classes without {', '.join(sorted(lost))}: {why} do not separate them")
    if not calibrated:
        sensors_known = all(
            scene.sensor and scene.sensor.name != "generic" for scene in (pair.before, pair.after)
        )
        warn(
            LOG,
            "classes-without-reflectance",
            "the values are not reflectance: classes are found by normalised indices alone, whose thresholds "
            f"are for reflectance. Use from and to as hints"
            f"{'' if sensors_known else ', or name the sensor with `--sensor`'}",
        )
    needed = {known[name] for name in _bands_of(usable)}
    added = [name for name in pair.shared if name in needed and name not in comparison.bands]
    return land, replace(
        comparison,
        bands=(*comparison.bands, *added),
        rules=usable,
        other=land.classes[-1].value,
        classes_known=calibrated,
    )


def with_path_reflectance(comparison: Comparison, pair: Pair, sample: Sequence[Pixels]) -> Comparison:
    """Estimate the path reflectance of each top-of-atmosphere date, since rules are for surface reflectance.

    Args:
        comparison: with rules.
        pair: both dates.
        sample: blocks of the channels of the first date, then of the second.
    """
    if not comparison.rules:
        return comparison
    count = len(comparison.channels)
    blocks = [block.physical() for block in sample]

    def path_of(scene: Scene, name: str, first: int) -> dict[str, float]:
        wavelengths = toa_wavelengths(scene, comparison.bands)
        planes = {band: first + comparison.bands.index(band) for band in wavelengths}
        darkest = {}
        for band, index in planes.items():
            values = DarkestValues(sum(block[index].size for block in blocks))
            for block in blocks:
                values.add(window_mean(block[index], comparison.radius))
            darkest[band] = values.reflectance
        path = worth_subtracting(darkest, wavelengths)
        note_path_reflectance(name, path, " for the spectral classes")
        return path

    return replace(
        comparison, path_reflectance=(path_of(pair.before, "before", 0), path_of(pair.after, "after", count))
    )


def _bands_of(rules: Iterable[Rule]) -> set[str]:
    """Return the bands that rules read."""
    return {name for rule in rules for name in rule.bands}


def transitions_of(spec: ChangeSpec, comparison: Comparison, land: SpectralSpec | None) -> Transitions:
    """Return the transitions that the map can hold.

    Raises:
        UsageError: a transition table is given, and the dates have no classes.
    """
    method = comparison.method
    directions = method.directions
    if land is None:
        if spec.table is not None:
            raise UsageError("`--rules` needs classes on both dates, and this pair has none: give `--model`")
        return Transitions(classes=(NOTHING,), directions=directions or task("change").classes[1:2])
    name = LAND_TABLE if spec.rules is None and spec.spectral == LAND else spec.table
    table = transition_table(name) if name is not None else None
    within = spec.within_class or method.finds_within_classes or not comparison.classes_known
    made = transitions_between(
        (NOTHING, *land.classes), table, directions, within=within, unknown=comparison.other
    )
    hidden = [item.label for item, gone in zip(made.classes, np.diag(made.hidden), strict=True) if gone]
    if hidden:
        note(
            LOG,
            f"changes within {', '.join(hidden)} are no change of class and are not mapped; `--within-class` "
            "maps them",
        )
    return made
