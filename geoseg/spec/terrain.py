"""Terrain layers: how they are recognised, their units and limits."""

from __future__ import annotations

from geoseg.spec.base import Spec
from geoseg.spec.references import Pattern


class TerrainUnit(Spec):
    """A possible unit of the values, and its conversion to the unit of the layer."""

    tags: Pattern
    """Pattern that matches the complete text of a unit tag."""
    files: Pattern | None = None
    """Pattern to find in file names; None: file names do not contain the unit."""
    name: str
    scale: float = 1.0
    """Factor of the stored values."""
    tangent: bool = False
    """Whether values times `scale` are the tangent of an angle, which is converted to degrees."""


class TerrainSpec(Spec):
    """A terrain layer: height above nearest drainage, or slope."""

    title: str
    unit: str
    own: tuple[Pattern, ...]
    """Patterns to find in names of files or bands of such a layer."""
    others: dict[Pattern, str]
    """Patterns of files of another content: description and replacement by pattern."""
    units: tuple[TerrainUnit, ...]
    """Possible units; the first is the unit of the layer."""
    least: float
    """Least plausible value, in the unit of the layer."""
    most: float
    """Greatest plausible value, in the unit of the layer."""
    beyond: str
    """Probable reason for values above `most`, for the message."""
    doubtful: tuple[float, float] | None = None
    """Range of the maximum in which an unstated unit is ambiguous, so that the layer is refused."""
    doubt: str = ""
    """Possible meaning of such values, for the message."""
    citation: str
