"""Spectral classes, and transition tables: types of change by pair of classes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from geoseg.spec.base import ClassSpec, Spec


class SpectralRule(Spec):
    """A pixel has the class if all conditions hold; the first matching rule applies."""

    label: str
    """Label of the class."""
    when: Annotated[tuple[str, ...], Field(min_length=1)]
    """Conditions `NAME > NUMBER` or `NAME < NUMBER` on bands and spectral indices."""
    source: str
    """Source of the thresholds."""


class SpectralSpec(Spec):
    """Land-cover classes from thresholds on bands and spectral indices."""

    name: str
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """The last class is that of pixels that match no rule. Values are 1, 2, 3, … without gaps."""
    rules: Annotated[tuple[SpectralRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_classes(self) -> SpectralSpec:
        if [item.value for item in self.classes] != list(range(1, len(self.classes) + 1)):
            raise ValueError("the values of the classes must be 1, 2, 3, … without gaps")
        labels = {item.label for item in self.classes}
        for rule in self.rules:
            if rule.label not in labels:
                raise ValueError(f"the label {rule.label!r} of a rule is not among the classes")
        return self


ClassName = int | str
"""Value or label of a class, or name of a group of classes."""


class TransitionRule(Spec):
    """Type of change of some pairs of classes; later rules override earlier ones."""

    before: tuple[ClassName, ...] = ()
    """Classes or groups on the first date; empty: any."""
    after: tuple[ClassName, ...] = ()
    """Classes or groups on the second date; empty: any."""
    same: bool = False
    """Whether the rule also applies to pairs of equal classes."""
    type: int
    """Value of one of `types`, or 0: no change."""


class TransitionSpec(Spec):
    """A table that assigns a type of change to pairs of classes."""

    name: str
    title: str = ""
    classes: tuple[ClassSpec, ...] = ()
    """Classes of the table. The classes of a map must be among them, by label, or by value if unlabelled."""
    types: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    groups: dict[str, tuple[ClassName, ...]] = {}
    rules: Annotated[tuple[TransitionRule, ...], Field(min_length=1)]
    citation: str = ""

    @model_validator(mode="after")
    def _known_types(self) -> TransitionSpec:
        known = {0, *(item.value for item in self.types)}
        for rule in self.rules:
            if rule.type not in known:
                raise ValueError(f"a rule has the type {rule.type}, which `types` does not define")
        return self
