"""Wind at 10 m at a time and place, from reanalysis and forecast files: netCDF, GRIB or two bands."""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import rasterio
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window as RioWindow

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.closing import Closing
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.scenes.bilinear_nodes import Nodes, nodes_at
from geoseg.scenes.cube_time import Slice
from geoseg.scenes.raster import base_name
from geoseg.scenes.wind_components import Component, components

MOST_APART = timedelta(hours=3)
"""Largest time difference to the scene that is accepted: wind varies with the hour of the day."""

FAR = timedelta(hours=1)
"""Time difference to the scene above which a warning is given."""

STEP = timedelta(hours=6)
"""Largest time step in which wind is interpolated; else the nearest time is used."""

UNPACKED_BYTES = 8 * 2**30
"""Most bytes of a ZIP unpacked: a month of ERA5 winds of the whole globe, hourly, has 3 GiB."""

MOST_SPEED = 60.0
"""m/s; a higher speed is an error of units or bands."""

_REMEDY = "give a file of that time and place, or the speed with `--wind`"


@dataclass(frozen=True, kw_only=True)
class Wind:
    """Wind at 10 m above ground."""

    speed: float
    """m/s."""
    direction_from: float | None
    """Direction that the wind comes from, degrees clockwise from north, 0..360; None: not known."""
    source: str
    """File and time of the wind, for notes."""
    warning: str = ""
    """What may make the wind wrong; empty: nothing known."""


class WindFile(Closing):
    """An open wind file, for any number of places; a context manager."""

    def __init__(self, path: Path | str) -> None:
        """Open a file and find the wind components.

        Args:
            path: netCDF with u10 and v10 (ERA5) or U10M and V10M (GEOS-FP, MERRA-2) on latitude and
                longitude; GRIB with UGRD and VGRD, or 10U and 10V, 10 m above ground; a ZIP of either; or a
                raster of one time with a band for each, by their descriptions or, where it has two bands, by
                their order. Components are eastward and northward, unless the metadata of a projected grid
                state that they are along the grid.

        Raises:
            SceneReadError: the file cannot be read.
            SceneError: it has no such components, or its times cannot be read.
            OutputError: the disk has too little space to unpack a ZIP.
        """
        self._path, self._name = str(path), base_name(str(path))
        opened(self._path)
        with ExitStack() as stack, opening(self._path, _REMEDY, kind="wind"):
            if zipfile.is_zipfile(self._path):
                self._components = _of_archive(self._path, self._name, stack)
            else:
                self._components = components(self._path, self._name, stack)
            self._files = stack.pop_all()

    def close(self) -> None:
        """Close the file and remove what was unpacked."""
        self._files.close()

    def at(self, time: datetime | None, lon: float, lat: float) -> Wind:
        """Return the wind at a time and place, interpolated between four nodes and two times.

        The components are interpolated, not the speed.

        Args:
            time: with time zone; None: not known, which is accepted for a file of one time.
            lon: degrees east, -180..360.
            lat: degrees north.

        Raises:
            SceneReadError: the file cannot be read.
            SceneError: the place lies outside the file or has no values; or the time is not known,
                or the nearest time in the file is more than three hours away.
        """
        with opening(self._path, _REMEDY, kind="wind"):
            return self._at(time, lon, lat)

    def _at(self, time: datetime | None, lon: float, lat: float) -> Wind:
        """Return the wind at a time and place; libraries may raise exceptions of their own."""
        first = self._components[0]
        step = _around(first.slices, time, self._name)
        u, v = [_value(part, self._name, step, lon, lat) for part in self._components]
        if first.along_grid:
            u, v = _turned(first.file, u, v, lon, lat)
        if math.hypot(u, v) > MOST_SPEED:
            raise SceneError(
                f"{self._name}: U {u:.4g} and V {v:.4g} give a wind speed of {math.hypot(u, v):.0f} m/s, "
                "which is not plausible; check that its bands are U and V at 10 m in m/s, or use `--wind`"
            )
        return Wind(
            speed=math.hypot(u, v),
            direction_from=math.degrees(math.atan2(-u, -v)) % 360,
            source=f"{self._name}, {step.text}",
            warning=f"{self._name}: {step.doubt}" if step.doubt else "",
        )


def _unpack(packed: IO[bytes], target: Path) -> None:
    """Copy a file of an archive to a scratch file.

    Raises:
        OutputError: the disk is full.
        BadZipFile: the archive is damaged.
    """
    with scratching(target.parent), target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)


