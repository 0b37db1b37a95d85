"""What a method of comparing two dates is: facts about it, how it is fitted, and what it measures.

A method is one file of `geoseg.change.methods` with one class in it. The class is a frozen dataclass, whose
fields are what is fitted to a pair of scenes; as made without arguments it is not fitted. The first sentence
of its docstring is printed in the table of methods in docs/change.md.
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
Kind = Literal["optical", "sar"]
Thresholding = Literal["robust", "ki", "otsu", "chi2"]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What both dates must have."""

    kind: Kind
    """Of the sensor."""
    units: frozenset[Units] = frozenset()
    """Units that the bands may have; empty: any."""
    least_bands: int = 1
    """Bands compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FitSample:
    """Blocks of a pair of scenes that a method is fitted to."""

    bands: tuple[str, ...]
    """Names of the compared bands."""
    units: set[Units]
    """Of the bands."""
    radius: int
    """Of the window over which change is averaged, in pixels."""
    automatic: bool
    """Whether another method is taken where `ChangeMethod.fit` returns an objection."""
    pixels: Callable[[], tuple[Matrix, Matrix]]
    """Gives both dates (B, n) of pixels observed in all bands, before normalisation and filters."""
    dates: Callable[[], Iterator[tuple[Image, Image]]]
    """Gives both dates (B, H, W) of each block, as `ChangeMethod.measure` gets them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A method fitted to a pair of scenes."""

    method: ChangeMethod
    notes: tuple[str, ...] = ()
    objection: str = ""
    """Why the method does not suit this pair; empty: it does."""


class ChangeMethod(Protocol):
    """A way to compare two dates; subclasses override what is different for them."""

    name: ClassVar[str]
    """As `--method` takes it; the file is named like it."""
    title: ClassVar[str]
    measured: ClassVar[str]
    """What is compared with the threshold, and its unit."""
    citation: ClassVar[str]
    """With its DOI, where it has one."""
    needs: ClassVar[Needs]
    bands: ClassVar[tuple[str, ...]] = ()
    """Bands that are compared; empty: the usual ones that both dates have."""
    preference: ClassVar[int] = 100
    """Of the methods for one kind of sensor, `auto` takes the one with the lowest number."""
    fallbacks: ClassVar[tuple[str, ...]] = ()
    """Methods that `auto` tries in turn where this one does not suit the pair or misses plain change."""
    advantage: ClassVar[str] = ""
    """What it does better than the method that it is a fallback of."""
    thresholding: ClassVar[tuple[Thresholding, ...]] = ("robust", "ki", "otsu")
    """Algorithms that fix its threshold; the first is the default."""
    smooth: ClassVar[int] = 5
    """Default side of the window over which change is averaged, in pixels: pixels of two dates never lie
    exactly on each other."""
    filters_speckle: ClassVar[bool] = False
    """Whether the speckle filter comes first (radar)."""
    margin: ClassVar[int] = 0
    """Pixels around a pixel that its measure depends on, besides speckle filter and window."""
    normalisation: ClassVar[Literal["irmad", "histogram", "none"]] = "none"
    """How the second date is brought to the radiometry of the first by default; none: it need not be."""
    directions: ClassVar[tuple[ClassSpec, ...]] = ()
    """Classes by the direction of change, with the values 1, 2 …"""

    @property
    def takes_layers(self) -> bool:
        """Whether layers of both dates are compared like bands."""
        return self.needs.kind == "optical" and not self.bands

    def fit(self, sample: FitSample) -> Fitted:  # noqa: ARG002 - used by subclasses
        """Fit the method to a sample.

        Raises:
            SceneError: the sample is too small, or a band does not vary.
        """
        return Fitted(method=self)

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return how much changed, (H, W), averaged over a window; NaN where not observed.

        Args:
            before: (B, H, W) compared bands: physical values, or dB after the speckle filter.
            after: the same of the second date, in the radiometry of the first.
            radius: of the window in pixels; 0: no average.
        """
        ...

    def direction(self, before: Image, after: Image, radius: int) -> Image | int:  # noqa: ARG002
        """Return the value (H, W) of one of `directions`; 0 where the method has none."""
        return 0

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the least and greatest threshold found from a scene: below is noise, above is no change.

        Args:
            bands: number of bands compared.
            units: of the bands.
        """
        return 0.0, np.inf

    def robust_threshold(self, values: NDArray[np.floating]) -> tuple[float, str]:
        """Return the threshold by the spread of most values of a sample, and how it was found."""
        spread = robust_spread(values)
        return spread.mean + SIGMAS * spread.std, f"median and {SIGMAS:g} robust standard deviations"

    def unimodal_threshold(self, spread: Spread) -> float:
        """Return the threshold where the histogram has one mode, given the spread of unchanged ground."""
        return spread.mean + SIGMAS * spread.std

    def with_threshold(self, threshold: float, spread: Spread) -> Self:  # noqa: ARG002
        """Return the fitted method for use with this threshold."""
        return self
