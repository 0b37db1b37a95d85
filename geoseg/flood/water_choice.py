"""The facts about water methods: what each needs, what it measures, and what was chosen for a scene."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from geoseg.methods.flood_change import LOG_RATIO_FALLBACK, UN_SPIDER_QUOTIENT, Z_THRESHOLD
from geoseg.methods.sar_water import DB_LIMITS, GUARD, INITIAL

Speckle = Literal["refined-lee", "boxcar", "none"]

CLASSICAL = "classical"
"""`--method`: the best method without weights, even where a network would be taken."""

PERMANENT, HAND, SLOPE = "permanent_water", "hand", "slope"
"""Names of the optional layers among a session's bands."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to tell water from land by a number per pixel."""

    name: str
    title: str
    kind: Literal["optical", "sar"]
    bands: tuple[str, ...]
    """What it needs of the scene; of radar change methods any one is enough."""
    guard_bands: tuple[str, ...] = ()
    """What it uses besides where the scene has it."""
    needs_before: int = 0
    """Scenes before that it cannot do without."""
    measure: str
    """What is compared with the threshold, for people."""
    water_below: bool
    """Whether water is below the threshold."""
    fallback: float
    """Threshold where the scene shows none, from the literature."""
    guard: tuple[float, float]
    """Where a threshold found in the scene is kept; outside it asks more than the physics does."""
    limits: tuple[float, float]
    """Of the histogram of the measure."""
    scale: float
    """Distance from the threshold at which the score is 0.73, where the scene does not tell the spread."""
    citation: str

    @property
    def bounds(self) -> tuple[float, float]:
        """Where a threshold by a thresholding that the user named must lie to be believed.

        Calibrated backscatter has narrow ones; an index of clear water may be cut far above zero.
        """
        return self.guard if self.kind == "sar" else (self.limits[0] / 2, self.limits[1] / 2)


_RATIO = math.log(10) / 10


def _index(
    name: str,
    title: str,
    bands: tuple[str, ...],
    citation: str,
    *,
    lowest: float,
    wide: bool = False,
) -> Method:
    """An optical index; `lowest`: threshold that is believed; `wide`: a weighted sum that leaves -1..1."""
    return Method(
        name=name,
        title=title,
        kind="optical",
        bands=bands,
        guard_bands=("nir",),
        measure=name.upper().replace("-", "_"),
        water_below=False,
        fallback=0.0,
        guard=(lowest, 0.1),
        limits=(-2.0, 2.0) if wide else (-1.0, 1.0),
        scale=0.1,
        citation=citation,
    )


def _backscatter(polarisation: str) -> Method:
    """Absolute backscatter of one polarisation."""
    return Method(
        name=f"sar-{polarisation}",
        title=f"{polarisation.upper()} backscatter",
        kind="sar",
        bands=(polarisation,),
        measure=f"{polarisation.upper()} dB",
        water_below=True,
        fallback=INITIAL[polarisation],
        guard=GUARD[polarisation],
        limits=DB_LIMITS,
        scale=1.0,
        citation="Twele 2016, doi:10.1080/01431161.2016.1192304",
    )


