"""Wind from files as services deliver them: netCDF, its zip, GRIB, two bands; either order of coordinates."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.wind_fields import WindFile
from tests.products.wind import (
    ERA5_NEW,
    ERA5_OLD,
    GEOS_FP,
    LATS,
    LONS,
    Field,
    Layout,
    constant,
    u_field,
    v_field,
    write_nc,
    write_zip,
)
from tests.scenes.wind_at_places import (
    at,
    check,
    read_wind,
)


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
        with pytest.raises(SceneError, match=r"holds 2023-05-06 10:00 to .* 12:00 UTC.*`--wind`") as caught:
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
    with pytest.raises(SceneError, match=r"holds 3 times.*not known.*`--wind`"):
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
    with pytest.raises(SceneError, match=r"w\.nc has no variable v10.*`--wind`"):
        read_wind(path, at(0), 9, 45.5)
    path = write_nc(tmp_path / "t.nc", fields={"t2m": u_field, "sp": v_field})
    with pytest.raises(SceneError, match="no variable u10"):
        read_wind(path, at(0), 9, 45.5)
    with pytest.raises(SceneReadError, match=r"missing\.nc"):
        read_wind(tmp_path / "missing.nc", at(0), 9, 45.5)
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(SceneReadError, match=r"text\.nc.*`--wind`"):
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
