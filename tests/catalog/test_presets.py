from __future__ import annotations

import re
from pathlib import Path

import pytest

from geoseg.catalog import sensor, sensors, task
from geoseg.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_every_preset_is_valid_and_named_as_its_file() -> None:
    stems = {path.stem for path in (ROOT / "configs" / "sensors").glob("*.yaml")}
    assert stems == set(sensors())
    for name, spec in sensors().items():
        assert spec.name == name
        assert len(set(spec.band_names)) == len(spec.bands)
        for order in (spec.order, *spec.orders):
            assert set(order) <= set(spec.band_names), name
        lengths = [len(order) for order in (spec.order, *spec.orders) if order]
        assert len(set(lengths)) == len(lengths), f"{name}: orders of one length cannot be told apart"
        aliases = [alias.lower() for band in spec.bands for alias in band.aliases]
        assert len(set(aliases)) == len(aliases), name
        for pattern in spec.file_patterns:
            assert re.compile(pattern).groupindex.keys() <= {"band"}


def test_like_inherits_and_overrides() -> None:
    base, offset = sensor("sentinel-2-l2a"), sensor("sentinel-2-l2a-offset")
    assert offset.bands == base.bands
    assert (base.offset, offset.offset) == (0.0, -0.1)
    assert offset.file_patterns == ()


@pytest.mark.parametrize(
    ("name", "scale", "offset", "nodata"),
    [
        ("sentinel-2-l1c", 1e-4, 0.0, 0),
        ("landsat-8-l2", 2.75e-5, -0.2, 0),
        ("landsat-9-l2", 2.75e-5, -0.2, 0),
        ("hls", 1e-4, 0.0, -9999),
    ],
)
def test_published_scaling(name: str, scale: float, offset: float, nodata: float) -> None:
    spec = sensor(name)
    assert (spec.scale, spec.offset, spec.nodata) == (scale, offset, nodata)


def test_unknown_names_meet_the_nearest() -> None:
    with pytest.raises(UsageError, match="sentinel-2-l2a"):
        sensor("sentinel2-l2a")
    with pytest.raises(UsageError, match="planetscope"):
        sensor("zzz")
    with pytest.raises(UsageError, match="flood"):
        task("floods")


def test_flood_task() -> None:
    spec = task("flood")
    assert spec.layer == "flood"
    assert [(item.value, item.label) for item in spec.classes] == [
        (0, "background"),
        (1, "flood"),
        (2, "permanent water"),
    ]
