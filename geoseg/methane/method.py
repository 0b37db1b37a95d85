"""What a retrieval of methane columns is: facts about it, and its arithmetic.

A method is one file of `geoseg.methane.methods` with one class in it, which derives from `TwoBandMethod` or
`SpectrometerMethod`. The first sentence of its docstring is printed in the table of methods in
docs/methane.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.matched_filter import Chunk, Matrix
from geoseg.methods.methane_column import fit_ratio, ratio_change

Image = NDArray[np.float32]
Kind = Literal["multispectral", "spectrometer"]

STRONG, WEAK = "swir22", "swir16"
"""The bands in which methane absorbs more and less."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a method needs of the scenes."""

    kind: Kind
    """Of the instrument."""
    reference: bool = False
    """Whether it compares with scenes of other days."""


class MethaneMethod(Protocol):
    """A way to retrieve methane columns."""

    name: ClassVar[str]
    """As `--method` takes it; the file is named like it."""
    title: ClassVar[str]
    citation: ClassVar[str]
    """With its DOI."""
    needs: ClassVar[Needs]
    bands: ClassVar[tuple[str, ...]] = ()
    """Bands that it compares; empty: all that lie in methane's absorption window."""
    preference: ClassVar[int] = 100
    """Of the methods that an instrument and its references allow, `auto` takes the lowest number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoBands:
    """Both bands of one day: top-of-atmosphere reflectance of one shape, NaN where not clear."""

    strong: Image
    weak: Image


class TwoBandMethod(MethaneMethod):
    """A retrieval from two short-wave infrared bands: a relative change becomes a column by a table.

    As it stands here, one band is compared with the other of the same moment.
    """

    bands: ClassVar[tuple[str, ...]] = (STRONG, WEAK)
    weak_band_absorbs: ClassVar[bool] = True
    """Whether the change contains the absorption in the weak band too."""
    caveat_without_reference: ClassVar[str] = ""
    """Warning where no scene of another day is given."""

    def slope(self, day: TwoBands, references: Sequence[TwoBands]) -> float:  # noqa: ARG002
        """Return c, fitted over clear pixels (n,) of the whole scene: weak = c strong.

        Raises:
            SceneError: no pixel can be used.
        """
        return fit_ratio(day.strong, day.weak)

    def change(
        self,
        day: TwoBands,
        references: Sequence[TwoBands],  # noqa: ARG002 - used by subclasses
        reference_change: Image | None,  # noqa: ARG002
        c: float,
    ) -> NDArray[np.float64]:
        """Return the relative change (H, W) of a window, negative in a plume; NaN where not known.

        Args:
            day: the scene.
            references: scenes of other days.
            reference_change: (H, W) mean over them of the change between the two bands of each; None: there
                are none.
            c: of `slope`.
        """
        return ratio_change(day.strong, day.weak, c)


class SpectrometerMethod(MethaneMethod):
    """A retrieval from the narrow bands of an imaging spectrometer."""

    @abstractmethod
    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix) -> None:
        """Retrieve the enhancement of a group of pixels that share one background, and keep it in them.

        Args:
            chunks: of the group.
            absorption: (B,) unit absorption, ln(radiance) per `matched_filter.UNIT` ppm·m.

        Raises:
            SceneError: the group is too small, or its radiance does not vary.
        """


def mean_known(images: Sequence[Image]) -> Image:
    """Return the mean over days of what is known, NaN where nothing is."""
    known = np.isfinite(images)
    count = known.sum(axis=0)
    total = np.where(known, images, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
