"""A scene: named bands of open files on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import BandError, UsageError
from geoseg.files.closing import Closing
from geoseg.files.doors import opening, reading
from geoseg.grid import READ_ROWS, Grid, Window
from geoseg.messages import Message
from geoseg.pixels import Pixels
from geoseg.scenes.area_of_interest import Area, box_area, polygon_area
from geoseg.scenes.bands import Band, common_names, find_band
from geoseg.scenes.product import Geometry, LeftOut
from geoseg.scenes.quality_layers import Quality
from geoseg.scenes.raster import Raster, base_name, place_on
from geoseg.scenes.resampling import Placement
from geoseg.scenes.windows import as_physical, as_stored, read_window, stored_dtype
from geoseg.spec import SensorSpec, Units
from geoseg.spec.band_names import few_names


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneMetadata:
    """Metadata that all views of a scene share."""

    name: str
    sensor: SensorSpec | None = None
    time: datetime | None = None
    platform: str | None = None
    """The satellite, such as `sentinel-2a`."""
    geometry: Geometry | None = None
    messages: tuple[Message, ...] = ()
    """Notes and warnings of opening the scene; a task replays them for the view that it maps."""
    left_out: tuple[LeftOut, ...] = ()
    """Files and bands of the product that are not used."""
    centres: Mapping[str, float]
    """Centre wavelengths (µm) by common name."""


class Scene(Closing):
    """Named bands on the grid of the finest band; a context manager.

    Coarser bands are resampled by bilinear interpolation, bands of classes by the nearest pixel; finer bands
    are averaged first. `select`, `clip` and `onto` return views of the same open files: closing one closes
    all.
    """

    def __init__(
        self,
        metadata: SceneMetadata,
        bands: tuple[Band, ...],
        *,
        target: Grid | None = None,
        areas: tuple[Area, ...] = (),
        quality: Quality | None = None,
    ) -> None:
        """Resample bands to a grid: `target`, else that of the finest band; cropped to `areas`.

        Args:
            metadata: of the scene.
            bands: of open files.
            target: the grid; None: that of the finest band.
            areas: to which the grid is cropped.
            quality: layers of cloud, snow and the like; the pixels that they mask are not valid.

        Raises:
            SceneError: the files cannot be aligned, or the areas lie outside the scene.
        """
        self.metadata = metadata
        self.name = metadata.name
        self.sensor = metadata.sensor
        self.time = metadata.time
        """Acquisition time; None: not known."""
        self.platform = metadata.platform
        self.geometry = metadata.geometry
        """Angles of sun and view of the whole product; None: not known."""
        self.bands = bands
        self.band_names = tuple(band.name for band in bands)
        self._target, self._areas = target, areas
        with opening(self.name, "check its geotransform and CRS, and those of the area"):
            self._place(target, areas, quality)

    def _place(self, target: Grid | None, areas: tuple[Area, ...], quality: Quality | None) -> None:
        """Place bands, areas and quality layers on a grid; libraries may raise exceptions of their own."""
        bands = self.bands
        grid = target or finest(bands)
        for area in areas:
            grid = area.crop(grid)
        self.grid = grid
        self._masks = tuple(area.on(grid) for area in areas if area.masks)
        self._placements: dict[Raster, Placement] = {
            raster: place_on(grid, raster) for raster in _rasters(bands)
        }
        self.quality = quality.on(grid) if quality is not None and quality.layers else Quality()
        """Quality layers on the scene's grid."""

    @property
    def common_names(self) -> tuple[str, ...]:
        """Common names that `select` accepts: those of the bands, and those that bands stand in for."""
        return common_names(self.bands, self.metadata.centres)

    @property
    def centre(self) -> tuple[float, float] | None:
        """Longitude and latitude of the centre of the grid in degrees; None without a CRS."""
        if self.grid.crs is None:
            return None
        lon, lat = self.grid.lonlat(np.array([self.grid.height / 2]), np.array([self.grid.width / 2]))
        return float(lon[0]), float(lat[0])

    @property
    def messages(self) -> tuple[Message, ...]:
        """Notes and warnings of opening, selecting and resampling this view; `replay` logs them."""
        return (
            *self.metadata.messages,
            *(Message(logger=__name__, text=text) for text in self._resampling_notes()),
        )

    def units(self, band: str) -> Units:
        """Return the units of a band's physical values.

        Raises:
            BandError: there is no such band.
        """
        return self._find(band).units

    def select(self, bands: Sequence[str]) -> Scene:
        """Return a view of some bands, in the order of `bands`, on the grid of the finest of them.

        Raises:
            BandError: a band is missing or named twice.
        """
        if len(set(bands)) < len(bands):
            raise BandError(f"a band is named twice: {', '.join(bands)}; name each band once")
        matches = [find_band(self.bands, name, self.metadata.centres) for name in bands]
        notes = (Message(logger=__name__, text=text) for _, text in matches if text)
        messages = tuple(dict.fromkeys((*self.metadata.messages, *notes)))
        metadata = replace(self.metadata, messages=messages)
        return self._view(metadata=metadata, bands=tuple(band for band, _ in matches))

    def clip(
        self,
        bbox: tuple[float, float, float, float] | None = None,
        bbox_crs: str = "EPSG:4326",
        aoi: Path | None = None,
    ) -> Scene:
        """Return a view cropped to a bounding box (west, south, east, north), to polygons, or to both.

        The grid keeps every pixel that the box touches. Pixels whose centre lies outside the polygons are
        not valid.

        Raises:
            SceneError: the area lies outside the scene, or one of both has no CRS.
            UsageError: the box is empty or its CRS unknown.
        """
        areas = list(self._areas)
        if bbox is not None:
            areas.append(box_area(bbox, bbox_crs))
        if aoi is not None:
            areas.append(polygon_area(aoi))
        return self._view(areas=tuple(areas))

    def uncropped(self) -> Scene:
        """Return a view of the full extent, without the areas of `clip`."""
        return self._view(areas=()) if self._areas else self

    def onto(self, grid: Grid) -> Scene:
        """Return a view on another grid; pixels that the scene does not cover are not valid.

        Raises:
            SceneError: the grids cannot be aligned (no CRS).
        """
        return Scene(self.metadata, self.bands, target=grid, quality=self.quality)

    def has(self, band: str) -> bool:
        """Return whether `select` accepts a name: that of a band, or one that a band stands in for."""
        try:
            self._find(band)
        except BandError:
            return False
        return True

    def renamed(self, names: Mapping[str, str]) -> Scene:
        """Return a view with some bands under other names.

        Args:
            names: the new name by the present one. A band that has the new name already is left out.
        """
        replaced = set(names.values()) - set(names)
        bands = (band for band in self.bands if band.name not in replaced)
        return self._view(bands=tuple(replace(band, name=names.get(band.name, band.name)) for band in bands))

    def subtract(self, values: Mapping[str, float]) -> Scene:
        """Return a view whose physical values are lower by `values`, by band and in the band's units."""
        bands = tuple(replace(band, offset=band.offset - values.get(band.name, 0.0)) for band in self.bands)
        return self._view(bands=bands)

    def with_quality(self, quality: Quality) -> Scene:
        """Return a view with other quality layers; closing it closes them."""
        return self._view(quality=quality)

    def _view(
        self,
        *,
        metadata: SceneMetadata | None = None,
        bands: tuple[Band, ...] | None = None,
        areas: tuple[Area, ...] | None = None,
        quality: Quality | None = None,
    ) -> Scene:
        """Return a view of the same open files with some parts replaced."""
        return Scene(
            metadata or self.metadata,
            self.bands if bands is None else bands,
            target=self._target,
            areas=self._areas if areas is None else areas,
            quality=quality or self.quality,
        )

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window (a `geoseg.grid.Window`); pixels outside the grid are padding and not valid.

        Values are stored values where all bands have one dtype, else physical values in float32.

        Raises:
            UsageError: the window is no `Window`.
            BandError: a band is missing.
            SceneReadError: a file is damaged; the message names path, band and window.
        """
        if not isinstance(window, Window):
            raise UsageError(
                f"a window is a `geoseg.grid.Window(row=0, col=0, height=10, width=10)`, not {window!r}"
            )
        chosen = [self._find(name) for name in ([bands] if isinstance(bands, str) else bands)]
        rows = f"rows {window.row}-{window.stop_row - 1}, columns {window.col}-{window.stop_col - 1}"
        with reading(f"{self.name}, {few_names(bands, 16)}, {rows}"):
            return self._read(window, bands, chosen)

    def _read(self, window: Window, bands: Sequence[str], chosen: Sequence[Band]) -> Pixels:
        """Read a window of some bands; libraries may raise exceptions of their own."""
        dtype = stored_dtype(chosen)
        shape = (window.height, window.width)
        data: NDArray[Any] = np.zeros((len(chosen), *shape), dtype or np.float32)
        valid = np.zeros(shape, np.bool_)
        inner = window.intersect(self.grid.window)
        if not inner.empty:
            rows, cols = inner.slices(window)
            inner_valid = valid[rows, cols]
            inner_valid[:] = True
            files = _by_file(chosen)
            for positions in files:
                members = [chosen[position] for position in positions]
                values, masks = read_window(members, self._placements[members[0].raster], inner)
                whole = len(files) == 1 and inner == window
                # A dtype of numpy is equal to None where it is float64.
                if whole and dtype is not None and values.dtype == dtype and _are_finite(values, masks):
                    data = values  # stored values of all bands, in their order
                else:
                    for position, band, value in zip(positions, members, values, strict=True):
                        data[position, rows, cols] = (
                            as_physical(band, value) if dtype is None else as_stored(value, dtype)
                        )
                for mask in masks:
                    if mask is not None:
                        inner_valid &= mask
            for polygons in self._masks:
                inner_valid &= polygons.read(inner)
            if self.quality.layers:
                inner_valid &= ~self.quality.masked(inner, bands)
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=valid,
            scale=tuple(1.0 if dtype is None else band.scale for band in chosen),
            offset=tuple(0.0 if dtype is None else band.offset for band in chosen),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Return the size of the block cache that lets reading from top to bottom decode each block once.

        Windows must not cross multiples of `READ_ROWS` rows of the grid; all columns of one stretch are read
        before the next stretch.
        """
        total = 0
        chosen = [self._find(name) for name in bands]
        for positions in _by_file(chosen):
            raster = chosen[positions[0]].raster
            placement = self._placements[raster]
            native_rows = abs(placement.forward.e) if placement.separable else float(placement.reduction)
            same = placement.separable and native_rows == 1
            strip = READ_ROWS if same else int(np.ceil(READ_ROWS * native_rows)) + 2
            first = placement.forward.f if same else 0.5
            total += raster.cache_bytes([chosen[position].index for position in positions], first, strip)
        return total + self.quality.cache_bytes()

    def describe(self) -> dict[str, JsonValue]:
        """Return paths, sensor, time, grid, and the scaling of each band for the run record."""
        return {
            "name": self.name,
            "paths": [file.path for raster in _rasters(self.bands) for file in raster.members],
            "sensor": self.sensor.name if self.sensor else None,
            "platform": self.platform,
            "time": self.time.isoformat() if self.time else None,
            "grid": {
                "crs": self.grid.crs.to_string() if self.grid.crs else None,
                "transform": [float(value) for value in self.grid.transform[:6]],
                "height": self.grid.height,
                "width": self.grid.width,
            },
            "bands": [self._describe_band(band) for band in self.bands],
            "quality": self.quality.describe(self.band_names),
        }

    def _describe_band(self, band: Band) -> dict[str, JsonValue]:
        return {
            "name": band.name,
            "source": f"{base_name(band.raster.path)}:{band.index}",
            "named_by": band.origin,
            "scale": band.scale,
            "offset": band.offset,
            "scaled_by": band.scaling,
            "units": band.units,
            "nodata": band.nodata,
            "wavelength_um": band.wavelength,
            "fwhm_um": band.fwhm,
            # Backscatter in dB is stored as power or amplitude.
            "stored_as": {10: "power", 20: "amplitude"}.get(band.db_factor, band.units),
            "resampling": None if self._placements[band.raster].shift is not None else band.resampling,
        }

    def _find(self, name: str) -> Band:
        return find_band(self.bands, name, self.metadata.centres)[0]

    def _resampling_notes(self) -> Iterator[str]:
        """Yield a note for each resampling method, with the bands that it resamples."""
        for kind, method in (("bilinear", "bilinear interpolation"), ("nearest", "the nearest pixel")):
            resampled = [
                band
                for band in self.bands
                if band.resampling == kind and self._placements[band.raster].shift is None
            ]
            if resampled:
                averaged = any(self._placements[band.raster].reduction > 1 for band in resampled)
                how = f"{method} after averaging" if averaged and kind == "bilinear" else method
                yield f"{', '.join(band.name for band in resampled)}: resampled to the grid by {how}"

    def close(self) -> None:
        """Close the files, also of all views."""
        for raster in _rasters(self.bands):
            raster.close()
        self.quality.close()


