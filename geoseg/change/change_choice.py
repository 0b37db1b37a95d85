"""The ways to compare two dates without weights, and what was chosen for one pair."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from geoseg.methods import sar
from geoseg.methods.mad import Mad
from geoseg.methods.relative import Normalisation, Unchanged
from geoseg.methods.spectral import Rule

Directions = Literal["none", "gain", "vegetation", "backscatter"]

STANDARD = ("blue", "green", "red", "nir", "swir16", "swir22")
"""Bands that are compared where both dates have three of them or more: those of all land sensors."""

LEAST_INDEX = 0.1
"""Change of a normalised index below which seasons and view angles are at work."""

RATIO_RADIUS = 3
"""Pixels: windows of 7 x 7 for the mean ratio."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to compare two dates."""

    name: str
    title: str
    kind: Literal["optical", "sar"]
    measure: str
    """What is compared with the threshold, and its unit."""
    bands: tuple[str, ...] = ()
    """Bands that it needs; empty: all that both dates have."""
    normalised: bool = False
    """Whether dates must first be brought to one radiometry."""
    directions: Directions = "none"
    citation: str = ""


METHODS: Mapping[str, Method] = {
    item.name: item
    for item in (
        Method(
            name="mad",
            title="multivariate alteration detection",
            kind="optical",
            measure="root of chi-square",
            citation="Nielsen 1998",
        ),
        Method(
            name="irmad",
            title="iteratively reweighted multivariate alteration detection",
            kind="optical",
            measure="root of chi-square",
            citation="Nielsen 2007",
        ),
        Method(
            name="cva",
            title="change vector analysis",
            kind="optical",
            measure="length of the change vector",
            normalised=True,
            directions="vegetation",
            citation="Malila 1980",
        ),
        Method(
            name="ndvi",
            title="difference of NDVI",
            kind="optical",
            measure="|difference - mean|",
            bands=("nir", "red"),
            normalised=True,
            directions="gain",
            citation="Tucker 1979",
        ),
        Method(
            name="nbr",
            title="difference of the normalised burn ratio",
            kind="optical",
            measure="|difference - mean|",
            bands=("nir", "swir22"),
            normalised=True,
            directions="gain",
            citation="Key & Benson 2006",
        ),
        Method(
            name="logratio",
            title="log-ratio of backscatter",
            kind="sar",
            measure="|ln(after / before)|",
            directions="backscatter",
            citation="Bazi 2005",
        ),
        Method(
            name="mean-ratio",
            title="ratio of local mean backscatter",
            kind="sar",
            measure="1 - min(m1/m2, m2/m1)",
            directions="backscatter",
            citation="Inglada & Mercier 2007",
        ),
    )
}
"""Every method that `--method` knows."""


CLASSES = "classes"
"""What `--method` says of rasters whose values are classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """How change is measured in this pair."""

    method: Method
    bands: tuple[str, ...]
    """Of each date, in the order of the channels."""
    pairs: tuple[str, ...] = ()
    """Layers that both dates have, compared as further bands."""
    compared: tuple[str, ...] = ()
    """Those of `bands` that the measure is made of."""
    normalisation: Normalisation = field(default_factory=Unchanged)
    mad: Mad | None = None
    unmasked: bool = False
    """Whether it was fitted without what changed beyond doubt, whose measure then has no bound."""
    most: float = math.inf
    """What a pixel counts at most in the mean of its window, so that a change is no larger than it is."""
    middle: float = 0.0
    """Mean of an index difference where nothing changed."""
    bare: float = 0.0
    """NDVI up to which ground holds no vegetation."""
    threshold: float = 0.0
    scale: float = 1.0
    """Of the score: how fast it rises about the threshold."""
    radius: int = 0
    """Of the window over which the measure is averaged, in pixels."""
    speckle: Literal["refined-lee", "boxcar", "none"] = "none"
    looks: float = 1.0
    rules: tuple[Rule, ...] = ()
    """Of the spectral classes that the bands allow; empty: from and to are not told."""
    other: int = 0
    """Class where no rule fits."""
    air: tuple[Mapping[str, float], Mapping[str, float]] = (MappingProxyType({}), MappingProxyType({}))
    """Reflectance of the air by band, of both dates, that is taken off before rules are asked."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """All bands of one date."""
        return (*self.bands, *self.pairs)

    @property
    def margin(self) -> int:
        """Pixels around a tile that its scores depend on."""
        filters = {"refined-lee": sar.LEE_RADIUS, "boxcar": sar.BOXCAR_RADIUS, "none": 0}[self.speckle]
        return self.radius + filters + (RATIO_RADIUS if self.method.name == "mean-ratio" else 0)
