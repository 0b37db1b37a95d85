"""The wind at 10 m at a time and place, from files of reanalyses and forecasts: netCDF, GRIB, two bands."""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Self

import rasterio
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window as RioWindow

from geoseg.errors import GeosegError, SceneError, SceneReadError
from geoseg.files.inputs import opened
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.scenes.cube_time import Slice
from geoseg.scenes.nodes import Nodes, nodes_at
from geoseg.scenes.raster import base_name
from geoseg.scenes.wind_parts import Component, components

MOST_APART = timedelta(hours=3)
"""Wind of a time farther from the scene's is refused: it turns with the hour of the day."""

FAR = timedelta(hours=1)
"""Wind of one time farther from the scene's than this is warned of."""

STEP = timedelta(hours=6)
"""Between steps farther apart wind is not interpolated: the nearer one counts."""

MOST_SPEED = 60.0
"""m/s; faster wind than this is an error of units or of bands, as for a speed given by hand."""

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
    warning: str = ""
    """What may make it wrong; empty: nothing known."""


class WindFile:
    """A file of wind, open for as many places as are asked for; a context manager."""

    def __init__(self, path: Path | str) -> None:
        """Open a file and find its components.

        Args:
            path: netCDF with u10 and v10 (ERA5) or U10M and V10M (GEOS-FP, MERRA-2) on latitude and
                longitude; GRIB with UGRD and VGRD, or 10U and 10V, 10 m above ground; a zip of either; or a
                raster of one time with a band of each, told by their descriptions or, where it has two
                bands, by order. Components point east and north, save where a projected grid says that they
                follow it.

        Raises:
            SceneReadError: the file cannot be read.
            SceneError: it has no such components, or its times are not understood.
            OutputError: there is no room to unpack a zip.
        """
        self._path, self._name = str(path), base_name(str(path))
        opened(self._path)
        with ExitStack() as stack, self._reading():
            if zipfile.is_zipfile(self._path):
                self._components = _of_archive(self._path, self._name, stack)
            else:
                self._components = components(self._path, self._name, stack)
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
            SceneError: the place lies outside, or has no values; or the time is needed and not known, or
                the nearest that the file holds is more than three hours away.
        """
        first = self._components[0]
        step = _around(first.slices, time, self._name)
        with self._reading():
            u, v = [_value(part, self._name, step, lon, lat) for part in self._components]
        if first.along_grid:
            u, v = _turned(first.file, u, v, lon, lat)
        if math.hypot(u, v) > MOST_SPEED:
            raise SceneError(
                f"{self._name}: U {u:.4g} and V {v:.4g} make wind of {math.hypot(u, v):.0f} m/s, which no "
                "place has; are its bands U and V at 10 m in m/s? Say the speed with --wind"
            )
        return Wind(
            speed=math.hypot(u, v),
            direction_from=math.degrees(math.atan2(-u, -v)) % 360,
            source=f"{self._name}, {step.told}",
            warning=f"{self._name}: {step.doubt}" if step.doubt else "",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (RasterioError, zipfile.BadZipFile, OSError) as error:
            if isinstance(error, GeosegError):
                raise
            raise SceneReadError(f"{self._path} cannot be read as wind: {error}; {_REMEDY}") from error


def _unpack(packed: IO[bytes], target: Path) -> None:
    """Copy a file of an archive to a scratch file.

    Raises:
        OutputError: there is no room.
        BadZipFile: the archive is damaged.
    """
    with scratching(target.parent), target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)


def _of_archive(path: str, name: str, stack: ExitStack) -> list[Component]:
    """Unpack a zip, as the Climate Data Store delivers netCDF, and find the file of it that holds wind."""
    folder = stack.enter_context(scratch_folder())
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if not item.is_dir()]
        problems = []
        for number, item in enumerate(members):
            # A name of our own: one in the archive may point outside of the folder.
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
        "U and V of wind at 10 m; give netCDF or GRIB with both, or the speed with --wind"
    )


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The times of a file around one asked for."""

    before: datetime | None
    after: datetime | None
    """None: the file has no times."""
    share: float
    """How far between them the time lies, 0..1."""
    told: str
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
        SceneError: the time is needed and not known, or no step is near enough.
    """
    times = sorted({item.time for item in slices if item.time is not None})
    if not times:
        doubt = "of what time its wind is, it does not tell; taken for the scene's"
        return _Step(
            before=None, after=None, share=0.0, told="of the one time that the file holds", doubt=doubt
        )
    if time is None:
        if len(times) > 1:
            raise SceneError(
                f"{name} holds {len(times)} times, and when the scene was seen is not known; give the speed "
                "with --wind"
            )
        return _Step(before=times[0], after=times[0], share=0.0, told=_say(times[0]))
    moment = time.astimezone(UTC)
    nearest = min(times, key=lambda item: abs(item - moment))
    gap = abs(nearest - moment)
    away = _hours(gap)
    if gap > MOST_APART:
        span = f"{times[0]:%Y-%m-%d %H:%M}" + (f" to {times[-1]:%Y-%m-%d %H:%M}" if len(times) > 1 else "")
        raise SceneError(
            f"{name} holds {span} UTC, not {moment:%Y-%m-%d %H:%M} (the nearest is {_say(nearest)}, "
            f"{away} away; at most {_hours(MOST_APART)}); {_REMEDY}"
        )
    before = max((item for item in times if item <= moment), default=nearest)
    after = min((item for item in times if item >= moment), default=nearest)
    if before != after and after - before <= STEP:
        share = (moment - before) / (after - before)
        return _Step(
            before=before, after=after, share=share, told=f"between {_say(before)} and {_say(after)}"
        )
    doubt = ""
    if gap > FAR:
        side = "before" if nearest < moment else "after"
        doubt = f"its wind is of {_say(nearest)}, {away} {side} the scene; wind turns within hours"
    return _Step(before=nearest, after=nearest, share=0.0, told=_say(nearest), doubt=doubt)


def _turned(file: rasterio.DatasetReader, u: float, v: float, lon: float, lat: float) -> tuple[float, float]:
    """Return east and north of components along the columns and rows of a projected grid."""
    crs = CRS.from_wkt(file.crs.to_wkt())
    step = 1e-4
    # Along the meridian: a longitude may lie across the seam of the projection.
    x, y = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform(
        [lon, lon], [lat - step, lat + step]
    )
    # Clockwise angle from the grid's up to true north.
    angle = math.atan2(x[1] - x[0], y[1] - y[0])
    return (
        u * math.cos(angle) - v * math.sin(angle),
        u * math.sin(angle) + v * math.cos(angle),
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


def _say(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _hours(gap: timedelta) -> str:
    """Say a span of time in hours, or in days where it is long."""
    hours = round(gap / timedelta(hours=1), 1)
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:,.0f} days"
