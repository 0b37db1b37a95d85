"""What describes classes told by spectra, and what pairs of classes mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from geoseg.spec.base import ClassSpec, Spec


class SpectralRule(Spec):
    """Ground is of a class where all conditions hold; the first rule that fits decides."""

    label: str
    """Of the class."""
    when: Annotated[tuple[str, ...], Field(min_length=1)]
    """Conditions `NAME > NUMBER` or `NAME < NUMBER` on bands and indices."""
    source: str
    """Where the thresholds come from."""


class SpectralSpec(Spec):
    """Classes of ground told by their spectra, without weights."""

    name: str
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """The last one is what no rule fits. Values count from 1 without gaps."""
    rules: Annotated[tuple[SpectralRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_classes(self) -> SpectralSpec:
        if [item.value for item in self.classes] != list(range(1, len(self.classes) + 1)):
            raise ValueError("the values of classes count from 1 without gaps")
        labels = {item.label for item in self.classes}
        for rule in self.rules:
            if rule.label not in labels:
                raise ValueError(f"a rule gives {rule.label!r}, which is none of classes")
        return self


ClassName = int | str
"""A class by value or label, or a group of classes by name."""


class TransitionRule(Spec):
    """What some pairs of classes mean; a later rule overrides an earlier one."""

    before: tuple[ClassName, ...] = ()
    """Classes or groups on the first date; empty: any."""
    after: tuple[ClassName, ...] = ()
    """The same on the second date."""
    same: bool = False
    """Whether pairs of one and the same class are meant too."""
    type: int
    """One of `types`, or 0: no change."""


class TransitionSpec(Spec):
    """A table that turns pairs of classes into kinds of change."""

    name: str
    title: str = ""
    classes: tuple[ClassSpec, ...] = ()
    """Classes that it was made for: a map's classes must be among them by label, or by value without one."""
    types: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    groups: dict[str, tuple[ClassName, ...]] = {}
    rules: Annotated[tuple[TransitionRule, ...], Field(min_length=1)]
    citation: str = ""

    @model_validator(mode="after")
    def _known_types(self) -> TransitionSpec:
        known = {0, *(item.value for item in self.types)}
        for rule in self.rules:
            if rule.type not in known:
                raise ValueError(f"type {rule.type} of a rule is none of types")
        return self
