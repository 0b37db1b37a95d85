"""Simulate plumes, map them as the command does, and compare each map with its plume."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.methane.plume_injection import Release, band_transmittance, inject
from geoseg.learn.evaluate.methane.source_locations import InjectionSite, SourceLocation
from geoseg.learn.evaluate.methane.trial import Trial
from geoseg.messages import held
from geoseg.methods.plume_model import GaussianPlume, core
from geoseg.run_record import RunRecord
from geoseg.spec import SceneSpec
from geoseg.spec.presets import task
from geoseg.tasks.methane.choose import two_band_methods
from geoseg.tasks.methane.plume_map import map_plumes
from geoseg.tasks.methane.screening import PLUME, SUSPECT

NAN = float("nan")

CORE = 0.5
"""Share of a plume's mass in its core; a polygon detects the plume where it contains a pixel of the core."""

AT_SOURCE_M = 100.0
"""Distance to the source in m within which a polygon detects the plume; the default of `--source-radius`."""

TONNE = 1000.0
"""kg in a tonne."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """The mapped polygons of a plume."""

    found: int = 0
    """1: detected as a plume; 2: only as a suspect; 0: not detected."""
    rate_kg_h: float = NAN
    """Source rate of the detection, the largest polygon of the best class."""
    rate_low: float = NAN
    rate_high: float = NAN
    saturated: int = 0
    """Pixels of this polygon beyond the absorption table."""
    ime_kg: float = NAN
    length_m: float = NAN
    polygons: int = 0
    """Number of polygons that detect the plume."""
    plumes_elsewhere: int = 0
    """Number of plumes (class 1) elsewhere."""
    suspects_elsewhere: int = 0
    """Number of suspects (class 2) elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The detection of a simulated plume by a method; a rate of 0 is the control."""

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
    """Noise around the source without plume."""
    mass_kg: float
    """Mass of the plume inside the scene in kg."""
    beyond_pixels: int
    """Number of pixels with more methane than the absorption table covers."""
    beyond_share: float
    """Share of the mass beyond the table: not simulated, unless it is extended."""
    blind: Hit
    """Result without the location of the source."""
    targeted: Hit
    """Result with the location of the source."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MappedPlumes:
    """The polygons of a map of plumes, in the CRS of its scene."""

    shapes: NDArray[np.object_]
    """(n,) polygons."""
    columns: Mapping[str, NDArray[Any]]
    """(n,) values by column; NaN: no number."""

    @classmethod
    def read(cls, path: Path) -> MappedPlumes:
        """Read the polygons of a GeoPackage that `geoseg methane plume` wrote."""
        meta, _, wkb, values = pyogrio.raw.read(path, layer=task("plume").layer)
        return cls(shapes=shapely.from_wkb(wkb), columns=dict(zip(meta["fields"], values, strict=True)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """The map of a scene without simulated plume."""

    scene: str
    ground: str
    method: str
    plumes: int
    """Number of plumes (class 1), which are false alarms unless there is a real source."""
    suspects: int
    noise_ppm_m: float
    """Median over blocks of the standard deviation of pixels."""
    threshold_ppm_m: float
    """Median over blocks of the threshold."""
    end_ppm_m: float
    """Greatest signal of a plume, at the end of the absorption table."""
    polygons: MappedPlumes

    @property
    def reachable(self) -> bool:
        """Whether a simulated plume can exceed the threshold before the end of the table."""
        return self.end_ppm_m > self.threshold_ppm_m


def count_runs(site: InjectionSite, trial: Trial) -> int:
    """Return the number of runs of a pair, including controls, for all methods."""
    plumes = len(site.places) * len(trial.winds_m_s) * (1 + len(trial.rates_t_h))
    return plumes * len(trial.methods_of(site.pair))


def run_controls(site: InjectionSite, trial: Trial, scratch: Path) -> dict[str, Control]:
    """Map the scene of a pair without simulated plume by every method.

    Raises:
        GeosegError: an error of `geoseg methane plume`.
    """
    mapper = _PlumeMapper(site=site, trial=trial, output=scratch / "map.gpkg")
    transmittance = band_transmittance(site.satellite, site.air_mass, extend=trial.extend)
    controls: dict[str, Control] = {}
    for method in trial.methods_of(site.pair):
        polygons, record = mapper.map(method)
        retrieval = record.tables["retrieval"][0]
        controls[method] = Control(
            scene=site.pair.name,
            ground=site.pair.ground,
            method=method,
            plumes=int((polygons.columns["class"] == PLUME).sum()),
            suspects=int((polygons.columns["class"] == SUSPECT).sum()),
            noise_ppm_m=float(retrieval["noise_ppm_m"]),
            threshold_ppm_m=float(retrieval["threshold_ppm_m"]),
            end_ppm_m=transmittance.end_signal(single=not two_band_methods()[method].weak_band_absorbs),
            polygons=polygons,
        )
    return controls


def run_site(
    site: InjectionSite, trial: Trial, controls: Mapping[str, Control], scratch: Path
) -> Iterator[Run]:
    """Yield the runs of a pair: for each location and wind the control, then increasing rates.

    Args:
        site: the pair with its source locations.
        trial: the plumes and methods.
        controls: maps of the scene without plume, by method.
        scratch: folder for maps and scenes with plumes, which are removed after use.

    Raises:
        GeosegError: an error of `geoseg methane plume`.
    """
    mapper = _PlumeMapper(site=site, trial=trial, output=scratch / "map.gpkg")
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
                    wind_vector = wind, place.wind_from
                    blind = controls[method].polygons
                    if made is not None:
                        blind, _ = mapper.map(method, scene, wind_vector)
                    aimed, _ = mapper.map(method, scene, wind_vector, source)
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


def release(place: SourceLocation, trial: Trial, wind: float, rate_t_h: float) -> Release:
    """Return the plume of a source rate at a location."""
    plume = GaussianPlume(
        rate_kg_h=rate_t_h * TONNE,
        wind_m_s=wind,
        towards=(place.wind_from + 180) % 360,
        stability=trial.class_at(wind),
        age_s=trial.age_s,
    )
    return Release(lon=place.lon, lat=place.lat, plume=plume)


@dataclass(frozen=True, kw_only=True)
class _PlumeMapper:
    """Maps plumes as the command does."""

    site: InjectionSite
    trial: Trial
    output: Path

    def map(
        self,
        method: str,
        scene: SceneSpec | None = None,
        wind: tuple[float, float] | None = None,
        source: tuple[float, float] | None = None,
    ) -> tuple[MappedPlumes, RunRecord]:
        """Return the polygons of a map in the CRS of the scene, and its run record."""
        request = self.trial.request(
            self.site.pair, method, self.output, scene=scene, wind=wind, source=source
        )
        with held():
            record = map_plumes(request)
        if not isinstance(record, RunRecord):
            raise UsageError("methane plume returned a plan instead of a map")
        return MappedPlumes.read(self.output), record


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Core and source of a plume, for comparison with mapped polygons."""

    grid: Grid
    points: NDArray[np.float64]
    """(n, 2) x and y in metres from the corner of the grid: pixel centres of the plume's core."""
    source: shapely.Point
    """The source in the same coordinates."""

    @classmethod
    def of(cls, plume: Release, grid: Grid) -> Target:
        """Return the target of a plume on the grid of the maps."""
        window, column = plume.over(grid)
        rows, cols = np.nonzero(core(column, CORE))
        down, right = grid.pixel_size_m
        x, y = (cols + window.col + 0.5) * right, (rows + window.row + 0.5) * down
        col, row = grid.from_lonlat(plume.lon, plume.lat)
        return cls(grid=grid, points=np.stack([x, y], axis=1), source=shapely.Point(col * right, row * down))

    def matches(self, shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Return which polygons (n,), in the CRS of the grid, contain a core pixel or are near the source."""
        t = ~self.grid.transform
        down, right = self.grid.pixel_size_m

        def to_metres(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            cols = t.a * xy[:, 0] + t.b * xy[:, 1] + t.c
            rows = t.d * xy[:, 0] + t.e * xy[:, 1] + t.f
            return np.stack([cols * right, rows * down], axis=1)

        matches = np.zeros(len(shapes), np.bool_)
        for index, shape in enumerate(shapes):
            polygon = shapely.transform(shape, to_metres)
            near = shapely.distance(polygon, self.source) <= AT_SOURCE_M
            matches[index] = near or shapely.contains_xy(polygon, self.points[:, 0], self.points[:, 1]).any()
        return matches

    def hit(self, polygons: MappedPlumes) -> Hit:
        """Compare a map with the plume."""
        matches = self.matches(polygons.shapes)
        classes = polygons.columns["class"]
        elsewhere = classes[~matches]
        counts = {
            "polygons": int(matches.sum()),
            "plumes_elsewhere": int((elsewhere == PLUME).sum()),
            "suspects_elsewhere": int((elsewhere == SUSPECT).sum()),
        }
        if not matches.any():
            return Hit(**counts)
        best = int(classes[matches].min())
        pixels = np.where(matches & (classes == best), polygons.columns["pixels"], -1)
        row = {name: cells[int(np.argmax(pixels))] for name, cells in polygons.columns.items()}
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
            **counts,
        )
