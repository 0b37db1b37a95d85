"""Pairs of scenes, and the options of an evaluation with simulated plumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import SceneError, UsageError
from geoseg.methods.plume_model import Stability, usual_stability
from geoseg.spec import PlumeSpec, RunSpec, SceneSpec
from geoseg.tasks.methane.choose import two_band_methods

REAL = "real pixels"
"""Kind of ground of observed scenes."""


@dataclass(frozen=True, kw_only=True)
class ScenePair:
    """A scene with any number of reference scenes."""

    name: str
    scene: SceneSpec
    reference: tuple[SceneSpec, ...] = ()
    """Reference scenes of other dates, which are averaged."""
    ground: str = REAL
    """Kind of ground; scenes of one kind are evaluated together."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Simulated plumes for every scene, and the options of their retrieval."""

    rates_t_h: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    """Source rates in t/h."""
    winds_m_s: tuple[float, ...] = (3.0,)
    """Wind speed in m/s at 10 m above ground, used for the simulation and for the retrieval."""
    methods: tuple[str, ...] = ("mbmp", "mbsp")
    satellite: str | None = None
    """Name of the satellite; None: from the files."""
    coregister: bool | None = None
    """Whether the shift of references is corrected; None: where it is clear."""
    sun_zenith: float | None = None
    view_zenith: float | None = None
    places: int = 4
    """Number of source locations in each scene."""
    seed: int = 0
    """Seed of locations and wind directions."""
    wind_from: float | None = None
    """Direction from which the wind blows, in degrees; None: random for each location."""
    stability: Stability | None = None
    """Stability class; None: that of a clear day at mid-morning, by wind speed."""
    age_s: float = 1800.0
    """Time since the sources started to emit, in s."""
    extend: bool = False
    """Whether absorption is extrapolated beyond its table, which gives an upper bound of detection."""

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            UsageError: a list is empty, or a number is out of range.
        """
        if not (self.rates_t_h and self.winds_m_s and self.methods):
            raise UsageError("`--rates`, `--winds` and `--methods` require at least one value each")
        if not all(0 < rate <= 10_000 for rate in self.rates_t_h):
            raise UsageError(
                "`--rates` must be above 0 t/h; the control without plume is added automatically"
            )
        if not all(0 < wind <= 60 for wind in self.winds_m_s):
            raise UsageError("`--winds` must be above 0 and at most 60 m/s")
        known = two_band_methods()
        if unknown := next((name for name in self.methods if name not in known), None):
            raise UsageError(f"`--methods`: unknown method {unknown}; methods are {', '.join(known)}")

    def class_at(self, wind_m_s: float) -> Stability:
        """Return the stability class for a wind speed."""
        return self.stability or usual_stability(wind_m_s)

    def methods_of(self, pair: ScenePair) -> tuple[str, ...]:
        """Return the methods that a pair supports; methods of two dates require a reference."""
        known = two_band_methods()
        return tuple(name for name in self.methods if pair.reference or not known[name].needs.reference)

    def request(
        self,
        pair: ScenePair,
        method: str,
        output: Path,
        *,
        scene: SceneSpec | None = None,
        wind: tuple[float, float] | None = None,
        source: tuple[float, float] | None = None,
    ) -> PlumeSpec:
        """Return the request for a map of plumes.

        Args:
            pair: the pair of scenes.
            method: the retrieval.
            output: path of the map.
            scene: the scene with a plume; None: the scene of the pair.
            wind: speed in m/s, and direction from which it blows in degrees.
            source: longitude and latitude of the source; None: unknown.
        """
        return PlumeSpec(
            scene=scene or pair.scene,
            reference=pair.reference if two_band_methods()[method].needs.reference else (),
            run=RunSpec(output=output, overwrite=True, threads=1),
            method=method,
            satellite=self.satellite,
            # Simulated ground has no features for co-registration and no shift.
            coregister=self.coregister if pair.ground == REAL else False,
            sun_zenith=self.sun_zenith,
            view_zenith=self.view_zenith,
            source=source,
            wind=None if wind is None else wind[0],
            wind_from=None if wind is None else wind[1],
        )


def pairs_in(folder: Path) -> tuple[ScenePair, ...]:
    """Return the pairs of a folder with NAME/before (the reference) and NAME/after (the scene).

    Raises:
        SceneError: the folder has no pair.
    """
    pairs = [
        ScenePair(
            name=item.name,
            scene=SceneSpec(paths=(str(item / "after"),)),
            reference=(SceneSpec(paths=(str(item / "before"),)),),
        )
        for item in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if (item / "after").is_dir() and (item / "before").is_dir()
    ]
    if not pairs:
        raise SceneError(f"`--data {folder}`: no pair NAME/before (the reference) and NAME/after (the scene)")
    return tuple(pairs)