def _of_archive(path: str, name: str, stack: ExitStack) -> list[Component]:
    """Unpack a ZIP, as the Climate Data Store delivers netCDF, and find the wind components in its files."""
    folder = stack.enter_context(scratch_folder())
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if not item.is_dir()]
        size = sum(item.file_size for item in members)
        if size > UNPACKED_BYTES:
            raise SceneReadError(
                f"{path} has {size / 2**30:.1f} GiB unpacked, the limit is {UNPACKED_BYTES // 2**30} GiB; "
                "give its netCDF or GRIB file"
            )
        problems = []
        for number, item in enumerate(members):
            # Not the name in the archive, which may lead outside the folder.
            target = folder / f"{number}{Path(item.filename).suffix}"
            with archive.open(item) as packed:
                _unpack(packed, target)
            inner = f"{name}, {base_name(item.filename)}"
            with ExitStack() as trial:
                try:
                    found = components(str(target), inner, trial)
                except (RasterioError, SceneError) as error:
                    problems.append(str(error))
                    target.unlink()
                    continue
                stack.push(trial.pop_all())
                return found
    raise SceneError(
        problems[0]
        if len(problems) == 1
        else f"{name}: none of its {len(members)} files holds "
        "U and V of wind at 10 m; give netCDF or GRIB with both, or the speed with `--wind`"
    )


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The times of a file before and after the scene."""

    before: datetime | None
    after: datetime | None
    """None: the file has no times."""
    share: float
    """Weight of `after`, 0..1."""
    text: str
    """The times, for notes."""
    doubt: str = ""


def _value(part: Component, name: str, step: _Step, lon: float, lat: float) -> float:
    """Return a component at a time and place, m/s."""
    nodes = nodes_at(part.file, name, lon, lat, degrees=part.degrees)
    values = [
        _known(_first(part.file, [item for item in part.slices if item.time == time], nodes), name, lon, lat)
        for time in ((step.before, step.after) if step.share else (step.before,))
    ]
    return part.gain * (values[0] + step.share * (values[-1] - values[0]))


def _around(slices: Sequence[Slice], time: datetime | None, name: str) -> _Step:
    """Return the steps before and after a time.

    Raises:
        SceneError: the time is not known but required, or no time of the file is near enough.
    """
    times = sorted({item.time for item in slices if item.time is not None})
    if not times:
        doubt = "it does not state the time of its wind; the time of the scene is assumed"
        return _Step(before=None, after=None, share=0.0, text="the only time in the file", doubt=doubt)
    if time is None:
        if len(times) > 1:
            raise SceneError(
                f"{name} holds {len(times)} times, and the time of the scene is not known; give the speed "
                "with `--wind`"
            )
        return _Step(before=times[0], after=times[0], share=0.0, text=_utc(times[0]))
    moment = time.astimezone(UTC)
    nearest = min(times, key=lambda item: abs(item - moment))
    gap = abs(nearest - moment)
    away = _hours(gap)
    if gap > MOST_APART:
        span = f"{times[0]:%Y-%m-%d %H:%M}" + (f" to {times[-1]:%Y-%m-%d %H:%M}" if len(times) > 1 else "")
        raise SceneError(
            f"{name} holds {span} UTC, not {moment:%Y-%m-%d %H:%M} (the nearest is {_utc(nearest)}, "
            f"{away} away; at most {_hours(MOST_APART)}); {_REMEDY}"
        )
    before = max((item for item in times if item <= moment), default=nearest)
    after = min((item for item in times if item >= moment), default=nearest)
    if before != after and after - before <= STEP:
        share = (moment - before) / (after - before)
        return _Step(
            before=before, after=after, share=share, text=f"between {_utc(before)} and {_utc(after)}"
        )
    doubt = ""
    if gap > FAR:
        side = "before" if nearest < moment else "after"
        doubt = f"its wind is of {_utc(nearest)}, {away} {side} the scene; wind changes within hours"
    return _Step(before=nearest, after=nearest, share=0.0, text=_utc(nearest), doubt=doubt)


def _turned(file: rasterio.DatasetReader, u: float, v: float, lon: float, lat: float) -> tuple[float, float]:
    """Return the eastward and northward components of wind along the columns and rows of a projected grid."""
    crs = CRS.from_wkt(file.crs.to_wkt())
    step = 1e-4
    # Along the meridian: a step in longitude may cross the edge of the projection.
    x, y = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform(
        [lon, lon], [lat - step, lat + step]
    )
    # Clockwise angle from grid north to true north.
    angle = math.atan2(x[1] - x[0], y[1] - y[0])
    return (
        u * math.cos(angle) - v * math.sin(angle),
        u * math.sin(angle) + v * math.cos(angle),
    )


def _first(file: rasterio.DatasetReader, slices: Sequence[Slice], nodes: Nodes) -> float:
    """Return the first value of the slices of one time that is not NaN; else NaN."""
    values = (_at(file, item.band, nodes) for item in slices)
    return next((value for value in values if math.isfinite(value)), math.nan)


def _at(file: rasterio.DatasetReader, band: int, nodes: Nodes) -> float:
    """Return the physical value of a band at a place; NaN where a node with weight has none."""
    scale, offset, nodata = file.scales[band - 1], file.offsets[band - 1], file.nodatavals[band - 1]
    total = 0.0
    for row, col, weight in nodes:
        if weight:
            stored = float(file.read(band, window=RioWindow(col, row, 1, 1))[0, 0])
            total += weight * (math.nan if stored == nodata else stored * scale + offset)
    return total


def _known(value: float, name: str, lon: float, lat: float) -> float:
    """Return a finite value.

    Raises:
        SceneError: the value is not finite.
    """
    if not math.isfinite(value):
        raise SceneError(f"{name} has no wind at {lon:.3f}, {lat:.3f} (longitude, latitude); {_REMEDY}")
    return value


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _hours(gap: timedelta) -> str:
    """Return a span of time in hours, or in days from 48 h on."""
    hours = round(gap / timedelta(hours=1), 1)
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:,.0f} days"
