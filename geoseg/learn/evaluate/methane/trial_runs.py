"""Every plume is put in, searched as users search, and compared with what was put in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.methane.plume_injection import Release, dimming, inject
from geoseg.learn.evaluate.methane.source_places import Place, Site
from geoseg.learn.evaluate.methane.trial import Trial
from geoseg.messages import held
from geoseg.methane.choose import two_band_methods
from geoseg.methane.plume_map import map_plumes
from geoseg.methane.screening import PLUME, SUSPECT
from geoseg.methods.plume_model import GaussianPlume, core
from geoseg.run_record import RunRecord
from geoseg.spec import SceneSpec
from geoseg.spec.presets import task

NAN = float("nan")

CORE = 0.5
"""Share of a plume's mass in the pixels that a polygon must meet."""

AT_SOURCE_M = 100.0
"""Distance to the source at which a polygon meets the plume, too: what `--source-radius` is by default."""

TONNE = 1000.0


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What a search made of a plume."""

    found: int = 0
    """1 a plume meets it, 2 only a suspect does, 0 nothing does."""
    rate_kg_h: float = NAN
    """Of the polygon that meets it: the largest of the best class."""
    rate_low: float = NAN
    rate_high: float = NAN
    saturated: int = 0
    """Pixels of that polygon beyond the table."""
    ime_kg: float = NAN
    length_m: float = NAN
    polygons: int = 0
    """How many meet it."""
    plumes_elsewhere: int = 0
    """Of class 1, meeting nothing."""
    suspects_elsewhere: int = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One simulated plume; a rate of 0 is the control."""

    scene: str
    ground: str
    method: str
    place: int
    lon: float
    lat: float
    rate_t_h: float
    wind_m_s: float
    wind_from: float
    stability: str
    noise_ppm_m: float
    """Around the source, without plume."""
    mass_kg: float
    """Of the plume inside the scene."""
    beyond_pixels: int
    """Pixels with more methane than the table knows."""
    beyond_share: float
    """Share of the mass beyond the table: not put in, unless the table is extended."""
    blind: Hit
    """Nobody told where the source is."""
    targeted: Hit
    """The source was given to the search."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """A scene as it is, without any plume put in."""

    scene: str
    ground: str
    method: str
    plumes: int
    """Of class 1: false ones, unless something leaks there."""
    suspects: int
    noise_ppm_m: float
    """Of single pixels, in the middle of all blocks."""
    threshold_ppm_m: float
    """Of the search, likewise."""
    end_ppm_m: float
    """The greatest signal that a plume can make there, counted likewise: by the end of the table."""
    polygons: geopandas.GeoDataFrame

    @property
    def reachable(self) -> bool:
        """Whether a plume can pass the threshold at all; else the table ends before."""
        return self.end_ppm_m > self.threshold_ppm_m


def count_runs(site: Site, trial: Trial) -> int:
    """Return how many plumes are put into a pair's scene, controls and methods included."""
    plumes = len(site.places) * len(trial.winds_m_s) * (1 + len(trial.rates_t_h))
    return plumes * len(trial.methods_of(site.pair))


def run_controls(site: Site, trial: Trial, scratch: Path) -> dict[str, Control]:
    """Search a pair's scene as it is by every method.

    Raises:
        GeosegError: as `geoseg methane plume` raises.
    """
    seeker = _Seeker(site=site, trial=trial, output=scratch / "map.gpkg")
    dims = dimming(site.satellite, site.air_mass, extend=trial.extend)
    found: dict[str, Control] = {}
    for method in trial.methods_of(site.pair):
        polygons, record = seeker.search(method)
        told = record.tables["retrieval"][0]
        found[method] = Control(
            scene=site.pair.name,
            ground=site.pair.ground,
            method=method,
            plumes=int((polygons["class"] == PLUME).sum()),
            suspects=int((polygons["class"] == SUSPECT).sum()),
            noise_ppm_m=float(told["noise_ppm_m"]),
            threshold_ppm_m=float(told["threshold_ppm_m"]),
            end_ppm_m=dims.end_signal(single=not two_band_methods()[method].weak_band_absorbs),
            polygons=polygons,
        )
    return found


