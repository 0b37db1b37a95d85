"""The wind at 10 m at a time and place, from files of reanalyses: netCDF in ERA5's layout, or two bands."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window as RioWindow

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.cube_time import Slice, slices_of
from geoseg.scenes.nodes import Nodes, nodes_at
from geoseg.scenes.raster import base_name

COMPONENTS = ("u10", "v10")
"""Variables in netCDF: wind towards the east, towards the north, m/s."""

_DESCRIBED = tuple(rf"(?i:{letter}(_?10)?m?|10m?_?{letter}|10 ?m(etre)? {letter}\b.*)$" for letter in "uv")
"""What bands of other rasters are described as."""

BEYOND = timedelta(hours=1)
"""So long before the first and after the last step of a file that step's wind still counts."""

APART = timedelta(hours=12)
"""Between steps farther apart wind is not interpolated: it turns with the hour of the day."""

_REMEDY = "give a file of that time and place, or the speed with --wind"


@dataclass(frozen=True, kw_only=True)
class Wind:
    """Wind at 10 m above ground."""

    speed: float
    """m/s."""
    direction_from: float | None
    """Degrees clockwise from north that it comes from, 0..360; None: not known."""
    source: str
    """Where it was found, for people."""


class WindFile:
    """A file of wind, open for as many places as are asked for; a context manager."""

    def __init__(self, path: Path | str) -> None:
        """Open a file and find its components, which must point east and north.

        Args:
            path: a netCDF file with u10 and v10 on latitude and longitude, with or without time; or a raster
                with a band of each, of one time, told by their descriptions or, where it has two bands, by
                order.

        Raises:
            SceneReadError: the file cannot be read.
            SceneError: it has no such components, or its times are not understood.
        """
        self._path, self._name = str(path), base_name(str(path))
        with ExitStack() as stack, self._reading():
            file = stack.enter_context(_open(self._path))
            if file.driver == "netCDF":
                self._components = [
                    _variable(stack.enter_context(self._opened(name)), self._name) for name in COMPONENTS
                ]
            else:
                self._components = _two_bands(file, self._name)
            self.close = stack.pop_all().close

    def at(self, time: datetime | None, lon: float, lat: float) -> Wind:
        """Return the wind at a time and place: bilinear between four nodes, linear between two steps.

        Components are interpolated, not speeds.

        Args:
            time: aware; None: not known, which does for a file of one time.
            lon: degrees east, -180..360.
            lat: degrees north.

        Raises:
            SceneReadError: the file cannot be read.
            SceneError: the place lies outside, or has no values; or the time is needed and not known, lies
                outside by more than an hour or between steps too far apart.
        """
        with self._reading():
            (u, when), (v, _) = [_value(part, self._name, time, lon, lat) for part in self._components]
        return Wind(
            speed=math.hypot(u, v),
            direction_from=math.degrees(math.atan2(-u, -v)) % 360,
            source=f"{self._name}, {when}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, variable: str) -> rasterio.DatasetReader:
        """Open a variable of a netCDF file."""
        try:
            return _open(f'NETCDF:"{self._path}":{variable}')
        except RasterioIOError as error:
            raise SceneError(
                f"{self._name} has no variable {variable}; give u10 and v10 of ERA5 (single levels), or the "
                "speed with --wind"
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (RasterioError, OSError) as error:
            raise SceneReadError(f"{self._path} cannot be read as wind: {error}; {_REMEDY}") from error


@dataclass(frozen=True, kw_only=True)
class _Component:
    """Wind towards the east, or towards the north."""

    file: rasterio.DatasetReader
    slices: Sequence[Slice]
    degrees: bool
    """Whether a file without CRS counts degrees of longitude and latitude."""


def _open(path: str) -> rasterio.DatasetReader:
    with warnings.catch_warnings():
        # Of a netCDF file with several variables, and of grids that are then refused.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def _variable(file: rasterio.DatasetReader, name: str) -> _Component:
    """Return a variable of a netCDF file."""
    return _Component(file=file, slices=slices_of(file, name), degrees=True)


def _two_bands(file: rasterio.DatasetReader, name: str) -> list[_Component]:
    """Return both components of a raster of one time."""
    found = [
        [band for band, text in enumerate(file.descriptions, start=1) if re.match(pattern, text or "")]
        for pattern in _DESCRIBED
    ]
    if not any(found) and file.count == 2:
        found = [[1], [2]]
    if [len(bands) for bands in found] != [1, 1]:
        raise SceneError(
            f"{name} has {file.count} band(s), and not one described as U10, one as V10; describe them so, "
            "give a netCDF file with u10 and v10, or the speed with --wind"
        )
    return [_Component(file=file, slices=[Slice(band=band, time=None)], degrees=False) for (band,) in found]


def _value(part: _Component, name: str, time: datetime | None, lon: float, lat: float) -> tuple[float, str]:
    """Return a component at a time and place, and of when it is."""
    nodes = nodes_at(part.file, name, lon, lat, degrees=part.degrees)
    before, after, share = _around(part.slices, time, name)
    first = _known(_first(part.file, before, nodes), name, lon, lat)
    if not share:
        return first, _say(before)
    second = _known(_first(part.file, after, nodes), name, lon, lat)
    return first + share * (second - first), f"between {_say(before)} and {_say(after)}"


def _around(
    slices: Sequence[Slice], time: datetime | None, name: str
) -> tuple[list[Slice], list[Slice], float]:
    """Return the slices of the step before a time, of that after, and how far between them it lies, 0..1.

    Raises:
        SceneError: the time is not known, lies outside, or the steps lie too far apart.
    """
    times = sorted({item.time for item in slices if item.time is not None})
    if not times or (len(times) == 1 and time is None):
        return list(slices), list(slices), 0.0
    if time is None:
        raise SceneError(
            f"{name} holds {len(times)} times, and when the scene was seen is not known; give the speed with "
            "--wind"
        )
    span = f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC"
    moment = time.astimezone(UTC)
    if not times[0] - BEYOND <= moment <= times[-1] + BEYOND:
        raise SceneError(f"{name} holds {span}, not {moment:%Y-%m-%d %H:%M}; {_REMEDY}")
    inside = min(max(moment, times[0]), times[-1])
    before = max(item for item in times if item <= inside)
    after = min(item for item in times if item >= inside)
    if after - before > APART:
        raise SceneError(
            f"{name} has nothing between {before:%Y-%m-%d %H:%M} and {after:%Y-%m-%d %H:%M} UTC, too far "
            f"apart for the wind at {moment:%H:%M}; give hourly values, or the speed with --wind"
        )
    share = 0.0 if after == before else (inside - before) / (after - before)
    return (
        [item for item in slices if item.time == before],
        [item for item in slices if item.time == after],
        share,
    )


def _first(file: rasterio.DatasetReader, slices: Sequence[Slice], nodes: Nodes) -> float:
    """Return the value in the first slice of one time that has it, NaN where none has."""
    values = (_at(file, item.band, nodes) for item in slices)
    return next((value for value in values if math.isfinite(value)), math.nan)


def _at(file: rasterio.DatasetReader, band: int, nodes: Nodes) -> float:
    """Return a band's physical value at a place, NaN where a node that counts has none."""
    scale, offset, nodata = file.scales[band - 1], file.offsets[band - 1], file.nodatavals[band - 1]
    total = 0.0
    for row, col, weight in nodes:
        if weight:
            stored = float(file.read(band, window=RioWindow(col, row, 1, 1))[0, 0])
            total += weight * (math.nan if stored == nodata else stored * scale + offset)
    return total


def _known(value: float, name: str, lon: float, lat: float) -> float:
    """Return a value that is known.

    Raises:
        SceneError: it is not.
    """
    if not math.isfinite(value):
        raise SceneError(f"{name} has no wind at {lon:.3f}, {lat:.3f} (longitude, latitude); {_REMEDY}")
    return value


def _say(slices: Sequence[Slice]) -> str:
    time = slices[0].time
    return "of the one time that the file holds" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"
