"""Wind from files as services deliver them: netCDF, its zip, GRIB, two bands; either order of coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.wind_fields import Wind, WindFile
from tests.products.wind import (
    ERA5_NEW,
    ERA5_OLD,
    GEOS_FP,
    LATS,
    LONS,
    NEW,
    START,
    Field,
    Layout,
    Message,
    constant,
    u_field,
    v_field,
    winds,
    write_grib,
    write_nc,
    write_zip,
)


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def expected(hour: float, lon: float, lat: float) -> tuple[float, float]:
    """Speed and direction of the fields."""
    one = [np.array(value, float) for value in (hour, lat, lon)]
    u, v = float(u_field(*one)), float(v_field(*one))
    return math.hypot(u, v), (180 + math.degrees(math.atan2(u, v))) % 360


def read_wind(path: Path, time: datetime | None, lon: float, lat: float) -> Wind:
    with WindFile(path) as file:
        return file.at(time, lon, lat)


def check(wind: Wind, hour: float, lon: float, lat: float, *, tolerance: float = 2e-3) -> None:
    speed, direction = expected(hour, lon, lat)
    assert wind.speed == pytest.approx(speed, abs=tolerance)
    assert wind.direction_from == pytest.approx(direction, abs=0.05)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", [ERA5_OLD, ERA5_NEW, GEOS_FP])
@pytest.mark.parametrize("extra", [None, "expver", "number"])
def test_layouts(tmp_path: Path, packed: bool, layout: Layout, extra: str | None) -> None:
    path = write_nc(tmp_path / "era5.nc", layout, packed=packed, extra=extra)
    wind = read_wind(path, at(0.4), 9.1, 45.6)
    check(wind, 0.4, 9.1, 45.6)
    assert wind.source == "era5.nc, between 2023-05-06 10:00 UTC and 2023-05-06 11:00 UTC"


@pytest.mark.parametrize("north_first", [True, False])
@pytest.mark.parametrize("shift", [0, 360])
def test_either_order_of_latitude_and_count_of_longitude(
    tmp_path: Path, north_first: bool, shift: float
) -> None:
    def turned(field: Field) -> Field:
        return lambda hour, lat, lon: field(hour, lat, lon - shift + 18)

    lats = LATS if north_first else LATS[::-1]
    # From 10 to 8 degrees west.
    path = write_nc(
        tmp_path / "w.nc",
        lats=lats,
        lons=LONS - 18 + shift,
        fields={"u10": turned(u_field), "v10": turned(v_field)},
    )
    for lon in (-8.9, 351.1):
        check(read_wind(path, at(1), lon, 45.1), 1, 9.1, 45.1)


@pytest.mark.parametrize(("first", "lon"), [(0, -0.1), (0, 359.9), (-180, 179.9), (-180, -180.1)])
def test_a_global_file_goes_on_at_its_edge(tmp_path: Path, first: float, lon: float) -> None:
    lons = first + np.arange(0, 360, 0.5)

    def cosine(hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Any:
        return 10 * np.cos(np.radians(lon))

    path = write_nc(tmp_path / "w.nc", lons=lons, fields={"u10": cosine, "v10": constant(0)})
    # Between two nodes of half a degree the chord lies below the arc by less than 1e-4.
    wind = read_wind(path, at(0), lon, 45.5)
    assert wind.speed == pytest.approx(abs(10 * math.cos(math.radians(lon))), abs=1e-3)


@pytest.mark.parametrize(
    ("u", "v", "direction"), [(0, -5, 0), (-5, 0, 90), (0, 5, 180), (5, 0, 270), (5, 5, 225), (-5, 5, 135)]
)
def test_directions_are_where_it_comes_from(tmp_path: Path, u: float, v: float, direction: float) -> None:
    path = write_nc(tmp_path / "w.nc", fields={"u10": constant(u), "v10": constant(v)}, packed=False)
    wind = read_wind(path, at(0), 9, 45.5)
    assert wind.direction_from == pytest.approx(direction)
    assert wind.speed == pytest.approx(math.hypot(u, v))


def test_components_are_interpolated_not_speeds(tmp_path: Path) -> None:
    def turning(hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Any:
        return 6 - 12 * hour + 0 * lat * lon

    path = write_nc(tmp_path / "w.nc", hours=(0, 1), fields={"u10": turning, "v10": constant(2)})
    assert read_wind(path, at(0.5), 9, 45.5).speed == pytest.approx(2, abs=1e-3)


def test_times_at_and_beyond_the_ends(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc")
    check(read_wind(path, at(2), 9, 45.5), 2, 9, 45.5)
    late = read_wind(path, at(2.9), 9, 45.5)
    check(late, 2, 9, 45.5)
    assert late.source == "w.nc, 2023-05-06 12:00 UTC"
    assert late.warning == ""
    early = read_wind(path, at(-2.5), 9, 45.5)
    check(early, 0, 9, 45.5)
    assert "its wind is of 2023-05-06 10:00 UTC, 2.5 h after the scene" in early.warning
    for hour in (-3.1, 5.1, 48):
        with pytest.raises(SceneError, match=r"holds 2023-05-06 10:00 to .* 12:00 UTC.*--wind") as caught:
            read_wind(path, at(hour), 9, 45.5)
        assert caught.value.exit_code == 3


def test_steps_too_far_apart(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc", hours=(0, 24), packed=False)
    check(read_wind(path, at(24), 9, 45.5), 24, 9, 45.5)
    # Between steps a day apart the nearer one counts, as beyond the end of a file.
    check(read_wind(path, at(2.5), 9, 45.5), 0, 9, 45.5)
    with pytest.raises(SceneError, match=r"the nearest is 2023-05-06 10:00 UTC, 5 h away"):
        read_wind(path, at(5), 9, 45.5)
    six_hours = write_nc(tmp_path / "six.nc", hours=(0, 6), packed=False)
    check(read_wind(six_hours, at(3), 9, 45.5), 3, 9, 45.5)


def test_time_not_known(tmp_path: Path) -> None:
    one = write_nc(tmp_path / "one.nc", hours=(1,))
    check(read_wind(one, None, 9, 45.5), 1, 9, 45.5)
    with pytest.raises(SceneError, match=r"holds 3 times.*not known.*--wind"):
        read_wind(write_nc(tmp_path / "three.nc"), None, 9, 45.5)


@pytest.mark.parametrize(("lon", "lat"), [(7.5, 45.5), (10.5, 45.5), (9, 44.5), (9, 46.5), (-170, 45.5)])
def test_places_outside(tmp_path: Path, lon: float, lat: float) -> None:
    path = write_nc(tmp_path / "w.nc")
    with pytest.raises(SceneError, match=r"w\.nc does not cover"):
        read_wind(path, at(0), lon, lat)


def test_the_outermost_cells_count_whole(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc")
    check(read_wind(path, at(0), 10.1, 46.1), 0, 10, 46)


@pytest.mark.parametrize("packed", [True, False])
def test_no_values_there(tmp_path: Path, packed: bool) -> None:
    # ERA5-Land has none over water: row 2 is 45.5 north, column 4 is 9 east.
    path = write_nc(tmp_path / "w.nc", packed=packed, holes=[(0, 0, 2, 4)])
    with pytest.raises(SceneError, match=r"no wind at 9\.100, 45\.400"):
        read_wind(path, at(0), 9.1, 45.4)
    # A node without weight does no harm, nor does another time.
    check(read_wind(path, at(0), 9.25, 45.4), 0, 9.25, 45.4)
    check(read_wind(path, at(1), 9.1, 45.4), 1, 9.1, 45.4)


def test_preliminary_values_fill_in(tmp_path: Path) -> None:
    # Where final and preliminary months meet, each time has values in one version only.
    first, second = ([(t, e, i, j) for i in range(5) for j in range(9)] for t, e in ((1, 0), (0, 1)))
    path = write_nc(tmp_path / "w.nc", hours=(0, 1), extra="expver", count=2, holes=first + second)
    check(read_wind(path, at(0.5), 9.1, 45.4), 0.5, 9.1, 45.4)


def test_an_ensemble_is_refused(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc", extra="number", count=3)
    with pytest.raises(SceneError, match="3 values of its dimension number"):
        read_wind(path, at(0), 9, 45.5)


def test_a_file_is_opened_once_for_all_places(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc")
    with WindFile(path) as file:
        path.unlink()
        check(file.at(at(0), 9.1, 45.4), 0, 9.1, 45.4)
        check(file.at(at(1), 9, 45.5), 1, 9, 45.5)
    with pytest.raises(SceneReadError, match=r"w\.nc"):
        file.at(at(0), 9, 45.5)


def test_what_is_no_wind(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc", fields={"u10": u_field})
    with pytest.raises(SceneError, match=r"w\.nc has no variable v10.*--wind"):
        read_wind(path, at(0), 9, 45.5)
    path = write_nc(tmp_path / "t.nc", fields={"t2m": u_field, "sp": v_field})
    with pytest.raises(SceneError, match="no variable u10"):
        read_wind(path, at(0), 9, 45.5)
    with pytest.raises(SceneReadError, match=r"missing\.nc"):
        read_wind(tmp_path / "missing.nc", at(0), 9, 45.5)
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(SceneReadError, match=r"text\.nc.*--wind"):
        read_wind(tmp_path / "text.nc", at(0), 9, 45.5)


def test_one_point_is_no_grid(tmp_path: Path) -> None:
    path = write_nc(tmp_path / "w.nc", lats=[45.5], lons=[9])
    with pytest.raises(SceneError, match="arrays of longitude and latitude"):
        read_wind(path, at(0), 9, 45.5)


@pytest.mark.parametrize(
    "start", ["1900-01-01", "1900-1-1 0:0:0", "1900-01-01T00:00:00Z", "1900-01-01 00:00:00 +00:00"]
)
def test_spellings_of_the_start(tmp_path: Path, start: str) -> None:
    path = write_nc(tmp_path / "w.nc", units=f"hours since {start}")
    check(read_wind(path, at(1), 9, 45.5), 1, 9, 45.5)


def test_other_calendars_and_zones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="calendar noleap"):
        read_wind(write_nc(tmp_path / "a.nc", calendar="noleap"), at(0), 9, 45.5)
    path = write_nc(tmp_path / "b.nc", units="hours since 1900-01-01 00:00:00 +02:00")
    with pytest.raises(SceneError, match="are not supported"):
        read_wind(path, at(0), 9, 45.5)


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
        with pytest.raises(SceneError, match=r"described as U10.*--wind"):
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


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("v_first", [False, True])
def test_grib_by_its_own_metadata(tmp_path: Path, edition: int, v_first: bool) -> None:
    messages = winds()
    if v_first:
        messages.reverse()
    messages.insert(1, Message(element="t", at=constant(280)))
    path = write_grib(tmp_path / "era5.grib", messages, edition=edition)
    wind = read_wind(path, at(0.4), 9.1, 45.6)
    check(wind, 0.4, 9.1, 45.6)
    assert wind.source == "era5.grib, between 2023-05-06 10:00 UTC and 2023-05-06 11:00 UTC"
    for hour in (-3.1, 5.1, -24 * 365):
        with pytest.raises(SceneError, match=r"era5\.grib holds 2023-05-06 10:00 to .*--wind") as caught:
            read_wind(path, at(hour), 9.1, 45.6)
        assert caught.value.exit_code == 3
    with pytest.raises(SceneError, match="does not cover"):
        read_wind(path, at(0), 12, 45.6)


def test_grib_keeps_its_metadata_in_a_copy(tmp_path: Path) -> None:
    path = write_grib(tmp_path / "w.grib", list(reversed(winds([0]))))
    with rasterio.open(path) as file:
        profile = {**file.profile, "driver": "GTiff"}
        with rasterio.open(tmp_path / "w.tif", "w", **profile) as copy:
            copy.write(file.read())
            for band in (1, 2):
                copy.update_tags(band, **file.tags(band))
    check(read_wind(tmp_path / "w.tif", at(0), 9.1, 45.6), 0, 9.1, 45.6)
    with pytest.raises(SceneError, match=r"w\.tif holds 2023-05-06 10:00 UTC"):
        read_wind(tmp_path / "w.tif", at(48), 9.1, 45.6)


def test_grib_of_ten_metres_among_other_heights(tmp_path: Path) -> None:
    others = [replace(item, height=100, at=constant(20)) for item in winds([0])]
    check(read_wind(write_grib(tmp_path / "w.grib", [*others, *winds([0])]), at(0), 9, 45.5), 0, 9, 45.5)
    with pytest.raises(SceneError, match=r"no U and V of wind 10 m above ground.*UGRD 100-HTGL"):
        read_wind(write_grib(tmp_path / "high.grib", others), at(0), 9, 45.5)


def test_grib_forecasts_and_ensembles(tmp_path: Path) -> None:
    def wrong(part: Message) -> Message:
        return replace(part, at=constant(30), hour=part.hour - 6, ahead=6)

    # Of two forecasts of one time the one that started last counts.
    path = write_grib(tmp_path / "f.grib", [item for part in winds([1]) for item in (wrong(part), part)])
    check(read_wind(path, at(1), 9, 45.5), 1, 9, 45.5)
    forecast = write_grib(tmp_path / "g.grib", [replace(part, hour=-2, ahead=3) for part in winds([0])])
    check(read_wind(forecast, at(1), 9, 45.5), 1, 9, 45.5)
    ensemble = write_grib(tmp_path / "e.grib", [*winds([0]), *winds([0])])
    with pytest.raises(SceneError, match=r"2 messages UGRD of 2023-05-06 10:00 UTC, as an ensemble"):
        read_wind(ensemble, at(0), 9, 45.5)


def test_grib_of_one_component(tmp_path: Path) -> None:
    u, v = winds([0])
    with pytest.raises(SceneError, match="no U and V"):
        read_wind(write_grib(tmp_path / "u.grib", [u]), at(0), 9, 45.5)
    with pytest.raises(SceneError, match="no time with both"):
        read_wind(write_grib(tmp_path / "uv.grib", [u, replace(v, hour=2)]), at(0), 9, 45.5)


@pytest.mark.parametrize("edition", [1, 2])
def test_grib_of_the_globe_counted_from_0_to_360(tmp_path: Path, edition: int) -> None:
    lats, lons = np.arange(90, -90.1, -10), np.arange(0, 360, 10.0)

    def east(hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Any:
        return 10 * np.cos(np.radians(lon)) + 0 * lat

    parts = [
        Message(element="u", at=east, lats=lats, lons=lons),
        Message(element="v", at=constant(0), lats=lats, lons=lons),
    ]
    path = write_grib(tmp_path / "w.grib", parts, edition=edition)
    for lon in (-60, 300):
        assert read_wind(path, at(0), lon, 5).speed == pytest.approx(5, abs=0.01)


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


@pytest.mark.parametrize("name", ["era5.zip", "download.nc"])
def test_the_zip_of_the_climate_data_store(tmp_path: Path, name: str) -> None:
    inner = write_nc(tmp_path / "instant.nc", ERA5_NEW)
    accumulated = write_nc(tmp_path / "accum.nc", ERA5_NEW, fields={"tp": u_field})
    path = write_zip(
        tmp_path / name,
        {
            "data_stream-oper_stepType-accum.nc": accumulated,
            "data_stream-oper_stepType-instant.nc": inner,
        },
    )
    check(read_wind(path, at(1), 9.1, 45.6), 1, 9.1, 45.6)
    with pytest.raises(SceneError, match="none of its 2 files"):
        read_wind(write_zip(tmp_path / "n.zip", {"a.nc": accumulated, "b.nc": accumulated}), at(1), 9, 45.5)


def test_units_of_speed(tmp_path: Path) -> None:
    knots = write_nc(tmp_path / "k.nc", replace(ERA5_NEW, wind_units="knots"))
    speed, direction = expected(1, 9, 45.5)
    wind = read_wind(knots, at(1), 9, 45.5)
    assert wind.speed == pytest.approx(0.514444 * speed, abs=1e-3)
    assert wind.direction_from == pytest.approx(direction, abs=0.05)
    with pytest.raises(SceneError, match="unit 'Pa' of wind is not known"):
        read_wind(write_nc(tmp_path / "p.nc", replace(ERA5_NEW, wind_units="Pa")), at(1), 9, 45.5)
