"""Wind components of two bands and of netCDF files, by their descriptions, order and units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.errors import SceneError
from tests.products.wind import (
    ERA5_NEW,
    LATS,
    LONS,
    NEW,
    START,
    Message,
    constant,
    u_field,
    v_field,
    write_grib,
    write_nc,
)
from tests.scenes.wind_at_places import (
    at,
    check,
    expected,
    read_wind,
)


def write_tif(path: Path, names: Sequence[str] = (), count: int = 2, **profile: Any) -> Path:
    """Write U10 and V10 of 10:00 on the grid of the other files."""
    lat, lon = np.meshgrid(LATS, LONS, indexing="ij")
    hour = np.zeros_like(lat)
    bands = np.stack([u_field(hour, lat, lon), v_field(hour, lat, lon)]).astype(np.float32)
    if names and names[0].lower().lstrip("10 metr_").startswith("v"):
        bands = bands[::-1]
    options = {"crs": "EPSG:4326", "transform": Affine(0.25, 0, 7.875, 0, -0.25, 46.125)} | profile
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=count, height=5, width=9, **options
    ) as file:
        file.write(np.resize(bands, (count, 5, 9)))
        for band, name in enumerate(names, start=1):
            file.set_band_description(band, name)
    return path


@pytest.mark.parametrize(
    "names", [(), ("U10", "V10"), ("v10", "u10"), ("10 metre V wind component", "10 metre U wind component")]
)
def test_two_bands(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = write_tif(tmp_path / "w.tif", names)
    for time in (at(0), None):
        wind = read_wind(path, time, 9.1, 45.6)
        check(wind, 0, 9.1, 45.6)
        assert wind.source == "w.tif, the only time in the file"
        assert "the time of its wind" in wind.warning


def test_two_bands_in_metres(tmp_path: Path) -> None:
    place = Affine(20_000, 0, 480_000, 0, -20_000, 5_050_000)
    path = write_tif(tmp_path / "w.tif", crs="EPSG:32632", transform=place)
    # 9 E lies at 500 km east, between the first and second column; 45 N at 4982950 m north.
    wind = read_wind(path, None, 9, 45)
    row, col = (5_050_000 - 4_982_950.4) / 20_000 - 0.5, 0.5
    check(wind, 0, float(LONS[0] + 0.25 * col), float(LATS[0] - 0.25 * row))


def test_bands_that_are_not_told(tmp_path: Path) -> None:
    named = (("U10", "gust"), ("u", "u"), ("speed", "direction"), ("u100", "v100"), ("ws10", "wd10"))
    for names, count in (*((pair, 2) for pair in named), ((), 3)):
        path = write_tif(tmp_path / "w.tif", names, count=count)
        with pytest.raises(SceneError, match=r"described as U10.*`--wind`"):
            read_wind(path, None, 9, 45.5)
    path = write_tif(tmp_path / "nowhere.tif", crs=None)
    with pytest.raises(SceneError, match="needs a CRS"):
        read_wind(path, None, 9, 45.5)


@pytest.mark.parametrize(("u", "v"), [(300.0, 400.0), (5.0, 217.0), (-61.0, 0.0)])
def test_wind_that_no_place_has_is_refused(u: float, v: float, tmp_path: Path) -> None:
    place = Affine(0.25, 0, 7.875, 0, -0.25, 46.125)
    options = {"driver": "GTiff", "dtype": "float32", "count": 2, "height": 5, "width": 9}
    with rasterio.open(tmp_path / "w.tif", "w", crs="EPSG:4326", transform=place, **options) as file:
        file.write(np.stack([np.full((5, 9), value, np.float32) for value in (u, v)]))
    with pytest.raises(SceneError, match="m/s, which is not plausible"):
        read_wind(tmp_path / "w.tif", None, 9, 45.5)


def test_netcdf_4_as_delivered_since_2024(tmp_path: Path) -> None:
    # GDAL writes no second variable through rasterio, scipy no netCDF 4.
    h5netcdf = pytest.importorskip("h5netcdf", reason="h5netcdf is not installed; it is in the group dev")
    path = tmp_path / "w.nc"
    hours = np.arange(3.0)
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"valid_time": 3, "latitude": len(LATS), "longitude": len(LONS)}
        for name, values, units in (
            ("valid_time", START.timestamp() + 3600 * hours, NEW),
            ("latitude", LATS, "degrees_north"),
            ("longitude", LONS, "degrees_east"),
        ):
            variable = file.create_variable(name, (name,), "i8" if name == "valid_time" else "f8")
            variable[:] = values
            variable.attrs["units"] = units
        file.variables["valid_time"].attrs["calendar"] = "proleptic_gregorian"
        # The member and, per time, the version: coordinates without a dimension of their own.
        file.create_variable("number", (), "i8")[...] = 0
        version = file.create_variable("expver", ("valid_time",), "S4")
        version[:] = np.array([b"0001"] * 3)
        grid = np.meshgrid(hours, LATS, LONS, indexing="ij")
        for name, field in (("u10", u_field), ("v10", v_field)):
            variable = file.create_variable(
                name,
                ("valid_time", "latitude", "longitude"),
                "f4",
                chunks=(1, len(LATS), len(LONS)),
                compression="gzip",
                fillvalue=np.float32(np.nan),
            )
            variable[:] = field(*grid)
            variable.attrs["units"] = "m s**-1"
            variable.attrs["coordinates"] = "number valid_time latitude longitude expver"
    assert path.read_bytes()[1:4] == b"HDF"
    wind = read_wind(path, at(1.4), 9.1, 45.6)
    check(wind, 1.4, 9.1, 45.6)
    assert "11:00 UTC and 2023-05-06 12:00 UTC" in wind.source


def test_components_along_a_projected_grid_are_turned(tmp_path: Path) -> None:
    lats, lons = np.arange(45, 44, -0.1), np.arange(8, 20, 0.5)
    parts = [
        Message(element=element, at=constant(value), lats=lats, lons=lons, lambert=True)
        for element, value in (("u", 0), ("v", 5))
    ]
    path = write_grib(tmp_path / "hrrr.grib2", parts)
    # East of the central meridian, 9 E, the grid's north lies clockwise of true north by the convergence.
    for lon in (9, 12):
        wind = read_wind(path, at(0), lon, 45)
        assert wind.speed == pytest.approx(5)
        assert wind.direction_from == pytest.approx(180 + math.sin(math.radians(45)) * (lon - 9), abs=0.01)


def test_units_of_speed(tmp_path: Path) -> None:
    knots = write_nc(tmp_path / "k.nc", replace(ERA5_NEW, wind_units="knots"))
    speed, direction = expected(1, 9, 45.5)
    wind = read_wind(knots, at(1), 9, 45.5)
    assert wind.speed == pytest.approx(0.514444 * speed, abs=1e-3)
    assert wind.direction_from == pytest.approx(direction, abs=0.05)
    with pytest.raises(SceneError, match="unit 'Pa' of wind is not known"):
        read_wind(write_nc(tmp_path / "p.nc", replace(ERA5_NEW, wind_units="Pa")), at(1), 9, 45.5)
