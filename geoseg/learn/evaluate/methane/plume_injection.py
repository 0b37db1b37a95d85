"""Add a simulated plume to a scene by writing new files of its two short-wave infrared bands.

Radiance is multiplied by the transmittance of methane in the bands of the satellite, from the table that the
retrieval inverts. The reference scene is not changed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.errors import OutputError, SceneError, SceneReadError, UsageError
from geoseg.files.disk import writing
from geoseg.grid import Grid, Window
from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import TABLE_AIR_MASS
from geoseg.methods.plume_model import KG_PER_PPM_M, GaussianPlume
from geoseg.scenes import open_scene
from geoseg.scenes.bands import Band
from geoseg.scenes.datasets import open_dataset
from geoseg.spec import SatelliteSpec, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.method import STRONG, WEAK

TAGS = {"SIMULATED": "a Gaussian plume of methane was added to these pixels by geoseg; not an observation"}
"""Tags of every file that is written."""

PROFILE_KEYS = ("height", "width", "count", "dtype", "crs", "transform", "nodata")
"""Profile keys that are copied from the original file to the new file."""

TAIL = 4.0
"""Distance beyond the end of a plume, in standard deviations, within which columns are added."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A plume with the location of its source."""

    lon: float
    lat: float
    plume: GaussianPlume
    """The plume model; its direction is relative to the top of the image, which is assumed to be north."""

    def over(self, grid: Grid) -> tuple[Window, NDArray[np.float64]]:
        """Return the window of a grid that the plume can reach, and its column enhancement (H, W) in ppm·m.

        Raises:
            UsageError: the grid has no CRS.
            SceneError: the plume does not reach the grid.
        """
        col, row = grid.from_lonlat(self.lon, self.lat)
        size = grid.pixel_size_m
        length = self.plume.length_m
        reach = math.inf
        if math.isfinite(length):
            reach = (length + TAIL * float(self.plume.spread(np.array([length]))[0])) / min(size)
        most = math.ceil(min(reach, math.hypot(grid.height, grid.width)))
        around = Window(row=math.floor(row), col=math.floor(col), height=1, width=1).pad(most)
        window = around.intersect(grid.window)
        if window.empty:
            raise SceneError(f"the source at {self.lon:.5f}, {self.lat:.5f} is too far from the scene")
        column = self.plume.over_pixels(
            (window.height, window.width), (row - window.row, col - window.col), size
        )
        return window, column


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A scene with a simulated plume."""

    scene: SceneSpec
    mass_kg: float
    """Mass of the plume inside the scene in kg."""
    beyond_pixels: int
    """Number of pixels with more methane than the absorption table covers."""
    beyond_share: float
    """Share of the mass inside the scene beyond the end of the table: not simulated, unless it is
    extended."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BandTransmittance:
    """Transmittance of methane columns in the bands of a satellite."""

    ppm_m: NDArray[np.float64]
    """(k,) column enhancements of the table in ppm·m, at its air mass."""
    ratio: dict[str, NDArray[np.float64]]
    """(k,) ratio of radiance with and without methane, by band."""
    air_mass: float
    """Air mass of the scene; that of the table is `TABLE_AIR_MASS`."""
    extend: bool = False
    """Whether absorption is extrapolated beyond the table by its last step, an upper bound because lines
    saturate; otherwise it is constant beyond the table, a lower bound."""

    @property
    def most_ppm_m(self) -> float:
        """Greatest vertical column enhancement of the table at this air mass, in ppm·m."""
        return float(self.ppm_m[-1] * TABLE_AIR_MASS / self.air_mass)

    def end_signal(self, *, single: bool) -> float:
        """Return the greatest signal in ppm·m, converted by the first step of the table.

        Infinite where absorption is extrapolated.

        Args:
            single: whether the signal is that of one band instead of the ratio of two bands.
        """
        if self.extend:
            return math.inf
        change = self.ratio[STRONG] - 1 if single else self.ratio[STRONG] / self.ratio[WEAK] - 1
        return float(change[-1] / change[1] * self.ppm_m[1] * TABLE_AIR_MASS / self.air_mass)

    def __call__(self, band: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the transmittance (H, W) of vertical columns (H, W) in ppm·m.

        Beyond the table it is constant or, with `extend`, its logarithm follows the power law of the last
        step.
        """
        slant = column * (self.air_mass / TABLE_AIR_MASS)
        ratio, (before, end) = self.ratio[band], self.ppm_m[-2:]
        result = np.asarray(np.interp(slant, self.ppm_m, ratio))
        if self.extend:
            power = math.log(math.log(ratio[-1]) / math.log(ratio[-2])) / math.log(end / before)
            result = np.where(slant > end, ratio[-1] ** (np.maximum(slant / end, 1) ** power), result)
        return np.asarray(result)


def band_transmittance(
    satellite: SatelliteSpec, air_mass: float, *, extend: bool = False
) -> BandTransmittance:
    """Return the transmittance of methane in the bands of a satellite; `extend` as in `BandTransmittance`.

    Raises:
        UsageError: the satellite lacks a band.
    """
    if satellite.swir22 is None or satellite.swir16 is None:
        raise UsageError(
            f"`--satellite {satellite.name}`: plumes cannot be simulated, because a short-wave "
            f"infrared band is missing"
        )
    table = methane()
    ratio = {STRONG: table.in_band(*satellite.swir22), WEAK: table.in_band(*satellite.swir16)}
    return BandTransmittance(ppm_m=table.ppm_m, ratio=ratio, air_mass=air_mass, extend=extend)


def inject(
    request: SceneSpec,
    satellite: SatelliteSpec,
    air_mass: float,
    release: Release,
    folder: Path,
    *,
    extend: bool = False,
) -> Injected:
    """Write a scene with a plume to a folder: new files of two bands, and links to all other files.

    File names do not change, so that the product is still recognised. Stored values have the data type of the
    originals; pixels without plume do not change.

    Args:
        request: the scene: a folder, an unpacked product, or files.
        satellite: the satellite whose bands are simulated.
        air_mass: air mass of sun and view.
        release: the plume.
        folder: output folder, missing or empty.
        extend: whether absorption is extrapolated beyond the table, as in `BandTransmittance`.

    Raises:
        SceneError: the scene is not on disk or is in an archive, or a band is not top-of-atmosphere
            reflectance.
        BandError: a band is missing.
        SceneReadError: a file is damaged.
        OutputError: the folder cannot be written or is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty; a scene with a plume requires an empty folder")
    transmittance = band_transmittance(satellite, air_mass, extend=extend)
    with open_scene(request, sensors()) as scene:
        bands = dict(zip((STRONG, WEAK), scene.select((STRONG, WEAK)).bands, strict=True))
        files: dict[Path, list[tuple[str, Band]]] = {}
        for name, band in bands.items():
            files.setdefault(_on_disk(band), []).append((name, band))
        grid = bands[STRONG].raster.grid
        window, column = release.over(grid)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            moved = _mirror(request.paths, set(files), folder)
        for path, file_bands in files.items():
            if path not in moved:
                raise SceneError(f"{path} is not in a folder or file of the given scene")
            _write(path, moved[path], file_bands, release, transmittance)
    areas = grid.window_areas(window)
    mass = column * KG_PER_PPM_M * areas
    beyond = column > transmittance.most_ppm_m
    lost = (column - transmittance.most_ppm_m)[beyond] * KG_PER_PPM_M * areas[beyond]
    total = float(mass.sum())
    return Injected(
        scene=_moved_request(request, moved, folder),
        mass_kg=total,
        beyond_pixels=int(np.count_nonzero(beyond)),
        beyond_share=float(lost.sum()) / total if total > 0 else 0.0,
    )


def _on_disk(band: Band) -> Path:
    """Return the file of a band.

    Raises:
        SceneError: the band is not a file on disk, or not top-of-atmosphere reflectance.
    """
    path = Path(band.raster.path)
    if not path.is_file():
        raise SceneError(f"{band.raster.path} is not a file on disk; download or unpack the scene first")
    if band.units != "reflectance":
        raise SceneError(f"{path}: {band.name} is in {band.units}; top-of-atmosphere reflectance is required")
    return path.resolve()


def _mirror(paths: Sequence[str], replaced: set[Path], folder: Path) -> dict[Path, Path]:
    """Link the files of a scene, without those to replace, and return the new path of each file."""
    moved: dict[Path, Path] = {}
    for text in paths:
        root = Path(text)
        inner = sorted(item for item in root.rglob("*") if item.is_file()) if root.is_dir() else [root]
        for item in inner:
            source = item.resolve()
            target = folder / root.name / item.relative_to(root) if root.is_dir() else folder / item.name
            moved[source] = target
            target.parent.mkdir(parents=True, exist_ok=True)
            if source not in replaced:
                target.symlink_to(source)
    return moved


def _write(
    path: Path,
    target: Path,
    bands: Sequence[tuple[str, Band]],
    release: Release,
    transmittance: BandTransmittance,
) -> None:
    """Write a copy of a file with a plume in some of its bands, as GeoTIFF for any suffix."""
    try:
        with open_dataset(str(path)) as file:
            values, profile = file.read(), file.profile
            metadata = file.descriptions, file.scales, file.offsets
            tags = file.tags()
    except rasterio.errors.RasterioError as error:
        raise SceneReadError(f"{path}: cannot be read: {error}") from error
    for name, band in bands:
        window, column = release.over(band.raster.grid)
        part = values[band.index - 1][window.slices(band.raster.grid.window)]
        part[...] = _absorb(part, transmittance(name, column), band)
    profile = {key: profile[key] for key in PROFILE_KEYS}
    with writing(target), rasterio.open(target, "w", driver="GTiff", compress="deflate", **profile) as file:
        file.write(values)
        file.descriptions, file.scales, file.offsets = metadata
        file.update_tags(**(tags | TAGS))


def _absorb(
    stored: NDArray[np.integer] | NDArray[np.floating], transmittance: NDArray[np.float64], band: Band
) -> NDArray[np.float64]:
    """Return stored values after absorption; nodata and pixels without plume do not change."""
    zero = band.offset / band.scale
    absorbed = (stored + zero) * transmittance - zero
    if band.dtype.kind in "iu":
        limits = np.iinfo(band.dtype)
        absorbed = np.clip(np.rint(absorbed), limits.min, limits.max)
    unchanged = (transmittance >= 1) | ~np.isfinite(stored)
    if band.nodata is not None:
        unchanged |= stored == band.nodata
    return np.where(unchanged, stored, absorbed)


def _moved_request(request: SceneSpec, moved: dict[Path, Path], folder: Path) -> SceneSpec:
    """Return the request of the scene with the paths of the new files."""
    paths = []
    for text in request.paths:
        root = Path(text)
        paths.append(str(folder / root.name) if root.is_dir() else str(moved[root.resolve()]))
    bands = {}
    for name, text in request.bands.items():
        path, colon, index = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
        target = moved.get(Path(path).resolve()) if path else None
        bands[name] = text if target is None else f"{target}{colon}{index}"
    return request.model_copy(update={"paths": tuple(paths), "bands": bands})
