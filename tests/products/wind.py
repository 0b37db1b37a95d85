"""Wind at 10 m as it is delivered: netCDF of ERA5 (old and new) and GEOS-FP, their zip, GRIB 1 and 2."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

Field = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Values by hours after `START`, latitude and longitude."""

START = datetime(2023, 5, 6, 10, tzinfo=UTC)
LATS, LONS = np.arange(46, 44.9, -0.25), np.arange(8, 10.1, 0.25)
OLD, NEW, MINUTES = (
    "hours since 1900-01-01 00:00:00.0",
    "seconds since 1970-01-01",
    "minutes since 2023-05-06",
)


def u_field(
    hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linear in each coordinate, and of their product: what bilinear interpolation gives back exactly."""
    return 3 + 2 * hour + 0.5 * (lat - 45) + 0.25 * (lon - 9) + (lat - 45) * (lon - 9)


def v_field(
    hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As `u_field`."""
    return -4 - hour + 0.3 * (lat - 45) - 0.2 * (lon - 9)


def constant(value: float) -> Field:
    """The same value everywhere."""
    return lambda hour, lat, lon: np.full(np.broadcast_shapes(hour.shape, lat.shape, lon.shape), value)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a service names dimensions and counts time."""

    time: str
    units: str
    latitude: str = "latitude"
    longitude: str = "longitude"
    names: tuple[str, str] = ("u10", "v10")
    wind_units: str = "m s**-1"


ERA5_OLD = Layout(time="time", units=OLD)
ERA5_NEW = Layout(time="valid_time", units=NEW)
GEOS_FP = Layout(
    time="time", units=MINUTES, latitude="lat", longitude="lon", names=("U10M", "V10M"), wind_units="m s-1"
)


def _start_of(units: str) -> tuple[datetime, timedelta]:
    """When a time's units start, and their step."""
    word, _, day = units.split()[:3]
    steps = {"hours": timedelta(hours=1), "seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1)}
    return datetime.fromisoformat(day[:10]).replace(tzinfo=UTC), steps[word]


def write_nc(
    path: Path,
    layout: Layout = ERA5_OLD,
    *,
    lats: Sequence[float] | NDArray[np.float64] = LATS,
    lons: Sequence[float] | NDArray[np.float64] = LONS,
    hours: Sequence[float] = (0, 1, 2),
    packed: bool = True,
    extra: str | None = None,
    count: int = 1,
    fields: Mapping[str, Field] | None = None,
    holes: Sequence[tuple[int, int, int, int]] = (),
    calendar: str = "gregorian",
    units: str | None = None,
) -> Path:
    """Write netCDF 3 as a service delivers it; hours count from `START`.

    Args:
        path: the file.
        layout: of the service.
        lats: of the nodes.
        lons: of the nodes.
        hours: of the steps.
        packed: whether values are int16 with scale and offset.
        extra: a further dimension, of `count` values, after time.
        count: see `extra`.
        fields: by variable name; None: `u_field` and `v_field` as the wind.
        holes: (time, extra, row, column) without a value.
        calendar: of the time.
        units: of the time, spelled otherwise than the layout's.
    """
    start, step = _start_of(layout.units)
    stamps = [round((START + timedelta(hours=hour) - start) / step) for hour in hours]
    sizes = {layout.time: len(hours), layout.latitude: len(lats), layout.longitude: len(lons)}
    order = [layout.time, *([extra] if extra else []), layout.latitude, layout.longitude]
    with netcdf_file(path, "w", version=2) as file:
        for item in order:
            file.createDimension(item, sizes.get(item, count))
        for item, values, what in (
            (layout.time, stamps, units or layout.units),
            (layout.latitude, lats, "degrees_north"),
            (layout.longitude, lons, "degrees_east"),
        ):
            variable = file.createVariable(item, "i4" if item == layout.time else "f4", (item,))
            variable[:] = values
            variable.units = what
        file.variables[layout.time].calendar = calendar
        if extra:
            file.createVariable(extra, "i4", (extra,))[:] = np.arange(1, count + 1)
        grid = np.meshgrid(np.array(hours, float), np.arange(count), lats, lons, indexing="ij")
        for name, values_at in (fields or dict(zip(layout.names, (u_field, v_field), strict=True))).items():
            data = values_at(grid[0], grid[2], grid[3])
            missing = np.zeros(data.shape, bool)
            for hole in holes:
                missing[hole] = True
            if packed:
                variable = file.createVariable(name, "i2", order)
                variable.scale_factor, variable.add_offset = np.float64(0.0005), np.float64(2.0)
                variable._FillValue = variable.missing_value = np.int16(-32767)
                stored = np.where(missing, -32767, np.rint((data - 2) / 0.0005))
            else:
                variable = file.createVariable(name, "f4", order)
                stored = np.where(missing, np.nan, data)
            variable[:] = stored.reshape([sizes.get(item, count) for item in order])
            variable.units = layout.wind_units
    return path


def write_zip(path: Path, files: Mapping[str, Path]) -> Path:
    """Pack files by the names that they have in the archive, as the Climate Data Store delivers them."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in files.items():
            archive.write(file, name)
    return path


@dataclass(frozen=True, kw_only=True)
class Message:
    """One GRIB message of wind on a regular grid (or Lambert's, of GRIB 2)."""

    element: str
    """`u` or `v`; `t` for a temperature."""
    at: Field
    hour: float = 0.0
    """After `START`, of the analysis or of the start of a forecast."""
    ahead: int = 0
    """Hours of a forecast."""
    height: int = 10
    """m above ground."""
    lats: NDArray[np.float64] = field(default_factory=lambda: LATS)
    lons: NDArray[np.float64] = field(default_factory=lambda: LONS)
    lambert: bool = False
    """Lambert's conformal grid about 45 N, 9 E, 25 km; components along the grid."""

    @property
    def values(self) -> NDArray[np.float64]:
        """Rows from north to south."""
        lat, lon = np.meshgrid(self.lats, self.lons, indexing="ij")
        return self.at(np.full_like(lat, self.hour + self.ahead), lat, lon)


def winds(hours: Sequence[float] = (0, 1, 2)) -> list[Message]:
    """Messages of `u_field` and `v_field`."""
    return [
        Message(element=element, at=at, hour=hour)
        for hour in hours
        for element, at in (("u", u_field), ("v", v_field))
    ]


def write_grib(path: Path, messages: Sequence[Message], *, edition: int = 2) -> Path:
    """Write messages as WMO FM 92 GRIB, edition 2 (NCEP's parameters) or 1 (ECMWF's table 128)."""
    encode = _grib_2 if edition == 2 else _grib_1
    path.write_bytes(b"".join(encode(item) for item in messages))
    return path


def _signed(value: int, size: int) -> bytes:
    """Sign and magnitude, as GRIB counts."""
    return (abs(value) | (1 << (8 * size - 1) if value < 0 else 0)).to_bytes(size)


def _packed(values: NDArray[np.float64]) -> tuple[int, bytes]:
    """The least value in thousandths, and what lies above it in three bytes each."""
    thousandths = np.rint(values * 1000).astype(np.int64).ravel()
    least = int(thousandths.min())
    return least, b"".join(int(item - least).to_bytes(3) for item in thousandths)


def _grib_2(item: Message) -> bytes:
    start = START + timedelta(hours=item.hour)
    stamp = start.year.to_bytes(2) + bytes([start.month, start.day, start.hour, start.minute, start.second])
    identification = (
        (98).to_bytes(2) + bytes(2) + bytes([4, 0, 1]) + stamp + bytes([0, 1 if item.ahead else 0])
    )
    grid = _lambert_grid(item) if item.lambert else _regular_grid(item)
    discipline_parts = {"u": (2, 2), "v": (2, 3), "t": (0, 0)}[item.element]
    product = (
        bytes(4)
        + bytes([*discipline_parts, 2, 255, 96])
        + bytes(2)
        + bytes([0, 1])
        + item.ahead.to_bytes(4)
        + bytes([103, 0])
        + item.height.to_bytes(4)
        + bytes([255, 127, 0, 0, 0, 0])
    )
    least, data = _packed(item.values)
    # Simple packing: (R + X) / 10^3.
    packing = (
        item.values.size.to_bytes(4)
        + bytes(2)
        + np.array(least, ">f4").tobytes()
        + bytes(2)
        + _signed(3, 2)
        + bytes([24, 0])
    )
    sections = ((1, identification), (3, grid), (4, product), (5, packing), (6, b"\xff"), (7, data))
    body = b"".join((len(part) + 5).to_bytes(4) + bytes([number]) + part for number, part in sections)
    body += b"7777"
    return b"GRIB" + bytes([0, 0, 0, 2]) + (len(body) + 16).to_bytes(8) + body


def _regular_grid(item: Message) -> bytes:
    """Template 3.0."""
    corners = [item.lats[0], item.lons[0] % 360, item.lats[-1], item.lons[-1] % 360]
    first_lat, first_lon, last_lat, last_lon = (_signed(round(value * 1e6), 4) for value in corners)
    steps = [abs(item.lons[1] - item.lons[0]), abs(item.lats[1] - item.lats[0])]
    scan = 0x40 if item.lats[1] > item.lats[0] else 0
    return (
        bytes([0])
        + item.values.size.to_bytes(4)
        + bytes([0, 0])
        + (0).to_bytes(2)
        + bytes([6])
        + bytes(15)
        + len(item.lons).to_bytes(4)
        + len(item.lats).to_bytes(4)
        + bytes(4)
        + b"\xff" * 4
        + first_lat
        + first_lon
        + bytes([0x30])
        + last_lat
        + last_lon
        + b"".join(round(step * 1e6).to_bytes(4) for step in steps)
        + bytes([scan])
    )


def _lambert_grid(item: Message) -> bytes:
    """Template 3.30: components along the grid (flag 0x08), rows from south to north."""
    first = (_signed(round(44e6), 4), _signed(round(8e6), 4))
    return (
        bytes([0])
        + item.values.size.to_bytes(4)
        + bytes([0, 0])
        + (30).to_bytes(2)
        + bytes([6])
        + bytes(15)
        + len(item.lons).to_bytes(4)
        + len(item.lats).to_bytes(4)
        + first[0]
        + first[1]
        + bytes([0x08])
        + _signed(45_000_000, 4)
        + _signed(9_000_000, 4)
        + (25_000_000).to_bytes(4) * 2
        + bytes([0, 0x40])
        + _signed(45_000_000, 4) * 2
        + _signed(-90_000_000, 4)
        + bytes(4)
    )


def _grib_1(item: Message) -> bytes:
    start = START + timedelta(hours=item.hour)
    parameter = {"u": 165, "v": 166, "t": 167}[item.element]
    product = (
        (28).to_bytes(3)
        + bytes([128, 98, 255, 255, 0x80, parameter, 1, 0, 0])
        + bytes(
            [start.year % 100, start.month, start.day, start.hour, start.minute, 1, item.ahead, 0, 0, 0, 0, 0]
        )
        + bytes([21, 0])
        + _signed(3, 2)
    )
    corners = [item.lats[0], item.lons[0], item.lats[-1], item.lons[-1]]
    first_lat, first_lon, last_lat, last_lon = (_signed(round(value * 1000), 3) for value in corners)
    steps = [abs(item.lons[1] - item.lons[0]), abs(item.lats[1] - item.lats[0])]
    grid = (
        (32).to_bytes(3)
        + bytes([0, 255, 0])
        + len(item.lons).to_bytes(2)
        + len(item.lats).to_bytes(2)
        + first_lat
        + first_lon
        + bytes([0x80])
        + last_lat
        + last_lon
        + b"".join(round(step * 1000).to_bytes(2) for step in steps)
        + bytes(5)
    )
    least, data = _packed(item.values)
    padding = (len(data) + 11) % 2
    binary = (
        (len(data) + 11 + padding).to_bytes(3)
        + bytes([8 * padding])
        + bytes(2)
        + _ibm_float(least)
        + bytes([24])
        + data
        + bytes(padding)
    )
    body = product + grid + binary + b"7777"
    return b"GRIB" + (len(body) + 8).to_bytes(3) + bytes([1]) + body


def _ibm_float(value: int) -> bytes:
    """IBM's single precision: sign, base-16 exponent, fraction of 24 bits."""
    magnitude, exponent = abs(value), 64 + 6
    return bytes([(0x80 if value < 0 else 0) | exponent]) + magnitude.to_bytes(3)
