"""What a task decides, and all maps are then made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Blend, Decide
from geoseg.engine.normalise import Normaliser
from geoseg.engine.pipeline import Describe
from geoseg.outputs import Kind, MeasureSink
from geoseg.pixels import Pixels
from geoseg.polygons import Judge
from geoseg.run_record import TableRows
from geoseg.runtimes import Session
from geoseg.runtimes.graph import DeviceGraph
from geoseg.scenes import Source
from geoseg.spec import ClassSpec


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a task adds to the class, area and score of each polygon, and to the totals of a map."""

    schema: Mapping[str, Kind]
    """Further columns of the polygons."""
    describe: Describe
    """Fills them."""
    judge: Judge | None = None
    """Looks at regions before: may give them other classes, or drop them."""
    tables: Callable[[], dict[str, TableRows]]
    """Further tables, once the whole scene was scored."""
    legend: tuple[ClassSpec, ...] = ()
    """What polygons are coloured by instead of their class."""
    legend_column: str = "class"
    """The column that holds the values of the legend."""
    legend_of: NDArray[np.int64] | None = None
    """Value of the legend by class, where there is one."""
    second: str = ""
    """What the bands of a second date begin with; pictures then show both dates beside the map."""
    palette: NDArray[np.float32] | None = None
    """(K, 3) red, green and blue in 0..1, where bands hold positions in a list of classes."""
    files: Mapping[Path, Callable[[], str]] = field(default_factory=dict)
    """Further text files, made once the whole scene was scored."""
    rasters: tuple[MeasureSink, ...] = ()
    """Further rasters that the task has opened and filled."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a task decided: all that a map needs besides its output options."""

    task: str
    layer: str
    classes: tuple[ClassSpec, ...]
    """In the order of the session's planes; the background first, where there is one."""
    source: Source
    bands: tuple[str, ...]
    """In the session's channel order."""
    session: Session
    prepare: Callable[[Pixels], NDArray[np.float32]]
    blend: Blend
    tile: int
    overlap: int
    background: int | None = 0
    """Value of the class that gets no polygons; None, or a value that no class has: all get some."""
    threshold: float = 0.5
    decide: Decide | None = None
    """How scores become classes; None: the highest wins, or one plane above the threshold."""
    extras: Extras | None = None
    seed: float = 0.0
    """Regions whose best score stays below are dropped (region growing)."""
    min_area: float = 0.0
    """m²; what `--min-area` is when not said."""
    min_patch: float = 0.0
    """m²; where `--min-area` is not said, what touches must have together, whatever its classes."""
    model: dict[str, JsonValue] | None = None
    runtime: dict[str, JsonValue]
    inputs: tuple[dict[str, JsonValue], ...]
    sensor: str
    acquired: str
    """ISO 8601, or empty."""
    session_mib: int = 0
    """Memory that a network takes, for the plan."""

    @property
    def mapped(self) -> tuple[ClassSpec, ...]:
        """The classes that get polygons."""
        return tuple(entry for entry in self.classes if entry.value != self.background)


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(Recipe):
    """A recipe whose scores come from a network."""

    prepare: Normaliser
    on_device: tuple[DeviceGraph, ...] = ()
    """The network on each GPU in use, for `geoseg.engine.on_device`."""
