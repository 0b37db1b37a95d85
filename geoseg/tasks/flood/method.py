"""The protocol of a water method: what it needs of a scene, its measure and its threshold.

A method is one file of `geoseg.tasks.flood.methods` with one class in it, which derives from `WaterMethod`,
or from `geoseg.tasks.flood.optical.OpticalIndex` or one of `geoseg.tasks.flood.radar`, which hold what such
methods share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.backscatter_classes import UsualLevels
from geoseg.methods.speckle_filter import Speckle

Image = NDArray[np.float32]
"""(H, W); NaN where not observed."""
Measure = NDArray[np.floating]
"""(H, W) of any precision; NaN where unknown."""
Bands = Sequence[Image]
"""Images of one scene, in the order of the bands that are measured together."""


@dataclass(frozen=True, kw_only=True)
class WaterNeeds:
    """Requirements of a method on its scenes, besides its bands."""

    kind: Literal["optical", "sar"]
    """Of the sensor."""
    scenes_before: int = 0
    """Least number of earlier scenes."""
    all_before: bool = False
    """Whether it reads all earlier scenes; otherwise it reads the first, to separate permanent water."""
    unitless: bool = False
    """Whether it is for radar values without a unit; other radar methods are for dB."""
    reflectance: bool = False
    """Whether values must be reflectance 0..1, as sums of bands need; ratios do not."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The threshold of a method, in the unit of its measure."""

    fixed: float
    """From the literature: used where the scene shows no two classes, or always (`from_scene`)."""
    water_below: bool
    """Whether water is below the threshold."""
    from_scene: bool = True
    """Whether `--thresholding auto` finds it in the scene."""
    algorithm: Literal["auto", "otsu"] = "auto"
    """What `--thresholding auto` means: tiles with two modes, or Otsu over the whole sample."""
    guard: tuple[float, float]
    """Limits of a threshold found by `auto`; one by another `--thresholding` is rejected beyond them."""
    limits: tuple[float, float]
    """Edges of the histogram of the measure."""
    scale: float
    """Distance from the threshold at which the score is 0.73, where the scene does not show the spread."""
    usual: UsualLevels | None = None
    """Usual backscatter of water and land, from which `auto` finds the threshold; None: from modes alone."""
    shift: float = 0.0
    """Shift of Otsu's threshold (`auto`) towards land for each 1 of the share of variance between his classes
    above `TWO_CLASSES`, and towards water below it; 0: none."""
    grow: float = 0.0
    """Distance from the threshold to those of cores and of rims of regions (`auto`); 0: no region growing."""
    shore: float | None = None
    """Threshold of pixels next to open water, which may be partly water (`auto`); None: as elsewhere."""

    @property
    def side(self) -> str:
        """Comparison that is true of water."""
        return "<" if self.water_below else ">"


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """A filter of each band before the measure."""

    apply: Callable[[Image], Image]
    """Returns filtered physical values (H, W); NaN stays NaN."""
    margin: int
    """Pixels around a pixel that its filtered value depends on."""
    text: str = ""
    """Name for the description of the map; empty: that of the method says it."""


class WaterMethod(Protocol):
    """A way to separate water from land by a number for each pixel; methods override what is different."""

    name: ClassVar[str]
    """Value of `--method`; the file has the same name."""
    title: ClassVar[str]
    measured: ClassVar[str]
    """Short name of the measure, for messages."""
    formula: ClassVar[str]
    """The measure as a formula, for the table of methods."""
    citation: ClassVar[str]
    bands: ClassVar[tuple[str, ...]]
    """Common names of the bands that are measured, of earlier scenes too."""
    bands_used: ClassVar[Literal["all", "first", "each"]] = "all"
    """All together; the first that every scene has; or each that every scene has by itself, of which one
    suffices for water."""
    needs: ClassVar[WaterNeeds]
    threshold: ClassVar[Threshold]
    preference: ClassVar[float] = math.inf
    """Of the methods that a scene allows, `auto` chooses that of the lowest number; infinite: never."""
    suits: ClassVar[str] = ""
    """Scenes for which `auto` chooses it."""
    fallbacks: ClassVar[tuple[str, ...]] = ()
    """Methods that `auto` tries in turn where a sample shows that this one cannot separate water."""
    notes: ClassVar[tuple[str, ...]] = ()
    """Notes on every map by this method."""
    least_pixels: ClassVar[int] = 0
    """Pixels of the smallest region that the method keeps; 0: no limit."""
    nir_limit: ClassVar[float | None] = None
    """Near-infrared reflectance above which no pixel is water; None: no limit."""
    ceiling_db: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """dB by band above which a pixel is not flooded, whatever its measure; empty: no limit."""
    margin: ClassVar[int] = 0
    """Pixels around a pixel on which `water_before` depends."""
    flood_over_water: ClassVar[bool] = False
    """Whether water of the measure is flood even where open water was mapped before."""

    def fitted(self, sample: Sequence[Sequence[Bands]]) -> WaterMethod:  # noqa: ARG002 - used by subclasses
        """Return the method with all that it learns from a scene; itself where it learns nothing.

        Args:
            sample: blocks of the scene at full resolution; each holds the bands of the scene, then of the
                earlier scenes, in the order of `bands`.
        """
        return self

    def open_water(self, sample: Mapping[str, Sequence[Image]]) -> tuple[str, float] | None:  # noqa: ARG002
        """Return a band and the dB below which a pixel of it is open water, for a measure that is a change.

        None: the measure itself separates water.

        Args:
            sample: blocks (H, W) of dB of all dates, by measured band, before the filter of the method.
        """
        return None

    def water_before(
        self,
        scenes: Sequence[Bands],  # noqa: ARG002 - used by subclasses
        threshold: float,  # noqa: ARG002
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return which dark ground was water before, and which is no flood, water or not.

        None: `open_water` or the measure decides, and dark ground that was no water is flood.

        Args:
            scenes: as in `measure`.
            threshold: of the measure.
        """
        return None

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the measure: an index, backscatter or a change.

        Args:
            scenes: bands of the scene, then of the earlier scenes that the method needs, each (H, W):
                reflectance, digital numbers or dB; NaN where not observed.

        Returns:
            A value for each pixel, which may depend on the same pixel of the arguments only.
        """
        ...

    def without_unit(self) -> WaterMethod:
        """Return the method for digital numbers without a unit; itself where values need none."""
        return self

    def blind(self, sample: Mapping[str, Sequence[Image]]) -> str:  # noqa: ARG002 - used by subclasses
        """Return why a fallback is better for this scene; empty: it is not.

        Args:
            sample: blocks (H, W) by band after the filter of the method, of all bands of the candidates.
        """
        return ""

    def smoothing(
        self,
        speckle: Speckle,  # noqa: ARG002 - used by subclasses
        sample: Sequence[Bands],  # noqa: ARG002
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> Smoothing | None:
        """Return the filter of the bands before the measure, and log what it estimates; None: no filter.

        Args:
            speckle: value of `--speckle`.
            sample: blocks of the scene at full resolution.
            pixel_size_m: ground size along rows and columns; NaN where unknown.

        Raises:
            SceneError: the filter does not fit the pixel size.
        """
        return None

    def warn_of_limits(
        self,
        scenes_before: int,  # noqa: ARG002 - used by subclasses
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> None:
        """Warn of limits of the method for these scenes.

        Args:
            scenes_before: number of earlier scenes that it reads.
            pixel_size_m: ground size along rows and columns; NaN where unknown.
        """
        return
