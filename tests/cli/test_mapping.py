"""What is printed of a planned map."""

from __future__ import annotations

import json

import pytest
from affine import Affine
from geoseg.cli import mapping
from geoseg.cli.console import Verbosity
from geoseg.cli.options import Reporting

from geoseg.engine.plan import make_plan
from geoseg.grid import Grid
from geoseg.tile_grid import TileGrid


@pytest.mark.parametrize(("tile", "expected"), [(2.0, 108.0), (None, None)])
def test_the_time_of_a_plan_includes_the_start(
    tile: float | None,
    expected: float | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mapping, "elapsed", lambda: 100.0)
    grid = Grid(crs=None, transform=Affine.identity(), height=128, width=128)
    tiles = TileGrid(grid=grid, size=64, overlap=0)
    plan = make_plan(
        tiles,
        [range(tiles.cols)],
        bands=1,
        itemsize=2,
        planes=1,
        cache_bytes=0,
        session_mib=0,
        seconds_per_tile=tile,
    )
    mapping.run(lambda progress: plan, Reporting(verbosity=Verbosity(), as_json=True, dry_run=True))
    assert json.loads(capsys.readouterr().out)["seconds"] == expected
