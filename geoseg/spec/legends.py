"""Legends of published map products."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from geoseg.spec.base import ClassSpec, Spec


class UnobservedSpec(Spec):
    """A code that means: not observed."""

    value: int
    label: str


class LegendSpec(Spec):
    """Codes, labels and colours of the classes of a map product."""

    name: str
    title: str
    file_patterns: tuple[str, ...]
    """Regular expressions, ignoring case, for file names, titles in tags and band descriptions of the
    product. The group `year` is the mapped year, the group `version` the version of the algorithm."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    unobserved: tuple[UnobservedSpec, ...] = ()
    """Codes of pixels without a class, such as fill and clouds."""
    versions_differ: str = ""
    """Text of the warning if two maps have different versions."""
    source: str
    """Source of codes and colours."""

    @field_validator("file_patterns")
    @classmethod
    def _regular(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            re.compile(pattern)
        return patterns

    def match(self, text: str) -> re.Match[str] | None:
        """Search a file name or title for the product."""
        found = (re.search(pattern, text, re.IGNORECASE) for pattern in self.file_patterns)
        return next((match for match in found if match), None)
