"""The value that a task builds and the engine turns into a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Blend, Decide, Highest
from geoseg.engine.normalise import Normaliser
from geoseg.features import Features
from geoseg.outputs.layer import Kind
from geoseg.pixels import Pixels, class_dtype
from geoseg.polygons.clean import Reclassify
from geoseg.polygons.edits import Dropped
from geoseg.run_record import TableRows
from geoseg.runtimes import Session
from geoseg.scenes import Source
from geoseg.spec import ClassSpec

if TYPE_CHECKING:
    from geoseg.outputs.measure import MeasureSink
    from geoseg.runtimes.graph import DeviceGraph

Describe = Callable[[Features], Features]
"""Adds the columns of a task to those of every map. With `Extras.reclassify`, the input
has the column `geoseg.polygons.REGION` with the ids of the regions, which is not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A quantity that a task measures at each pixel."""

    band: str
    """Band of the source of the map."""
    title: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Attributes, tables, colours and files that a task adds to its map."""

    schema: Mapping[str, Kind] = field(default_factory=dict)
    """Additional columns of the polygons."""
    describe: Describe | None = None
    """Fills the additional columns; None: there are none."""
    shape: Describe | None = None
    """Adds the attributes of shape that a request asks for; None: there are none."""
    quantiles: bool = False
    """Whether polygons have quantiles of their scores."""
    reclassify: Reclassify | None = None
    """Changes the class of complete regions, or drops them, before they become polygons."""
    dropped: Dropped | None = None
    """Is called with regions that cleaning drops, on the thread that writes."""
    tables: Callable[[], dict[str, TableRows]] = dict
    """Returns additional tables; called after the whole scene was scored."""
    legend: tuple[ClassSpec, ...] = ()
    """Categories of the layer's style; empty: the classes of the map."""
    legend_column: str = "class"
    """Column that holds the values of the legend."""
    legend_of: NDArray[np.int64] | None = None
    """Legend value of each class value; None: the legend is the classes."""
    categories: Mapping[str, tuple[ClassSpec, ...]] = field(default_factory=dict)
    """Classes of further columns that hold class values, for further styles."""
    second: str = ""
    """Prefix of the bands of a second date; pictures then show both dates and the map."""
    palette: NDArray[np.float32] | None = None
    """(K, 3) red, green and blue in 0..1, for bands that hold positions in a list of classes."""
    measure: Measure | None = None
    """Quantity that pictures show as the background; None: the bands of the scene."""
    files: Mapping[Path, Callable[[], str]] = field(default_factory=dict)
    """Additional text files; their content is made after the whole scene was scored."""
    rasters: tuple[MeasureSink, ...] = ()
    """Additional rasters, opened and filled by the task; the engine finishes them."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a map is made: source, session, decision, classes and attributes; output options apart."""

    task: str
    layer: str
    """Name of the polygon layer."""
    classes: tuple[ClassSpec, ...]
    """In the order of the session's planes; the background first, if there is one."""
    source: Source
    bands: tuple[str, ...]
    """In the session's channel order."""
    session: Session
    prepare: Callable[[Pixels], NDArray[np.float32]]
    """Pixels of a tile to the session's input (C, size, size); a `Normaliser` for networks."""
    blend: Blend
    tile: int
    """px, side of a tile."""
    overlap: int
    """px, least number shared by neighbouring tiles."""
    fitted: int = 0
    """px, step of the places of fitted tiles; 0: the tiles are regular. See `geoseg.tile_grid.TileGrid`."""
    background: int | None = 0
    """Value of the class without polygons; None, or a value that no class has: every class has polygons."""
    threshold: float = 0.5
    """0..1, of the score of one plane."""
    decide: Decide | None = None
    """Scores of finished rows to classes; None: the highest score, or one plane above the threshold."""
    extras: Extras = field(default_factory=Extras)
    seed: float = 0.0
    """0..1; regions whose highest score is lower are dropped (region growing)."""
    patch_seed: float = 0.0
    """0..1; regions are dropped if no pixel of their patch (touching regions of any class) has this score."""
    min_area: float = 0.0
    """m²; default of `--min-area`."""
    min_patch: float = 0.0
    """m²; without `--min-area`, smallest patch of touching regions of any class."""
    model: dict[str, JsonValue] | None = None
    """Name, hash and licence of the network, for the record."""
    runtime: dict[str, JsonValue] = field(default_factory=dict)
    """Runtime or method, for the record."""
    inputs: tuple[dict[str, JsonValue], ...] = ()
    """Scenes, for the record."""
    sensor: str = ""
    acquired: str = ""
    """Acquisition time, ISO 8601; empty: unknown."""
    citation: str = ""
    """Source of the method, for the record."""
    session_mib: int = 0
    """MiB of memory that a network takes, for the plan."""
    on_device: tuple[DeviceGraph, ...] = ()
    """The network on each GPU in use; empty for methods and networks on the CPU."""

    @property
    def mapped(self) -> tuple[ClassSpec, ...]:
        """Return the classes that have polygons."""
        return tuple(entry for entry in self.classes if entry.value != self.background)

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Return the type of the class values."""
        return class_dtype(entry.value for entry in self.classes)

    @property
    def decision(self) -> Decide:
        """Return the rule that turns scores into classes."""
        values = tuple(entry.value for entry in self.classes)
        return self.decide or Highest(values=values, threshold=self.threshold)

    @property
    def normaliser(self) -> Normaliser:
        """Return the normaliser of a network.

        Raises:
            TypeError: the scores come from a method.
        """
        if not isinstance(self.prepare, Normaliser):
            raise TypeError(f"{self.task}: the session is a method, whose input is not normalised")
        return self.prepare
