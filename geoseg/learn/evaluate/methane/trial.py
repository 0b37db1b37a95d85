"""What is tried: pairs of scenes, and which plumes are put into them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import SceneError, UsageError
from geoseg.methane.choose import two_band_methods
from geoseg.methods.plume_model import Stability, usual_stability
from geoseg.spec import PlumeSpec, RunSpec, SceneSpec

REAL = "real pixels"
"""What ground is called that was observed."""


@dataclass(frozen=True, kw_only=True)
class ScenePair:
    """A scene, with or without references."""

    name: str
    scene: SceneSpec
    reference: tuple[SceneSpec, ...] = ()
    """Of other days; several are averaged."""
    ground: str = REAL
    """What the pixels are: scenes of one kind of ground are counted together."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Which plumes are put into every scene, and how they are searched."""

    rates_t_h: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    winds_m_s: tuple[float, ...] = (3.0,)
    """At 10 m above ground; the same wind carries the plume and is told to the search."""
    methods: tuple[str, ...] = ("mbmp", "mbsp")
    satellite: str | None = None
    """None: as the files tell."""
    coregister: bool = False
    sun_zenith: float | None = None
    view_zenith: float | None = None
    places: int = 4
    """Sources in each scene."""
    seed: int = 0
    """The same seed draws the same places and directions."""
    wind_from: float | None = None
    """Degrees; None: drawn for each place."""
    stability: Stability | None = None
    """None: of a clear day at mid-morning, by the wind."""
    age_s: float = 1800.0
    """How long sources have been on."""
    extend: bool = False
    """Whether absorption goes on beyond the table: an upper bound of what is seen, instead of a lower one."""

    def __post_init__(self) -> None:
        """Check what cannot be.

        Raises:
            UsageError: nothing is tried, or a number is out of range.
        """
        if not (self.rates_t_h and self.winds_m_s and self.methods):
            raise UsageError("nothing is tried: give --rates, --winds and --methods one value each at least")
        if not all(0 < rate <= 10_000 for rate in self.rates_t_h):
            raise UsageError("--rates are t/h above 0; the control without plume comes by itself")
        if not all(0 < wind <= 60 for wind in self.winds_m_s):
            raise UsageError("--winds are m/s above 0, up to 60")
        known = two_band_methods()
        if unknown := next((name for name in self.methods if name not in known), None):
            raise UsageError(f"--methods {unknown}: there are {', '.join(known)}")

    def class_at(self, wind_m_s: float) -> Stability:
        """Return the stability of the air at a wind."""
        return self.stability or usual_stability(wind_m_s)

    def methods_of(self, pair: ScenePair) -> tuple[str, ...]:
        """Return the methods that a pair serves: those of two days need a reference."""
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
        """Return the request for a map of plumes, as the command would make it.

        Args:
            pair: of scenes.
            method: of the retrieval.
            output: the map.
            scene: with a plume; None: the pair's own.
            wind: speed in m/s, and degrees that it comes from.
            source: longitude and latitude; None: nobody knows where the plume begins.
        """
        return PlumeSpec(
            scene=scene or pair.scene,
            reference=pair.reference if two_band_methods()[method].needs.reference else (),
            run=RunSpec(output=output, overwrite=True, threads=1),
            method=method,
            satellite=self.satellite,
            # Noise has no features to register by, and simulated ground lies where it should.
            coregister=self.coregister and pair.ground == REAL,
            sun_zenith=self.sun_zenith,
            view_zenith=self.view_zenith,
            source=source,
            wind=None if wind is None else wind[0],
            wind_from=None if wind is None else wind[1],
        )


def pairs_in(folder: Path) -> tuple[ScenePair, ...]:
    """Return the pairs of a folder that holds NAME/before (the reference) and NAME/after (the scene).

    Raises:
        SceneError: there is none.
    """
    found = [
        ScenePair(
            name=item.name,
            scene=SceneSpec(paths=(str(item / "after"),)),
            reference=(SceneSpec(paths=(str(item / "before"),)),),
        )
        for item in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if (item / "after").is_dir() and (item / "before").is_dir()
    ]
    if not found:
        raise SceneError(f"--data {folder}: holds no NAME/before (the reference) and NAME/after (the scene)")
    return tuple(found)
