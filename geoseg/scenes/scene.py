"""A scene: named bands of open files on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import BandError
from geoseg.grid import READ_ROWS, Grid, Window
from geoseg.messages import Message
from geoseg.pixels import Pixels
from geoseg.scenes.area_of_interest import Area, box_area
from geoseg.scenes.bands import Band, common_names, find_band
from geoseg.scenes.polygon_files import PolygonMask, read_polygons
from geoseg.scenes.product import Geometry, LeftOut
from geoseg.scenes.quality_layers import Quality
from geoseg.scenes.raster import Raster, base_name, place_on
from geoseg.scenes.resampling import Placement
from geoseg.scenes.windows import as_physical, as_stored, read_window, stored_dtype
from geoseg.spec import NOT_MAPPED, Condition, SensorSpec, Units


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What is known of a scene whatever part of it is looked at."""

    name: str
    sensor: SensorSpec | None = None
    time: datetime | None = None
    platform: str | None = None
    """The satellite, such as `sentinel-2a`."""
    geometry: Geometry | None = None
    messages: tuple[Message, ...] = ()
    """Notes and warnings of the opening, kept until a task replays those of the view that it maps."""
    left_out: tuple[LeftOut, ...] = ()
    """Files and bands of the product that are not mapped from."""
    centres: Mapping[str, float]
    """Centre wavelengths (µm) of common names."""


