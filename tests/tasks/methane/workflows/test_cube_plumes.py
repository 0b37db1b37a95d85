"""From the file of an imaging spectrometer to plumes on the ground, by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from geoseg.cli import main

from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS
from tests.spectrometer import PPM_M, disc, simulate, to_ground, write_granule, write_tiff

Run = Callable[..., dict[str, object]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Map plumes; returns the record."""

    def work(*arguments: object) -> dict[str, object]:
        monkeypatch.setattr("sys.argv", ["geoseg", "methane", "plume", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        assert caught.value.code == 0, err
        record: dict[str, object] = json.loads(out)
        return record

    return work


@pytest.mark.parametrize("method", ["mag1c", "matched-filter"])
def test_a_granule(run: Run, tmp_path: Path, method: str) -> None:
    made = simulate(160, 110, disc(160, 110, 50.5, 30.5, 7))
    path = write_granule(tmp_path / "EMIT_L1B_RAD_001_20230506T101031_2312607_014.nc", made)
    output = tmp_path / "p.gpkg"
    record = run(
        path, "-o", output, "--wind", 4, "--method", method, "--columns", tmp_path / "c.tif",
        "--sun-zenith", 0, "--view-zenith", 0,
    )  # fmt: skip
    found = geopandas.read_file(output, layer="plume")
    best = found.sort_values("ime_kg").iloc[-1]
    assert best["class"] == 1
    assert best.geometry.contains(shapely.Point(to_ground(51, 31, made)))
    assert best.mean_ppm_m == pytest.approx(PPM_M, rel=0.25)
    mass = best.mean_ppm_m * MOL_PER_PPM_M * MOLAR_MASS * best.area_m2
    assert best.ime_kg == pytest.approx(mass, rel=0.01)
    assert best.effective_wind_m_s == pytest.approx(0.34 * 4 + 0.44)
    assert best.noise_ppm_m > 0
    assert best.rate_low < best.rate_kg_h < best.rate_high
    assert "PRISMA" in str(record["notes"])  # EMIT has no effective wind of its own
    with rasterio.open(tmp_path / "c.tif") as file:
        assert np.nanmax(file.read(1)) > PPM_M / 2


def test_a_cube_on_a_map_without_a_plume(run: Run, tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "PRS_L1_STD_OFFL_20230506101031.tif", simulate(150, 150))
    run(path, "-o", tmp_path / "p.gpkg", "--wind", 4)
    assert not (geopandas.read_file(tmp_path / "p.gpkg", layer="plume")["class"] == 1).any()