def run_site(site: Site, trial: Trial, controls: Mapping[str, Control], scratch: Path) -> Iterator[Run]:
    """Yield the runs of one pair: for every place and wind the control, then the rates upwards.

    Args:
        site: the pair with its places.
        trial: what is tried.
        controls: of the scene without plumes.
        scratch: a folder for maps and scenes with plumes, which are removed again.

    Raises:
        GeosegError: as `geoseg methane plume` raises.
    """
    seeker = _Seeker(site=site, trial=trial, output=scratch / "map.gpkg")
    for number, place in enumerate(site.places):
        for wind in trial.winds_m_s:
            target = Target.of(release(place, trial, wind, 1.0), site.grid)
            for rate in (0.0, *sorted(trial.rates_t_h)):
                made = None
                if rate:
                    plume = release(place, trial, wind, rate)
                    made = inject(
                        site.pair.scene,
                        site.satellite,
                        site.air_mass,
                        plume,
                        scratch / "scene",
                        extend=trial.extend,
                    )
                scene = None if made is None else made.scene
                for method in controls:
                    source = place.lon, place.lat
                    told = wind, place.wind_from
                    blind = controls[method].polygons
                    if made is not None:
                        blind, _ = seeker.search(method, scene, told)
                    aimed, _ = seeker.search(method, scene, told, source)
                    yield Run(
                        scene=site.pair.name,
                        ground=site.pair.ground,
                        method=method,
                        place=number,
                        lon=place.lon,
                        lat=place.lat,
                        rate_t_h=rate,
                        wind_m_s=wind,
                        wind_from=place.wind_from,
                        stability=trial.class_at(wind),
                        noise_ppm_m=place.noise_ppm_m[method],
                        mass_kg=made.mass_kg if made else 0.0,
                        beyond_pixels=made.beyond_pixels if made else 0,
                        beyond_share=made.beyond_share if made else 0.0,
                        blind=target.hit(blind),
                        targeted=target.hit(aimed),
                    )
                if made is not None:
                    shutil.rmtree(scratch / "scene")


def release(place: Place, trial: Trial, wind: float, rate_t_h: float) -> Release:
    """Return the plume of a rate at a place."""
    plume = GaussianPlume(
        rate_kg_h=rate_t_h * TONNE,
        wind_m_s=wind,
        towards=(place.wind_from + 180) % 360,
        stability=trial.class_at(wind),
        age_s=trial.age_s,
    )
    return Release(lon=place.lon, lat=place.lat, plume=plume)


@dataclass(frozen=True, kw_only=True)
class _Seeker:
    """Searches plumes as the command does."""

    site: Site
    trial: Trial
    output: Path

    def search(
        self,
        method: str,
        scene: SceneSpec | None = None,
        wind: tuple[float, float] | None = None,
        source: tuple[float, float] | None = None,
    ) -> tuple[geopandas.GeoDataFrame, RunRecord]:
        """Return the map's polygons, in the CRS of the scene, and its record."""
        request = self.trial.request(
            self.site.pair, method, self.output, scene=scene, wind=wind, source=source
        )
        with held():
            record = map_plumes(request)
        if not isinstance(record, RunRecord):
            raise UsageError("a plan was made and no map")
        return geopandas.read_file(self.output, layer=task("plume").layer), record


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Where a plume is, for polygons to meet."""

    grid: Grid
    points: NDArray[np.float64]
    """(n, 2) x and y in metres from the grid's corner: middles of the pixels of the plume's core."""
    source: shapely.Point
    """In the same coordinates."""

    @classmethod
    def of(cls, plume: Release, grid: Grid) -> Target:
        """Return the target that a plume makes on the grid of the maps."""
        window, column = plume.over(grid)
        rows, cols = np.nonzero(core(column, CORE))
        down, right = grid.pixel_size_m
        x, y = (cols + window.col + 0.5) * right, (rows + window.row + 0.5) * down
        col, row = grid.from_lonlat(plume.lon, plume.lat)
        return cls(grid=grid, points=np.stack([x, y], axis=1), source=shapely.Point(col * right, row * down))

    def meets(self, shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Say which polygons (n,) in the CRS of the grid hold a pixel of the core or come near the source."""
        back = ~self.grid.transform
        down, right = self.grid.pixel_size_m

        def to_metres(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            cols = back.a * xy[:, 0] + back.b * xy[:, 1] + back.c
            rows = back.d * xy[:, 0] + back.e * xy[:, 1] + back.f
            return np.stack([cols * right, rows * down], axis=1)

        found = np.zeros(len(shapes), np.bool_)
        for index, shape in enumerate(shapes):
            own = shapely.transform(shape, to_metres)
            near = shapely.distance(own, self.source) <= AT_SOURCE_M
            found[index] = near or shapely.contains_xy(own, self.points[:, 0], self.points[:, 1]).any()
        return found

    def hit(self, polygons: geopandas.GeoDataFrame) -> Hit:
        """Compare a map with the plume."""
        meets = self.meets(np.asarray(polygons.geometry.array, object))
        classes = polygons["class"].to_numpy(np.int64)
        elsewhere = classes[~meets]
        told = {
            "polygons": int(meets.sum()),
            "plumes_elsewhere": int((elsewhere == PLUME).sum()),
            "suspects_elsewhere": int((elsewhere == SUSPECT).sum()),
        }
        if not meets.any():
            return Hit(**told)
        best = int(classes[meets].min())
        own = polygons[meets & (classes == best)]
        row = own.loc[own["pixels"].idxmax()]
        rate, low, high, mass, length = (
            NAN if row[name] is None else float(row[name])
            for name in ("rate_kg_h", "rate_low", "rate_high", "ime_kg", "length_m")
        )
        return Hit(
            found=best,
            rate_kg_h=rate,
            rate_low=low,
            rate_high=high,
            saturated=int(row["saturated"]),
            ime_kg=mass,
            length_m=length,
            **told,
        )
