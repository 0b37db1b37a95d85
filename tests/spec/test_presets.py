from __future__ import annotations

import re
from pathlib import Path

import pytest

from geoseg.errors import UsageError
from geoseg.spec.presets import satellite, satellites, sensor, sensors, task

ROOT = Path(__file__).parents[2]


def test_every_preset_is_valid_and_named_as_its_file() -> None:
    stems = {path.stem for path in (ROOT / "configs" / "sensors").glob("*.yaml")}
    assert stems == set(sensors())
    for name, spec in sensors().items():
        assert spec.name == name
        assert len(set(spec.band_names)) == len(spec.bands)
        for order in (spec.order, *spec.orders):
            assert set(order) <= set(spec.band_names), name
        orders = [order for order in (spec.order, *spec.orders) if order]
        # By their length, else by where the darkest band stands.
        darkest = "vh" if spec.kind == "sar" else "cirrus"
        told = {(len(order), order.index(darkest) if darkest in order else -1) for order in orders}
        assert len(told) == len(orders), f"{name}: orders of one length cannot be told apart"
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


def test_satellites() -> None:
    stems = {path.stem for path in (ROOT / "configs" / "satellites").glob("*.yaml")}
    assert stems == set(satellites())
    for name, spec in satellites().items():
        assert spec.name == name
        assert any(re.search(pattern, name) for pattern in spec.names)
        assert spec.wind_citation
        assert spec.citation
        for other in satellites():
            assert other == name or not any(re.search(pattern, other) for pattern in spec.names)


def test_pass_bands_of_sentinel_2_differ() -> None:
    first, second = satellite("Sentinel-2A"), satellite("sentinel-2b")
    assert (first.swir22, first.swir16) == ((2114.9, 2289.9), (1568.2, 1659.2))
    assert (second.swir22, second.swir16) == ((2093.2, 2278.2), (1563.4, 1657.4))
    eight, nine = satellite("landsat-8"), satellite("landsat-9")
    assert (eight.swir22, eight.swir16) == (nine.swir22, nine.swir16) == ((2107, 2294), (1566, 1651))
    assert "Landsat 8" in nine.citation


def test_borrowed_winds_say_so() -> None:
    for name, owner in (("landsat-8", "Sentinel-2"), ("emit", "PRISMA"), ("aviris", "PRISMA")):
        assert owner in satellite(name).wind_citation
        assert "no calibration of its own" in satellite(name).wind_citation


def test_no_table_for_sentinel_2c() -> None:
    with pytest.raises(UsageError, match="sentinel-2b"):
        satellite("sentinel-2c")


def test_surface_reflectance_is_marked() -> None:
    surface = {name for name, spec in sensors().items() if spec.surface}
    assert {
        "sentinel-2-l2a",
        "sentinel-2-l2a-offset",
        "landsat-7-l2",
        "landsat-9-l2",
        "hls",
        "hls-s30",
    } < surface
    assert not any("l1" in name for name in surface)