def finest(bands: Sequence[Band]) -> Grid:
    """Return the grid of the band with the smallest pixels; the first of several."""
    grids = [band.raster.grid for band in bands]
    if len({grid.crs for grid in grids}) == 1:
        sizes = [abs(grid.transform.determinant) for grid in grids]
    else:
        sizes = [float(np.prod(grid.pixel_size_m)) for grid in grids]
    least = min(sizes)
    return next(
        (grid for grid, size in zip(grids, sizes, strict=True) if size <= least * (1 + 1e-6)), grids[0]
    )


def _rasters(bands: Sequence[Band]) -> list[Raster]:
    """Return the files of bands, each once, in order."""
    return list(dict.fromkeys(band.raster for band in bands))


def _are_finite(values: NDArray[Any], masks: Sequence[NDArray[np.bool_] | None]) -> bool:
    """Return whether all values of a window are finite; masks of floats leave out those that are not."""
    return values.dtype.kind in "iu" or all(mask is not None and bool(mask.all()) for mask in masks)


def _by_file(bands: Sequence[Band]) -> list[list[int]]:
    """Return the positions of bands in groups: each group is read from one file at once."""
    groups: dict[tuple[Raster, str], list[int]] = {}
    for position, band in enumerate(bands):
        groups.setdefault((band.raster, band.resampling), []).append(position)
    return list(groups.values())
