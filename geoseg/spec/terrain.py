"""What describes a layer of terrain beside a scene: how it is told from others, its units and limits."""

from __future__ import annotations

from geoseg.spec.base import Spec
from geoseg.spec.references import Pattern


class TerrainUnit(Spec):
    """A unit that values may be in, and how they become the layer's own."""

    tags: Pattern
    """A tag's whole text."""
    files: Pattern | None = None
    """Found anywhere in a file's name; None: names do not tell it."""
    name: str
    scale: float = 1.0
    """Multiplies stored values."""
    tangent: bool = False
    """Whether the product is the tangent of an angle, which becomes degrees."""


class TerrainSpec(Spec):
    """A layer of terrain: height above drainage, or slope."""

    title: str
    unit: str
    own: tuple[Pattern, ...]
    """Found in the name of a file, or of a band, that is such a layer."""
    others: dict[Pattern, str]
    """Found in the name of a file that is something else: what, and what to give instead."""
    units: tuple[TerrainUnit, ...]
    """The first is the layer's own."""
    least: float
    """In its own unit; smaller values show that it is something else."""
    most: float
    """Greater ones too."""
    beyond: str
    """What may be the matter with values beyond `most`."""
    doubtful: tuple[float, float] | None = None
    """Where its greatest value lies between these and nothing tells the unit, it is asked for."""
    doubt: str = ""
    """What such values may be."""
    citation: str
