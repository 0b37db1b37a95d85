"""Base classes of methods that retrieve methane columns.

A method is one file of `geoseg.tasks.methane.methods` with one class in it, which derives from
`TwoBandMethod` or `SpectrometerMethod`. The first sentence of its docstring is printed in the table of
methods in docs/methane.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.methane_column import fit_ratio, ratio_change

if TYPE_CHECKING:
    from geoseg.methods.matched_filter import Chunk, Matrix, Over

Image = NDArray[np.float32]
Kind = Literal["multispectral", "spectrometer"]

STRONG, WEAK = "swir22", "swir16"
"""The bands in which methane absorbs strongly and weakly."""


@dataclass(frozen=True, kw_only=True)
class RetrievalNeeds:
    """Requirements of a method on the scenes."""

    kind: Kind
    """Kind of instrument."""
    reference: bool = False
    """Whether reference scenes are required."""


class MethaneMethod(Protocol):
    """A method that retrieves methane columns."""

    name: ClassVar[str]
    """Value of `--method`, and name of the file."""
    title: ClassVar[str]
    citation: ClassVar[str]
    """Author, year and DOI."""
    needs: ClassVar[RetrievalNeeds]
    bands: ClassVar[tuple[str, ...]] = ()
    """Bands that are compared; empty: all bands in the absorption window of methane."""
    preference: ClassVar[int] = 100
    """`auto` takes the usable method with the lowest number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoBands:
    """Both bands of one date: top-of-atmosphere reflectance of one shape, NaN where not clear."""

    strong: Image
    weak: Image


class TwoBandMethod(MethaneMethod):
    """A retrieval from the relative change of two short-wave infrared bands and an absorption table.

    This base class compares the two bands of one date.
    """

    bands: ClassVar[tuple[str, ...]] = (STRONG, WEAK)
    weak_band_absorbs: ClassVar[bool] = True
    """Whether the relative change includes the absorption in the weak band."""
    caveat_without_reference: ClassVar[str] = ""
    """Warning where no reference is given; empty: none."""

    def slope(self, day: TwoBands, references: Sequence[TwoBands]) -> float:  # noqa: ARG002
        """Return c of weak = c strong, fitted to clear pixels (n,) of the whole scene.

        Raises:
            SceneError: no pixel is clear.
        """
        return fit_ratio(day.strong, day.weak)

    def change(
        self,
        day: TwoBands,
        references: Sequence[TwoBands],  # noqa: ARG002 - used by subclasses
        reference_change: Image | None,  # noqa: ARG002
        c: float,
    ) -> NDArray[np.float64]:
        """Return the relative change (H, W) of a window, negative in a plume; NaN where unknown.

        Args:
            day: bands of the scene.
            references: bands of the reference scenes.
            reference_change: (H, W) mean of the relative changes between the two bands of each reference;
                None: there are no references.
            c: of `slope`.
        """
        return ratio_change(day.strong, day.weak, c)


class SpectrometerMethod(MethaneMethod):
    """A retrieval from the narrow bands of an imaging spectrometer."""

    @abstractmethod
    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix, over: Over) -> None:
        """Retrieve the enhancement of a group of pixels with a common background, and store it in the chunks.

        Args:
            chunks: pixels of the group.
            absorption: (B,) unit absorption spectrum, ln(radiance) per `matched_filter.UNIT` ppm·m.
            over: applies a function to the chunks, perhaps on several threads.

        Raises:
            SceneError: the group is too small, or its radiance does not vary.
        """


def mean_known(images: Sequence[Image]) -> Image:
    """Return the mean of images where they are finite; NaN where none is."""
    known = np.isfinite(images)
    count = known.sum(axis=0)
    total = np.where(known, images, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
