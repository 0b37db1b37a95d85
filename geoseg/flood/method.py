"""What a water method is: what it needs of a scene, what it measures of a pixel, where its threshold lies.

A method is one file of `geoseg.flood.methods` with one class in it, which derives from `WaterMethod`, or from
`geoseg.flood.optical.OpticalIndex` or one of `geoseg.flood.radar`, which fill in what such methods share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.speckle_filter import Speckle

Image = NDArray[np.float32]
"""(H, W); NaN where not observed."""
Measure = NDArray[np.floating]
"""(H, W) of any precision; NaN where unknown."""
Bands = Sequence[Image]
"""Images of one scene, in the order of the bands that are measured together."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the scenes must have for a method, besides its bands."""

    kind: Literal["optical", "sar"]
    """Of the sensor."""
    scenes_before: int = 0
    """Earlier scenes that it cannot do without."""
    all_before: bool = False
    """Whether it reads all earlier scenes; otherwise only the first, to tell flood from permanent water."""
    reflectance: bool = False
    """Whether values must be reflectance 0..1: true of sums, but not of ratios."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Where a method's threshold lies, in the unit of its measure."""

    fixed: float
    """From the literature: taken where the scene shows no two classes, or always (`from_scene`)."""
    water_below: bool
    """Whether water is below the threshold."""
    from_scene: bool = True
    """Whether `--thresholding auto` looks for it in the scene."""
    guard: tuple[float, float]
    """Where a threshold found by `auto` is kept; outside it asks more than the physics does."""
    bounds: tuple[float, float] | None = None
    """Where a threshold by another `--thresholding` must lie to be believed; None: within the guard."""
    between: float | None = None
    """What two modes must lie on either side of to be land and water; None: their cut within the guard."""
    limits: tuple[float, float]
    """Edges of the histogram of the measure."""
    scale: float
    """Distance from the threshold at which the score is 0.73, where the scene does not show the spread."""
    grow: float = 0.0
    """With `auto`, regions grow to this far beyond the threshold from cores this far within; 0: neither."""

    @property
    def side(self) -> str:
        """Comparison that is true of water."""
        return "<" if self.water_below else ">"


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """A filter of one band that comes before the measure."""

    apply: Callable[[Image], Image]
    """Filters physical values (H, W); NaN stays NaN."""
    margin: int
    """Pixels around a pixel that its filtered value depends on."""
    text: str = ""
    """For the description of the map; empty: the method's name says it."""
    note: str = ""
    """What was estimated from the scene; may be empty."""


class WaterMethod(Protocol):
    """One way to tell water from land by a number per pixel; methods override what is different for them."""

    name: ClassVar[str]
    """As `--method` takes it; the file is named like it."""
    title: ClassVar[str]
    measured: ClassVar[str]
    """Short name of what is compared with the threshold, for messages."""
    formula: ClassVar[str]
    """The same, as the table of methods shows it."""
    citation: ClassVar[str]
    bands: ClassVar[tuple[str, ...]]
    """Common names of the bands that are measured, of earlier scenes too."""
    bands_used: ClassVar[Literal["all", "first", "each"]] = "all"
    """How: together; the first of them that every scene has; or each that every scene has by itself, of which
    one suffices for water."""
    needs: ClassVar[Needs]
    threshold: ClassVar[Threshold]
    preference: ClassVar[float] = math.inf
    """Of the methods that a scene allows, `auto` takes the one with the lowest number; infinite: never."""
    suits: ClassVar[str] = ""
    """Scenes for which `auto` takes it."""
    fallbacks: ClassVar[tuple[str, ...]] = ()
    """Methods that `auto` tries in turn where a sample of the scene shows no two classes by this one."""
    notes: ClassVar[tuple[str, ...]] = ()
    """What a user should know of any map by this method."""
    least_pixels: ClassVar[int] = 0
    """Smallest region that the method itself keeps, in pixels; 0: it has no rule."""
    nir_limit: ClassVar[float | None] = None
    """Near-infrared reflectance above which nothing is water; None: not asked."""
    open_water_db: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """dB by band below which ground is open water, for methods whose measure is a change; empty: the measure
    itself says what is water."""
    ceiling_db: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """dB by band above which ground is not flooded, whatever the measure says; empty: not asked."""
    flood_over_water: ClassVar[bool] = False
    """Whether what the measure finds is flood even where there was open water before."""

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the index, backscatter or change that is compared with the threshold.

        Args:
            scenes: bands of the scene, then of earlier ones, as many as the method needs, each (H, W):
                reflectance, digital numbers or dB; NaN where not observed.

        Returns:
            A value per pixel, which may depend only on the same pixel of the arguments.
        """
        ...

    def smoothing(
        self,
        speckle: Speckle,  # noqa: ARG002 - used by subclasses
        sample: Sequence[Bands],  # noqa: ARG002
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> Smoothing | None:
        """Return the filter that bands go through before they are measured; None: as they are.

        Args:
            speckle: the speckle filter asked for.
            sample: blocks of the scene at full resolution.
            pixel_size_m: ground size along rows and columns; NaN where unknown.

        Raises:
            SceneError: the filter does not fit the pixel size.
        """
        return None

    def caveats(
        self,
        scenes_before: int,  # noqa: ARG002 - used by subclasses
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> tuple[str, ...]:
        """Return warnings about the scenes that this method is used for.

        Args:
            scenes_before: how many earlier scenes it reads.
            pixel_size_m: ground size along rows and columns; NaN where unknown.
        """
        return ()
