"""Guesses on a network: its activation, its classes and the background, from the graph and a tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from geoseg.bundles.background import background_first, guessed_background, stated_background
from geoseg.bundles.graph_end import last_operator
from geoseg.bundles.graph_trial import Trial
from geoseg.bundles.stated_facts import Merged
from geoseg.errors import ModelError, UsageError
from geoseg.spec import Activation, ClassSpec
from geoseg.spec.palette import model_colour

Value = TypeVar("Value")

NEAR_ZERO = 1e-3
"""Tolerance of scores outside 0..1, for networks of 16-bit floats."""

LINEAR = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Einsum", "BatchNormalization", "Concat", ""}
)
"""Operators whose output is logits, even if those of a tile happen to lie in 0..1."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A fact of a description, for people."""

    fact: str
    value: str
    reason: str
    """Who states it, or why it was guessed."""

    def __str__(self) -> str:
        return f"{self.fact}: {self.value} ({self.reason})"


class Guesses:
    """What was guessed; facts that are stated are no guesses."""

    def __init__(self) -> None:
        """Begin without guesses."""
        self.entries: list[Entry] = []

    def pick(self, fact: str, stated: Value | None, guess: Value, why: str) -> Value:
        """Return the stated value of a fact, else the guess, which is recorded."""
        if stated is not None:
            return stated
        self.add(fact, str(guess), why)
        return guess

    def add(self, fact: str, value: str, why: str) -> None:
        """Record a guess."""
        self.entries.append(Entry(fact=fact, value=value, reason=why))


def choose_activation(weights: Path, trial: Trial, stated: Activation | None, guesses: Guesses) -> Activation:
    """Return the activation by the last operator and by the values of a tile.

    Raises:
        ModelError: the stated activation contradicts them.
    """
    operator = last_operator(weights, trial.output_name)
    limits = f"{trial.least:.3g} to {trial.greatest:.3g}"
    scores = trial.least >= -NEAR_ZERO and trial.greatest <= 1 + NEAR_ZERO
    ends = operator in {"Softmax", "Sigmoid", "HardSigmoid"}
    if stated == "none" and not scores:
        raise ModelError(
            f"{weights}: `--activation none`, but a tile gives {limits}, not scores in 0..1 (last operator "
            f"{operator or 'unknown'}); give `--activation softmax` or sigmoid"
        )
    if stated in {"softmax", "sigmoid"} and (ends or (scores and trial.sums_to_one)):
        raise ModelError(
            f"{weights}: `--activation {stated}`, but the network ends in an activation already (last "
            f"operator {operator or 'unknown'}, a tile gives {limits}); give `--activation none`"
        )
    if stated is not None:
        return stated
    seen = f"last operator {operator or 'unknown'}; a tile gives {limits}"
    if scores and (ends or trial.sums_to_one or operator not in LINEAR):
        sums = ", planes sum to 1" if trial.sums_to_one else ""
        guesses.add("activation", "none", f"scores already: {seen}{sums}")
        return "none"
    guess: Activation = "sigmoid" if trial.planes == 1 else "softmax"
    rest = (
        "one plane"
        if trial.planes == 1
        else "one class for each pixel; several at once: `--activation sigmoid`"
    )
    doubt = "; if these are scores: `--activation none`" if scores else ""
    guesses.add("activation", guess, f"logits: {seen}; {rest}{doubt}")
    return guess


def choose_classes(
    weights: Path, merged: Merged, trial: Trial, guesses: Guesses
) -> tuple[tuple[ClassSpec, ...], int | None, tuple[int, ...]]:
    """Return the classes, the value of the background and the planes.

    Raises:
        ModelError: the number of classes does not fit the planes.
    """
    listed, planes = [*merged.facts.classes], trial.planes
    absent = bool(listed) and len(listed) == planes - 1 and all(entry.value for entry in listed)
    if len(listed) == planes == 1 or absent:
        # One plane is the score of the only class; ESRI's definitions leave out the background.
        listed = [
            ClassSpec(value=0, label="background", colour=model_colour(0)),
            *(_after_background(entry, position) for position, entry in enumerate(listed, start=1)),
        ]
        guesses.add(
            "class", "0 background", "added: one class for one plane, or a plane more than classes from 1"
        )
    allowed = {planes} | ({2} if planes == 1 else set())
    if len(listed) not in allowed:
        names = ", ".join(entry.label for entry in listed)
        need = "one or two classes" if planes == 1 else f"{planes} classes in the order of the planes"
        raise ModelError(
            f"{weights}: returns {planes} planes, but {len(listed)} classes are named ({names}); name {need}"
        )
    values = [entry.value for entry in listed]
    if len(set(values)) < len(values):
        raise UsageError(f"`--classes`: two classes have the same value: {', '.join(map(str, values))}")
    background = _background(merged, listed, planes, guesses)
    classes, value, order = background_first(listed, background)
    return classes, value, () if planes == 1 else order


def _after_background(entry: ClassSpec, position: int) -> ClassSpec:
    """Return a class that moves behind an added background, with a value and colour that it has not."""
    own = entry.colour != model_colour(position - 1)
    colour = entry.colour if own else model_colour(position)
    return entry.model_copy(update={"value": entry.value or position, "colour": colour})


def _background(merged: Merged, listed: Sequence[ClassSpec], planes: int, guesses: Guesses) -> int | None:
    """Return the value of the class without polygons."""
    stated = merged.facts.background
    names = {entry.value: [entry.label] for entry in listed}
    if stated is not None:
        if stated.lower() == "none":
            return None
        try:
            return stated_background(names, int(stated) if stated.isdigit() else stated, "`--background`")
        except ModelError as error:
            raise UsageError(str(error)) from error
    shifted = {value + 1: labels for value, labels in names.items()}
    # Of two classes without a name that means background, neither is left out of the map.
    found = guessed_background(shifted if len(names) == 2 else names)
    if len(names) == 2:
        found = None if found is None else found - 1
    if found is None and planes == 1:
        found = listed[0].value
    labels = {entry.value: entry.label for entry in listed}
    if found is None:
        guesses.add(
            "background", "none", "no label means it: every class is mapped; else `--background LABEL`"
        )
    else:
        guesses.add("background", labels[found], "its label; it gets no polygons, else `--background none`")
    return found
