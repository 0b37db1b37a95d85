"""What describes the classes of a published map product."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from geoseg.spec.base import ClassSpec, Spec


class UnobservedSpec(Spec):
    """A code that is no class."""

    value: int
    label: str


class LegendSpec(Spec):
    """Codes, names and colours of a product that people compare from year to year."""

    name: str
    title: str
    file_patterns: tuple[str, ...]
    """Regular expressions on file names, titles in tags and bands' descriptions that give the product away;
    without regard to case. A group `year` is the year mapped, a group `version` that of the algorithm."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    unobserved: tuple[UnobservedSpec, ...] = ()
    """Codes that are no class, such as fill and clouds."""
    versions_differ: str = ""
    """What to know where two maps are of different versions."""
    source: str
    """Where codes and colours come from."""

    @field_validator("file_patterns")
    @classmethod
    def _regular(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            re.compile(pattern)
        return patterns

    def match(self, text: str) -> re.Match[str] | None:
        """Find the product's name in a file name or title."""
        found = (re.search(pattern, text, re.IGNORECASE) for pattern in self.file_patterns)
        return next((match for match in found if match), None)