_ALL = (
    # Built-up land lies just below 0 in NDWI (Xu 2006), so nothing well below 0 is believed.
    _index("ndwi", "NDWI", ("green", "nir"), "McFeeters 1996, doi:10.1080/01431169608948714", lowest=-0.05),
    _index(
        "mndwi", "modified NDWI", ("green", "swir16"), "Xu 2006, doi:10.1080/01431160600589179", lowest=-0.2
    ),
    _index(
        "awei-nsh",
        "AWEI without shadow",
        ("green", "nir", "swir16", "swir22"),
        "Feyisa 2014, doi:10.1016/j.rse.2013.08.029",
        lowest=-0.1,
        wide=True,
    ),
    _index(
        "awei-sh",
        "AWEI with shadow",
        ("blue", "green", "nir", "swir16", "swir22"),
        "Feyisa 2014, doi:10.1016/j.rse.2013.08.029",
        lowest=-0.1,
        wide=True,
    ),
    _backscatter("vv"),
    _backscatter("vh"),
    Method(
        name="logratio",
        title="log-ratio of backscatter",
        kind="sar",
        bands=("vh", "vv"),
        needs_before=1,
        measure="ln(after / before)",
        water_below=True,
        fallback=LOG_RATIO_FALLBACK,
        guard=(-10 * _RATIO, -1.5 * _RATIO),
        limits=(-5.0, 5.0),
        scale=0.5 * _RATIO,
        citation="Bazi 2005, doi:10.1109/TGRS.2004.842441",
    ),
    Method(
        name="unspider",
        title="UN-SPIDER recommended practice",
        kind="sar",
        bands=("vh", "vv"),
        needs_before=1,
        measure="after dB / before dB",
        water_below=False,
        fallback=UN_SPIDER_QUOTIENT,
        guard=(1.0, 2.0),
        limits=(0.0, 4.0),
        scale=0.05,
        citation="UN-SPIDER recommended practice, Flood Mapping and Damage Assessment using Sentinel-1",
    ),
    Method(
        name="zscore",
        title="z-score of backscatter",
        kind="sar",
        bands=("vv", "vh"),
        needs_before=2,
        measure="standard deviations from the mean before",
        water_below=True,
        fallback=Z_THRESHOLD,
        guard=(-10.0, -1.0),
        limits=(-20.0, 20.0),
        scale=0.5,
        citation="DeVries 2020, doi:10.1016/j.rse.2020.111664",
    ),
)
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})
"""What `--method` may name, besides `auto`."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Which methods a scene allows, before any pixel is read."""

    methods: tuple[str, ...]
    """Best first. `fix` takes the first whose sample shows two classes."""
    bands: tuple[str, ...]
    """What `fix` wants to see of the sample, in this order; layers and `before:…` bands included."""
    reflectance: bool
    """Whether optical values are reflectance 0..1, so that brightness means something."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The method for a scene with everything fixed: all that a `WaterSession` needs."""

    method: str
    bands: tuple[str, ...]
    """Channel order of the session, optional layers included."""
    threshold: float
    """In the unit of the method's measure; gives the score 0.5 exactly."""
    scale: float
    """Distance from the threshold at which the score is 0.73 or 0.27."""
    seed: float | None = None
    """Regions whose best score stays below this are to be dropped (region growing); None: all stay."""
    margin: int
    """Pixels around a tile that its filters need; exact results need tiles to overlap by twice that."""
    three_classes: bool
    """Planes background, flood, permanent water; otherwise one plane, water."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    least_pixels: int = 0
    """Smallest region that the method itself keeps, in pixels; 0: it has no rule."""
    polarisations: tuple[str, ...] = ()
    """Of radar methods."""
    water_db: tuple[float, ...] = ()
    """Change methods: dB below which a pixel is water whatever it was before, per polarisation."""
    before: int = 0
    """How many scenes before the session reads."""
    speckle: Speckle = "none"
    looks: float = 1.0
    """Equivalent number of looks, for the speckle filter."""
    radius: tuple[float, float] = (0.0, 0.0)
    """Of the focal mean in pixels along rows and columns."""
    nir_limit: float | None = None
    """Near-infrared reflectance above which nothing is water; None: not asked."""
    max_hand: float = math.inf
    """m."""
    max_slope: float = math.inf
    """Degrees."""

    def score(self, value: float) -> float:
        """Score in 0..1 of a value of the measure."""
        sign = -1.0 if METHODS[self.method].water_below else 1.0
        z = sign * (value - self.threshold) / self.scale
        return 1 / (1 + math.exp(-min(max(z, -60.0), 60.0)))


def before_band(index: int, band: str) -> str:
    """Name of a band of a scene before: `before:vv`, `before2:vv`, …; index counts from 0."""
    return f"before:{band}" if index == 0 else f"before{index + 1}:{band}"
