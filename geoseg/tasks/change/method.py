"""The protocol of a method that compares two dates: its facts, its fit to a pair, its measure.

A method is one file of `geoseg.tasks.change.methods` with one class in it. The class is a frozen dataclass,
whose fields are fitted to a pair of scenes; made without arguments, it is not fitted. The first sentence of
its docstring is printed in the table of methods in docs/change.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.change_statistics import Spread, robust_spread
from geoseg.methods.unmasked import SIGMAS
from geoseg.spec import ClassSpec, Units

Image = NDArray[np.float32]
Matrix = NDArray[np.float64]
Kind = Literal["optical", "sar", "embedding"]
Thresholding = Literal["robust", "ki", "otsu", "chi2"]


@dataclass(frozen=True, kw_only=True)
class ChangeNeeds:
    """Requirements of a method on both dates."""

    kind: Kind
    """Of the sensor."""
    units: frozenset[Units] = frozenset()
    """Allowed units of the bands; empty: any."""
    one_unit: bool = False
    """Whether the bands of a date are compared with each other, so that they need one unit."""
    least_bands: int = 1
    """Least number of compared bands."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Hysteresis: places that exceed a seed threshold somewhere are mapped as far as a lower threshold."""

    grow: float
    """Multiple of the threshold down to which places grow, at most 1."""
    seed: float
    """Multiple of the threshold that a place must exceed in one pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FitSample:
    """Blocks of a pair of scenes to which a method is fitted."""

    bands: tuple[str, ...]
    """Names of the compared bands."""
    units: set[Units]
    """Of the bands."""
    radius: int
    """Radius in pixels of the window over which change is averaged."""
    pixels: Callable[[], tuple[Matrix, Matrix]]
    """Returns both dates (B, n) of pixels observed in all bands, before normalisation and filters."""
    dates: Callable[[], Iterator[tuple[Image, Image]]]
    """Returns both dates (B, H, W) of each block, as `ChangeMethod.measure` takes them."""


class ChangeMethod(Protocol):
    """A way to compare two dates; subclasses override what is different."""

    name: ClassVar[str]
    """Value of `--method`; the file has the same name."""
    title: ClassVar[str]
    measured: ClassVar[str]
    """Name and unit of the measure, for messages."""
    citation: ClassVar[str]
    """With DOI, where there is one."""
    needs: ClassVar[ChangeNeeds]
    bands: ClassVar[tuple[str, ...]] = ()
    """Compared bands; empty: those of `STANDARD` that both dates have, or all."""
    preference: ClassVar[int] = 100
    """Of the methods for one kind of sensor, `auto` chooses that of the lowest number."""
    fallbacks: ClassVar[tuple[str, ...]] = ()
    """Methods that `auto` tries in turn where this one does not suit the pair or misses evident change."""
    advantage: ClassVar[str] = ""
    """Its advantage over the method whose fallback it is."""
    thresholding: ClassVar[tuple[Thresholding, ...]] = ("robust", "ki", "otsu")
    """Algorithms for its threshold; the first is the default."""
    smooth: ClassVar[int] = 5
    """Default side in pixels of the window over which change is averaged, since two dates are never aligned
    exactly."""
    filters_speckle: ClassVar[bool] = False
    """Whether bands pass the speckle filter first (radar)."""
    margin: ClassVar[int] = 0
    """Pixels around a pixel that its measure reads, besides speckle filter and window."""
    normalisation: ClassVar[Literal["irmad", "histogram", "none"]] = "none"
    """Default radiometric normalisation of the second date to the first; none: it has no effect."""
    directions: ClassVar[tuple[ClassSpec, ...]] = ()
    """Classes by the direction of change, with the values 1, 2 …"""

    finds_within_classes: ClassVar[bool] = False
    """Whether its change is a finding within one spectral class too: gain and loss of an index."""

    @property
    def takes_layers(self) -> bool:
        """Whether layers of both dates are compared like bands."""
        return self.needs.kind == "optical" and not self.bands

    @property
    def growth(self) -> Growth | None:
        """Hysteresis around the threshold of `robust_threshold`; None: every pixel above it is mapped."""
        return None

    @property
    def objection(self) -> str:
        """Why the fitted method does not suit this pair, so that `auto` takes a fallback; empty: it does."""
        return ""

    def fit(self, sample: FitSample) -> Self:  # noqa: ARG002 - used by subclasses
        """Return the method fitted to a sample.

        Raises:
            SceneError: the sample is too small, or a band does not vary.
        """
        return self

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return the measure of change, (H, W), averaged over a window; NaN where not observed.

        Args:
            before: (B, H, W) compared bands: physical values, or dB after the speckle filter.
            after: the same of the second date, after radiometric normalisation.
            radius: of the window in pixels; 0: no average.
        """
        ...

    def direction(self, before: Image, after: Image, radius: int) -> Image | int:  # noqa: ARG002
        """Return the value (H, W) of one of `directions`; 0 where the method has none."""
        return 0

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the least and the greatest threshold that may be found from a scene.

        Args:
            bands: number of bands compared.
            units: of the bands.
        """
        return 0.0, np.inf

    def robust_threshold(self, values: NDArray[np.floating]) -> tuple[float, str]:
        """Return the threshold by the spread of most values of a sample, and a name of the rule."""
        spread = robust_spread(values)
        return spread.mean + SIGMAS * spread.std, f"median and {SIGMAS:g} robust standard deviations"

    def unimodal_threshold(self, spread: Spread) -> float:
        """Return the threshold where the histogram has one mode, given the spread of unchanged ground."""
        return spread.mean + SIGMAS * spread.std

    def with_threshold(self, threshold: float, spread: Spread) -> Self:  # noqa: ARG002
        """Return the fitted method for use with this threshold."""
        return self
