"""A simulated plume is put into a scene: new files of its two short-wave infrared bands beside the others.

Radiance is multiplied by the transmittances of the satellite's own pass-bands, from the same table that the
retrieval inverts. The reference stays as it is.
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
from geoseg.methane.method import STRONG, WEAK
from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import TABLE_AIR_MASS
from geoseg.methods.plume_model import KG_PER_PPM_M, GaussianPlume
from geoseg.scenes import open_scene
from geoseg.scenes.bands import Band
from geoseg.spec import SatelliteSpec, SceneSpec
from geoseg.spec.presets import sensors

TAGS = {"SIMULATED": "a Gaussian plume of methane was put into these pixels by geoseg; no observation"}
"""Of every file that is written."""

KEPT = ("height", "width", "count", "dtype", "crs", "transform", "nodata")
"""Of a file's profile, in the one that replaces it."""

TAIL = 4.0
"""Standard deviations of a plume's end beyond which nothing is put."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A plume with its place."""

    lon: float
    lat: float
    plume: GaussianPlume
    """Its direction counts from the top of the image, which is taken for north."""

    def over(self, grid: Grid) -> tuple[Window, NDArray[np.float64]]:
        """Return the part of a grid that the plume can reach, and its column in ppm·m there (H, W).

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
        here = Window(row=math.floor(row), col=math.floor(col), height=1, width=1).pad(most)
        window = here.intersect(grid.window)
        if window.empty:
            raise SceneError(f"a source at {self.lon:.5f}, {self.lat:.5f} lies too far from the scene")
        column = self.plume.over_pixels(
            (window.height, window.width), (row - window.row, col - window.col), size
        )
        return window, column


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A scene with a plume, and what of the plume is in it."""

    scene: SceneSpec
    mass_kg: float
    """Inside the scene."""
    beyond_pixels: int
    """Pixels with more methane than the table of absorption knows."""
    beyond_share: float
    """Share of the mass inside the scene that lies beyond the table's end: lost, unless it is extended."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dimming:
    """What columns make of a satellite's bands."""

    ppm_m: NDArray[np.float64]
    """(k,) amounts of the table."""
    ratio: dict[str, NDArray[np.float64]]
    """(k,) radiance with each by that without, by band."""
    air_mass: float
    """Of the scene; the table's is `TABLE_AIR_MASS`."""
    extend: bool = False
    """Whether absorption goes on beyond the table as its last step says: more than it does, for lines
    saturate further. Else it stays at the table's end: less than it does."""

    @property
    def most_ppm_m(self) -> float:
        """The greatest vertical column that the table knows at this geometry."""
        return float(self.ppm_m[-1] * TABLE_AIR_MASS / self.air_mass)

    def end_signal(self, *, single: bool) -> float:
        """Return the greatest relative change in ppm·m as the table's first step counts it.

        Infinite where absorption goes on beyond the table.

        Args:
            single: whether one band alone is compared.
        """
        if self.extend:
            return math.inf
        change = self.ratio[STRONG] - 1 if single else self.ratio[STRONG] / self.ratio[WEAK] - 1
        return float(change[-1] / change[1] * self.ppm_m[1] * TABLE_AIR_MASS / self.air_mass)

    def __call__(self, band: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the transmittance (H, W) of vertical columns in ppm·m.

        Beyond the table it is that of its end, or else its logarithm grows by the power of the last step.
        """
        slant = column * (self.air_mass / TABLE_AIR_MASS)
        ratio, (before, end) = self.ratio[band], self.ppm_m[-2:]
        found = np.asarray(np.interp(slant, self.ppm_m, ratio))
        if self.extend:
            power = math.log(math.log(ratio[-1]) / math.log(ratio[-2])) / math.log(end / before)
            found = np.where(slant > end, ratio[-1] ** (np.maximum(slant / end, 1) ** power), found)
        return np.asarray(found)


def dimming(satellite: SatelliteSpec, air_mass: float, *, extend: bool = False) -> Dimming:
    """Return what methane makes of a satellite's bands; `extend` as in `Dimming`.

    Raises:
        UsageError: the satellite has no such bands.
    """
    if satellite.swir22 is None or satellite.swir16 is None:
        raise UsageError(f"--satellite {satellite.name}: plumes are put into two bands, which it has not")
    table = methane()
    ratio = {STRONG: table.in_band(*satellite.swir22), WEAK: table.in_band(*satellite.swir16)}
    return Dimming(ppm_m=table.ppm_m, ratio=ratio, air_mass=air_mass, extend=extend)


def inject(
    request: SceneSpec,
    satellite: SatelliteSpec,
    air_mass: float,
    release: Release,
    folder: Path,
    *,
    extend: bool = False,
) -> Injected:
    """Write a scene with a plume into a folder: new files of two bands, links to all others.

    File names stay, so that the scene is recognised as before. Stored values are rounded as the originals
    are; pixels without plume keep theirs.

    Args:
        request: the scene: a folder of files, an unpacked product, or files.
        satellite: whose pass-bands count.
        air_mass: of sun and view.
        release: the plume.
        folder: where to; made where it is not there, empty where it is.
        extend: whether absorption goes on beyond the table, as in `Dimming`.

    Raises:
        SceneError: the scene lies in an archive or elsewhere than on disk, or its bands are not plain.
        BandError: a band is missing.
        SceneReadError: a file is damaged.
        OutputError: the folder cannot be written, or holds something: another scene's files would mix in.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder}: holds files; a scene with a plume needs a folder of its own")
    dims = dimming(satellite, air_mass, extend=extend)
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
        for path, own in files.items():
            if path not in moved:
                raise SceneError(f"{path}: belongs to no folder or file that was given")
            _write(path, moved[path], own, release, dims)
    areas = grid.window_areas(window)
    mass = column * KG_PER_PPM_M * areas
    beyond = column > dims.most_ppm_m
    lost = (column - dims.most_ppm_m)[beyond] * KG_PER_PPM_M * areas[beyond]
    total = float(mass.sum())
    return Injected(
        scene=_moved_request(request, moved, folder),
        mass_kg=total,
        beyond_pixels=int(np.count_nonzero(beyond)),
        beyond_share=float(lost.sum()) / total if total > 0 else 0.0,
    )


def _on_disk(band: Band) -> Path:
    """Return a band's file.

    Raises:
        SceneError: it is none, or its values are not proportional to radiance.
    """
    path = Path(band.raster.path)
    if not path.is_file():
        raise SceneError(
            f"{band.raster.path}: plumes are put into files on disk; download or unpack the scene first"
        )
    if band.units != "reflectance":
        raise SceneError(f"{path}: {band.name} is {band.units}, no top-of-atmosphere reflectance")
    return path.resolve()


def _mirror(paths: Sequence[str], replaced: set[Path], folder: Path) -> dict[Path, Path]:
    """Link all files of a scene into a folder but those that are written anew; return where each belongs."""
    moved: dict[Path, Path] = {}
    for text in paths:
        root = Path(text)
        inner = sorted(item for item in root.rglob("*") if item.is_file()) if root.is_dir() else [root]
        for item in inner:
            own = item.resolve()
            target = folder / root.name / item.relative_to(root) if root.is_dir() else folder / item.name
            moved[own] = target
            target.parent.mkdir(parents=True, exist_ok=True)
            if own not in replaced:
                target.symlink_to(own)
    return moved


def _write(
    path: Path, target: Path, bands: Sequence[tuple[str, Band]], release: Release, dims: Dimming
) -> None:
    """Write a file with a plume in some of its bands; a GeoTIFF whatever the name's suffix."""
    try:
        with rasterio.open(path) as file:
            values, profile = file.read(), file.profile
            told = file.descriptions, file.scales, file.offsets, file.tags()
    except rasterio.errors.RasterioError as error:
        raise SceneReadError(f"{path}: cannot be read: {error}") from error
    for name, band in bands:
        window, column = release.over(band.raster.grid)
        part = values[band.index - 1][window.slices(band.raster.grid.window)]
        part[...] = _dimmed(part, dims(name, column), band)
    profile = {key: profile[key] for key in KEPT}
    with writing(target), rasterio.open(target, "w", driver="GTiff", compress="deflate", **profile) as file:
        file.write(values)
        file.descriptions, file.scales, file.offsets = told[:3]
        file.update_tags(**(told[3] | TAGS))


def _dimmed(
    stored: NDArray[np.integer] | NDArray[np.floating], transmittance: NDArray[np.float64], band: Band
) -> NDArray[np.float64]:
    """Return stored values of radiance that a plume dims; nodata stays, and so do pixels without plume."""
    zero = band.offset / band.scale
    made = (stored + zero) * transmittance - zero
    if band.dtype.kind in "iu":
        limits = np.iinfo(band.dtype)
        made = np.clip(np.rint(made), limits.min, limits.max)
    keep = (transmittance >= 1) | ~np.isfinite(stored)
    if band.nodata is not None:
        keep |= stored == band.nodata
    return np.where(keep, stored, made)


def _moved_request(request: SceneSpec, moved: dict[Path, Path], folder: Path) -> SceneSpec:
    """Return the request for the new files."""
    paths = []
    for text in request.paths:
        root = Path(text)
        paths.append(str(folder / root.name) if root.is_dir() else str(moved[root.resolve()]))
    bands = {}
    for name, text in request.bands.items():
        path, colon, index = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
        known = moved.get(Path(path).resolve()) if path else None
        bands[name] = text if known is None else f"{known}{colon}{index}"
    return request.model_copy(update={"paths": tuple(paths), "bands": bands})
