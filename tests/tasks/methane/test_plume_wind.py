"""The wind of a request: a number, a file at the scene's time and place, or none."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import netcdf_file

from geoseg.errors import SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.wind_fields import Wind, WindFile
from geoseg.spec import PlumeSpec, RunSpec, SatelliteSpec, SceneSpec
from geoseg.spec.presets import satellite, sensors
from geoseg.tasks.methane.plume_wind import PlumeWind, effective_wind
from tests.satellites import write_band

S2A = satellite("sentinel-2a")


def request(path: Path, **options: Any) -> PlumeSpec:
    scene = SceneSpec(paths=(str(path),), sensor="sentinel-2-l1c", bands={"swir22": ":1"})
    return PlumeSpec(scene=scene, run=RunSpec(output=path.parent / "out.gpkg"), **options)


def opened(spec: PlumeSpec) -> Scene:
    return open_scene(spec.scene, sensors())


def wind_of(spec: PlumeSpec, scene: Scene, seen_by: SatelliteSpec) -> Wind | None:
    with ExitStack() as stack:
        file = stack.enter_context(WindFile(spec.wind)) if isinstance(spec.wind, Path) else None
        return PlumeWind(spec=spec, file=file, scene=scene, satellite=seen_by).at()


@pytest.fixture
def wind_file(tmp_path: Path) -> Path:
    """A day of westerlies: u10 is the hour plus the degrees east of 9; 44 to 46 north, 8 to 12 east."""
    path = tmp_path / "era5.nc"
    start = (datetime(2023, 5, 6, tzinfo=UTC) - datetime(1900, 1, 1, tzinfo=UTC)).total_seconds() / 3600
    axes = {
        "time": start + np.arange(24),
        "latitude": np.array([46.0, 45.0, 44.0]),
        "longitude": np.array([8.0, 10.0, 12.0]),
    }
    with netcdf_file(path, "w") as file:
        for name, values in axes.items():
            file.createDimension(name, len(values))
            file.createVariable(name, "f8", (name,))[:] = values
        file.variables["time"].units = "hours since 1900-01-01"
        file.variables["latitude"].units = "degrees_north"
        file.variables["longitude"].units = "degrees_east"
        east = axes["longitude"] - 9 + np.arange(24.0)[:, None, None] + np.zeros((1, 3, 1))
        file.createVariable("u10", "f8", tuple(axes))[:] = east
        file.createVariable("v10", "f8", tuple(axes))[:] = np.zeros((24, 3, 3))
    return path


def test_a_number(tmp_path: Path) -> None:
    spec = request(write_band(tmp_path / "T32TNR_20230506T103000_B12.tif"), wind=4.5, wind_from=200)
    with opened(spec) as scene:
        found = wind_of(spec, scene, S2A)
    assert found is not None
    assert (found.speed, found.direction_from, found.source) == (4.5, 200, "--wind")


def test_no_wind(tmp_path: Path) -> None:
    spec = request(write_band(tmp_path / "T32TNR_20230506T103000_B12.tif"))
    with opened(spec) as scene:
        assert wind_of(spec, scene, S2A) is None


def test_a_file_at_the_scenes_time_and_centre(tmp_path: Path, wind_file: Path) -> None:
    spec = request(write_band(tmp_path / "T32TNR_20230506T103000_B12.tif"), wind=wind_file)
    with opened(spec) as scene:
        found = wind_of(spec, scene, S2A)
    assert found is not None
    assert found.speed == pytest.approx(10.5 + 0.0015, abs=1e-3)
    assert found.direction_from == pytest.approx(270)
    assert "10:30 UTC" in found.source


def test_a_file_at_the_source(tmp_path: Path, wind_file: Path) -> None:
    path = write_band(tmp_path / "T32TNR_20230506T103000_B12.tif")
    spec = request(path, wind=wind_file, source=(9.5, 45.2), wind_from=90)
    with opened(spec) as scene:
        found = wind_of(spec, scene, S2A)
    assert found is not None
    assert found.speed == pytest.approx(11)
    assert found.direction_from == 90
    assert found.source.endswith("--wind-from")


def test_a_file_where_only_the_day_is_known(tmp_path: Path, wind_file: Path) -> None:
    spec = request(write_band(tmp_path / "T32TNR_20230506_B12.tif"), wind=wind_file)
    with opened(spec) as scene:
        found = wind_of(spec, scene, S2A)
        assert found is not None
        # Half past ten, as at the satellite's hour, and not midnight.
        assert found.speed == pytest.approx(10.49, abs=0.05)
        assert "only the date is known" in found.source
        # The space station keeps no hour: of 24 times none is the scene's.
        with pytest.raises(SceneError, match="holds 24 times"):
            wind_of(spec, scene, satellite("emit"))


def test_no_place(tmp_path: Path, wind_file: Path) -> None:
    spec = request(write_band(tmp_path / "T32TNR_20230506T103000_B12.tif", crs=None), wind=wind_file)
    with opened(spec) as scene, pytest.raises(SceneError, match=r"no CRS.*`--wind`"):
        wind_of(spec, scene, S2A)


def test_effective_wind(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    assert float(effective_wind(request(path), S2A)(5)) == pytest.approx(2.1)
    assert "Varon" in effective_wind(request(path), S2A).citation
    own = effective_wind(request(path, effective_wind=(1, 0.5)), S2A)
    assert (float(own(5)), own.citation) == (5.5, "--effective-wind")
