"""Places of simulated sources: on clear land, the same again, fewer with a warning, none with an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import SceneError
from geoseg.learn.evaluate.methane.simulated_ground import write_ground
from geoseg.learn.evaluate.methane.source_locations import AROUND, InjectionSite, prepare_site
from geoseg.learn.evaluate.methane.trial import ScenePair, Trial, pairs_in
from tests.learn.evaluate.methane.pairs import SIDE, write_pair
from tests.messages import Messages, progress


def site(pair: ScenePair, tmp_path: Path, **options: Any) -> InjectionSite:
    return prepare_site(pair, Trial(satellite="sentinel-2a", **options), tmp_path, progress)


def flood(folder: Path, part: tuple[slice, slice]) -> None:
    """Make part of a date as dark as water."""
    for name in ("B11", "B12"):
        (path,) = folder.glob(f"*_{name}.tif")
        with rasterio.open(path, "r+") as file:
            values = file.read(1)
            values[part] = 50
            file.write(values, 1)


def test_the_same_again_away_from_edges(tmp_path: Path) -> None:
    (pair,) = pairs_in(write_pair(tmp_path / "pairs"))
    found, again, other = (site(pair, tmp_path, places=5, seed=seed) for seed in (3, 3, 4))
    assert found.places == again.places
    assert found.places != other.places
    for place in found.places:
        col, row = found.grid.from_lonlat(place.lon, place.lat)
        assert AROUND <= min(row, col) <= max(row, col) <= SIDE - AROUND
        # Both bands have noise of 0.4 %; MBMP has it twice.
        assert place.noise_ppm_m["mbmp"] / place.noise_ppm_m["mbsp"] == pytest.approx(2**0.5, abs=0.25)
        # As small amounts count: 0.00124 is 500 ppm·m, less what the slant path adds.
        linear = 0.004 * 2**0.5 / 0.00124 * 500 * 2 / found.air_mass
        assert place.noise_ppm_m["mbsp"] == pytest.approx(linear, rel=0.1)


def test_water_is_no_place(tmp_path: Path) -> None:
    root = write_pair(tmp_path / "pairs")
    flood(root / "dunes" / "before", (slice(None), slice(0, SIDE // 2)))
    (pair,) = pairs_in(root)
    for place in (found := site(pair, tmp_path, places=6)).places:
        assert found.grid.from_lonlat(place.lon, place.lat)[0] > SIDE // 2
    # Of one day alone the water of the other is no hindrance.
    single = site(pair, tmp_path, places=12, methods=("mbsp",))
    assert min(single.grid.from_lonlat(place.lon, place.lat)[0] for place in single.places) < SIDE // 2


def test_too_little_land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Messages) -> None:
    root = write_pair(tmp_path / "pairs")
    (pair,) = pairs_in(root)
    flood(root / "dunes" / "after", (slice(0, 30), slice(None)))
    monkeypatch.setattr("geoseg.learn.evaluate.methane.source_locations.TRIES", 1)
    found = site(pair, tmp_path, places=30)
    assert 0 < len(found.places) < 30
    assert any(f"only {len(found.places)} of 30 locations" in text for text in messages.warnings)
    flood(root / "dunes" / "after", (slice(0, 66), slice(None)))
    with pytest.raises(SceneError, match="no location for a source"):
        site(pair, tmp_path, places=30)


def test_simulated_ground_is_as_noisy_as_asked(tmp_path: Path) -> None:
    pair = write_ground(tmp_path / "ground", 0.01, 0)
    ratio = []
    for date in ("before", "after"):
        strong, weak = (
            rasterio.open(next((tmp_path / "ground" / date).glob(f"*_{name}.tif"))) for name in ("B12", "B11")
        )
        with strong, weak:
            assert "SIMULATED" in strong.tags()
            ratio.append(strong.read(1).astype(float) / weak.read(1))
    assert [r.std() / r.mean() for r in ratio] == pytest.approx([0.01, 0.01], rel=0.02)
    assert abs(np.corrcoef(ratio[0].ravel(), ratio[1].ravel())[0, 1]) < 0.02
    assert len(site(pair, tmp_path, places=3).places) == 3