class Scene:
    """Named bands on one grid, that of the finest; a context manager.

    Coarser bands are brought to the grid by bilinear interpolation, bands of classes by the nearest pixel;
    finer ones are averaged first. `select`, `clip` and `onto` return views on the same open files: closing
    one closes all.
    """

    def __init__(
        self,
        facts: Facts,
        bands: tuple[Band, ...],
        *,
        target: Grid | None = None,
        areas: tuple[Area, ...] = (),
        quality: Quality | None = None,
    ) -> None:
        """Put bands on a grid: `target`, else that of the finest band; cropped to `areas`.

        What `quality` hides counts as not observed.

        Raises:
            SceneError: the files cannot be aligned, or the areas lie outside.
        """
        self.facts = facts
        self.bands = bands
        self._target, self._areas = target, areas
        self.quality = quality or Quality()
        grid = target or finest(bands)
        for area in areas:
            grid = area.crop(grid)
        self.grid = grid
        self._masks: tuple[PolygonMask, ...] = tuple(area.on(grid) for area in areas if area.masks)
        self._placements: dict[Raster, Placement] = {
            raster: place_on(grid, raster) for raster in _rasters(bands)
        }
        self._hidden = self.quality.on(grid) if self.quality.layers else None

    @property
    def name(self) -> str:
        """What people call it: the file's or product's name."""
        return self.facts.name

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands, in order."""
        return tuple(band.name for band in self.bands)

    @property
    def common_names(self) -> tuple[str, ...]:
        """Common names that `select` knows: of its bands, and those that others stand in for."""
        return common_names(self.bands, self.facts.centres)

    @property
    def sensor(self) -> SensorSpec | None:
        """The sensor, where it was recognised or said."""
        return self.facts.sensor

    @property
    def time(self) -> datetime | None:
        """When it was acquired, where that is known."""
        return self.facts.time

    @property
    def platform(self) -> str | None:
        """The satellite, such as `sentinel-2a`, where the product or its names tell it."""
        return self.facts.platform

    @property
    def geometry(self) -> Geometry | None:
        """Angles of sun and view of the whole product, where it says them."""
        return self.facts.geometry

    @property
    def centre(self) -> tuple[float, float] | None:
        """Longitude and latitude of the grid's centre in degrees; None without a CRS."""
        if self.grid.crs is None:
            return None
        lon, lat = self.grid.lonlat(np.array([self.grid.height / 2]), np.array([self.grid.width / 2]))
        return float(lon[0]), float(lat[0])

    @property
    def messages(self) -> tuple[Message, ...]:
        """Notes and warnings of opening, selecting and resampling this view; `replay` logs them."""
        return (
            *self.facts.messages,
            *(Message(logger=__name__, text=text) for text in self._resampling_notes()),
        )

    def units(self, band: str) -> Units:
        """Return the units of a band's physical values.

        Raises:
            BandError: there is no such band.
        """
        return self._find(band).units

    def select(self, bands: Sequence[str]) -> Scene:
        """Return a view of some bands, in the order asked for, on the grid of the finest among them.

        Raises:
            BandError: a band is missing or asked for twice.
        """
        if len(set(bands)) < len(bands):
            raise BandError(f"bands are asked for twice: {', '.join(bands)}")
        found = [find_band(self.bands, name, self.facts.centres) for name in bands]
        said = (Message(logger=__name__, text=text) for _, text in found if text)
        facts = replace(self.facts, messages=tuple(dict.fromkeys((*self.facts.messages, *said))))
        return self._view(facts=facts, bands=tuple(band for band, _ in found))

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
            shapes, crs = read_polygons(aoi)
            areas.append(Area(shapes=shapes, crs=crs, masks=True, what=f"--aoi {aoi}"))
        return self._view(areas=tuple(areas))

    def whole(self) -> Scene:
        """Return a view that is not cropped."""
        return self._view(areas=()) if self._areas else self

    def onto(self, grid: Grid) -> Scene:
        """Return a view on another grid; pixels that the scene does not cover are not valid.

        Raises:
            SceneError: the grids cannot be aligned (no CRS).
        """
        return Scene(self.facts, self.bands, target=grid, quality=self.quality)

    def has(self, band: str) -> bool:
        """Whether `select` finds a band, by its own name or one that stands in for it."""
        try:
            self._find(band)
        except BandError:
            return False
        return True

    def renamed(self, names: Mapping[str, str]) -> Scene:
        """Return a view with some bands under other names.

        Args:
            names: the new name by the present one. A band that had the new name before is left out.
        """
        taken = set(names.values()) - set(names)
        kept = (band for band in self.bands if band.name not in taken)
        return self._view(bands=tuple(replace(band, name=names.get(band.name, band.name)) for band in kept))

    def darker(self, by: Mapping[str, float]) -> Scene:
        """Return a view whose bands have less of their physical unit; `by` says how much, by band."""
        bands = tuple(replace(band, offset=band.offset - by.get(band.name, 0.0)) for band in self.bands)
        return self._view(bands=bands)

    def with_quality(self, quality: Quality) -> Scene:
        """Return a view that other layers hide; closing it closes them."""
        return self._view(quality=quality)

    def _view(
        self,
        *,
        facts: Facts | None = None,
        bands: tuple[Band, ...] | None = None,
        areas: tuple[Area, ...] | None = None,
        quality: Quality | None = None,
    ) -> Scene:
        """Return a view on the same open files that differs in some ways."""
        return Scene(
            facts or self.facts,
            self.bands if bands is None else bands,
            target=self._target,
            areas=self._areas if areas is None else areas,
            quality=quality or self.quality,
        )

    def hidden_shares(self) -> tuple[dict[Condition, float], bool]:
        """Return the shares (0..1) of the conditions that its quality layers tell, and whether of all pixels.

        Raises:
            SceneReadError: a layer is damaged.
        """
        return ({}, True) if self._hidden is None else self._hidden.shares(self.band_names)

    def quality_covers(self) -> float:
        """Return the share (0..1) of the scene that all its quality layers tell of; 0 without any."""
        return 0.0 if self._hidden is None else self._hidden.covered_share()

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; where it leaves the grid it is padded with pixels that are not valid.

        Stored values are kept where all bands have one dtype; else values are physical, float32.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged; the message names path, band and window.
        """
        chosen = [self._find(name) for name in bands]
        dtype = stored_dtype(chosen)
        shape = (window.height, window.width)
        data: NDArray[Any] = np.zeros((len(chosen), *shape), dtype or np.float32)
        valid = np.zeros(shape, np.bool_)
        inner = window.intersect(self.grid.window)
        if not inner.empty:
            rows, cols = inner.slices(window)
            seen = valid[rows, cols]
            seen[:] = True
            for positions in _by_file(chosen):
                members = [chosen[position] for position in positions]
                values, masks = read_window(members, self._placements[members[0].raster], inner)
                for position, band, value in zip(positions, members, values, strict=True):
                    data[position, rows, cols] = (
                        as_physical(band, value) if dtype is None else as_stored(value, dtype)
                    )
                for mask in masks:
                    if mask is not None:
                        seen &= mask
            for polygons in self._masks:
                seen &= polygons.read(inner)
            if self._hidden is not None:
                seen &= ~self._hidden.hidden(inner, bands)
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=valid,
            scale=tuple(1.0 if dtype is None else band.scale for band in chosen),
            offset=tuple(0.0 if dtype is None else band.offset for band in chosen),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks that must be kept so that reading top to bottom decodes each once.

        That is, by windows that do not cross multiples of `READ_ROWS` rows of the grid, all columns of one
        stretch before the next.
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
        return total + (0 if self._hidden is None else self._hidden.cache_bytes())

    def describe(self) -> dict[str, JsonValue]:
        """Return what a run record says of it: paths, sensor, time, grid, and each band's scaling."""
        bands: list[JsonValue] = [self._describe_band(band) for band in self.bands]
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
            "bands": bands,
            "quality": self._describe_quality(),
        }

    def _describe_quality(self) -> dict[str, JsonValue] | None:
        """Quality layers and what they hide; None without any."""
        if not self.quality.layers:
            return None
        shares, whole = self.hidden_shares()
        rounded: dict[str, JsonValue] = {name: round(share, 4) for name, share in shares.items()}
        return {
            "layers": self.quality.describe(),
            "not_mapped": [name for name in NOT_MAPPED if name in self.quality.says],
            "dilate": self.quality.dilate,
            "shares": rounded,
            "sampled": not whole,
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
            "stored_as": _stored_as(band),
            "resampling": None if self._placements[band.raster].shift is not None else band.resampling,
        }

    def _find(self, name: str) -> Band:
        return find_band(self.bands, name, self.facts.centres)[0]

    def _resampling_notes(self) -> Iterator[str]:
        """Say which bands are interpolated, and how."""
        for kind, words in (("bilinear", "bilinear interpolation"), ("nearest", "the nearest pixel")):
            moved = [
                band
                for band in self.bands
                if band.resampling == kind and self._placements[band.raster].shift is None
            ]
            if moved:
                averaged = any(self._placements[band.raster].reduction > 1 for band in moved)
                how = f"{words} after averaging" if averaged and kind == "bilinear" else words
                yield f"{', '.join(band.name for band in moved)}: brought to the grid by {how}"

    def close(self) -> None:
        """Close the files, also of all views."""
        for raster in _rasters(self.bands):
            raster.close()
        self.quality.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stored_as(band: Band) -> str:
    """Return how a band's values are stored: as its units say, or as power or amplitude of its dB."""
    return {10: "power", 20: "amplitude"}.get(band.db_factor, band.units)


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


def _by_file(bands: Sequence[Band]) -> list[list[int]]:
    """Return positions of bands that one read of one file serves."""
    groups: dict[tuple[Raster, str], list[int]] = {}
    for position, band in enumerate(bands):
        groups.setdefault((band.raster, band.resampling), []).append(position)
    return list(groups.values())
